/* event_kind: the names of events in `on = {...}`, on events.sock and in MUSTER_EVENT. */
#ifndef MUSTER_EVENT_KIND_H
#define MUSTER_EVENT_KIND_H

#include <stdbool.h>

#define EVENT_KINDS(X)                                                                             \
    X(EVENT_MEMBER_JOIN, "member-join")                                                            \
    X(EVENT_MEMBER_LEAVE, "member-leave")                                                          \
    X(EVENT_MEMBER_FAILED, "member-failed")                                                        \
    X(EVENT_MEMBER_UPDATE, "member-update")                                                        \
    X(EVENT_MEMBER_REAP, "member-reap")                                                            \
    X(EVENT_MEMBER_SUSPECT, "member-suspect")                                                      \
    X(EVENT_MEMBER_UNREACHABLE, "member-unreachable")                                              \
    X(EVENT_MEMBER_REACHABLE, "member-reachable")                                                  \
    X(EVENT_VIP_ACQUIRED, "vip-acquired")                                                          \
    X(EVENT_VIP_RELEASED, "vip-released")                                                          \
    X(EVENT_VIP_CONFLICT, "vip-conflict")                                                          \
    X(EVENT_VIP_RESTORED, "vip-restored")                                                          \
    X(EVENT_QUORUM_LOST, "quorum-lost")                                                            \
    X(EVENT_QUORUM_REGAINED, "quorum-regained")

#define EVENT_KIND_ENUM(name, text) name,
enum event_kind { EVENT_KINDS(EVENT_KIND_ENUM) EVENT_KINDS_COUNT };
#undef EVENT_KIND_ENUM

/* "member-join" for EVENT_MEMBER_JOIN; a constant. */
const char *event_kind_text(enum event_kind kind);
/* False: no event has that name, and *kind is unchanged. */
bool event_kind_parse(const char *text, enum event_kind *kind);

/* True: the event is about a member; false: about an address or the quorum. */
bool event_kind_is_of_member(enum event_kind kind);

#endif
