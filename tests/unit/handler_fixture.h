/* handler_fixture: handlers on a loop of their own, with real scripts in a folder of their own. */
#ifndef MUSTER_HANDLER_FIXTURE_H
#define MUSTER_HANDLER_FIXTURE_H

#include "agent/scripts/handlers.h"
#include "agent/scripts/runner_link.h"

#include <check.h>
#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#define DEADLINE_S 30

extern struct event_base *base;
extern struct journal *journal;
extern struct handlers *handlers; /* of the agent "self1" */

/* A test case of that name, with the fixture and a timeout, in the suite. */
TCase *fixture_case(Suite *s, const char *name);

/* Writes an executable shell script, which finds the folder in $D. Returns its path, as in_dir. */
char *script(const char *name, const char *body);
/* The path of a file in the folder; the last eight stay valid. */
char *in_dir(const char *name);
/* What such a file holds, "" if there is none; valid until the next call. */
const char *contents(const char *name);

/* A handler for all changes, with a timeout of DEADLINE_S. */
struct handler_spec spec(const char *name, const char *run);
/* Handlers take no constant strings, though they change none. */
char *lend(const char *text);
/* Has the runner know these, and configures them and no others. */
void know(const struct handler_spec *specs, size_t count);
/* Configures these and no others, of scripts that the runner knows. */
void take_on(const struct handler_spec *specs, size_t count);
/* A runner, and handlers, in place of those that there are. */
void begin_handlers(void);
/* As they were begun, to be begun again. */
void end_handlers(void);
/* Kills the runner, as a steward may be; fixture_on_lost (NULL: nobody) is told. */
void kill_runner(void);
extern runner_lost_fn *fixture_on_lost;
/* Configures this one and no other. */
void configure(struct handler_spec s);
/* Configures it, publishes one change, runs until it was run. */
void run_once(struct handler_spec s);

/* Appends a change of 2026-11-20T12:00:00.123Z and publishes it; takes the member's profile. */
const struct journal_entry *publish_member(enum event_kind kind, struct gossip_member m);
/* The same, an update of an untagged member. */
void publish(const char *name);

struct handler_stats stats(size_t index);

/* True if no such process runs, zombies not counted. */
bool is_gone(pid_t pid);

/* Runs the loop until `condition`, for DEADLINE_S at the most. */
#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        time_t run_deadline = time(NULL) + DEADLINE_S;                                             \
        while (!(condition) && time(NULL) <= run_deadline)                                         \
            event_base_loop(base, EVLOOP_ONCE);                                                    \
        ck_assert(condition);                                                                      \
    } while (0)

#endif
