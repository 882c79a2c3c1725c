#include "agent/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
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

static bool fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(char *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, FOLDER_ERROR_BYTES, format, args);
    va_end(args);
    return false;
}

/* mkdir -p; `path` is a copy to be cut up. False with errno. */
static bool make_parts(char *path, mode_t mode)
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

bool folder_make(const char *path, mode_t mode)
{
    char *parts = strdup(path);
    bool made = parts && make_parts(parts, mode);
    int error = errno;
    free(parts);
    errno = error;
    return made;
}

/* Says who has the lock, as far as the file tells. */
static bool fail_locked(const struct folder *f, const char *option, char *error)
{
    char pid[PID_BYTES] = "";
    ssize_t n = pread(f->lock_fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    return fail(error,
                "%s: in use by another agent%s%s; stop that one, or choose another folder with %s",
                f->path, pid[0] ? ", pid " : "", pid, option);
}

static bool lock(struct folder *f, const char *option, char *error)
{
    f->lock_fd = openat(f->dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock_fd < 0)
        return fail(error,
                    "%s/" LOCK_FILE ": cannot be opened: %s; let the agent's user write there, or "
                    "choose another folder with %s",
                    f->path, strerror(errno), option);
    if (flock(f->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? fail_locked(f, option, error)
                                    : fail(error, "%s/" LOCK_FILE ": cannot be locked: %s", f->path,
                                           strerror(errno));
    /* Only for people: it is the lock that counts, so a full disk is not an error here. */
    char pid[PID_BYTES];
    int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(f->lock_fd, 0) == 0)
        (void)!pwrite(f->lock_fd, pid, (size_t)len, 0);
    return true;
}

static bool open_folder(struct folder *f, mode_t mode, const char *option, char *error)
{
    if (!folder_make(f->path, mode))
        return fail(error, "%s: cannot be made: %s; make it, or choose another folder with %s",
                    f->path, strerror(errno), option);
    f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir_fd < 0)
        return fail(error,
                    "%s: cannot be opened: %s; it must be a folder that the agent's user may write "
                    "to; or choose another with %s",
                    f->path, strerror(errno), option);
    return lock(f, option, error);
}

bool folder_open(struct folder *f, const char *path, mode_t mode, const char *option, char *error)
{
    *f = (struct folder){.path = path, .dir_fd = -1, .lock_fd = -1};
    if (open_folder(f, mode, option, error))
        return true;
    folder_close(f);
    return false;
}

void folder_close(struct folder *f)
{
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    if (f->dir_fd >= 0)
        close(f->dir_fd);
    f->lock_fd = f->dir_fd = -1;
}

bool folder_is_free(const char *path, const char *option, char *error)
{
    struct folder f = {.path = path, .dir_fd = -1, .lock_fd = -1};
    f.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f.dir_fd >= 0)
        f.lock_fd = openat(f.dir_fd, LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool taken = f.lock_fd >= 0 && flock(f.lock_fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (taken)
        fail_locked(&f, option, error);
    folder_close(&f);
    return !taken;
}

int folder_listen(const struct folder *f, const char *name, mode_t mode, gid_t group, char *error)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int len = snprintf(sa.sun_path, sizeof sa.sun_path, "%s/%s", f->path, name);
    if (len < 0 || (size_t)len >= sizeof sa.sun_path) {
        fail(error, "%s/%s: a socket's path has at most %zu bytes; choose a shorter folder",
             f->path, name, sizeof sa.sun_path - 1);
        return -1;
    }
    /* The folder's lock is ours, so that whoever made this socket is dead. */
    if (unlink(sa.sun_path) != 0 && errno != ENOENT) {
        fail(error, "%s: cannot be taken away to make room for a socket: %s", sa.sun_path,
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
    fail(error, "%s: cannot listen there: %s", sa.sun_path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
