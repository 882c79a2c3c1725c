#include "agent/privilege.h"

#include "agent/base/directory.h"
#include "agent/base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- directories ---- */

/* A file that agents keep in their directories, also set aside or half written. */
static bool privilege_is_ours(const char *name)
{
    static const char *const names[] = {"lock",         "identity",    "machine", "peers", "leases",
                                        "control.sock", "events.sock", ".",       ".."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t bytes = strlen(names[i]);
        if (strncmp(name, names[i], bytes) == 0 &&
            (name[bytes] == '\0' || (names[i][0] != '.' && name[bytes] == '.')))
            return true;
    }
    return false;
}

/* A file that has another name elsewhere may be anything. */
static bool privilege_give_file(int dir_fd, const char *name, uid_t uid, gid_t gid)
{
    struct stat st;
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP || errno == ENXIO || errno == ENOENT; /* links, sockets */
    bool ok = fstat(fd, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_nlink != 1 ||
                                      fchown(fd, uid, gid) == 0);
    close(fd);
    return ok;
}

/* False with errno; 0: something else is in it. */
static bool privilege_holds_only_ours(DIR *dir)
{
    const struct dirent *entry;
    rewinddir(dir);
    errno = 0;
    while ((entry = readdir(dir)) && privilege_is_ours(entry->d_name))
        continue;
    return !entry && errno == 0;
}

static bool privilege_give_files(DIR *dir, uid_t uid, gid_t gid)
{
    const struct dirent *entry;
    bool ok = true;
    rewinddir(dir);
    while (ok && (entry = readdir(dir)))
        ok = privilege_give_file(dirfd(dir), entry->d_name, uid, gid);
    return ok;
}

/* Files may be root's where the directory is the user's already: an agent with -k made them. */
static bool privilege_give_open(DIR *dir, uid_t uid, gid_t gid)
{
    struct stat st;
    if (fstat(dirfd(dir), &st) != 0)
        return false;
    if (st.st_uid != 0 && st.st_uid != uid)
        return true;
    if (!privilege_holds_only_ours(dir))
        return errno == 0;
    return privilege_give_files(dir, uid, gid) &&
           (st.st_uid == uid || fchown(dirfd(dir), uid, gid) == 0);
}

bool privilege_give(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    if (!directory_make(path, mode))
        return false;
    DIR *dir = opendir(path);
    /* Root without all capabilities cannot open the user's directory: it is handed over already. */
    bool ok = dir ? privilege_give_open(dir, uid, gid) : errno == EACCES;
    int error = errno;
    if (dir)
        closedir(dir);
    errno = error;
    return ok;
}

/* ---- the user ---- */

static bool privilege_fail(char *error, const char *what, const char *name, const char *why)
{
    return error_set(error, "%s \"%s\": %s", what, name, why);
}

/* In the account's groups, and in that of control, so that it can give its socket to that group. */
static bool privilege_become(const struct account *a, const char *control_group)
{
    struct account with = *a;
    with.groups = calloc(a->groups_count + 1, sizeof *with.groups);
    if (!with.groups)
        return false;
    memcpy(with.groups, a->groups, a->groups_count * sizeof *with.groups);
    const struct group *control = control_group ? getgrnam(control_group) : NULL;
    if (control)
        with.groups[with.groups_count++] = control->gr_gid;
    bool ok = account_become(&with);
    free(with.groups);
    return ok;
}

bool privilege_drop(const struct config *config, char *error)
{
    const struct account *a = config->account;
    if (!a || a->uid == geteuid())
        return true;
    if (!privilege_give(config->run_dir, DIRECTORY_RUN_MODE, a->uid, a->gid))
        return privilege_fail(error, "run directory", config->run_dir, strerror(errno));
    if (!privilege_give(config->state_dir, DIRECTORY_STATE_MODE, a->uid, a->gid))
        return privilege_fail(error, "state directory", config->state_dir, strerror(errno));
    if (!privilege_become(a, config->control_group) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return privilege_fail(error, "cannot become user", config->user, strerror(errno));
    return true;
}
