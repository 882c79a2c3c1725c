#include "agent/config/config_draft.h"

#include "agent/base/text.h"
#include "agent/config/config_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 100 /* of a value in a message; longer ones are cut */

/* ---- messages ---- */

__attribute__((format(printf, 2, 3))) static void place_add(char *into, const char *format, ...)
{
    size_t len = strlen(into);
    va_list args;
    va_start(args, format);
    vsnprintf(into + len, ERROR_BYTES - len, format, args);
    va_end(args);
}

static void place_add_quoted(char *into, const char *before, const char *value, const char *after)
{
    char shown[SHOWN_BYTES];
    text_escape(shown, sizeof shown, value);
    place_add(into, "%s\"%s\"%s", before, shown, after);
}

/* Writes the place and the text into ERROR_BYTES, which hold "". */
__attribute__((format(printf, 3, 0))) static void
place_describe(const struct config_place *at, char *into, const char *format, va_list args)
{
    if (at->file && at->line > 0)
        place_add(into, "%s:%d: ", at->file, at->line);
    else if (at->file)
        place_add(into, "%s: ", at->file);
    if (at->section) {
        place_add(into, "%s", at->section);
        if (at->title)
            place_add_quoted(into, " ", at->title, "");
        place_add(into, ": ");
    }
    if (at->key)
        place_add(into, "%s%s", at->key, at->value ? " " : ": ");
    if (at->value)
        place_add_quoted(into, "", at->value, ": ");
    size_t len = strlen(into);
    vsnprintf(into + len, ERROR_BYTES - len, format, args);
}

bool config_refuse(const struct config_place *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!at->draft->error[0])
        place_describe(at, at->draft->error, format, args);
    va_end(args);
    return false;
}

bool config_note(const struct config_place *at, const char *format, ...)
{
    struct config *c = at->draft->config;
    char note[ERROR_BYTES] = "", *notes = NULL;
    va_list args;
    va_start(args, format);
    place_describe(at, note, format, args);
    va_end(args);
    if (asprintf(&notes, "%s%s\n", c->notes ? c->notes : "", note) < 0)
        return config_refuse(at, "out of memory");
    free(c->notes);
    c->notes = notes;
    return true;
}

bool config_refuse_second(const struct config_place *at, const struct config_place *first,
                          const char *advice)
{
    if (strcmp(first->file, at->file) == 0)
        return config_refuse(at, "given twice, first on line %d; %s", first->line, advice);
    return config_refuse(at, "given twice, first in %s:%d; %s", first->file, first->line, advice);
}

/* ---- places ---- */

void config_draft_note(struct config_draft *d, enum config_section_id section, size_t index,
                       const struct config_key *key, int line)
{
    struct config_lines *l = &d->lines[section][index];
    if (!key) {
        l->section = line;
        l->section_file = d->path;
        return;
    }
    l->keys[config_key_index(key)] = line;
    l->files[config_key_index(key)] = d->path;
}

int *config_draft_line(struct config_draft *d, const struct config_key *key, size_t index)
{
    return &d->lines[key->section][index].keys[config_key_index(key)];
}

struct config_place config_draft_section(struct config_draft *d, enum config_section_id section,
                                         size_t index)
{
    const struct config_lines *l = &d->lines[section][index];
    return (struct config_place){
        .draft = d,
        .file = l->section_file ? l->section_file : d->path,
        .line = l->section,
        .section = config_sections[section].name,
        .title = config_section_title(d->config, section, index),
    };
}

struct config_place config_draft_place(struct config_draft *d, const struct config_key *key,
                                       size_t index, const char *value)
{
    struct config_place at = config_draft_section(d, key->section, index);
    const char *file = d->lines[key->section][index].files[config_key_index(key)];
    at.line = *config_draft_line(d, key, index);
    at.file = file ? file : at.file;
    at.key = key->name;
    at.value = value;
    if (at.line == CONFIG_LINE_OPTION)
        at = (struct config_place){.draft = d, .key = key->option, .value = value};
    return at;
}
