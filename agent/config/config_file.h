/* config_file: reads the configuration file, and says on which line it is wrong. */
#ifndef MUSTER_CONFIG_FILE_H
#define MUSTER_CONFIG_FILE_H

#include "agent/config/config_keys.h"

#include <stdbool.h>

/* Reads `path` into the draft. A file that is missing is no error unless must_exist; config->file
 * then stays NULL. False with `error` (CONFIG_ERROR_BYTES, "" before) filled. Blocks; one call at
 * a time, as libConfuse's parser is one for the whole process. */
bool config_file_read(const char *path, bool must_exist, struct config_draft *d, char *error);

#endif
