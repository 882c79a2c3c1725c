#include "agent/config/ip_tables.h"

#include "agent/base/text.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 256

/* Those that the kernel knows: rtnetlink(7). */
static const struct {
    const char *name;
    uint32_t table;
} kernel_tables[] = {{"local", 255}, {"main", IP_TABLES_MAIN}, {"default", 253}};

/* Where iproute2 looks, the administrator's own first. */
static const char *const table_files[] = {
    "/etc/iproute2/rt_tables",
    "/etc/iproute2/rt_tables.d/*.conf",
    "/usr/share/iproute2/rt_tables",
    "/usr/lib/iproute2/rt_tables",
};

/* A line is NUMBER NAME, the number in hexadecimal too, or a comment. */
static bool table_find_in(const char *path, const char *name, uint32_t *table)
{
    char line[LINE_BYTES], found[LINE_BYTES];
    FILE *in = fopen(path, "re");
    bool is_found = false;
    if (!in)
        return false;
    while (!is_found && fgets(line, sizeof line, in)) {
        unsigned value;
        is_found = (sscanf(line, " 0x%x %255s", &value, found) == 2 ||
                    sscanf(line, " %u %255s", &value, found) == 2) &&
                   value > 0 && strcmp(found, name) == 0;
        *table = is_found ? value : *table;
    }
    fclose(in);
    return is_found;
}

bool ip_tables_find(const char *name, uint32_t *table)
{
    bool found = false;
    glob_t files = {.gl_pathc = 0};
    for (size_t i = 0; i < sizeof kernel_tables / sizeof *kernel_tables; i++)
        if (strcmp(name, kernel_tables[i].name) == 0) {
            *table = kernel_tables[i].table;
            return true;
        }
    for (size_t i = 0; i < sizeof table_files / sizeof *table_files; i++)
        glob(table_files[i], i > 0 ? GLOB_APPEND : 0, NULL, &files);
    for (size_t i = 0; !found && i < files.gl_pathc; i++)
        found = table_find_in(files.gl_pathv[i], name, table);
    globfree(&files);
    return found;
}
