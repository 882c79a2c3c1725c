/* print: text for people: columns, --format templates, nothing unsafe for a terminal. */
#ifndef MUSTER_PRINT_H
#define MUSTER_PRINT_H

#include "agent/rpc/schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Writes text as text_escape makes it safe. Returns the columns taken. out NULL: only counts. */
size_t print_safe(FILE *out, const char *text);

/* A table: rows of cells, aligned, two spaces between columns, made safe. Start with the number of
 * its columns; texts are borrowed until print_table. */
struct print_table {
    size_t columns;
    struct print_cell {
        const char *text;
        bool is_status; /* a member's status, or the note beside it: coloured */
    } * cells;
    size_t count;
};
void print_cell(struct print_table *table, const char *text);
void print_status_cell(struct print_table *table, const char *text);
/* Prints it, and empties it. */
void print_table(FILE *out, struct print_table *table);

/* A line of a description: a label, and a text made safe beside it. */
void print_row(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, of a status. */
void print_status_row(const char *label, const char *status);

/* A status or note alone, made safe, coloured if out is a terminal and NO_COLOR is not set. */
void print_status(FILE *out, const char *status);

/* Templates are text with the fields of a member in braces ({name}, {addr}, ...), {tags} and
 * {tag:KEY}, and with the escapes \n, \t, \\ and \{. */
#define PRINT_ERROR_BYTES 256
/* False with `error` filled (PRINT_ERROR_BYTES): no template. */
bool print_template_check(const char *template, char *error);
/* Writes a member by a checked template; what the member says is made safe. */
void print_template(FILE *out, const char *template, const struct member_record *member);

/* Memory that ends with the zone, zeroed; text in it. Without memory the process ends. */
void *print_alloc(msgpack_zone *zone, size_t count, size_t bytes);
const char *print_text(msgpack_zone *zone, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
