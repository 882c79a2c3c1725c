/* steward: the privileged process. It holds addresses until a time and runs scripts, for an agent
 * that may do neither; steward_protocol.h has the requests and reports.
 *
 * Times are CLOCK_BOOTTIME in microseconds. The steward is a dead man's switch: an address goes
 * when its time passes. A late renewal never brings it back: HOLD for an address whose time has
 * passed begins anew, or is refused with STEWARD_RENEW. Should the steward itself be stopped or
 * killed, the fence shuts at that time, and the guard (steward_guard.h) removes the address a
 * second after it.
 *
 * An agent that ends in order sends QUIT: everything is removed at once. When the agent's end of
 * the socket closes without it, the agent has died: its leases are good to their end, and so the
 * steward holds each address to its time, and ends after the last. A steward that is started before
 * that takes over what is held (handover.h). */
#ifndef MUSTER_AGENT_STEWARD_H
#define MUSTER_AGENT_STEWARD_H

#include "agent/steward/handover.h"
#include "agent/steward/runner.h"
#include "agent/steward/steward_protocol.h"

#include <sys/types.h>

/* Addresses, and scripts, of a configuration. */
struct steward_plan {
    char handover[HANDOVER_NAME_BYTES]; /* "": none is given, or taken */
    struct steward_vip vips[STEWARD_VIPS_MAX];
    size_t vips_count;
    struct script_list scripts;
};

/* Reads the configuration anew: as runner_load_fn. NULL: it is never read again. */
typedef bool steward_load_fn(void *arg, struct steward_plan *into, char *error);

/* The agent's ends of the sockets: non-blocking, closed at exec. */
struct steward_ends {
    int vips;    /* records about addresses */
    int scripts; /* records about scripts */
};

/* Starts the steward. It keeps no descriptor but its ends and the standard three, takes over what
 * an earlier steward holds, removes what is left of one that is gone (addresses with
 * NETLINK_MARK), keeps no capability but CAP_NET_ADMIN and
 * CAP_NET_RAW for addresses, and CAP_SETUID, CAP_SETGID and CAP_KILL for scripts, and ignores
 * SIGTERM, SIGINT and SIGHUP. plan: its scripts are freed here. To be called before the process has
 * threads. Without privileges it runs, and what it is asked fails with EPERM. Returns its pid, to
 * be waited for. -1 with errno: there is none.
 */
pid_t steward_fork(struct steward_plan *plan, steward_load_fn *load, void *load_arg,
                   struct steward_ends *ends);

/* What it does there; its ends are non-blocking. Returns the exit status: not 0 if something could
 * not be removed. */
int steward_run(const struct steward_ends *ends, struct steward_plan *plan, steward_load_fn *load,
                void *load_arg);

#endif
