/* agent: one running musterd: what the modules are to each other, and the few things that one asks
 * of another. Everything here runs on the loop's thread. */
#ifndef MUSTER_AGENT_H
#define MUSTER_AGENT_H

#include "agent/base/worker.h"
#include "agent/config/config.h"
#include "agent/events/events.h"
#include "agent/events/journal.h"
#include "agent/scripts/handler.h"
#include "agent/state/store.h"
#include "gossip/gossip.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct control;
struct dials;
struct locks;
struct quorum;
struct vips;
struct event;
struct event_base;
struct reload;
struct runner_link;
struct steward_ends;
struct stream;
struct udp;

struct agent {
    struct event_base *base;
    struct config *config;
    struct config_options options; /* for reloads */
    struct gossip *gossip;
    struct journal *journal;
    struct events *events;
    int steward_fd; /* until vips have it; -1 then */
    struct runner_link *runner;
    struct handlers *handlers;
    struct locks *locks;
    struct quorum *quorum;
    struct vips *vips;
    struct control *control;
    struct dials *dials;
    TAILQ_HEAD(reload_list, reload) reloads; /* the first is under way, others wait for it */
    struct store *store;
    struct worker *worker;   /* for files */
    struct worker *resolver; /* for name look-ups, which take as long as they take */
    struct event *worker_ran, *resolver_ran; /* each has jobs to hand back */
    struct udp *udp;
    struct stream *stream;
    struct event *deadline;   /* a timerfd, set to deadline_us */
    struct event *hand_over;  /* the addresses are waited for no longer */
    struct event *save;       /* the members' addresses, a moment after a change */
    struct event *look;       /* now and then, at how long answers take */
    struct event *watchdog;   /* systemd's; NULL without */
    struct event *signals[3]; /* SIGTERM, SIGINT, SIGHUP */
    int64_t deadline_us;
    int64_t started_us;
    int64_t saved_us;   /* the addresses to rejoin by; 0: not yet */
    int64_t advised_us; /* that detect cannot be kept; 0: not yet */
    bool leaving;       /* or stopping without */
    bool left;          /* has said so */
    int exit_status;
};

/* Starts everything that `config` says (taken). steward: our ends of the sockets to the steward
 * (taken), each -1: there is none. False with `error` filled (AGENT_ERROR_BYTES); the
 * agent is then only to be stopped. */
#define AGENT_ERROR_BYTES 512
bool agent_start(struct agent *a, struct config *config, const struct config_options *options,
                 const struct steward_ends *steward, char *error);
/* Runs until a leave is done or the agent must stop; returns the exit status. */
int agent_run(struct agent *a);
void agent_stop(struct agent *a);

/* What wakes the agent up: times and signals. For agent_start and agent_stop. */
void agent_watch(struct agent *a);
void agent_unwatch(struct agent *a);

/* Microseconds on CLOCK_BOOTTIME: suspended time counts, so that waking up is seen as a stall. */
int64_t agent_now_us(void);

/* Sends what the core wants sent, tells what it has to tell, arms its next deadline. Call after
 * every gossip_ call that takes now_us. */
void agent_settle(struct agent *a);

/* Tells of a change: of a member, which may be ourselves, or of an address (NULL: of none). */
void agent_publish(struct agent *a, enum event_kind kind, const struct gossip_member *member,
                   const struct journal_vip *vip);

/* How something asked for has ended, told once; error: text, borrowed, when not ok. */
typedef void agent_done_fn(void *arg, bool ok, const char *error);

/* Looks HOST[:PORT] up off the loop and dials it: ok after an answer from there, at the latest
 * after AGENT_JOIN_TIMEOUT_MS. */
#define AGENT_JOIN_TIMEOUT_MS 5000
void agent_join(struct agent *a, const char *host, agent_done_fn *done, void *arg);

/* As SIGHUP: reads the configuration off the loop and takes it on. Not ok: the old one stays. */
void agent_reload(struct agent *a, agent_done_fn *done, void *arg);

/* Forgets everyone who waits with this arg; done is not called for them. */
void agent_forget(struct agent *a, const void *arg);

/* There is no steward any more. Whoever has somebody to start it again (systemd) leaves for that.
 */
void agent_lost_steward(struct agent *a);

/* Begins the graceful leave; the loop ends when it is done. */
void agent_leave(struct agent *a);

#endif
