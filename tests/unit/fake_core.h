/* fake_core: the agent and the members that the control server asks, without protocol or network;
 * what it was asked to do is written down. The journal, the log and profiles are the real ones. */
#ifndef MUSTER_FAKE_CORE_H
#define MUSTER_FAKE_CORE_H

#include "agent/agent.h"

#define FAKE_JOINS_MAX 256
#define FAKE_NAME_BYTES 320

struct fake_join {
    char host[FAKE_NAME_BYTES];
    agent_done_fn *done; /* NULL: answered, or forgotten */
    void *arg;
};

extern struct fake_core {
    struct agent agent; /* with a base, a configuration, a journal and one member: ourselves, "a" */
    struct config config;
    struct fake_join joins[FAKE_JOINS_MAX];
    size_t joins_count;
    unsigned leaves, settles;
    char forgotten[FAKE_NAME_BYTES]; /* the last name, "NAME prune" with prune */
    enum gossip_error forget_error, set_tags_error;
    const char *reload_error; /* NULL: reloads succeed */
    int64_t now_us, step_us;  /* agent_now_us: now, and by how much it moves at each look */
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
/* The n-th join that was asked for ends. */
void fake_join_end(size_t n, bool ok, const char *error);

#endif
