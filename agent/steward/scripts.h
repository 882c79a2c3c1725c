/* scripts: which scripts may be run, and as whom: the steward's own list, from the configuration
 * that it reads itself. Whoever asks for a run names one by its key, and nothing else. */
#ifndef MUSTER_SCRIPTS_H
#define MUSTER_SCRIPTS_H

#include "agent/base/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPTS_MAX 512             /* more than handlers and addresses together can have */
#define SCRIPTS_BYTES_MAX (1 << 23) /* of a list on its way */

struct script {
    uint64_t key;
    char *path;
    struct account *account; /* NULL: as the steward itself */
};

/* All zero: none. */
struct scripts {
    struct script all[SCRIPTS_MAX];
    size_t count;
};

struct config;

/* The same path as the same user has the same key. */
uint64_t scripts_key(const char *path, const struct account *account);
/* NULL: it is none of them. */
const struct script *scripts_find(const struct scripts *s, uint64_t key);

/* Those of a configuration: handlers' and addresses'. False: out of memory; free what there is. */
bool scripts_take(struct scripts *s, const struct config *c);
void scripts_free(struct scripts *s);

/* For the way from one process to another of the same program. False: it cannot be written, or what
 * was read is no list, and *s is empty. */
bool scripts_write(const struct scripts *s, int fd);
bool scripts_read(struct scripts *s, int fd);

#endif
