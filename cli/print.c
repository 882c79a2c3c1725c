#include "cli/print.h"

#include "agent/base/text.h"
#include "cli/cli.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ESCAPE_BYTES_MAX 4 /* "\x1b" for one byte */
#define ROW_BYTES_MAX 4096
#define COLOUR_OFF "\033[0m"

static size_t count_columns(const char *text)
{
    size_t columns = 0;
    for (; *text; text++)
        columns += (*text & 0xc0) != 0x80; /* not the rest of a UTF-8 character */
    return columns;
}

size_t print_safe(FILE *out, const char *text)
{
    size_t bytes = strlen(text) * ESCAPE_BYTES_MAX + ESCAPE_BYTES_MAX;
    char *safe = malloc(bytes);
    if (!safe)
        return 0;
    text_escape(safe, bytes, text);
    if (out)
        fputs(safe, out);
    size_t columns = count_columns(safe);
    free(safe);
    return columns;
}

static const char *colour(const char *status)
{
    static const struct {
        const char *status, *colour;
    } colours[] = {
        {"alive", "\033[32m"},  {"suspect", "\033[33m"}, {"failed", "\033[31m"},
        {"leaving", "\033[2m"}, {"left", "\033[2m"},     {"partly unreachable", "\033[33m"},
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        if (strcmp(status, colours[i].status) == 0)
            return colours[i].colour;
    return NULL;
}

void print_status(FILE *out, const char *status)
{
    const char *no_color = getenv("NO_COLOR"); /* no-color.org */
    const char *on = isatty(fileno(out)) && !(no_color && *no_color) ? colour(status) : NULL;
    if (on)
        fputs(on, out);
    print_safe(out, status);
    if (on)
        fputs(COLOUR_OFF, out);
}

static _Noreturn void print_no_memory(void)
{
    fputs("muster: out of memory\n", stderr);
    exit(CLI_UNASKED);
}

/* ---- tables and rows ---- */

static void add_cell(struct print_table *table, struct print_cell cell)
{
    size_t count = table->count;
    if ((count & (count - 1)) == 0) { /* full: 0, 1, 2, 4, ... */
        struct print_cell *cells = reallocarray(table->cells, count ? 2 * count : 1, sizeof *cells);
        if (!cells)
            print_no_memory();
        table->cells = cells;
    }
    table->cells[table->count++] = cell;
}

void print_cell(struct print_table *table, const char *text)
{
    add_cell(table, (struct print_cell){text, false});
}

void print_status_cell(struct print_table *table, const char *text)
{
    add_cell(table, (struct print_cell){text, true});
}

#define TABLE_COLUMNS_MAX 8

void print_table(FILE *out, struct print_table *table)
{
    size_t columns = table->columns, widths[TABLE_COLUMNS_MAX] = {0};
    assert(columns > 0 && columns <= TABLE_COLUMNS_MAX && table->count % columns == 0);
    for (size_t i = 0; i < table->count; i++) {
        size_t width = print_safe(NULL, table->cells[i].text), *widest = &widths[i % columns];
        *widest = width > *widest ? width : *widest;
    }
    size_t pad = 0; /* owed, until something follows it */
    for (size_t i = 0; i < table->count; i++) {
        const struct print_cell *cell = &table->cells[i];
        size_t column = i % columns, width = print_safe(NULL, cell->text);
        if (width > 0) {
            fprintf(out, "%*s", (int)pad, "");
            pad = 0;
        }
        if (cell->is_status)
            print_status(out, cell->text);
        else
            print_safe(out, cell->text);
        pad += widths[column] - width + 2;
        if (column == columns - 1) {
            putc('\n', out);
            pad = 0;
        }
    }
    free(table->cells);
    *table = (struct print_table){.columns = columns};
}

#define LABEL_FORMAT "%-13s"

void print_row(const char *label, const char *format, ...)
{
    char text[ROW_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf(LABEL_FORMAT, label);
    print_safe(stdout, text);
    putchar('\n');
}

void print_status_row(const char *label, const char *status)
{
    printf(LABEL_FORMAT, label);
    print_status(stdout, status);
    putchar('\n');
}

/* ---- memory ---- */

void *print_alloc(msgpack_zone *zone, size_t count, size_t bytes)
{
    void *at = msgpack_zone_malloc(zone, (count + 1) * bytes);
    if (!at)
        print_no_memory();
    return memset(at, 0, (count + 1) * bytes);
}

const char *print_text(msgpack_zone *zone, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(len >= 0);
    char *text = print_alloc(zone, (size_t)len, 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)len + 1, format, arguments);
    va_end(arguments);
    return text;
}

/* ---- templates ---- */

static const char *const escapes[] = {"n\n", "t\t", "\\\\", "{{"};

/* The next piece of a template: a character, a field, or {tag:KEY}. */
struct piece {
    const char *at; /* where it starts */
    size_t len;
    char character;
    const struct fields_entry *field;
    const char *tag; /* KEY, tag_len bytes */
    size_t tag_len;
    const char *wrong; /* what is wrong with it, NULL: nothing */
};

static void read_escape(struct piece *piece)
{
    piece->len = piece->at[1] ? 2 : 1;
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        if (piece->at[1] == escapes[i][0]) {
            piece->character = escapes[i][1];
            return;
        }
    }
    piece->wrong = "no such escape; there are \\n, \\t, \\\\ and \\{";
}

static void read_field(struct piece *piece)
{
    const char *name = piece->at + 1;
    size_t len = strcspn(name, "}");
    piece->len = len + 1;
    if (name[len] != '}') {
        piece->wrong = "no } after it; a { of its own is written \\{";
        return;
    }
    piece->len++;
    if (len > 4 && strncmp(name, "tag:", 4) == 0) {
        piece->tag = name + 4;
        piece->tag_len = len - 4;
        return;
    }
    for (size_t i = 0; i < member_fields.count; i++) {
        const struct fields_entry *field = &member_fields.entries[i];
        if (strlen(field->name) == len && strncmp(field->name, name, len) == 0) {
            piece->field = field;
            return;
        }
    }
    piece->wrong = "no such field; there are {name}, {id}, {addr}, {port}, {status}, "
                   "{unreachable}, {incarnation}, {generation}, {tags} and {tag:KEY}";
}

/* Reads the piece at `at`. False: the end. */
static bool read_piece(const char *at, struct piece *piece)
{
    *piece = (struct piece){.at = at, .len = 1, .character = *at};
    if (*at == '\\')
        read_escape(piece);
    else if (*at == '{')
        read_field(piece);
    return *at;
}

bool print_template_check(const char *template, char *error)
{
    struct piece piece;
    for (const char *at = template; read_piece(at, &piece); at += piece.len) {
        if (!piece.wrong)
            continue;
        snprintf(error, PRINT_ERROR_BYTES, "\"%.*s\": %s", (int)(piece.len < 40 ? piece.len : 40),
                 piece.at, piece.wrong);
        return false;
    }
    return true;
}

static void print_field(FILE *out, const struct fields_entry *field,
                        const struct member_record *member)
{
    char room[FIELDS_VALUE_BYTES];
    const char *value = fields_value(field, member, room), *at = NULL, *key, *tag;
    if (value) {
        print_safe(out, value);
        return;
    }
    while (fields_tag_next(&member->tags, &at, &key, &tag)) {
        fputs(key == member->tags.bytes ? "" : ",", out);
        print_safe(out, key);
        putc('=', out);
        print_safe(out, tag);
    }
}

static void print_tag(FILE *out, const struct piece *piece, const struct member_record *member)
{
    const char *at = NULL, *key, *value;
    while (fields_tag_next(&member->tags, &at, &key, &value))
        if (strlen(key) == piece->tag_len && strncmp(key, piece->tag, piece->tag_len) == 0)
            print_safe(out, value);
}

void print_template(FILE *out, const char *template, const struct member_record *member)
{
    struct piece piece;
    for (const char *at = template; read_piece(at, &piece); at += piece.len) {
        assert(!piece.wrong);
        if (piece.field)
            print_field(out, piece.field, member);
        else if (piece.tag)
            print_tag(out, &piece, member);
        else
            putc(piece.character, out);
    }
}
