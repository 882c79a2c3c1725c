#include "agent/config/quorum_spec.h"

#include <stdlib.h>
#include <string.h>

void quorum_spec_init(struct quorum_spec *s)
{
    *s = (struct quorum_spec){.version = 1};
}

void quorum_spec_free(struct quorum_spec *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->voters[i]);
    quorum_spec_init(s);
}

bool quorum_spec_has(const struct quorum_spec *s, const char *voter)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->voters[i], voter) == 0)
            return true;
    }
    return false;
}
