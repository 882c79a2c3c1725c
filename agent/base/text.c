#include "agent/base/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Marks that break a line or turn the direction of what follows, and could make one text look like
 * another (Unicode TR 36, 2.10). */
static bool text_rearranges(uint32_t code)
{
    return code == 0x061c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Bytes of the character that `s` starts with; 0: it is a control character, or not UTF-8. */
static size_t text_character_bytes(const unsigned char *s)
{
    /* The lowest code of each length: below it an encoding is overlong, or a C1 control. */
    static const uint32_t lowest[] = {0, 0, 0xa0, 0x800, 0x10000};

    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    size_t bytes = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint32_t code = s[0] & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    bool valid = code >= lowest[bytes] && code <= 0x10ffff && !surrogate;
    return valid && !text_rearranges(code) ? bytes : 0;
}

bool text_printable(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0') {
        size_t bytes = text_character_bytes(s);
        if (bytes == 0)
            return false;
        s += bytes;
    }
    return true;
}

#define PIECE_BYTES_MAX 5 /* "\x1b" and its NUL; a UTF-8 character has 4 bytes */

/* How the character at `s` is shown, into `piece`; returns the bytes of `s` it stands for. */
static size_t text_show(const unsigned char *s, char *piece)
{
    size_t bytes = text_character_bytes(s);
    if (bytes > 0) {
        memcpy(piece, s, bytes);
        piece[bytes] = '\0';
        return bytes;
    }
    const char *named = *s == '\n' ? "\\n" : *s == '\r' ? "\\r" : *s == '\t' ? "\\t" : NULL;
    if (named)
        snprintf(piece, PIECE_BYTES_MAX, "%s", named);
    else
        snprintf(piece, PIECE_BYTES_MAX, "\\x%02x", *s);
    return 1;
}

size_t text_escape(char *into, size_t bytes, const char *text)
{
    static const char dots[] = "...";
    const unsigned char *s = (const unsigned char *)text;
    size_t len = 0, cut = 0; /* cut: how much can stay if the dots must follow */
    assert(bytes >= sizeof dots);
    while (*s != '\0') {
        char piece[PIECE_BYTES_MAX];
        s += text_show(s, piece);
        size_t piece_bytes = strlen(piece);
        if (len + piece_bytes >= bytes) {
            memcpy(into + cut, dots, sizeof dots);
            return cut + sizeof dots - 1;
        }
        memcpy(into + len, piece, piece_bytes);
        len += piece_bytes;
        if (len + sizeof dots <= bytes)
            cut = len;
    }
    into[len] = '\0';
    return len;
}

bool text_parse_number(const char *text, uint32_t max, uint32_t *value)
{
    uint64_t parsed = 0;
    if (text[0] == '\0')
        return false;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        parsed = parsed * 10 + (uint64_t)(text[i] - '0');
        if (parsed > max)
            return false;
    }
    *value = (uint32_t)parsed;
    return true;
}
