#include "agent/steward/script_list.h"

#include "agent/config/config.h"
#include "gossip/fnv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t script_key(const char *path, const struct account *account)
{
    uint64_t hash = fnv(FNV_START, path, strlen(path) + 1);
    if (!account)
        return hash;
    hash = fnv(hash, &account->uid, sizeof account->uid);
    hash = fnv(hash, &account->gid, sizeof account->gid);
    return fnv(hash, account->groups, account->groups_count * sizeof *account->groups);
}

const struct script *script_list_find(const struct script_list *s, uint64_t key)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->all[i].key == key)
            return &s->all[i];
    return NULL;
}

static bool script_list_add(struct script_list *s, const char *path, const struct account *account)
{
    uint64_t key = script_key(path, account);
    if (script_list_find(s, key))
        return true;
    if (s->count == SCRIPT_LIST_MAX)
        return false;
    struct script *script = &s->all[s->count++];
    *script = (struct script){.key = key, .path = strdup(path)};
    if (account)
        script->account = account_copy(account);
    return script->path && (script->account || !account);
}

/* Its user is not on this host: nothing may be run in its place, and as root least of all. */
static bool script_has_no_user(const char *user, const struct account *account)
{
    return user && !account;
}

bool script_list_fill(struct script_list *s, const struct config *c)
{
    _Static_assert(SCRIPT_LIST_MAX >= CONFIG_HANDLERS_MAX + CONFIG_VIPS_MAX, "room for all");
    bool ok = true;
    for (size_t i = 0; ok && i < c->handlers_count; i++) {
        const struct handler_spec *h = &c->handlers[i];
        ok = script_has_no_user(h->user, h->account) || script_list_add(s, h->run, h->account);
    }
    for (size_t i = 0; ok && i < c->vips_count; i++) {
        const struct vip_spec *v = &c->vips[i];
        ok = !v->hook || script_has_no_user(v->user, v->account) ||
             script_list_add(s, v->hook, v->account);
    }
    return ok;
}

void script_list_free(struct script_list *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->all[i].path);
        account_free(s->all[i].account);
    }
    s->count = 0;
}

void script_list_merge(struct script_list *into, struct script_list *from)
{
    size_t i = 0;
    for (; i < from->count && into->count < SCRIPT_LIST_MAX; i++)
        into->all[into->count++] = from->all[i];
    memmove(from->all, from->all + i, (from->count - i) * sizeof *from->all);
    from->count -= i;
    script_list_free(from);
}

/* ---- from one process to another ---- */

/* Before each script: how long its path is, and as whom. */
struct head {
    uint32_t path_bytes, groups_count; /* groups_count 0: without an account */
    uid_t uid;
    gid_t gid;
};

static bool write_all(int fd, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t n = write(fd, at, count);
        if (n <= 0)
            return false;
        at += n;
        count -= (size_t)n;
    }
    return true;
}

static bool write_one(const struct script *s, int fd)
{
    const struct account *a = s->account;
    struct head head = {.path_bytes = (uint32_t)strlen(s->path)};
    if (a) {
        head.uid = a->uid;
        head.gid = a->gid;
        head.groups_count = (uint32_t)a->groups_count;
    }
    return write_all(fd, &head, sizeof head) && write_all(fd, s->path, head.path_bytes) &&
           (!a || write_all(fd, a->groups, a->groups_count * sizeof *a->groups));
}

bool script_list_write(const struct script_list *s, int fd)
{
    for (size_t i = 0; i < s->count; i++)
        if (!write_one(&s->all[i], fd))
            return false;
    return true;
}

struct reader {
    const char *at, *end;
};

static bool list_take(struct reader *r, void *into, size_t count)
{
    if ((size_t)(r->end - r->at) < count)
        return false;
    memcpy(into, r->at, count);
    r->at += count;
    return true;
}

static bool read_account(struct reader *r, const struct head *head, struct account *a)
{
    size_t bytes = head->groups_count * sizeof *a->groups;
    if (head->groups_count > SCRIPT_LIST_BYTES_MAX / sizeof *a->groups)
        return false;
    *a = (struct account){.uid = head->uid,
                          .gid = head->gid,
                          .groups = malloc(bytes),
                          .groups_count = head->groups_count};
    return a->groups && list_take(r, a->groups, bytes);
}

static bool read_one(struct script_list *s, struct reader *r)
{
    char path[CONFIG_VALUE_BYTES_MAX + 1];
    struct head head;
    struct account account = {.groups = NULL};
    if (!list_take(r, &head, sizeof head) || head.path_bytes >= sizeof path ||
        !list_take(r, path, head.path_bytes))
        return false;
    path[head.path_bytes] = '\0';
    bool ok = head.groups_count == 0 || read_account(r, &head, &account);
    ok = ok && script_list_add(s, path, head.groups_count ? &account : NULL);
    free(account.groups);
    return ok;
}

bool script_list_read(struct script_list *s, int fd)
{
    struct stat st;
    *s = (struct script_list){.count = 0};
    if (fstat(fd, &st) != 0 || st.st_size > SCRIPT_LIST_BYTES_MAX)
        return false;
    char *bytes = malloc((size_t)st.st_size + 1);
    bool ok = bytes && pread(fd, bytes, (size_t)st.st_size, 0) == st.st_size;
    struct reader r = {bytes, bytes + (ok ? st.st_size : 0)};
    while (ok && r.at < r.end)
        ok = read_one(s, &r);
    free(bytes);
    if (!ok)
        script_list_free(s);
    return ok;
}
