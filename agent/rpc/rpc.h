/* rpc: the msgpack of the control protocol: where an object ends, before anything is allocated for
 * it; reading fields out of maps; writing maps. The agent and the command line share this
 * directory. Reading order: rpc.h (objects), fields.h (tables of what a map holds), schema.h (the
 * tables of a member and of an address). agent/control/CONTROL.md describes the protocol. */
#ifndef MUSTER_RPC_H
#define MUSTER_RPC_H

#include <msgpack.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_DEPTH_MAX 8 /* nesting in one object; a Members answer has 4 */

/* ---- where an object ends ---- */

enum rpc_scanned {
    RPC_WHOLE,     /* the object is the first scan->at bytes */
    RPC_PARTIAL,   /* more must come */
    RPC_TOO_LARGE, /* it has, or says that it will have, more than bytes_max */
    RPC_TOO_DEEP,  /* nested deeper than RPC_DEPTH_MAX */
    RPC_MALFORMED, /* not msgpack */
};

/* How far an object has been looked through. Start with {0}, and again after each object. */
struct rpc_scan {
    size_t at; /* bytes whose elements are complete */
    bool begun;
    unsigned depth;
    size_t left[RPC_DEPTH_MAX + 1]; /* elements still to come, by depth */
};

/* Looks for the end of the object that `bytes` begin with. Call it with the same bytes and those
 * that came behind them until it says anything but RPC_PARTIAL: it goes on where it was, so that an
 * object that comes byte by byte costs no more. Allocates nothing, and takes no length's word for
 * more than bytes_max. */
enum rpc_scanned rpc_scan(struct rpc_scan *scan, const uint8_t *bytes, size_t len,
                          size_t bytes_max);

/* The object of exactly `len` bytes, as scanned, on the zone; strings are borrowed from `bytes`.
 * False: out of memory. */
bool rpc_unpack(const uint8_t *bytes, size_t len, msgpack_zone *zone, msgpack_object *object);

/* ---- reading ----
 * From a map, or from NULL as from an empty one. A field that is missing or nil leaves `into` as it
 * was; false: it is there and of another type, or out of range. Integers may have any width, texts
 * may be of the str or bin family, fields nobody asks for are skipped. All is borrowed. */

struct rpc_text {
    const char *bytes;
    size_t len;
};

bool rpc_as_text(const msgpack_object *object, struct rpc_text *into);
/* As a C string. False: also for one with a NUL inside, or that does not fit. */
bool rpc_as_string(const msgpack_object *object, char *into, size_t into_bytes);

bool rpc_get_text(const msgpack_object *map, const char *name, struct rpc_text *into);
bool rpc_get_string(const msgpack_object *map, const char *name, char *into, size_t into_bytes);
bool rpc_get_unsigned(const msgpack_object *map, const char *name, uint64_t *into);
bool rpc_get_signed(const msgpack_object *map, const char *name, int64_t *into);
bool rpc_get_boolean(const msgpack_object *map, const char *name, bool *into);
bool rpc_get_array(const msgpack_object *map, const char *name, msgpack_object_array *into);
bool rpc_get_map(const msgpack_object *map, const char *name, msgpack_object_map *into);

/* The field itself, which may be nil; NULL: there is none of that name. */
const msgpack_object *rpc_field(const msgpack_object *map, const char *name);

/* ---- writing ---- */

/* Objects being written, each in its shortest msgpack form, as Serf has it: some of its clients
 * read no other. `failed` is set, and stays until the reset, when memory ran out. */
struct rpc_out {
    msgpack_sbuffer bytes;
    msgpack_packer packer; /* refers to the struct: it must not move */
    bool failed;
    unsigned depth; /* maps and arrays that are open */
    struct rpc_open {
        size_t place; /* where it begins in `bytes` */
        size_t count; /* pairs or elements so far */
    } open[RPC_DEPTH_MAX + 1];
};

void rpc_out_init(struct rpc_out *out);
void rpc_out_free(struct rpc_out *out);
/* Empties it; keeps the memory unless it has grown beyond what is usual. */
void rpc_out_reset(struct rpc_out *out);

/* Gives its bytes away, to be freed by the caller: *len of them. It is empty then. */
char *rpc_out_take(struct rpc_out *out, size_t *len);

/* A map or an array, from begin to end; rpc_end closes the last one begun. Pairs and elements count
 * themselves. key NULL: an array's element, or the top. */
void rpc_map_begin(struct rpc_out *out, const char *key);
void rpc_array_begin(struct rpc_out *out, const char *key);
void rpc_end(struct rpc_out *out);

/* One value; key as above. */
void rpc_put_text(struct rpc_out *out, const char *key, const char *value);
void rpc_put_text_part(struct rpc_out *out, const char *key, const char *value, size_t len);
void rpc_put_bytes(struct rpc_out *out, const char *key, const void *value, size_t len);
void rpc_put_unsigned(struct rpc_out *out, const char *key, uint64_t value);
void rpc_put_signed(struct rpc_out *out, const char *key, int64_t value);
void rpc_put_number(struct rpc_out *out, const char *key, double value);
void rpc_put_boolean(struct rpc_out *out, const char *key, bool value);
void rpc_put_nil(struct rpc_out *out, const char *key);

#endif
