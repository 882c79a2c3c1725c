#include "agent/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 256
#define NUMBER_BYTES 32 /* a double in 17 digits, a 64-bit integer: 25 at the most */

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

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
    size_t needed = j->len + bytes + 1;
    if (needed <= j->capacity)
        return true;
    size_t capacity = j->capacity ? j->capacity : CAPACITY_FIRST;
    while (capacity < needed)
        capacity *= 2;
    char *text = realloc(j->text, capacity);
    if (!text) {
        j->failed = true;
        return false;
    }
    j->text = text;
    j->capacity = capacity;
    return true;
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

/* How many bytes the well-formed UTF-8 character at `at` has (RFC 3629: no overlong forms, no
 * surrogates, nothing over U+10FFFF); 0 if there is none. Never reads past a NUL. */
static size_t utf8_bytes(const unsigned char *at)
{
    static const struct {
        unsigned char lead_min, lead_max, second_min, second_max;
        size_t bytes;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    if (at[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].lead_min || at[0] > forms[i].lead_max)
            continue;
        if (at[1] < forms[i].second_min || at[1] > forms[i].second_max)
            return 0;
        for (size_t n = 2; n < forms[i].bytes; n++)
            if ((at[n] & 0xC0) != 0x80)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

/* C0, DEL and C1: JSON itself asks for the first only, a terminal that shows the text for all. */
static bool json_is_control(const unsigned char *at)
{
    return at[0] < 0x20 || at[0] == 0x7F || (at[0] == 0xC2 && at[1] < 0xA0);
}

/* How many characters from `at` on stand for themselves: nearly always all of them. */
static size_t json_plain_bytes(const unsigned char *at)
{
    size_t bytes = 0;
    while (at[bytes] >= 0x20 && at[bytes] < 0x7F && at[bytes] != '"' && at[bytes] != '\\')
        bytes++;
    return bytes;
}

/* One character that is not plain; returns how many bytes of the value it took. */
static size_t json_put_character(struct json *j, const unsigned char *at)
{
    size_t bytes = utf8_bytes(at);
    if (bytes == 0) {
        json_put_text(j, replacement);
    } else if (json_is_control(at)) {
        char escape[sizeof "\\u0000"];
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)at[bytes - 1]);
        json_put_text(j, escape);
    } else {
        if (at[0] == '"' || at[0] == '\\')
            json_put(j, "\\", 1);
        json_put(j, (const char *)at, bytes);
    }
    return bytes ? bytes : 1;
}

static void json_put_string(struct json *j, const char *value)
{
    json_put(j, "\"", 1);
    for (const unsigned char *at = (const unsigned char *)value; *at;) {
        size_t plain = json_plain_bytes(at);
        json_put(j, (const char *)at, plain);
        at += plain;
        if (*at)
            at += json_put_character(j, at);
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
