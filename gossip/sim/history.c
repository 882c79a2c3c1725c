#include "gossip/sim/history.h"

#include "agent/base/array.h"

#include <stdlib.h>

void history_free(struct history *history)
{
    free(history->all);
}

void history_add(struct history *history, const struct net_event *event)
{
    ARRAY_MUST_RESERVE(history->all, history->capacity, history->count + 1);
    history->all[history->count++] = *event;
}

const char *history_kind_text(enum gossip_event_kind kind)
{
    static const char *const texts[] = {
        [GOSSIP_EVENT_JOIN] = "join",
        [GOSSIP_EVENT_SUSPECT] = "suspect",
        [GOSSIP_EVENT_FAILED] = "failed",
        [GOSSIP_EVENT_LEAVE] = "leave",
        [GOSSIP_EVENT_UPDATE] = "update",
        [GOSSIP_EVENT_UNREACHABLE] = "unreachable",
        [GOSSIP_EVENT_REACHABLE] = "reachable",
        [GOSSIP_EVENT_REAP] = "reap",
        [GOSSIP_EVENT_DATAGRAMS_LOST] = "datagrams-lost",
        [GOSSIP_EVENT_DATAGRAMS_PASS] = "datagrams-pass",
        [GOSSIP_EVENT_VIEWS_DIFFER] = "views-differ",
        [GOSSIP_EVENT_JOINED] = "joined",
        [GOSSIP_EVENT_MERGED] = "merged",
        [GOSSIP_EVENT_OTHER_VOTERS] = "other-voters",
        [GOSSIP_EVENT_SEEN_ELSEWHERE] = "seen-elsewhere",
        [GOSSIP_EVENT_NAME_TAKEN] = "name-taken",
        [GOSSIP_EVENT_ID_TAKEN] = "id-taken",
        [GOSSIP_EVENT_GONE] = "gone",
    };
    return texts[kind];
}
