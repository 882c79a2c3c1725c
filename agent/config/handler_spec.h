/* handler_spec: what the configuration says of one handler. */
#ifndef MUSTER_HANDLER_SPEC_H
#define MUSTER_HANDLER_SPEC_H

#include "agent/base/account.h"
#include "agent/config/tag_match.h"

#include <stdbool.h>
#include <stdint.h>

/* Everything owned. */
struct handler_spec {
    char *name;
    unsigned kinds;         /* bit (1 << enum event_kind) for each in `on` */
    struct tag_match match; /* whose changes */
    char *run;              /* absolute path, run without a shell and without arguments */
    char *vip;              /* NULL; or it is that address's hook, and only for what happens here */
    uint32_t timeout_ms;
    char *user;              /* NULL: ours */
    struct account *account; /* that user's; NULL as well then */
};

/* False: out of memory, and nothing to free. */
bool handler_spec_copy(struct handler_spec *into, const struct handler_spec *from);
/* Frees what it holds, and leaves it empty. */
void handler_spec_free(struct handler_spec *s);

#endif
