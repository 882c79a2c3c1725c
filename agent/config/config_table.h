/* config_table: every key of the configuration, one row each. To add one: a field in the section's
 * struct, a row in config_table.c, a paragraph in muster.conf(5), a line in examples/muster.conf
 * (and, if a handler owns it, a line in handler_spec.c: tests/unit/test_config_table.c misses what
 * was forgotten).
 * config_type.h has the types, config_check.h what depends on several keys. */
#ifndef MUSTER_CONFIG_TABLE_H
#define MUSTER_CONFIG_TABLE_H

#include "agent/config/config.h"
#include "agent/config/config_type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_key {
    enum config_section_id section;
    const char *name;
    const struct config_type *type;
    /* Where the value is in the section's struct, and what belongs to it (the count of a list, the
     * account of a user, the length of a prefix); also_bytes 0: nothing does. */
    size_t at, bytes, also, also_bytes;
    /* Limits: of a number or duration, of a text's bytes (max, 0: none of its own), of a list's
     * elements (max). An address has the port `min` where none is given. */
    uint32_t min, max;
    const char *initial; /* the default, as in the file; NULL: none */
    const char *unset;   /* what -t prints for none, or for false; NULL: the value itself */
    const char *set;     /* what -t prints in place of any other value: true, or a secret */
    const char *missing; /* the rest of the error for a file without it; NULL: it may be left out */
    const char *many;    /* of a list: what there are too many of, and what would do */
    const char *hint;    /* of names: what else to say of one that is wrong */
    bool secret;         /* never printed */
    bool reloads;        /* a running agent takes it on */
    bool for_holder;     /* only looked up where this host may hold the address */
    /* The option that overrides it, where it is in struct config_options (a list: with its count);
     * NULL: none. */
    const char *option;
    size_t option_at, option_count_at;
    bool gathers;     /* a list that may be given again: what is given is added */
    bool only_option; /* no key of the file */
};

struct config_section {
    const char *name;
    /* Where the struct of its keys is in struct config; of several: the array, and its count. */
    size_t at, count_at;
    size_t element_bytes;
    size_t max; /* 0: there is one, without a title; else at most N, each begins with its name */
    const char *many; /* what there are too many of then, and what would do */
};

/* Ends with a key without a name; keys of a section stand together, in the order of printing. */
extern const struct config_key config_keys[];
extern const struct config_section config_sections[CONFIG_SECTIONS];

/* The section's key after `key` (NULL: its first). NULL: that was the last. */
const struct config_key *config_key_next(enum config_section_id section,
                                         const struct config_key *key);
/* The section's key of that name; NULL: none. */
const struct config_key *config_key_find(enum config_section_id section, const char *name);
/* Its place among the keys of its section, below CONFIG_KEYS_MAX. */
size_t config_key_index(const struct config_key *key);

/* How many structs the section has now, and the index-th of them. */
size_t config_section_count(const struct config *c, enum config_section_id section);
void *config_section_element(const struct config *c, enum config_section_id section, size_t index);
/* Its title; NULL: none. */
const char *config_section_title(const struct config *c, enum config_section_id section,
                                 size_t index);

/* The field of a key in `element`, the struct of its section, and what belongs to it. The const of
 * the struct is the caller's to keep. */
void *config_key_value(const struct config_key *key, const void *element);
void *config_key_also(const struct config_key *key, const void *element);
/* Neither given, nor a default; also false, and an empty list. */
bool config_key_is_unset(const struct config_key *key, const void *element);
bool config_key_equal(const struct config_key *key, const void *a, const void *b);
void config_key_swap(const struct config_key *key, void *a, void *b);
/* As -t prints it, behind "KEY =". */
void config_key_print(const struct config_key *key, const void *element, FILE *out);
/* Frees what it owns; it is unset after. */
void config_key_free(const struct config_key *key, void *element);

#endif
