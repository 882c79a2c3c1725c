#include "agent/base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_name {
    char text[FILE_NAME_BYTES_MAX + sizeof ".new"];
};

static struct file_name file_with_suffix(const char *name, const char *suffix)
{
    struct file_name with;
    int n = snprintf(with.text, sizeof with.text, "%s%s", name, suffix);
    assert(n > 0 && (size_t)n < sizeof with.text);
    return with;
}

/* 0, or the errno of what is wrong with it. */
static int file_read_open(int fd, char *bytes, size_t size, size_t *len)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EFBIG;
    for (;;) {
        ssize_t n = read(fd, bytes + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        *len += (size_t)n;
        if (*len == size)
            return EFBIG; /* no room for the NUL either */
        if (n == 0)
            return 0;
    }
}

bool file_read(int dir_fd, const char *name, char *bytes, size_t size, size_t *len)
{
    /* Never through a link, as writing would replace the link; and a FIFO must not hold us up. */
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    int error = fd < 0 ? errno : 0;
    *len = 0;
    if (error == ELOOP || error == ENXIO) /* a link, a socket */
        error = EFBIG;
    if (fd >= 0) {
        error = file_read_open(fd, bytes, size, len);
        close(fd);
    }
    if (error != 0)
        *len = 0;
    bytes[*len] = '\0';
    errno = error;
    return error == 0;
}

static bool file_write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return true;
}

bool file_replace(int dir_fd, const char *name, const char *bytes, size_t len)
{
    struct file_name new = file_with_suffix(name, ".new");
    int fd = openat(dir_fd, new.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool ok = file_write_all(fd, bytes, len) && fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return ok && renameat(dir_fd, new.text, dir_fd, name) == 0 && fsync(dir_fd) == 0;
}

bool file_set_aside(int dir_fd, const char *name)
{
    return renameat(dir_fd, name, dir_fd, file_with_suffix(name, ".bad").text) == 0;
}

bool file_was_set_aside(int dir_fd, const char *name)
{
    struct stat st;
    return fstatat(dir_fd, file_with_suffix(name, ".bad").text, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
           errno != ENOENT;
}
