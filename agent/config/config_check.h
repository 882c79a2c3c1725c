/* config_check: what depends on several keys, on options, or on this host. */
#ifndef MUSTER_CONFIG_CHECK_H
#define MUSTER_CONFIG_CHECK_H

#include "agent/config/config_draft.h"

#include <stdbool.h>

/* Opens a section on that line: makes the struct of its keys, with the defaults. False: refused. */
bool config_section_begin(struct config_draft *d, enum config_section_id section, const char *title,
                          int line);
/* Gives every key that has one its default. False: out of memory. */
bool config_section_defaults(struct config_draft *d, enum config_section_id section, void *element);
/* Checks the section that was read last, as a whole. */
bool config_section_end(struct config_draft *d, enum config_section_id section);

/* Once file and options are read: sets what other keys make of a key that was left out, and checks
 * the addresses. */
bool config_finish(struct config_draft *d, bool keep_user);

/* Once the file is read: takes on what its section of this host says. name: of -n; NULL: none. */
bool config_apply_host(struct config_draft *d, const char *name);

#endif
