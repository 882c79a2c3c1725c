#include "agent/rpc/rpc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define OUT_KEPT_BYTES_MAX 65536 /* most answers are smaller; a large one's memory goes back */

/* msgpack types of maps and arrays: with the count in the type byte, and in two bytes after it. */
enum { FIX_MAP = 0x80, FIX_ARRAY = 0x90, ARRAY_16 = 0xdc, MAP_16 = 0xde, COUNT_BYTES_MAX = 4 };

/* ---- where an object ends ---- */

enum shape { SCALAR, ARRAY, MAP, INVALID };

/* How an element begins: after its type byte, a big-endian length of length_bytes, then as many
 * bytes or elements, and fixed_bytes more. */
struct form {
    enum shape shape;
    uint8_t length_bytes, fixed_bytes;
};

/* The types 0xc0 to 0xdf (msgpack specification, "Formats"). */
static const struct form forms[] = {
    {SCALAR, 0, 0},                                  /* nil */
    {INVALID, 0, 0},                                 /* never used */
    {SCALAR, 0, 0},                                  /* false */
    {SCALAR, 0, 0},                                  /* true */
    {SCALAR, 1, 0},                                  /* bin 8, 16, 32 */
    {SCALAR, 2, 0},  {SCALAR, 4, 0}, {SCALAR, 1, 1}, /* ext 8, 16, 32: a type of its own, then the
                                                        bytes */
    {SCALAR, 2, 1},  {SCALAR, 4, 1}, {SCALAR, 0, 4}, /* float 32, 64 */
    {SCALAR, 0, 8},  {SCALAR, 0, 1},                 /* uint 8, 16, 32, 64 */
    {SCALAR, 0, 2},  {SCALAR, 0, 4}, {SCALAR, 0, 8}, {SCALAR, 0, 1}, /* int 8, 16, 32, 64 */
    {SCALAR, 0, 2},  {SCALAR, 0, 4}, {SCALAR, 0, 8}, {SCALAR, 0, 2}, /* fixext 1, 2, 4, 8, 16 */
    {SCALAR, 0, 3},  {SCALAR, 0, 5}, {SCALAR, 0, 9}, {SCALAR, 0, 17},
    {SCALAR, 1, 0},                                 /* str 8, 16, 32 */
    {SCALAR, 2, 0},  {SCALAR, 4, 0}, {ARRAY, 2, 0}, /* array 16, 32 */
    {ARRAY, 4, 0},   {MAP, 2, 0},                   /* map 16, 32 */
    {MAP, 4, 0},
};
_Static_assert(sizeof forms / sizeof forms[0] == 0x20, "one form for each type");

/* The form of an element by its type byte; *length: what the type byte itself says. */
static struct form form_of(uint8_t type, size_t *length)
{
    *length = 0;
    if (type >= 0xc0 && type <= 0xdf)
        return forms[type - 0xc0];
    if (type < 0x80 || type > 0xdf) /* small integers */
        return (struct form){SCALAR, 0, 0};
    *length = type & (type < 0xa0 ? 0x0f : 0x1f);
    if (type < 0x90)
        return (struct form){MAP, 0, 0};
    return (struct form){type < 0xa0 ? ARRAY : SCALAR, 0, 0};
}

/* Goes over one element, or into it if it holds others. */
static enum rpc_scanned rpc_scan_element(struct rpc_scan *scan, const uint8_t *bytes, size_t len,
                                         size_t bytes_max)
{
    if (scan->at >= bytes_max)
        return RPC_TOO_LARGE;
    if (scan->at >= len)
        return RPC_PARTIAL;
    size_t length;
    const uint8_t *at = bytes + scan->at;
    struct form form = form_of(*at, &length);
    if (form.shape == INVALID)
        return RPC_MALFORMED;
    size_t head_end = scan->at + 1 + form.length_bytes;
    if (head_end > bytes_max)
        return RPC_TOO_LARGE;
    if (head_end > len)
        return RPC_PARTIAL;
    for (unsigned i = 1; i <= form.length_bytes; i++)
        length = length << 8 | at[i];
    if (form.shape == MAP)
        length *= 2;
    /* Every element that is to come has a byte at least. */
    size_t end = head_end + form.fixed_bytes + length;
    if (end > bytes_max)
        return RPC_TOO_LARGE;
    if (form.shape != SCALAR) {
        if (scan->depth == RPC_DEPTH_MAX)
            return RPC_TOO_DEEP;
        end -= length;
        scan->left[scan->depth]--;
        scan->left[++scan->depth] = length;
    } else if (end > len) {
        return RPC_PARTIAL;
    } else {
        scan->left[scan->depth]--;
    }
    scan->at = end;
    return RPC_WHOLE;
}

enum rpc_scanned rpc_scan(struct rpc_scan *scan, const uint8_t *bytes, size_t len, size_t bytes_max)
{
    if (!scan->begun)
        *scan = (struct rpc_scan){.begun = true, .left = {1}};
    for (;;) {
        while (scan->left[scan->depth] == 0) {
            if (scan->depth == 0)
                return RPC_WHOLE;
            scan->depth--;
        }
        enum rpc_scanned scanned = rpc_scan_element(scan, bytes, len, bytes_max);
        if (scanned != RPC_WHOLE)
            return scanned;
    }
}

bool rpc_unpack(const uint8_t *bytes, size_t len, msgpack_zone *zone, msgpack_object *object)
{
    size_t used = 0;
    msgpack_unpack_return got = msgpack_unpack((const char *)bytes, len, &used, zone, object);
    assert(got == MSGPACK_UNPACK_SUCCESS || got == MSGPACK_UNPACK_NOMEM_ERROR);
    assert(got != MSGPACK_UNPACK_SUCCESS || used == len);
    return got == MSGPACK_UNPACK_SUCCESS;
}

/* ---- reading ---- */

const msgpack_object *rpc_field(const msgpack_object *map, const char *name)
{
    struct rpc_text key;
    size_t len = strlen(name);
    if (!map || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (rpc_as_text(&pair->key, &key) && key.len == len && memcmp(key.bytes, name, len) == 0)
            return &pair->val;
    }
    return NULL;
}

static const msgpack_object *rpc_value(const msgpack_object *map, const char *name)
{
    const msgpack_object *value = rpc_field(map, name);
    return value && value->type != MSGPACK_OBJECT_NIL ? value : NULL;
}

bool rpc_as_text(const msgpack_object *object, struct rpc_text *into)
{
    if (object->type == MSGPACK_OBJECT_STR)
        *into = (struct rpc_text){object->via.str.ptr, object->via.str.size};
    else if (object->type == MSGPACK_OBJECT_BIN)
        *into = (struct rpc_text){object->via.bin.ptr, object->via.bin.size};
    else
        return false;
    if (into->len == 0)
        into->bytes = "";
    return true;
}

bool rpc_as_string(const msgpack_object *object, char *into, size_t into_bytes)
{
    struct rpc_text text;
    if (!rpc_as_text(object, &text) || text.len >= into_bytes || memchr(text.bytes, 0, text.len))
        return false;
    memcpy(into, text.bytes, text.len);
    into[text.len] = '\0';
    return true;
}

bool rpc_get_text(const msgpack_object *map, const char *name, struct rpc_text *into)
{
    const msgpack_object *value = rpc_value(map, name);
    return !value || rpc_as_text(value, into);
}

bool rpc_get_string(const msgpack_object *map, const char *name, char *into, size_t into_bytes)
{
    const msgpack_object *value = rpc_value(map, name);
    return !value || rpc_as_string(value, into, into_bytes);
}

bool rpc_get_unsigned(const msgpack_object *map, const char *name, uint64_t *into)
{
    const msgpack_object *value = rpc_value(map, name);
    if (value && value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    if (value)
        *into = value->via.u64;
    return true;
}

bool rpc_get_signed(const msgpack_object *map, const char *name, int64_t *into)
{
    const msgpack_object *value = rpc_value(map, name);
    bool negative = value && value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    uint64_t unsigned_value = 0;
    if (!negative && (!rpc_get_unsigned(map, name, &unsigned_value) || unsigned_value > INT64_MAX))
        return false;
    if (value)
        *into = negative ? value->via.i64 : (int64_t)unsigned_value;
    return true;
}

bool rpc_get_boolean(const msgpack_object *map, const char *name, bool *into)
{
    const msgpack_object *value = rpc_value(map, name);
    if (value && value->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    if (value)
        *into = value->via.boolean;
    return true;
}

bool rpc_get_array(const msgpack_object *map, const char *name, msgpack_object_array *into)
{
    const msgpack_object *value = rpc_value(map, name);
    if (value && value->type != MSGPACK_OBJECT_ARRAY)
        return false;
    if (value)
        *into = value->via.array;
    return true;
}

bool rpc_get_map(const msgpack_object *map, const char *name, msgpack_object_map *into)
{
    const msgpack_object *value = rpc_value(map, name);
    if (value && value->type != MSGPACK_OBJECT_MAP)
        return false;
    if (value)
        *into = value->via.map;
    return true;
}

/* ---- writing ---- */

static int out_append(void *arg, const char *bytes, size_t len)
{
    struct rpc_out *out = arg;
    out->failed = out->failed || msgpack_sbuffer_write(&out->bytes, bytes, len) != 0;
    return 0;
}

void rpc_out_init(struct rpc_out *out)
{
    *out = (struct rpc_out){0};
    msgpack_sbuffer_init(&out->bytes);
    msgpack_packer_init(&out->packer, out, out_append);
}

void rpc_out_free(struct rpc_out *out)
{
    msgpack_sbuffer_destroy(&out->bytes);
}

void rpc_out_reset(struct rpc_out *out)
{
    if (out->bytes.alloc > OUT_KEPT_BYTES_MAX) {
        msgpack_sbuffer_destroy(&out->bytes);
        msgpack_sbuffer_init(&out->bytes);
    }
    msgpack_sbuffer_clear(&out->bytes);
    out->failed = false;
    out->depth = 0;
}

char *rpc_out_take(struct rpc_out *out, size_t *len)
{
    *len = out->bytes.size;
    char *bytes = msgpack_sbuffer_release(&out->bytes), *fitting = realloc(bytes, *len);
    if (fitting)
        return fitting;
    return bytes;
}

static void put_str(struct rpc_out *out, const char *text, size_t len)
{
    msgpack_pack_str(&out->packer, len);
    msgpack_pack_str_body(&out->packer, text, len);
}

/* Begins a value: counts it in what it stands in, and writes its key. */
static void begin_value(struct rpc_out *out, const char *key)
{
    if (out->depth > 0)
        out->open[out->depth - 1].count++;
    if (key)
        put_str(out, key, strlen(key));
}

/* The count is known at the end only: until then a byte stands in the head's place. */
static void begin_counted(struct rpc_out *out, const char *key, uint8_t fix_type)
{
    const char head = (char)fix_type;
    begin_value(out, key);
    assert(out->depth <= RPC_DEPTH_MAX);
    out->open[out->depth++] = (struct rpc_open){.place = out->bytes.size};
    out_append(out, &head, sizeof head);
}

void rpc_map_begin(struct rpc_out *out, const char *key)
{
    begin_counted(out, key, FIX_MAP);
}

void rpc_array_begin(struct rpc_out *out, const char *key)
{
    begin_counted(out, key, FIX_ARRAY);
}

void rpc_end(struct rpc_out *out)
{
    static const char room[COUNT_BYTES_MAX];
    assert(out->depth > 0);
    const struct rpc_open *open = &out->open[--out->depth];
    size_t count = open->count, end = out->bytes.size;
    size_t count_bytes = count < 16 ? 0 : count <= UINT16_MAX ? 2 : COUNT_BYTES_MAX;
    if (count_bytes > 0)
        out_append(out, room, count_bytes);
    if (out->failed)
        return;
    char *head = out->bytes.data + open->place, *first = head + 1;
    if (count_bytes == 0) {
        *head = (char)(*head | (char)count);
        return;
    }
    memmove(first + count_bytes, first, end - open->place - 1);
    uint8_t type_16 = (uint8_t)*head == FIX_MAP ? MAP_16 : ARRAY_16;
    *head = (char)(type_16 + (count_bytes == COUNT_BYTES_MAX)); /* the 32-bit form follows it */
    for (size_t i = count_bytes; i > 0; i--, count >>= 8)
        head[i] = (char)(count & 0xff);
}

void rpc_put_text(struct rpc_out *out, const char *key, const char *value)
{
    rpc_put_text_part(out, key, value, strlen(value));
}

void rpc_put_text_part(struct rpc_out *out, const char *key, const char *value, size_t len)
{
    begin_value(out, key);
    put_str(out, value, len);
}

void rpc_put_bytes(struct rpc_out *out, const char *key, const void *value, size_t len)
{
    begin_value(out, key);
    msgpack_pack_bin(&out->packer, len);
    msgpack_pack_bin_body(&out->packer, value, len);
}

void rpc_put_unsigned(struct rpc_out *out, const char *key, uint64_t value)
{
    begin_value(out, key);
    msgpack_pack_uint64(&out->packer, value);
}

void rpc_put_signed(struct rpc_out *out, const char *key, int64_t value)
{
    begin_value(out, key);
    msgpack_pack_int64(&out->packer, value);
}

void rpc_put_number(struct rpc_out *out, const char *key, double value)
{
    begin_value(out, key);
    msgpack_pack_double(&out->packer, value);
}

void rpc_put_boolean(struct rpc_out *out, const char *key, bool value)
{
    begin_value(out, key);
    if (value)
        msgpack_pack_true(&out->packer);
    else
        msgpack_pack_false(&out->packer);
}

void rpc_put_nil(struct rpc_out *out, const char *key)
{
    begin_value(out, key);
    msgpack_pack_nil(&out->packer);
}
