#include "agent/state/statefile.h"

#include "gossip/fnv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 32 /* of our few file names, with a suffix */

void statefile_add(struct statefile *f, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(f->bytes + f->len, sizeof f->bytes - f->len, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof f->bytes - f->len);
    f->len += (size_t)n;
}

/* Each step is one-to-one in the sum so far, so that no change of a single byte
 * goes unseen. It guards against accidents, not against intent. */
static uint64_t sum_of(const struct statefile *f)
{
    return fnv(FNV_START, f->bytes, f->len);
}

void statefile_seal(struct statefile *f)
{
    statefile_add(f, "sum %016" PRIx64 "\n", sum_of(f));
}

bool statefile_same(const struct statefile *a, const struct statefile *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* 0, or the errno of what is wrong with it. */
static int read_all(int fd, struct statefile *f)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EFBIG;
    for (;;) {
        ssize_t n = read(fd, f->bytes + f->len, sizeof f->bytes - f->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        f->len += (size_t)n;
        if (f->len == sizeof f->bytes)
            return EFBIG; /* no room for the NUL either */
        if (n == 0)
            return 0;
    }
}

bool statefile_read(int dir_fd, const char *name, struct statefile *f)
{
    /* Never through a link, as writing would replace the link; and a FIFO must not hold us up. */
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    int error = fd < 0 ? errno : 0;

    f->len = 0;
    if (error == ELOOP || error == ENXIO) /* a link, a socket */
        error = EFBIG;
    if (fd >= 0) {
        error = read_all(fd, f);
        close(fd);
    }
    if (error != 0)
        f->len = 0;
    f->bytes[f->len] = '\0';
    errno = error;
    return error == 0;
}

static bool write_all(int fd, const char *bytes, size_t len)
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

bool statefile_write(int dir_fd, const char *name, const struct statefile *f)
{
    char new_name[NAME_BYTES];

    snprintf(new_name, sizeof new_name, "%s.new", name);
    int fd = openat(dir_fd, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, f->bytes, f->len) && fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return ok && renameat(dir_fd, new_name, dir_fd, name) == 0 && fsync(dir_fd) == 0;
}

bool statefile_set_aside(int dir_fd, const char *name)
{
    char bad_name[NAME_BYTES];

    snprintf(bad_name, sizeof bad_name, "%s.bad", name);
    return renameat(dir_fd, name, dir_fd, bad_name) == 0;
}
