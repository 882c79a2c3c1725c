#include "agent/base/json.h"

#include "agent/base/array.h"
#include "agent/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 32 /* a double in 17 digits, a 64-bit integer: 25 at the most */

static const char json_replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

void json_free(struct json *j)
{
    free(j->text);
    *j = (struct json){0};
}

void json_reset(struct json *j)
{
    j->len = 0;
    j->comma = false;
    j->failed = false;
    if (j->text)
        j->text[0] = '\0';
}

/* Room for `bytes` more and the NUL. */
static bool json_reserve(struct json *j, size_t bytes)
{
    if (j->failed)
        return false;
    j->failed = !ARRAY_RESERVE(j->text, j->capacity, j->len + bytes + 1);
    return !j->failed;
}

static void json_put(struct json *j, const char *bytes, size_t len)
{
    if (!json_reserve(j, len))
        return;
    memcpy(j->text + j->len, bytes, len);
    j->len += len;
    j->text[j->len] = '\0';
}

static void json_put_text(struct json *j, const char *text)
{
    json_put(j, text, strlen(text));
}

/* How many bytes from `at` on stand for themselves: nearly always all of them. */
static size_t json_plain_bytes(const char *at)
{
    size_t bytes = 0;
    while (at[bytes] >= 0x20 && at[bytes] < 0x7f && at[bytes] != '"' && at[bytes] != '\\')
        bytes++;
    return bytes;
}

/* One character that is not plain; returns how many bytes of the value it took. JSON itself asks
 * for C0 to be escaped, a terminal that shows the text for all control characters. */
static size_t json_put_character(struct json *j, const char *at)
{
    uint32_t point;
    size_t bytes = utf8_decode(at, SIZE_MAX, &point);
    if (bytes == 0) {
        json_put_text(j, json_replacement);
    } else if (utf8_is_control(point)) {
        char escape[sizeof "\\u0000"];
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)point & 0xffff);
        json_put_text(j, escape);
    } else {
        if (at[0] == '"' || at[0] == '\\')
            json_put(j, "\\", 1);
        json_put(j, at, bytes);
    }
    return bytes ? bytes : 1;
}

static void json_put_string(struct json *j, const char *value)
{
    json_put(j, "\"", 1);
    while (*value) {
        size_t plain = json_plain_bytes(value);
        json_put(j, value, plain);
        value += plain;
        if (*value)
            value += json_put_character(j, value);
    }
    json_put(j, "\"", 1);
}

/* What stands before a value: the comma, and its key in an object. */
static void json_put_key(struct json *j, const char *key)
{
    if (j->comma)
        json_put(j, ",", 1);
    j->comma = true;
    if (key) {
        json_put_string(j, key);
        json_put(j, ":", 1);
    }
}

static void json_begin(struct json *j, const char *key, const char *bracket)
{
    json_put_key(j, key);
    json_put(j, bracket, 1);
    j->comma = false;
}

static void json_end(struct json *j, const char *bracket)
{
    json_put(j, bracket, 1);
    j->comma = true;
}

void json_object_begin(struct json *j, const char *key)
{
    json_begin(j, key, "{");
}

void json_object_end(struct json *j)
{
    json_end(j, "}");
}

void json_array_begin(struct json *j, const char *key)
{
    json_begin(j, key, "[");
}

void json_array_end(struct json *j)
{
    json_end(j, "]");
}

void json_raw(struct json *j, const char *key, const char *text)
{
    json_put_key(j, key);
    json_put_text(j, text);
}

void json_string(struct json *j, const char *key, const char *value)
{
    json_put_key(j, key);
    json_put_string(j, value);
}

void json_unsigned(struct json *j, const char *key, uint64_t value)
{
    char text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%" PRIu64, value);
    json_raw(j, key, text);
}

void json_integer(struct json *j, const char *key, int64_t value)
{
    char text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%" PRId64, value);
    json_raw(j, key, text);
}

/* The shortest of the three forms that reads back as the same number. */
void json_number(struct json *j, const char *key, double value)
{
    char text[NUMBER_BYTES] = "null";
    for (int digits = 15; isfinite(value) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* in place of the point, in some locales */
    if (comma)
        *comma = '.';
    json_raw(j, key, text);
}

void json_boolean(struct json *j, const char *key, bool value)
{
    json_raw(j, key, value ? "true" : "false");
}
