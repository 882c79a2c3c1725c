/* json: writes compact JSON text into a growing buffer. */
#ifndef MUSTER_BASE_JSON_H
#define MUSTER_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start with {0}. text is NUL-terminated once anything was written. failed: memory ran out; nothing
 * more is written until json_reset. Commas are written as they are needed. */
struct json {
    char *text;
    size_t len, capacity;
    bool comma, failed;
};

/* Frees the text; the struct can be used again. */
void json_free(struct json *j);
/* Empties the text, and keeps the memory. */
void json_reset(struct json *j);

/* Objects and arrays. key NULL, here and below: an array's element, or the top. */
void json_object_begin(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array_begin(struct json *j, const char *key);
void json_array_end(struct json *j);
/* Values. The output is valid JSON whatever the bytes of a string or a key: control characters are
 * escaped, a byte that is not UTF-8 becomes U+FFFD. */
void json_string(struct json *j, const char *key, const char *value);
void json_unsigned(struct json *j, const char *key, uint64_t value);
void json_integer(struct json *j, const char *key, int64_t value);
void json_number(struct json *j, const char *key, double value); /* not finite: null */
void json_boolean(struct json *j, const char *key, bool value);
/* text is JSON already. */
void json_raw(struct json *j, const char *key, const char *text);

#endif
