/* agent: one running musterd: composes the modules, starts and stops them, and leaves. The modules
 * do not depend on the agent: what they share lies in host.h. */
#ifndef MUSTER_AGENT_H
#define MUSTER_AGENT_H

#include "agent/config/config.h"
#include "agent/host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;
struct attempts;
struct endpoint;
struct event;
struct events;
struct handlers;
struct leave;
struct locks;
struct peers;
struct quorum;
struct reloads;
struct runner_link;
struct steward_ends;
struct store;
struct vips;
struct worker;

/* Exit statuses beside EXIT_SUCCESS and EXIT_FAILURE; musterd.8 lists them. */
enum {
    AGENT_EXIT_CONFIGURATION = 2,
    AGENT_EXIT_TAKEN = 3,   /* the name or identity is in use: a restart does not help */
    AGENT_EXIT_STEWARD = 4, /* there is no steward: a restart helps */
};

struct agent {
    struct host *host;
    struct config *config;                /* in force; replaced by a reload */
    const struct config_options *options; /* for reloads (borrowed) */
    int steward_fd, runner_fd;            /* until their modules take them; then -1 */
    int control_fd, events_fd, rpc_fd;    /* likewise */
    struct worker *files;                 /* for the state directory and the configuration */
    struct event *files_ran;              /* readable: finished jobs to deliver */
    struct resolver *resolver;            /* for name look-ups, which may block for long */
    struct runner_link *runner;
    struct store *store;
    struct gossip *gossip;
    struct endpoint *endpoint;
    struct handlers *handlers;
    struct locks *locks;
    struct vips *vips;
    struct quorum *quorum;
    struct reloads *reloads;
    struct attempts *attempts;
    struct events *events;
    struct control *control;
    struct peers *peers;
    struct leave *leave;
    struct event *advise;     /* checks detect against measured round-trip times */
    struct event *watchdog;   /* systemd's; NULL without */
    struct event *signals[4]; /* SIGTERM, SIGINT, SIGHUP, SIGUSR1 */
    int64_t advised_us;       /* last advice about detect; 0: none yet */
    int exit_status;
};

/* A module of the agent. start: false with `error` filled (ERROR_BYTES); after that only stop may
 * be called. stop: also accepts a module that was not started, or only in part. */
struct agent_row {
    const char *name;
    bool (*start)(struct agent *a, char *error);
    void (*stop)(struct agent *a);
};
/* In order of start; they are stopped in reverse. */
extern const struct agent_row agent_rows[];
extern const size_t agent_rows_count;

/* Starts the rows in their order. config: taken; options: borrowed; steward: our ends of the
 * sockets to it (taken), each -1: there is none. False with `error` filled (ERROR_BYTES): one
 * row failed, and later rows are not started; after that only agent_stop may be called. */
bool agent_start(struct agent *a, const struct agent_row *rows, size_t count, struct config *config,
                 const struct config_options *options, const struct steward_ends *steward,
                 char *error);
/* Runs until a leave is done or the agent must stop; returns the exit status. */
int agent_run(struct agent *a);
/* Stops all rows in reverse, also with jobs under way. */
void agent_stop(struct agent *a, const struct agent_row *rows, size_t count);

/* Begins the graceful leave; the loop ends when it is done. */
void agent_leave(struct agent *a);

/* The steward is gone: begins the leave. arg: the agent. */
void agent_lost_steward(void *arg);

/* Rows of the table: the leave, and the agent's timers and signals. */
bool agent_start_leave(struct agent *a, char *error);
bool agent_watch(struct agent *a, char *error);
void agent_unwatch(struct agent *a);
/* The requests that control may make. */
struct control_requests;
extern const struct control_requests agent_requests;

#endif
