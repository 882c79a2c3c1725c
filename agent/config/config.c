#include "agent/config/config.h"

#include "agent/base/error.h"
#include "agent/config/config_check.h"
#include "agent/config/config_file.h"
#include "agent/config/config_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options over the file ---- */

/* Takes one value; the key's own name in messages is the option's. */
static bool option_take(struct config_draft *d, const struct config_key *key, const char *value)
{
    struct config_place at = {.draft = d, .key = key->option, .value = value};
    *config_draft_line(d, key, 0) = CONFIG_LINE_OPTION;
    return config_take(key, d->config, value, &at);
}

/* Of a list, all of the options stand for all that the file has. */
static bool option_override(struct config_draft *d, const struct config_key *key,
                            const struct config_options *o)
{
    const char *const *values =
        (const char *const *)(const void *)((const char *)o + key->option_at);
    size_t count = *values != NULL;
    if (key->option_count_at > 0)
        count = *(const size_t *)(const void *)((const char *)o + key->option_count_at);
    if (count > 0 && key->type->list)
        config_key_free(key, d->config);
    for (size_t i = 0; i < count; i++)
        if (!option_take(d, key, values[i]))
            return false;
    return true;
}

static bool options_override(struct config_draft *d, const struct config_options *o)
{
    const struct config_key *key = NULL;
    while ((key = config_key_next(CONFIG_TOP, key)))
        if (key->option && !option_override(d, key, o))
            return false;
    return true;
}

/* ---- loading ---- */

static bool load_defaults(struct config_draft *d)
{
    bool ok = true;
    for (unsigned section = 0; ok && section < CONFIG_SECTIONS; section++)
        if (config_sections[section].max == 0)
            ok = config_section_defaults(d, section, config_section_element(d->config, section, 0));
    return ok;
}

static bool load_all(struct config_draft *d, const struct config_options *o)
{
    return load_defaults(d) && config_file_read(d, o->file != NULL) &&
           config_apply_host(d, o->name) && options_override(d, o) &&
           config_finish(d, o->keep_user);
}

struct config *config_load(const struct config_options *options, char *error)
{
    struct config_draft *d = calloc(1, sizeof *d);
    struct config *c = calloc(1, sizeof *c);
    error[0] = '\0';
    if (!d || !c) {
        error_set(error, "out of memory");
        free(d);
        free(c);
        return NULL;
    }
    d->config = c;
    d->error = error;
    d->path = options->file ? options->file : CONFIG_DEFAULT_FILE;
    d->divided = options->divided;
    d->for_root = options->check && !options->keep_user && geteuid() != 0;
    bool ok = load_all(d, options);
    for (size_t i = 0; i < d->files_count; i++)
        free(d->files[i]);
    free(d);
    if (ok)
        return c;
    config_free(c);
    return NULL;
}

static void section_free(struct config *c, enum config_section_id section)
{
    for (size_t i = 0; i < config_section_count(c, section); i++) {
        void *element = config_section_element(c, section, i);
        const struct config_key *key = NULL;
        while ((key = config_key_next(section, key)))
            config_key_free(key, element);
        if (config_sections[section].max > 0)
            free(*(char **)element); /* its title */
    }
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (unsigned section = 0; section < CONFIG_SECTIONS; section++)
        section_free(c, section);
    free(c->handlers);
    free(c->vips);
    free(c->hosts);
    free(c->file);
    free(c->notes);
    free(c);
}

/* ---- what a running agent cannot change ---- */

/* The next key that two configurations differ in, after `key` (NULL: the first). NULL: no more. */
static const struct config_key *fixed_next(const struct config *a, const struct config *b,
                                           const struct config_key *key)
{
    for (key = key ? key + 1 : config_keys; key->name; key++)
        if (!key->reloads && !config_key_equal(key, config_section_element(a, key->section, 0),
                                               config_section_element(b, key->section, 0)))
            return key;
    return NULL;
}

/* As -t prints it. NULL: out of memory. */
static char *fixed_text(const struct config *c, const struct config_key *key)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    config_key_print(key, config_section_element(c, key->section, 0), out);
    fclose(out);
    return text;
}

void config_compare_fixed(const struct config *running, const struct config *next,
                          config_fixed_fn *changed, void *arg)
{
    const struct config_key *key = NULL;
    while ((key = fixed_next(running, next, key))) {
        const char *section = config_sections[key->section].name;
        char name[64], *before = fixed_text(running, key), *after = fixed_text(next, key);
        snprintf(name, sizeof name, "%s%s%s", section ? section : "", section ? "." : "",
                 key->name);
        changed(arg, name, before ? before + 1 : "", after ? after + 1 : "");
        free(before);
        free(after);
    }
}

void config_keep_fixed(struct config *running, struct config *next)
{
    for (const struct config_key *key = config_keys; key->name; key++)
        if (!key->reloads)
            config_key_swap(key, config_section_element(running, key->section, 0),
                            config_section_element(next, key->section, 0));
}
