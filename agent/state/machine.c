#include "agent/state/machine.h"

#include "gossip/fnv.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SALT "muster machine"
enum {
    PATH_BYTES = 512,
    ID_BYTES = 32,
    UUID_BYTES = 36, /* with its dashes */
};

/* The hash of a file of that many hexadecimal digits and dashes, and nothing else but a newline; 0:
 * it is not there, not readable, or not that ("uninitialized", of systemd). */
static uint64_t machine_hash(const char *root, const char *name, size_t bytes)
{
    char path[PATH_BYTES], text[UUID_BYTES + 2];
    snprintf(path, sizeof path, "%s%s", root, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0)
        close(fd);
    if (got > 0 && text[got - 1] == '\n')
        got--;
    if (got != (ssize_t)bytes)
        return 0;
    for (size_t i = 0; i < bytes; i++) {
        if (!isxdigit((unsigned char)text[i]) && text[i] != '-')
            return 0;
        text[i] = (char)tolower((unsigned char)text[i]);
    }
    return fnv(fnv(FNV_START, SALT, sizeof SALT), text, bytes);
}

struct machine machine_read(const char *root)
{
    return (struct machine){
        .id = machine_hash(root, "/etc/machine-id", ID_BYTES),
        .board = machine_hash(root, "/sys/class/dmi/id/product_uuid", UUID_BYTES),
    };
}

static bool machine_part_differs(uint64_t a, uint64_t b)
{
    return a != 0 && b != 0 && a != b;
}

bool machine_differs(const struct machine *a, const struct machine *b)
{
    return machine_part_differs(a->id, b->id) || machine_part_differs(a->board, b->board);
}
