#include "agent/config/quorum_spec.h"

#include <string.h>

bool quorum_spec_has(const struct quorum_spec *s, const char *voter)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->voters[i], voter) == 0)
            return true;
    }
    return false;
}
