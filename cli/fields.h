/* fields: reads the answers' msgpack maps into structs, by tables of what each map holds. */
#ifndef MUSTER_FIELDS_H
#define MUSTER_FIELDS_H

#include <msgpack.h>

#include <stdbool.h>
#include <stddef.h>

enum fields_kind {
    FIELDS_TEXT,     /* const char * */
    FIELDS_UNSIGNED, /* uint64_t */
    FIELDS_SIGNED,   /* int64_t */
    FIELDS_NUMBER,   /* double */
    FIELDS_BOOLEAN,  /* bool */
    FIELDS_OBJECT,   /* const msgpack_object *; NULL for nil */
};

struct fields_entry {
    const char *name;
    enum fields_kind kind;
    size_t offset; /* in the struct that is filled */
    bool optional; /* left as it was when missing; others must be there */
};

/* Fills `into` from a map. Names that no entry has are skipped. Texts are copied into `zone` and
 * end with it, objects are borrowed. NULL: all well; else what is missing or not of its kind (a
 * field's name), with `into` filled in part. */
const char *fields_read(const msgpack_object *map, const struct fields_entry *entries, size_t count,
                        msgpack_zone *zone, void *into);

/* A string object as a C string in `zone`. NULL: not a string, or one with a NUL inside. */
const char *fields_text(const msgpack_object *object, msgpack_zone *zone);

#endif
