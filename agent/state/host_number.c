#include "agent/state/host_number.h"

#include "gossip/fnv.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define NETWORK "/proc/self/ns/net"
enum { BOOT_ID_BYTES = 36 };

static bool add_boot_id(uint64_t *hash)
{
    char text[BOOT_ID_BYTES];
    int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    bool whole = fd >= 0 && read(fd, text, sizeof text) == sizeof text;
    if (fd >= 0)
        close(fd);
    if (whole)
        *hash = fnv(*hash, text, sizeof text);
    return whole;
}

/* Which file it is, and not what it holds: a copy is another one. */
static bool add_file(uint64_t *hash, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    *hash = fnv(*hash, &st.st_dev, sizeof st.st_dev);
    *hash = fnv(*hash, &st.st_ino, sizeof st.st_ino);
    return true;
}

uint32_t host_number(const char *state_dir)
{
    uint64_t hash = FNV_START;
    if (!add_boot_id(&hash) || !add_file(&hash, NETWORK) || !add_file(&hash, state_dir))
        return 0;
    uint32_t number = (uint32_t)(hash ^ hash >> 32);
    return number > 0 ? number : 1;
}
