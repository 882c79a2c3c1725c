#include "agent/base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_BYTES 16384 /* one passwd record with all its strings */
#define GROUPS_MAX 65536   /* what Linux allows a process (NGROUPS_MAX) */

static bool account_find_groups(const char *user, struct account *a)
{
    int count = 0;
    getgrouplist(user, a->gid, NULL, &count);
    if (count <= 0 || count > GROUPS_MAX)
        return false;
    a->groups = calloc((size_t)count, sizeof *a->groups);
    if (!a->groups || getgrouplist(user, a->gid, a->groups, &count) < 0)
        return false;
    a->groups_count = (size_t)count;
    return true;
}

struct account *account_find(const char *user, const char **error)
{
    struct passwd record, *found = NULL;
    char strings[RECORD_BYTES];
    int failed = getpwnam_r(user, &record, strings, sizeof strings, &found);
    *error = NULL;
    if (!found) {
        if (failed != 0 && failed != ENOENT &&
            failed != ESRCH) /* these two say that it is unknown */
            *error = strerror(failed);
        return NULL;
    }
    struct account *a = calloc(1, sizeof *a);
    if (!a) {
        *error = "out of memory";
        return NULL;
    }
    a->uid = record.pw_uid;
    a->gid = record.pw_gid;
    if (account_find_groups(user, a))
        return a;
    *error = "its groups cannot be read";
    account_free(a);
    return NULL;
}

struct account *account_copy(const struct account *from)
{
    struct account *a = malloc(sizeof *a);
    gid_t *groups = calloc(from->groups_count, sizeof *groups);
    if (!a || !groups) {
        free(a);
        free(groups);
        return NULL;
    }
    memcpy(groups, from->groups, from->groups_count * sizeof *groups);
    *a = *from;
    a->groups = groups;
    return a;
}

void account_free(struct account *a)
{
    if (!a)
        return;
    free(a->groups);
    free(a);
}

bool account_become(const struct account *a)
{
    return a->uid == geteuid() ||
           (setgroups(a->groups_count, a->groups) == 0 && setresgid(a->gid, a->gid, a->gid) == 0 &&
            setresuid(a->uid, a->uid, a->uid) == 0);
}
