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
    tag_match_free(&s->match);
    *s = (struct handler_spec){0};
}

static bool copy(char **into, const char *from)
{
    *into = from ? strdup(from) : NULL;
    return *into || !from;
}

static bool copy_account(struct account **into, const struct account *from)
{
    *into = from ? account_copy(from) : NULL;
    return *into || !from;
}

bool handler_spec_copy(struct handler_spec *into, const struct handler_spec *from)
{
    *into = (struct handler_spec){.kinds = from->kinds, .timeout_ms = from->timeout_ms};
    bool ok = copy(&into->name, from->name) && copy(&into->run, from->run) &&
              copy(&into->vip, from->vip) && copy(&into->user, from->user) &&
              copy_account(&into->account, from->account) &&
              tag_match_copy(&into->match, &from->match);
    if (!ok)
        handler_spec_free(into);
    return ok;
}
