/* config_keys: what each key takes, whether it comes from the file or from an option. */
#ifndef MUSTER_CONFIG_KEYS_H
#define MUSTER_CONFIG_KEYS_H

#include "agent/config/config.h"

#include <stdbool.h>

#define CONFIG_VALUE_BYTES_MAX 4095 /* a path's limit; all other values are shorter still */
#define CONFIG_KEYS_MAX 16          /* in one section */
#define CONFIG_SECTIONS 5

/* Where a value stands, for messages. */
struct config_place {
    char *error;         /* of CONFIG_ERROR_BYTES, "" until the first error: that one is kept */
    const char *file;    /* NULL: on the command line */
    int line;            /* 0: of the whole file */
    const char *section; /* NULL: none */
    const char *title;   /* of the section; NULL: none */
    const char *key;     /* or an option, "-n"; NULL: the section or the value alone is meant */
    const char *value;   /* as shown; NULL: none */
};

struct config_draft;

/* Writes `FILE:LINE: section "title": key "value": ` and the text. Returns false, always. */
bool config_refuse(const struct config_place *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same into config->notes. Returns true unless memory is out. */
bool config_note(struct config_draft *d, const struct config_place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Where a vip's keys stand, for what can only be checked once the whole configuration is known. */
struct config_vip_lines {
    int section, address, interface, hook, user;
};

/* The configuration as it grows, and the places that are needed once it is whole. */
struct config_draft {
    struct config *config;
    char *error;  /* of CONFIG_ERROR_BYTES */
    bool divided; /* config_options */
    /* An ordinary user checks what root is going to start (-t without -k): the file is judged as at
     * that start. What only root can look at is noted, and no error. */
    bool for_root;
    struct config_place advertise_at, rpc_at, user_at;
    struct config_place script_at; /* of the handler that is being read */
    struct config_place voters_at, both_at;
    struct config_vip_lines vip_lines[CONFIG_VIPS_MAX];
};

/* A key takes its value; a list takes one element at a time. False: refused, with the error. */
struct config_key {
    const char *name;
    bool list, secret; /* secret: never shown */
    bool (*take)(struct config_draft *d, const char *value, const struct config_place *at);
};

/* A section's keys, ended by a name of NULL. begin: called first, even for a section without keys;
 * end: called last. NULL: nothing to do. */
struct config_section {
    const char *name; /* NULL: the top of the file */
    bool titled;      /* there may be several, told apart by title */
    const struct config_key *keys;
    bool (*begin)(struct config_draft *d, const struct config_place *at);
    bool (*end)(struct config_draft *d, const struct config_place *at);
};

extern const struct config_section config_keys_top, config_keys_handler, config_keys_control,
    config_keys_quorum, config_keys_vip;
extern const struct config_section
    *const config_sections[CONFIG_SECTIONS]; /* the top comes first */

#define CONFIG_KEYS_FIT(keys)                                                                      \
    _Static_assert(sizeof(keys) / sizeof(keys)[0] <= CONFIG_KEYS_MAX, "all keys fit")

/* The index of the key of that name. It must exist. */
size_t config_key_index(const struct config_section *section, const char *name);

/* Checks of vips what depends on other sections, on options and on this host. */
bool config_keys_finish_vips(struct config_draft *d);

/* Checks what holds for every value, then gives it to the key. */
bool config_take(struct config_draft *d, const struct config_key *key, const char *value,
                 const struct config_place *at);

#endif
