#include "agent/base/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MS_MAX (30u * 24 * 60 * 60 * 1000)
#define DURATION_SCALE_MAX 1000000000 /* nine digits behind the point; more mean nothing */

/* Longest first, for printing. */
static const struct {
    const char *text;
    uint32_t ms;
} duration_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define UNITS (sizeof duration_units / sizeof duration_units[0])

/* 0: no unit. */
static uint32_t duration_unit_ms(const char *text)
{
    for (size_t i = 0; i < UNITS; i++) {
        if (strcmp(text, duration_units[i].text) == 0)
            return duration_units[i].ms;
    }
    return 0;
}

bool duration_parse(const char *text, uint32_t *ms)
{
    uint64_t value = 0, scale = 1;
    bool fraction = false;
    const char *at = text;
    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !fraction && at > text); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        value = value * 10 + (uint64_t)(*at - '0');
        scale = fraction ? scale * 10 : 1;
        if (value > 1000ull * DURATION_MS_MAX || scale > DURATION_SCALE_MAX)
            return false; /* before anything overflows */
    }
    uint64_t unit_ms = duration_unit_ms(at);
    if (at == text || at[-1] == '.' || unit_ms == 0)
        return false;
    if (value * unit_ms % scale != 0 || value * unit_ms / scale > DURATION_MS_MAX)
        return false;
    *ms = (uint32_t)(value * unit_ms / scale);
    return true;
}

char *duration_text(uint32_t ms, char *into)
{
    size_t unit = 0;
    while (unit + 1 < UNITS && (ms == 0 || ms % duration_units[unit].ms != 0))
        unit++;
    if (ms > 1000 && duration_units[unit].ms == 1) { /* 1500ms reads better as 1.5s */
        int len =
            snprintf(into, DURATION_TEXT_BYTES, "%" PRIu32 ".%03" PRIu32, ms / 1000, ms % 1000);
        while (into[len - 1] == '0')
            len--;
        into[len++] = 's';
        into[len] = '\0';
    } else {
        snprintf(into, DURATION_TEXT_BYTES, "%" PRIu32 "%s", ms / duration_units[unit].ms,
                 duration_units[unit].text);
    }
    return into;
}
