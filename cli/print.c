#include "cli/print.h"

#include "agent/base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ESCAPE_BYTES_MAX 4 /* "\x1b" for one byte */
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

static size_t column_width(const struct print_cell *cells, size_t columns, size_t rows)
{
    size_t width = 0;
    for (size_t row = 0; row < rows; row++) {
        size_t cell = print_safe(NULL, cells[row * columns].text);
        if (cell > width)
            width = cell;
    }
    return width;
}

#define TABLE_COLUMNS_MAX 8

void print_table(FILE *out, const struct print_cell *cells, size_t columns, size_t rows)
{
    assert(columns > 0 && columns <= TABLE_COLUMNS_MAX);
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t column = 0; column < columns; column++)
        widths[column] = column_width(cells + column, columns, rows);

    size_t pad = 0; /* owed, until something follows it */
    for (size_t i = 0; i < rows * columns; i++) {
        size_t column = i % columns, width = print_safe(NULL, cells[i].text);
        if (width > 0) {
            fprintf(out, "%*s", (int)pad, "");
            pad = 0;
        }
        if (cells[i].is_status)
            print_status(out, cells[i].text);
        else
            print_safe(out, cells[i].text);
        pad += widths[column] - width + 2;
        if (column == columns - 1) {
            putc('\n', out);
            pad = 0;
        }
    }
}

/* What a template's {fields} stand for. */
static const struct field {
    const char *name;
    size_t offset; /* in struct member */
    enum { FIELD_TEXT, FIELD_ARRAY, FIELD_NUMBER, FIELD_YES_NO } kind;
} template_fields[] = {
    {"name", offsetof(struct member, name), FIELD_TEXT},
    {"id", offsetof(struct member, id), FIELD_TEXT},
    {"addr", offsetof(struct member, addr), FIELD_ARRAY},
    {"port", offsetof(struct member, port), FIELD_NUMBER},
    {"status", offsetof(struct member, status), FIELD_TEXT},
    {"unreachable", offsetof(struct member, unreachable), FIELD_YES_NO},
    {"incarnation", offsetof(struct member, incarnation), FIELD_NUMBER},
    {"generation", offsetof(struct member, generation), FIELD_NUMBER},
    {"tags", offsetof(struct member, tags_text), FIELD_TEXT},
};

static const char *const escapes[] = {"n\n", "t\t", "\\\\", "{{"};

/* The next piece of a template: a character, a field, or {tag:KEY}. */
struct piece {
    const char *at; /* where it starts */
    size_t len;
    char character;
    const struct field *field;
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
    for (size_t i = 0; i < sizeof template_fields / sizeof template_fields[0]; i++) {
        if (strlen(template_fields[i].name) == len &&
            strncmp(template_fields[i].name, name, len) == 0) {
            piece->field = &template_fields[i];
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

static void print_field(FILE *out, const struct field *field, const struct member *member)
{
    const char *at = (const char *)member + field->offset;
    switch (field->kind) {
    case FIELD_TEXT:
        print_safe(out, *(const char *const *)(const void *)at);
        break;
    case FIELD_ARRAY:
        print_safe(out, at);
        break;
    case FIELD_NUMBER:
        fprintf(out, "%" PRIu64, *(const uint64_t *)(const void *)at);
        break;
    case FIELD_YES_NO:
        fputs(*(const bool *)(const void *)at ? "yes" : "no", out);
        break;
    }
}

static void print_tag(FILE *out, const struct piece *piece, const struct member *member)
{
    for (size_t i = 0; i < member->tags_count; i++) {
        const struct member_tag *tag = &member->tags[i];
        if (strlen(tag->key) == piece->tag_len &&
            strncmp(tag->key, piece->tag, piece->tag_len) == 0)
            print_safe(out, tag->value);
    }
}

void print_template(FILE *out, const char *template, const struct member *member)
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
