/* runner: the steward's other trade: it runs scripts for the agent, each as its configured user.
 *
 * Joined to the agent by a pair of SOCK_SEQPACKET sockets of its own; records as in steward.h.
 *
 *     RUN id, key        run that script (scripts.h); with it come three descriptors: its standard
 *                        input, its environment (a file in memory, of NUL-ended variables, all of
 *                        them MUSTER_*; PATH is the steward's), and its output
 *     STOP id            SIGTERM to its process group, which keeps its number until KILL
 *     KILL id            SIGKILL to its process group
 *     RELOAD id          read the configuration again
 *
 *     ENDED id, status   it has ended, as waitpid has it
 *     REFUSED id, error  it was not run: ENOENT, it is none of ours
 *     RELOADED id, error 0, or the list stays as it was; with EINVAL comes a descriptor: a file in
 *                        memory that says what is wrong with the configuration
 *
 * What may take its time is done in the script's own process, before it becomes the script: whether
 * others could change it (trust.h), and what its environment holds. What it is refused for it says
 * on its output, and ends with RUNNER_EXIT_NOT_RUN or RUNNER_EXIT_NOT_FOUND. */
#ifndef MUSTER_RUNNER_H
#define MUSTER_RUNNER_H

#include "agent/steward/script_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNNER_VERSION 1
#define RUNNER_RUNS_MAX SCRIPT_LIST_MAX /* at one time; one of each script */
#define RUNNER_FDS 3
#define RUNNER_ENV_BYTES_MAX 65536

#define RUNNER_EXIT_NOT_RUN 126   /* the script is there and cannot be run, as shells say it */
#define RUNNER_EXIT_NOT_FOUND 127 /* there is no such script, or its interpreter */

enum runner_request_kind { RUNNER_RUN = 1, RUNNER_STOP, RUNNER_KILL, RUNNER_RELOAD };
enum runner_report_kind { RUNNER_ENDED = 1, RUNNER_REFUSED, RUNNER_RELOADED };

struct runner_request {
    uint8_t version, kind, zero[2];
    uint32_t id;          /* of the run */
    uint64_t key;         /* RUN */
    uint64_t descriptors; /* RUN: how many it may have open */
};
_Static_assert(sizeof(struct runner_request) == 24, "no padding");

struct runner_report {
    uint8_t version, kind, zero[2];
    uint32_t id;
    int32_t value; /* ENDED: the status; else an errno */
    uint8_t spare[4];
};
_Static_assert(sizeof(struct runner_report) == 16, "no padding");

/* 0, or why it is no request: EMSGSIZE, EPROTO. */
int runner_request_check(const void *bytes, size_t count, struct runner_request *r);
int runner_report_check(const void *bytes, size_t count, struct runner_report *r);

#define RUNNER_ERROR_BYTES 512
/* Reads the configuration anew, as the operator would have it: for a process made for that. False
 * with `error` filled (RUNNER_ERROR_BYTES): it cannot be taken. */
typedef bool runner_load_fn(void *arg, struct script_list *into, char *error);

struct runner;

/* fd: our end (taken), non-blocking. load is called in a process of its own. NULL with errno. */
struct runner *runner_new(int fd, struct script_list *scripts, runner_load_fn *load, void *arg);
void runner_free(struct runner *r);

/* To be waited for, until it is readable; then a turn. */
int runner_fd(const struct runner *r);
void runner_turn(struct runner *r);
/* Has it read the configuration since this was last asked? */
bool runner_has_reloaded(struct runner *r);
/* The agent is gone. What runs is left to itself. */
bool runner_is_over(const struct runner *r);

#endif
