/* config_value: values that several keys take. Each check returns false with the error said. */
#ifndef MUSTER_CONFIG_VALUE_H
#define MUSTER_CONFIG_VALUE_H

#include "agent/config/config_keys.h"

#include <stdbool.h>
#include <stdint.h>

/* Puts a copy in the place of what was there. */
bool config_value_keep(char **into, const char *value, const struct config_place *at);

/* An address of this host; addr->port is what it is without one. */
bool config_value_addr(struct gossip_addr *addr, const char *value, const struct config_place *at);

/* Splits KEY=VALUE; key is of GOSSIP_TAG_KEY_BYTES_MAX + 1 bytes, *text borrowed. False: not one,
 * and nothing is said. */
bool config_value_split_tag(const char *value, char *key, const char **text);
/* KEY=VALUE, added to what matches. */
bool config_value_match(struct tag_match *match, const char *value, const struct config_place *at);

/* A duration with its limits, both possible. */
bool config_value_duration(uint32_t *ms, uint32_t ms_min, uint32_t ms_max, const char *value,
                           const struct config_place *at);

/* A whole number with its limits, both possible. */
bool config_value_number(uint32_t *number, uint32_t min, uint32_t max, const char *value,
                         const struct config_place *at);
/* true, yes, on; false, no, off; in any case of letters, as libConfuse has it. */
bool config_value_bool(bool *into, const char *value, const struct config_place *at);

/* An absolute path, whether it is there or not. */
bool config_value_path(const char *path, const struct config_place *at);
/* The absolute path of an executable file, as far as we are to look. */
bool config_value_script(struct config_draft *d, const char *path, const struct config_place *at);
/* Only root and the user that it runs as (NULL: the one that starts musterd) can change the script.
 * Asked where root starts it: another user's scripts can do no more than that user. */
bool config_value_trusted(struct config_draft *d, const char *path, const struct account *account,
                          const struct config_place *at);
/* How long a script may run. */
bool config_value_timeout(uint32_t *ms, const char *value, const struct config_place *at);
/* A user of this host; *account must be NULL before, and is owned after. */
bool config_value_account(struct account **account, const char *user,
                          const struct config_place *at);

#endif
