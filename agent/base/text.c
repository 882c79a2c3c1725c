#include "agent/base/text.h"

#include "agent/base/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Marks that break a line or change the direction of writing: with them one text can look like
 * another (Unicode TR 36, 2.10). */
static bool text_rearranges(uint32_t point)
{
    return point == 0x061c || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* Bytes of the printable character that `text` starts with; 0: it is none. */
static size_t text_printable_bytes(const char *text)
{
    uint32_t point;
    size_t bytes = utf8_decode(text, SIZE_MAX, &point);
    return utf8_is_control(point) || text_rearranges(point) ? 0 : bytes;
}

bool text_printable(const char *text)
{
    while (*text) {
        size_t bytes = text_printable_bytes(text);
        if (bytes == 0)
            return false;
        text += bytes;
    }
    return true;
}

#define PIECE_BYTES_MAX 5 /* "\x1b" and its NUL; a UTF-8 character has 4 bytes */

/* How the character at `text` is shown, into `piece`; returns the bytes that it stands for. */
static size_t text_show(const char *text, char *piece)
{
    size_t bytes = text_printable_bytes(text);
    if (bytes > 0) {
        memcpy(piece, text, bytes);
        piece[bytes] = '\0';
        return bytes;
    }
    const char *named = *text == '\n'   ? "\\n"
                        : *text == '\r' ? "\\r"
                        : *text == '\t' ? "\\t"
                                        : NULL;
    if (named)
        snprintf(piece, PIECE_BYTES_MAX, "%s", named);
    else
        snprintf(piece, PIECE_BYTES_MAX, "\\x%02x", (unsigned char)*text);
    return 1;
}

size_t text_escape(char *into, size_t bytes, const char *text)
{
    static const char dots[] = "...";
    size_t len = 0, cut = 0; /* cut: how much can stay if the dots must follow */
    assert(bytes >= sizeof dots);
    while (*text) {
        char piece[PIECE_BYTES_MAX];
        text += text_show(text, piece);
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
