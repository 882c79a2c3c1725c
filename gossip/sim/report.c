#include "gossip/sim/report.h"

#include <string.h>

#define REPORT_ENTRY(name, meaning) {#name, meaning, offsetof(struct report, name)},
const struct report_name report_names[] = {REPORT_NUMBERS(REPORT_ENTRY)};
#undef REPORT_ENTRY
const size_t report_names_count = sizeof report_names / sizeof *report_names;

const double *report_number(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report_names_count; i++)
        if (strcmp(report_names[i].name, name) == 0)
            return (const double *)(const void *)((const char *)report + report_names[i].offset);
    return NULL;
}

int report_compare_us(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}
