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
    struct tag_match match; /* tags of the members whose changes it is for */
    char *run;              /* absolute path, run without a shell and without arguments */
    char *vip; /* this is the hook of that address, for changes on this host; or NULL */
    uint32_t timeout_ms;
    char *user;              /* NULL: the user of the steward */
    struct account *account; /* of `user`; NULL without one */
};

/* False: out of memory, and nothing to free. */
bool handler_spec_copy(struct handler_spec *into, const struct handler_spec *from);
/* Frees what it holds, and leaves it empty. */
void handler_spec_free(struct handler_spec *s);

#endif
