#include "agent/config/trust.h"

#include "agent/base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40    /* on one way, as Linux has it (path_resolution(7)) */
#define SHOWN_BYTES 200 /* of a path; longer ones are cut */

/* The way so far, and what lies ahead. */
struct walk {
    const char *root;
    uid_t uid;
    char *reason;
    char at[PATH_MAX]; /* below root; without links and dots, no slash at the end, "" is root */
    char rest[PATH_MAX];
    unsigned links;
};

static bool refuse(const struct walk *w, const char *why, const char *advice)
{
    char shown[SHOWN_BYTES];

    text_escape(shown, sizeof shown, w->at[0] != '\0' ? w->at : "/");
    snprintf(w->reason, TRUST_REASON_BYTES, "%s: %s; %s", shown, why, advice);
    return false;
}

static bool refuse_errno(const struct walk *w)
{
    return refuse(w, strerror(errno), "name a path that leads to a file");
}

static bool check_owner(const struct walk *w, const struct stat *st)
{
    char why[64];

    if (st->st_uid == 0 || st->st_uid == w->uid)
        return true;
    snprintf(why, sizeof why, "belongs to another user, %ju", (uintmax_t)st->st_uid);
    return refuse(w, why, "chown it to root");
}

static bool check_mode(const struct walk *w, const struct stat *st)
{
    bool shared = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
    bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

    return !shared || sticky || S_ISLNK(st->st_mode) ||
           refuse(w, "can be written by others than its owner", "chmod go-w it");
}

/* Puts what the link says before what lies ahead. */
static bool follow(struct walk *w, const char *full)
{
    char ahead[PATH_MAX];
    ssize_t bytes = readlink(full, ahead, sizeof ahead - 1);

    if (bytes < 0)
        return refuse_errno(w);
    if (++w->links > LINKS_MAX)
        return refuse(w, strerror(ELOOP), "name a path that leads to a file");
    int len = snprintf(ahead + bytes, sizeof ahead - (size_t)bytes, "/%s", w->rest);
    if (len < 0 || (size_t)len >= sizeof ahead - (size_t)bytes)
        return refuse(w, strerror(ENAMETOOLONG), "use a shorter path");
    memcpy(w->rest, ahead, (size_t)bytes + (size_t)len + 1);
    *(ahead[0] == '/' ? w->at : strrchr(w->at, '/')) = '\0';
    return true;
}

/* Looks at where the walk stands. */
static bool look(struct walk *w)
{
    char full[2 * PATH_MAX];
    struct stat st;

    snprintf(full, sizeof full, "%s%s", w->root, w->at);
    if (lstat(full[0] != '\0' ? full : "/", &st) != 0)
        return refuse_errno(w);
    return check_owner(w, &st) && check_mode(w, &st) && (!S_ISLNK(st.st_mode) || follow(w, full));
}

/* The next name that lies ahead; "": that was the last. */
static void next_name(struct walk *w, char *name)
{
    size_t slashes = strspn(w->rest, "/");
    size_t bytes = strcspn(w->rest + slashes, "/");

    memcpy(name, w->rest + slashes, bytes);
    name[bytes] = '\0';
    memmove(w->rest, w->rest + slashes + bytes, strlen(w->rest + slashes + bytes) + 1);
}

static bool step(struct walk *w, const char *name)
{
    size_t len = strlen(w->at);
    char *parent = strrchr(w->at, '/');

    if (strcmp(name, ".") == 0)
        return true;
    if (strcmp(name, "..") == 0) {
        if (parent != NULL)
            *parent = '\0';
        return true;
    }
    if (len + 1 + strlen(name) >= sizeof w->at)
        return refuse(w, strerror(ENAMETOOLONG), "use a shorter path");
    snprintf(w->at + len, sizeof w->at - len, "/%s", name);
    return look(w);
}

bool trust_check_below(const char *root, const char *path, uid_t uid, char *reason)
{
    struct walk w = {.root = root, .uid = uid, .reason = reason};
    char name[PATH_MAX];

    if (strlen(path) >= sizeof w.rest)
        return refuse(&w, strerror(ENAMETOOLONG), "use a shorter path");
    memcpy(w.rest, path, strlen(path) + 1);
    if (!look(&w))
        return false;
    for (next_name(&w, name); name[0] != '\0'; next_name(&w, name)) {
        if (!step(&w, name))
            return false;
    }
    return true;
}

bool trust_check(const char *path, uid_t uid, char *reason)
{
    return trust_check_below("", path, uid, reason);
}
