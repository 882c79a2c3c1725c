#include "agent/config/event_kind.h"

#include <assert.h>
#include <string.h>

#define EVENT_KIND_TEXT(name, text) [name] = text,
static const char *const kind_texts[] = {EVENT_KINDS(EVENT_KIND_TEXT)};
#undef EVENT_KIND_TEXT

const char *event_kind_text(enum event_kind kind)
{
    assert(kind < EVENT_KINDS_COUNT);
    return kind_texts[kind];
}

bool event_kind_parse(const char *text, enum event_kind *kind)
{
    for (unsigned k = 0; k < EVENT_KINDS_COUNT; k++) {
        if (strcmp(text, kind_texts[k]) == 0) {
            *kind = (enum event_kind)k;
            return true;
        }
    }
    return false;
}

bool event_kind_is_of_member(enum event_kind kind)
{
    return kind < EVENT_VIP_ACQUIRED;
}
