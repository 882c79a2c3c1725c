#include "agent/config/config_keys.h"

#include "agent/base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 100 /* of a value in a message; longer ones are cut */

/* ---- messages ---- */

static void add(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *error, const char *format, ...)
{
    size_t len = strlen(error);
    va_list args;

    va_start(args, format);
    vsnprintf(error + len, CONFIG_ERROR_BYTES - len, format, args);
    va_end(args);
}

static void add_quoted(char *error, const char *before, const char *value, const char *after)
{
    char shown[SHOWN_BYTES];

    text_escape(shown, sizeof shown, value);
    add(error, "%s\"%s\"%s", before, shown, after);
}

static void add_place(const struct config_place *at)
{
    if (at->file != NULL && at->line > 0)
        add(at->error, "%s:%d: ", at->file, at->line);
    else if (at->file != NULL)
        add(at->error, "%s: ", at->file);
    if (at->section != NULL) {
        add(at->error, "%s", at->section);
        if (at->title != NULL)
            add_quoted(at->error, " ", at->title, "");
        add(at->error, ": ");
    }
    if (at->key != NULL)
        add(at->error, "%s%s", at->key, at->value != NULL ? " " : ": ");
    if (at->value != NULL)
        add_quoted(at->error, "", at->value, ": ");
}

bool config_refuse(const struct config_place *at, const char *format, ...)
{
    char text[CONFIG_ERROR_BYTES];
    va_list args;

    if (at->error[0] != '\0')
        return false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_place(at);
    add(at->error, "%s", text);
    return false;
}

bool config_note(struct config_draft *d, const struct config_place *at, const char *format, ...)
{
    char text[CONFIG_ERROR_BYTES], line[CONFIG_ERROR_BYTES] = "";
    struct config_place place = *at;
    size_t before = d->config->notes ? strlen(d->config->notes) : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    place.error = line;
    config_refuse(&place, "%s", text);
    char *notes = realloc(d->config->notes, before + strlen(line) + sizeof "\n");
    if (!notes)
        return config_refuse(at, "out of memory");
    sprintf(notes + before, "%s\n", line);
    d->config->notes = notes;
    return true;
}

/* ---- keys ---- */

const struct config_section *const config_sections[CONFIG_SECTIONS] = {
    &config_keys_top,    &config_keys_handler, &config_keys_control,
    &config_keys_quorum, &config_keys_vip,
};

size_t config_key_index(const struct config_section *section, const char *name)
{
    size_t i = 0;

    while (strcmp(section->keys[i].name, name) != 0) {
        i++;
        assert(section->keys[i].name != NULL);
    }
    return i;
}

bool config_take(struct config_draft *d, const struct config_key *key, const char *value,
                 const struct config_place *at)
{
    size_t bytes = strlen(value);

    if (bytes == 0)
        return config_refuse(at, "empty; give a value, or leave it out");
    if (bytes > CONFIG_VALUE_BYTES_MAX)
        return config_refuse(at, "%zu bytes are too long; use at most %d", bytes,
                             CONFIG_VALUE_BYTES_MAX);
    if (!text_printable(value))
        return config_refuse(at, "a control character, or not UTF-8; use printable UTF-8 only");
    return key->take(d, value, at);
}
