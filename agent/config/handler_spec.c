#include "agent/config/handler_spec.h"

#include <stdlib.h>
#include <string.h>

void handler_spec_free(struct handler_spec *s)
{
    free(s->name);
    free(s->run);
    free(s->vip);
    free(s->user);
    account_free(s->account);
    *s = (struct handler_spec){0};
}

static bool spec_copy(char **into, const char *from)
{
    *into = from ? strdup(from) : NULL;
    return *into || !from;
}

bool handler_spec_copy(struct handler_spec *into, const struct handler_spec *from)
{
    *into = *from;
    into->account = from->account ? account_copy(from->account) : NULL;
    bool ok = !from->account || into->account;
    /* Each of them, so that nothing is shared when it is freed. */
    ok = spec_copy(&into->name, from->name) && ok;
    ok = spec_copy(&into->run, from->run) && ok;
    ok = spec_copy(&into->vip, from->vip) && ok;
    ok = spec_copy(&into->user, from->user) && ok;
    if (!ok)
        handler_spec_free(into);
    return ok;
}
