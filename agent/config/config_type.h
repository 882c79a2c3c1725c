/* config_type: the types of keys: how a value is taken from text, looked up on this host, printed.
 */
#ifndef MUSTER_CONFIG_TYPE_H
#define MUSTER_CONFIG_TYPE_H

#include "agent/config/config_draft.h"

#include <stdbool.h>
#include <stdio.h>

struct config_key;

/* What a field holds, and so how it is compared and freed. */
enum config_storage {
    CONFIG_PLAIN,   /* nothing that is owned */
    CONFIG_STRING,  /* char * */
    CONFIG_STRINGS, /* char *[max], and the count beside it */
    CONFIG_USER,    /* char *, and the struct account * beside it */
    CONFIG_ARRAY, /* an array on the heap, of elements that own nothing, and the count beside it */
};

struct config_type {
    enum config_storage storage;
    bool list; /* take is called for each element */
    /* Puts the value into its field of `element`. False: refused. */
    bool (*take)(const struct config_key *key, void *element, const char *value,
                 const struct config_place *at);
    /* Looks up on this host what was taken. False: refused. NULL: there is nothing to look up. */
    bool (*look_up)(const struct config_key *key, void *element, const struct config_place *at);
    /* Prints a value that is set, after a space. */
    void (*print)(const struct config_key *key, const void *element, FILE *out);
};

extern const struct config_type config_type_address, /* with a port, of this host */
    config_type_advertise,                           /* that others can reach */
    config_type_bind,                                /* also every address, of one family */
    config_type_flag, config_type_duration, config_type_events, config_type_group,
    config_type_hosts, config_type_includes, config_type_interface, config_type_interfaces,
    config_type_level, config_type_name, /* a member's, as all names */
    config_type_names,                   /* each once */
    config_type_number,                  /* a whole one, in 32 bits or in 8 */
    config_type_priorities,              /* of members, or of all that are not named */
    config_type_script, config_type_tags, config_type_text, config_type_user,
    config_type_vip_address, /* the same array, of one */
    config_type_vip_addresses, config_type_vip_routes, config_type_vip_rules;

/* For types: the field of a key in the struct of its section, and what belongs to it. */
#define CONFIG_FIELD(type, key, element) ((type *)config_key_value(key, element))
#define CONFIG_ALSO(type, key, element) ((type *)config_key_also(key, element))

/* Notes that this host has no such interface now; at: where it is named. False: out of memory. */
bool config_note_interface(const char *name, const struct config_place *at);
/* Checks what holds for every value, takes it, and looks it up unless that is for later. */
bool config_take(const struct config_key *key, void *element, const char *value,
                 const struct config_place *at);

#endif
