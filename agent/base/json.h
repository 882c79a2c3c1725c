/* json: writes compact JSON text into a growing buffer. Shared with the command-line client. */
#ifndef MUSTER_JSON_H
#define MUSTER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start with {0}. text is NUL-terminated once anything was written; `failed` is set when memory ran
 * out, and stays until json_reset. Commas are put in by themselves. */
struct json {
    char *text;
    size_t len, capacity;
    bool comma, failed;
};

void json_free(struct json *j);
void json_reset(struct json *j); /* empties it, keeps the memory */

/* key NULL: an array's element, or the top. */
void json_object_begin(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array_begin(struct json *j, const char *key);
void json_array_end(struct json *j);
/* The output is valid JSON whatever the bytes: control characters are escaped, what is not UTF-8
 * becomes U+FFFD. Keys as well. */
void json_string(struct json *j, const char *key, const char *value);
void json_unsigned(struct json *j, const char *key, uint64_t value);
void json_integer(struct json *j, const char *key, int64_t value);
void json_number(struct json *j, const char *key, double value); /* not finite: null */
void json_boolean(struct json *j, const char *key, bool value);
/* text is JSON already. */
void json_raw(struct json *j, const char *key, const char *text);

#endif
