#include "agent/scripts/handler_env.h"

#include "agent/events/record.h"
#include "agent/steward/steward_protocol.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAG_PREFIX "MUSTER_TAG_"

#define FIXED_VARS 19                                  /* all variables but tags, and the NULL */
#define FIXED_BYTES (4 * GOSSIP_NAME_BYTES_MAX + 1024) /* bytes of those */
#define TAGS_MAX (GOSSIP_TAGS_BYTES_MAX / 2) /* a tag has at least the NULs of key and value */
#define ENV_VARS_MAX (FIXED_VARS + TAGS_MAX)
#define ENV_BYTES_MAX (FIXED_BYTES + GOSSIP_TAGS_BYTES_MAX + TAGS_MAX * sizeof TAG_PREFIX)

_Static_assert(ENV_BYTES_MAX < RUNNER_ENV_BYTES_MAX, "the runner takes any");

struct env {
    char *vars[ENV_VARS_MAX];
    size_t count;
    char bytes[ENV_BYTES_MAX];
    size_t used;
};

/* The limits above leave room for the largest change, so that nothing is ever cut. */
__attribute__((format(printf, 2, 3))) static void env_add(struct env *env, const char *format, ...)
{
    size_t room = sizeof env->bytes - env->used;
    char *var = env->bytes + env->used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(var, room, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < room && env->count + 1 < ENV_VARS_MAX);
    env->vars[env->count++] = var;
    env->vars[env->count] = NULL;
    env->used += (size_t)n + 1;
}

static bool env_has(const struct env *env, const char *name)
{
    size_t bytes = strlen(name);
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->vars[i], name, bytes) == 0 && env->vars[i][bytes] == '=')
            return true;
    return false;
}

/* Keys that differ only in what a variable's name cannot hold become one: the first counts. */
static void env_add_tag(struct env *env, const char *key, const char *value)
{
    char name[sizeof TAG_PREFIX + GOSSIP_TAGS_BYTES_MAX] = TAG_PREFIX;
    char *at = name + strlen(name);
    for (; *key; key++)
        *at++ = isalnum((unsigned char)*key) ? (char)toupper((unsigned char)*key) : '_';
    *at = '\0';
    if (!env_has(env, name))
        env_add(env, "%s=%s", name, value);
}

/* A record, each field as PREFIX_NAME. */
static void env_add_record(struct env *env, const char *prefix, const struct fields *fields,
                           const void *record)
{
    for (size_t i = 0; i < fields->count; i++) {
        char value[FIELDS_VALUE_BYTES];
        const char *text = fields_value(&fields->entries[i], record, value);
        char name[sizeof "MUSTER_MEMBER_UNREACHABLE"];
        size_t len = 0;
        for (const char *c = fields->entries[i].name; *c; c++)
            name[len++] = (char)toupper((unsigned char)*c);
        name[len] = '\0';
        if (text)
            env_add(env, "%s_%s=%s", prefix, name, text);
    }
}

static void env_add_member(struct env *env, const struct gossip_member *member)
{
    struct record_member text;
    const struct member_record *record = record_member(&text, member);
    const char *at = NULL, *key, *value;
    env_add_record(env, "MUSTER_MEMBER", &member_fields, record);
    while (fields_tag_next(&record->tags, &at, &key, &value))
        env_add_tag(env, key, value);
}

/* Data from members becomes values only, never names of variables: MUSTER_TAG_ keeps tags apart. */
static void env_fill(struct env *env, const struct handler_request *request)
{
    const struct journal_entry *entry = request->entry;
    char time_text[32];
    journal_time_text(entry->time_ms, time_text);

    env->count = env->used = 0;
    env_add(env, "MUSTER_EVENT=%s", event_kind_text(entry->kind));
    env_add(env, "MUSTER_SEQ=%" PRIu64, entry->seq);
    env_add(env, "MUSTER_TIME=%s", time_text);
    env_add(env, "MUSTER_SELF=%s", request->self);
    env_add(env, "MUSTER_RUN_DIR=%s", request->run_dir);
    if (event_kind_is_of_member(entry->kind))
        env_add_member(env, &entry->member);
    if (entry->vip)
        env_add_record(env, "MUSTER_VIP", &vip_fields, entry->vip);
}

/* ---- in memory ---- */

/* -1 with errno. */
static int env_file(const char *name, const char *bytes, size_t count)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = pwrite(fd, bytes, count, 0);
    if (n == (ssize_t)count)
        return fd;
    if (n >= 0)
        errno = ENOSPC;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

bool handler_env_files(const struct handler_request *request, int *line, int *env_fd)
{
    struct env env;
    env_fill(&env, request);
    *line = env_file("muster-event", request->entry->line, request->entry->line_bytes);
    if (*line < 0)
        return false;
    *env_fd = env_file("muster-env", env.bytes, env.used);
    if (*env_fd >= 0)
        return true;
    int error = errno;
    close(*line);
    errno = error;
    return false;
}
