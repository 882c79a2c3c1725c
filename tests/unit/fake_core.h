/* fake_core: the host and the members that the control server asks, without protocol or network;
 * what it was asked to do is written down. The journal, the log and profiles are the real ones. */
#ifndef MUSTER_FAKE_CORE_H
#define MUSTER_FAKE_CORE_H

#include "agent/config/config.h"
#include "agent/control/control.h"
#include "agent/host.h"
#include "agent/scripts/handlers.h"

#define FAKE_JOINS_MAX 256
#define FAKE_NAME_BYTES 320

struct fake_join {
    char host[FAKE_NAME_BYTES];
    host_done_fn *done; /* NULL: answered, or forgotten */
    void *arg;
};

extern struct fake_core {
    struct host *host; /* with a base, a configuration, a journal and one member: ourselves, "a" */
    struct event_base *base;
    struct control_parts parts; /* of that host, and of nothing else */
    struct control *control;    /* is told of changes; NULL: nobody is */
    struct config config;
    struct fake_join joins[FAKE_JOINS_MAX];
    size_t joins_count;
    unsigned leaves, settles; /* a settle: a call that schedules one */
    bool leaving;
    host_change_fn *changed[HOST_MODULES]; /* as subscribed */
    void *changed_arg[HOST_MODULES];
    const char *lease_prefix; /* of the last host_on_lease */
    host_lease_fn *lease;
    void *lease_arg;
    char forgotten[FAKE_NAME_BYTES]; /* the last name, "NAME prune" with prune */
    enum gossip_error forget_error, set_tags_error;
    const char *waits_for;
    const char *reload_error; /* NULL: reloads succeed */
    int64_t now_us, step_us;  /* host_now_us: now, and by how much it moves at each look */
    uint64_t rtt_us;          /* gossip_detect_ms_min is then twice that, in milliseconds */
    struct gossip_explanation explanation;
} fake;

void fake_core_start(void);
void fake_core_stop(void);

/* A member at 10.0.0.N:7949, N its number, with incarnation 3 and generation 5; its id begins with
 * its name. tags as encoded. Borrowed, until it is changed. */
const struct gossip_member *fake_member_add(const char *name, enum gossip_status status,
                                            const char *tags, size_t tags_bytes);
/* The same, alive and partly unreachable. */
const struct gossip_member *fake_member_add_partly(const char *name);
/* Appends a change of that member to the journal and tells control. */
void fake_change(const struct gossip_member *member, enum event_kind kind);
/* A lease has changed: tells the module that asked for those of its prefix. False: none did. */
bool fake_lease_change(const struct leases_state *lease);
/* Tells a module of a change of that member, without a number or a line. */
void fake_tell(enum host_module module, enum event_kind kind, const struct gossip_member *member);
/* The n-th join that was asked for ends. */
void fake_join_end(size_t n, bool ok, const char *error);

#endif
