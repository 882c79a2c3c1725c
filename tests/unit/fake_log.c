#include "tests/unit/fake_log.h"

#include "agent/base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 100000

static char *lines[LINES_MAX];
static size_t count;

void log_write(enum log_level level, const char *format, ...)
{
    (void)level;
    va_list args;
    va_start(args, format);
    assert(count < LINES_MAX);
    int bytes = vasprintf(&lines[count], format, args);
    assert(bytes >= 0);
    count++;
    va_end(args);
}

void fake_log_reset(void)
{
    while (count > 0)
        free(lines[--count]);
}

size_t fake_log_lines(void)
{
    return count;
}

size_t fake_log_count(const char *part)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += strstr(lines[i], part) != NULL;
    return found;
}

bool fake_log_has(const char *line)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(lines[i], line) == 0)
            return true;
    return false;
}
