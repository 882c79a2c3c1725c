/* print: text for people: columns, --format templates, nothing unsafe for a terminal. */
#ifndef MUSTER_PRINT_H
#define MUSTER_PRINT_H

#include "cli/member.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Writes text as text_escape makes it safe. Returns the columns taken. out NULL: only counts. */
size_t print_safe(FILE *out, const char *text);

/* One cell of a table; coloured if the text is a member's status, or the note beside it. */
struct print_cell {
    const char *text;
    bool is_status;
};

/* Rows of cells, aligned, two spaces between columns, made safe. */
void print_table(FILE *out, const struct print_cell *cells, size_t columns, size_t rows);

/* A status or note alone, made safe, coloured if out is a terminal and NO_COLOR is not set. */
void print_status(FILE *out, const char *status);

/* Templates are text with {name}, {id}, {addr}, {port}, {status}, {unreachable} (yes or no),
 * {incarnation}, {generation}, {tags} and {tag:KEY}, and with the escapes \n, \t, \\ and \{. */
#define PRINT_ERROR_BYTES 256
/* False with `error` filled (PRINT_ERROR_BYTES): no template. */
bool print_template_check(const char *template, char *error);
/* Writes a member by a checked template; what the member says is made safe. */
void print_template(FILE *out, const char *template, const struct member *member);

#endif
