#include "agent/config/script_permission.h"

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

#define NO_FILE "name a path that leads to a file"
#define SHORTER "use a shorter path"

/* The way so far, and the names ahead. */
struct walk {
    const char *root;
    uid_t uid;
    char *reason;
    char at[PATH_MAX]; /* below root; without links and dots, no slash at the end, "" is root */
    char ahead[PATH_MAX];
    unsigned links;
};

static bool walk_refuse(const struct walk *w, const char *why, const char *advice)
{
    char shown[SHOWN_BYTES];
    text_escape(shown, sizeof shown, w->at[0] ? w->at : "/");
    snprintf(w->reason, SCRIPT_PERMISSION_REASON_BYTES, "%s: %s; %s", shown, why, advice);
    return false;
}

/* Puts the link's target before the names ahead. */
static bool walk_follow(struct walk *w, const char *full)
{
    char target[PATH_MAX];
    ssize_t bytes = readlink(full, target, sizeof target - 1);
    if (bytes < 0 || ++w->links > LINKS_MAX)
        return walk_refuse(w, strerror(bytes < 0 ? errno : ELOOP), NO_FILE);
    int len = snprintf(target + bytes, sizeof target - (size_t)bytes, "/%s", w->ahead);
    if (len < 0 || (size_t)len >= sizeof target - (size_t)bytes)
        return walk_refuse(w, strerror(ENAMETOOLONG), SHORTER);
    memcpy(w->ahead, target, (size_t)bytes + (size_t)len + 1);
    *(target[0] == '/' ? w->at : strrchr(w->at, '/')) = '\0';
    return true;
}

/* Checks what the walk has come to. */
static bool walk_check(struct walk *w)
{
    char full[2 * PATH_MAX], why[64];
    struct stat st;
    snprintf(full, sizeof full, "%s%s", w->root, w->at);
    if (lstat(full[0] ? full : "/", &st) != 0)
        return walk_refuse(w, strerror(errno), NO_FILE);
    if (st.st_uid != 0 && st.st_uid != w->uid) {
        snprintf(why, sizeof why, "belongs to another user, %ju", (uintmax_t)st.st_uid);
        return walk_refuse(w, why, "chown it to root");
    }
    if (S_ISLNK(st.st_mode))
        return walk_follow(w, full);
    bool sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX);
    return !(st.st_mode & (S_IWGRP | S_IWOTH)) || sticky ||
           walk_refuse(w, "can be written by others than its owner", "chmod go-w it");
}

/* Takes the next of the names ahead. False: that was the last. */
static bool walk_next(struct walk *w, char *name)
{
    size_t slashes = strspn(w->ahead, "/");
    size_t bytes = strcspn(w->ahead + slashes, "/");
    memcpy(name, w->ahead + slashes, bytes);
    name[bytes] = '\0';
    memmove(w->ahead, w->ahead + slashes + bytes, strlen(w->ahead + slashes + bytes) + 1);
    return bytes > 0;
}

static bool walk_step(struct walk *w, const char *name)
{
    size_t len = strlen(w->at);
    char *parent = strrchr(w->at, '/');
    if (strcmp(name, ".") == 0)
        return true;
    if (strcmp(name, "..") == 0) {
        if (parent)
            *parent = '\0';
        return true;
    }
    if (len + 1 + strlen(name) >= sizeof w->at)
        return walk_refuse(w, strerror(ENAMETOOLONG), SHORTER);
    snprintf(w->at + len, sizeof w->at - len, "/%s", name);
    return walk_check(w);
}

bool script_permission_check_below(const char *root, const char *path, uid_t uid, char *reason)
{
    struct walk w = {.root = root, .uid = uid, .reason = reason};
    char name[PATH_MAX];
    if (strlen(path) >= sizeof w.ahead)
        return walk_refuse(&w, strerror(ENAMETOOLONG), SHORTER);
    memcpy(w.ahead, path, strlen(path) + 1);
    bool ok = walk_check(&w);
    while (ok && walk_next(&w, name))
        ok = walk_step(&w, name);
    return ok;
}

bool script_permission_check(const char *path, uid_t uid, char *reason)
{
    return script_permission_check_below("", path, uid, reason);
}
