/* utf8: one decoder for everything that judges text from outside. Header-only, so that the core,
 * which links nothing, can use it. */
#ifndef MUSTER_BASE_UTF8_H
#define MUSTER_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at `text`, of which `bytes` (at least 1) may be read; SIZE_MAX: text ends
 * with a NUL, and nothing behind it is read. Returns the bytes that the character has, its code
 * point in *point; 0: not well-formed (RFC 3629: overlong, a surrogate, over U+10FFFF, cut). */
static inline size_t utf8_decode(const char *text, size_t bytes, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length */
    const unsigned char *at = (const unsigned char *)text;
    *point = at[0];
    if (at[0] < 0x80)
        return 1;
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc0 || at[0] > 0xf7 || length > bytes)
        return 0;
    *point = at[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (at[i] & 0x3fu);
    }
    bool surrogate = *point >= 0xd800 && *point <= 0xdfff;
    return *point >= least[length] && *point <= 0x10ffff && !surrogate ? length : 0;
}

/* True for C0, DEL and C1: a terminal obeys them. */
static inline bool utf8_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

#endif
