#include "agent/config/config_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows and sections ---- */

const struct config_key *config_key_next(enum config_section_id section,
                                         const struct config_key *key)
{
    for (key = key ? key + 1 : config_keys; key->name; key++)
        if (key->section == section)
            return key;
    return NULL;
}

const struct config_key *config_key_find(enum config_section_id section, const char *name)
{
    const struct config_key *key = config_key_next(section, NULL);
    while (key && strcmp(key->name, name) != 0)
        key = config_key_next(section, key);
    return key;
}

size_t config_key_index(const struct config_key *key)
{
    size_t index = (size_t)(key - config_key_next(key->section, NULL));
    assert(index < CONFIG_KEYS_MAX);
    return index;
}

size_t config_section_count(const struct config *c, enum config_section_id section)
{
    const struct config_section *s = &config_sections[section];
    return s->max > 0 ? *(const size_t *)((const char *)c + s->count_at) : 1;
}

void *config_section_element(const struct config *c, enum config_section_id section, size_t index)
{
    const struct config_section *s = &config_sections[section];
    char *at = (char *)(uintptr_t)c + s->at;
    assert(index < config_section_count(c, section));
    return s->max > 0 ? *(char **)at + index * s->element_bytes : at;
}

const char *config_section_title(const struct config *c, enum config_section_id section,
                                 size_t index)
{
    _Static_assert(offsetof(struct handler_spec, name) == 0, "a title comes first");
    _Static_assert(offsetof(struct vip_spec, name) == 0, "a title comes first");
    _Static_assert(offsetof(struct host_spec, name) == 0, "a title comes first");
    if (config_sections[section].max == 0 || index >= config_section_count(c, section))
        return NULL;
    return *(char **)config_section_element(c, section, index);
}

/* ---- values ---- */

void *config_key_value(const struct config_key *key, const void *element)
{
    return (char *)(uintptr_t)element + key->at;
}

void *config_key_also(const struct config_key *key, const void *element)
{
    return (char *)(uintptr_t)element + key->also;
}

static bool key_is_zero(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i])
            return false;
    return true;
}

bool config_key_is_unset(const struct config_key *key, const void *element)
{
    bool also = key->also_bytes > 0 && key_is_zero(config_key_also(key, element), key->also_bytes);
    if (key->also_bytes > 0 && key->type->list)
        return also;
    return key_is_zero(config_key_value(key, element), key->bytes) &&
           (key->also_bytes == 0 || also);
}

static bool key_string_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* A row that a running agent keeps is of one of these kinds. */
bool config_key_equal(const struct config_key *key, const void *a, const void *b)
{
    enum config_storage storage = key->type->storage;
    if (storage == CONFIG_STRING || storage == CONFIG_USER)
        return key_string_equal(*(char **)config_key_value(key, a),
                                *(char **)config_key_value(key, b));
    assert(storage == CONFIG_PLAIN);
    return memcmp(config_key_value(key, a), config_key_value(key, b), key->bytes) == 0 &&
           memcmp(config_key_also(key, a), config_key_also(key, b), key->also_bytes) == 0;
}

static void key_swap_bytes(char *a, char *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

void config_key_swap(const struct config_key *key, void *a, void *b)
{
    key_swap_bytes(config_key_value(key, a), config_key_value(key, b), key->bytes);
    key_swap_bytes(config_key_also(key, a), config_key_also(key, b), key->also_bytes);
}

void config_key_print(const struct config_key *key, const void *element, FILE *out)
{
    bool unset = config_key_is_unset(key, element);
    if (unset && key->unset)
        fprintf(out, " %s", key->unset);
    else if (key->set)
        fprintf(out, " %s", key->set);
    else
        key->type->print(key, element, out);
}

void config_key_free(const struct config_key *key, void *element)
{
    char **strings = config_key_value(key, element);
    switch (key->type->storage) {
    case CONFIG_PLAIN:
        break;
    case CONFIG_USER:
        account_free(*(struct account **)config_key_also(key, element));
        free(*strings);
        break;
    case CONFIG_STRING:
    case CONFIG_ARRAY:
        free(*strings);
        break;
    case CONFIG_STRINGS:
        for (size_t i = 0; i < *(size_t *)config_key_also(key, element); i++)
            free(strings[i]);
        break;
    }
    memset(config_key_value(key, element), 0, key->bytes);
    memset(config_key_also(key, element), 0, key->also_bytes);
}
