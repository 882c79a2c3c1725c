/* fields: what a map of the protocol holds, as one table: by it the map is written, read into a
 * struct, and turned into JSON. */
#ifndef MUSTER_FIELDS_H
#define MUSTER_FIELDS_H

#include "agent/base/json.h"
#include "agent/rpc/rpc.h"

#include <stdbool.h>
#include <stddef.h>

enum fields_kind {
    FIELDS_TEXT,     /* const char * */
    FIELDS_ARRAY,    /* char[], `bytes` of them */
    FIELDS_UNSIGNED, /* uint64_t */
    FIELDS_BOOLEAN,  /* bool */
    FIELDS_TAGS,     /* struct fields_tags: a map of texts */
    /* Only read: */
    FIELDS_SIGNED, /* int64_t */
    FIELDS_NUMBER, /* double */
    FIELDS_OBJECT, /* const msgpack_object *; NULL for nil */
};

/* Pairs of texts: KEY NUL VALUE NUL ..., sorted by key. */
struct fields_tags {
    const char *bytes;
    size_t len;
};

struct fields_entry {
    const char *name;
    enum fields_kind kind;
    size_t offset; /* in the struct */
    size_t bytes;  /* of a FIELDS_ARRAY */
    bool optional; /* in reading: left as it was when missing or nil; others must be there */
};

struct fields {
    const struct fields_entry *entries;
    size_t count;
};
/* A table of all entries of a static array. */
#define FIELDS(array)                                                                              \
    {                                                                                              \
        (array), sizeof(array) / sizeof((array)[0])                                                \
    }

/* ---- writing: `from` is the struct ---- */

/* As a map. */
void fields_put(struct rpc_out *out, const char *key, const struct fields *fields,
                const void *from);
/* As pairs of the map that is open. */
void fields_put_pairs(struct rpc_out *out, const struct fields *fields, const void *from);
/* Tags as a map of their own. */
void fields_put_tags(struct rpc_out *out, const char *key, const struct fields_tags *tags);
/* As a JSON object; tags as one of their own. */
void fields_json(struct json *j, const char *key, const struct fields *fields, const void *from);

void fields_tags_json(struct json *j, const char *key, const struct fields_tags *tags);

/* A field's value as text, where a number needs it in `room` (FIELDS_VALUE_BYTES); a boolean is yes
 * or no. NULL: tags, which are not one value. */
#define FIELDS_VALUE_BYTES 24
const char *fields_value(const struct fields_entry *entry, const void *from, char *room);

/* ---- reading ---- */

/* Fills `into` from a map. Names that no entry has are skipped. Texts are copied into `zone` and
 * end with it, objects are borrowed. NULL: all well; else the name of a field that is missing or
 * not of its kind, with `into` filled in part. */
const char *fields_read(const msgpack_object *map, const struct fields *fields, msgpack_zone *zone,
                        void *into);
/* A string object as a C string in `zone`. NULL: not a string, or one with a NUL inside. */
const char *fields_text(const msgpack_object *object, msgpack_zone *zone);
/* An array, or nil as an empty one. False: neither. */
bool fields_array(const msgpack_object *object, msgpack_object_array *into);

/* ---- tags ---- */

/* Walks them; *at is NULL at the start. False: no more. */
bool fields_tag_next(const struct fields_tags *tags, const char **at, const char **key,
                     const char **value);
/* The value of a tag. NULL: there is none of that key. */
const char *fields_tag(const struct fields_tags *tags, const char *key);

/* ---- any object ---- */

/* What a msgpack object holds, as JSON. Strings of both families are texts. */
void fields_object_json(struct json *j, const char *key, const msgpack_object *object);

#endif
