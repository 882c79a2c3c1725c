#include "agent/base/directory.h"

#include "agent/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_FILE "lock"

enum { PID_BYTES = 16, LISTEN_BACKLOG = 1024 };

/* mkdir -p; `path` is a copy to be cut up. False with errno. */
static bool directory_make_parts(char *path, mode_t mode)
{
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = '\0';
    for (char *slash = strchr(path + strspn(path, "/"), '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = mkdir(path, 0755) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made)
            return false;
    }
    return mkdir(path, mode) == 0 || errno == EEXIST;
}

bool directory_make(const char *path, mode_t mode)
{
    char *parts = strdup(path);
    bool made = parts && directory_make_parts(parts, mode);
    int error = errno;
    free(parts);
    errno = error;
    return made;
}

/* Names the process that holds the lock, if the file says so. */
static bool directory_report_lock(const struct directory *d, const char *option, char *error)
{
    char pid[PID_BYTES] = "";
    ssize_t n = pread(d->lock_fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    return error_set(
        error,
        "%s: in use by another agent%s%s; stop that one, or choose another directory with %s",
        d->path, pid[0] ? ", pid " : "", pid, option);
}

static bool directory_lock(struct directory *d, const char *option, char *error)
{
    d->lock_fd = openat(d->dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock_fd < 0)
        return error_set(error,
                         "%s/" LOCK_FILE
                         ": cannot be opened: %s; let the agent's user write there, or "
                         "choose another directory with %s",
                         d->path, strerror(errno), option);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? directory_report_lock(d, option, error)
                                    : error_set(error, "%s/" LOCK_FILE ": cannot be locked: %s",
                                                d->path, strerror(errno));
    /* Only for people: it is the lock that counts, so a full disk is not an error here. */
    char pid[PID_BYTES];
    int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(d->lock_fd, 0) == 0)
        (void)!pwrite(d->lock_fd, pid, (size_t)len, 0);
    return true;
}

static bool directory_open_and_lock(struct directory *d, mode_t mode, const char *option,
                                    char *error)
{
    if (!directory_make(d->path, mode))
        return error_set(
            error, "%s: cannot be created: %s; create it, or choose another directory with %s",
            d->path, strerror(errno), option);
    d->dir_fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->dir_fd < 0)
        return error_set(
            error,
            "%s: cannot be opened: %s; it must be a directory that the agent's user may write "
            "to; or choose another with %s",
            d->path, strerror(errno), option);
    return directory_lock(d, option, error);
}

bool directory_open(struct directory *d, const char *path, mode_t mode, const char *option,
                    char *error)
{
    *d = (struct directory){.path = path, .dir_fd = -1, .lock_fd = -1};
    if (directory_open_and_lock(d, mode, option, error))
        return true;
    directory_close(d);
    return false;
}

void directory_close(struct directory *d)
{
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    if (d->dir_fd >= 0)
        close(d->dir_fd);
    d->lock_fd = d->dir_fd = -1;
}

bool directory_is_free(const char *path, const char *option, char *error)
{
    struct directory d = {.path = path, .dir_fd = -1, .lock_fd = -1};
    d.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d.dir_fd >= 0)
        d.lock_fd = openat(d.dir_fd, LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool taken = d.lock_fd >= 0 && flock(d.lock_fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (taken)
        directory_report_lock(&d, option, error);
    directory_close(&d);
    return !taken;
}

int directory_listen(const struct directory *d, const char *name, mode_t mode, gid_t group,
                     char *error)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int len = snprintf(sa.sun_path, sizeof sa.sun_path, "%s/%s", d->path, name);
    if (len < 0 || (size_t)len >= sizeof sa.sun_path) {
        error_set(error, "%s/%s: a socket's path has at most %zu bytes; choose a shorter directory",
                  d->path, name, sizeof sa.sun_path - 1);
        return -1;
    }
    /* We hold the directory's lock: the process that made this socket is dead. */
    if (unlink(sa.sun_path) != 0 && errno != ENOENT) {
        error_set(error, "%s: cannot be removed to make room for a socket: %s", sa.sun_path,
                  strerror(errno));
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t old = umask(0177);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0;
    umask(old);
    if (bound && (group == (gid_t)-1 || chown(sa.sun_path, (uid_t)-1, group) == 0) &&
        chmod(sa.sun_path, mode) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    error_set(error, "%s: cannot listen there: %s", sa.sun_path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
