/* runner_fixture: a runner in the test's own process, and the agent's end of its socket; with real
 * scripts in a folder of their own. */
#ifndef MUSTER_RUNNER_FIXTURE_H
#define MUSTER_RUNNER_FIXTURE_H

#include "agent/steward/runner.h"

#include <check.h>
#include <poll.h>
#include <time.h>

#define DEADLINE_S 30
#define TURN_MS 10
#define PATH_BYTES 128
#define SENT_FDS_MAX 8
#define DESCRIPTORS 64 /* that scripts may have open */
#define USUAL_ENV "MUSTER_Y=1"

/* It knows old.sh and gone.sh of the folder. When the configuration is read again there is new.sh
 * and nothing else, as soon as there is no file "waits"; and while there is one "broken", it cannot
 * be taken. */
extern struct runner *tested;
extern int agent_fd;
/* Of the requests that follow. */
extern uint64_t timeout_ms;

/* A test case of that name, with the fixture and a timeout, in the suite. */
TCase *fixture_case(Suite *s, const char *name);

/* The path of a file in the folder; the last four stay valid. */
char *in_dir(const char *name);
/* Writes an executable shell script, which finds the folder in $D. Returns its key. */
uint64_t script(const char *name, const char *body);
void touch(const char *name);
bool exists(const char *name);

struct runner_request request(enum runner_request_kind kind, uint32_t id);
/* Sends bytes, with descriptors (borrowed). */
void send_with(const void *bytes, size_t count, const int *fds, size_t fds_count);
/* Sends a request without descriptors. */
void ask(enum runner_request_kind kind, uint32_t id);
/* Has a script run with "input\n" as its input, with that environment, or with USUAL_ENV. */
void run_in(uint32_t id, uint64_t key, const void *env, size_t env_bytes);
void run(uint32_t id, uint64_t key);
/* What the script that was asked for last has said; valid until the next call. */
const char *output(void);
/* Closes what was sent with that. */
void close_sent(void);

/* Turns the runner once. The next report; kind 0: there is none now. */
struct runner_report told(void);
/* Turns the runner until it reports something, which is that. Returns its value. */
int expect(enum runner_report_kind kind, uint32_t id);
void expect_refused(uint32_t id, int error);
void expect_exit(uint32_t id, int status);

size_t open_fds(void);

/* Waits for a condition, for DEADLINE_S at the most; one that is to turn the runner asks told(). */
#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        time_t turn_end = time(NULL) + DEADLINE_S;                                                 \
        while (!(condition) && time(NULL) <= turn_end)                                             \
            poll(&(struct pollfd){.fd = runner_fd(tested), .events = POLLIN}, 1, TURN_MS);         \
    } while (0)

#endif
