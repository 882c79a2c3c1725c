/* scripts: which scripts may be run, and as whom: the steward's own list, from the configuration
 * that it reads itself. A request for a run names one by its key, and nothing else. */
#ifndef MUSTER_SCRIPT_LIST_H
#define MUSTER_SCRIPT_LIST_H

#include "agent/base/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_LIST_MAX 512             /* more than handlers and addresses together can have */
#define SCRIPT_LIST_BYTES_MAX (1 << 23) /* of a list on its way */

struct script {
    uint64_t key;
    char *path;
    struct account *account; /* NULL: as the steward itself */
};

/* All zero: none. */
struct script_list {
    struct script all[SCRIPT_LIST_MAX];
    size_t count;
};

struct config;

/* The same path as the same user has the same key. */
uint64_t script_key(const char *path, const struct account *account);
/* NULL: it is none of them. */
const struct script *script_list_find(const struct script_list *s, uint64_t key);

/* Those of a configuration: handlers' and addresses'. False: out of memory; free what there is. */
bool script_list_fill(struct script_list *s, const struct config *c);
void script_list_free(struct script_list *s);
/* Moves all of `from` to `into`, as far as there is room; from is empty then. */
void script_list_merge(struct script_list *into, struct script_list *from);

/* For the way from one process to another of the same program. False: it cannot be written, or what
 * was read is no list, and *s is empty. */
bool script_list_write(const struct script_list *s, int fd);
bool script_list_read(struct script_list *s, int fd);

#endif
