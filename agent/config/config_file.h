/* config_file: reads the configuration file, and says on which line it is wrong. */
#ifndef MUSTER_CONFIG_FILE_H
#define MUSTER_CONFIG_FILE_H

#include "agent/config/config_draft.h"

#include <stdbool.h>

/* Reads d->path into the draft. A file that is missing is no error unless must_exist; config->file
 * then stays NULL. False: refused. Blocks; one call at a time, as libConfuse's parser is one for
 * the whole process. */
bool config_file_read(struct config_draft *d, bool must_exist);

#endif
