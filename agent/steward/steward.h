/* steward: the privileged half: it holds addresses until a time, for an agent that may do nothing.
 *
 * Agent and steward are joined by a pair of SOCK_SEQPACKET sockets; a record is one packet of fixed
 * size, in the host's own byte kind. The agent asks:
 *
 *     HOLD vip, epoch, until   hold it until then, or, if it is held, go on until then
 *     DROP vip                 remove it now
 *     ANNOUNCE vip             say on the link again that it is here, if it is
 *     PING                     say READY again
 *
 * and is told:
 *
 *     READY fence               once at first; and again if the fence (fence.h) is lost, or is back
 *     HELD vip, epoch          it is there, read back from the kernel, and announced; and the
 *                              answer to every HOLD by which it goes on
 *     DROPPED vip, why         it is gone, read back too; sooner or later the answer to a DROP
 *     FAILED vip, error        it could not be held, and nothing of it is left; or what was asked
 *                              is refused, and nothing has changed
 *     CONFLICT vip, mac        another host says that it has it; it is defended once in a while
 *                              (RFC 5227, 2.4 b), or else DROPPED follows
 *     RESTORED vip             somebody had removed it here; it was put back, and announced
 *
 * What is refused: see steward_request_check; ENXIO, there is no such address in the steward's
 * table (any more); ESTALE, an epoch below that of what is held; EBUSY, it is still being removed,
 * and DROPPED follows. The table is the configuration's, as the steward itself has read it at the
 * start and whenever it is to read it again: what is not in it then is dropped.
 *
 * Times are CLOCK_BOOTTIME in microseconds. The steward is a dead man's switch: when the time
 * passes, or the agent's end is closed, however that came about, the address goes. It is never
 * brought back by a late renewal: HOLD for an address whose time has passed begins anew, or with
 * STEWARD_RENEW is refused. Should the
 * steward itself be stopped or killed, the fence shuts at that time, and the kernel removes the
 * address at most two seconds after it. */
#ifndef MUSTER_AGENT_STEWARD_H
#define MUSTER_AGENT_STEWARD_H

#include "agent/steward/hold.h"
#include "agent/steward/runner.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STEWARD_NAME_BYTES_MAX 128
#define STEWARD_IP_BYTES 16 /* IPv6, or IPv4 mapped into it */
#define STEWARD_MAC_BYTES 6
#define STEWARD_VIPS_MAX 256
#define STEWARD_VERSION 1
/* The longest lease (LEASE_LENGTH_MS_MAX), and a second. */
#define STEWARD_AHEAD_US_MAX INT64_C(61000000)

/* What is not used of it is 0. */
struct steward_vip {
    char name[STEWARD_NAME_BYTES_MAX + 1];
    uint8_t ip[STEWARD_IP_BYTES];
    uint8_t prefix; /* of the family: at most 32, or 128 */
    char interface[IF_NAMESIZE];
};
struct vip_spec;
/* The address that the configuration describes, as records and the table name it. */
void steward_vip_describe(const struct vip_spec *spec, struct steward_vip *into);
/* By which it is called in records: the same for the same name, address and interface. Never 0. */
uint64_t steward_vip_key(const struct steward_vip *vip);

/* ---- records ---- */

enum steward_request_kind { STEWARD_HOLD = 1, STEWARD_DROP, STEWARD_ANNOUNCE, STEWARD_PING };

enum {
    STEWARD_PROBE = 1, /* HOLD: ask the link first whether another host has it */
    STEWARD_RENEW = 2, /* HOLD: only go on; FAILED with ESTALE if it is not held any more: what
                        * waited while the steward was stopped must not bring it back, for the
                        * agent may have given its lease back by then */
};

struct steward_request {
    uint8_t version, kind, flags, zero[5];
    uint64_t vip;     /* steward_vip_key; PING: 0 */
    uint64_t epoch;   /* HOLD */
    int64_t until_us; /* HOLD */
};
_Static_assert(sizeof(struct steward_request) == 32, "no padding");

enum steward_report_kind {
    STEWARD_READY = 1,
    STEWARD_HELD,
    STEWARD_DROPPED,
    STEWARD_FAILED,
    STEWARD_CONFLICT,
    STEWARD_RESTORED
};

struct steward_report {
    uint8_t version, kind;
    uint8_t reason; /* DROPPED: enum hold_reason */
    uint8_t flag;   /* READY: there is a fence; CONFLICT, FAILED: it is held or tried as before */
    int32_t error;  /* FAILED: an errno */
    uint64_t vip;   /* READY: 0 */
    uint64_t epoch; /* of what was held or asked for */
    uint8_t mac[STEWARD_MAC_BYTES]; /* CONFLICT */
    uint8_t zero[2];
};
_Static_assert(sizeof(struct steward_report) == 32, "no padding");

/* Looks at what came for a request, and copies it. 0, or why it is refused: EMSGSIZE (its size),
 * EPROTO (version, kind, flags, what must be 0), EINVAL (until_us is negative, or over
 * STEWARD_AHEAD_US_MAX ahead). One that has passed is in order: it ends what is held. *r is as far
 * filled as the size allows. */
int steward_request_check(const void *bytes, size_t count, int64_t now_us,
                          struct steward_request *r);
/* The same for a report: EMSGSIZE, EPROTO (version, kind, reason, flag, what must be 0). */
int steward_report_check(const void *bytes, size_t count, struct steward_report *r);
/* "held", "dropped" and so on; static text. */
const char *steward_report_text(enum steward_report_kind kind);

/* ---- the process ---- */

/* Addresses, and scripts, of a configuration. */
struct steward_plan {
    struct steward_vip vips[STEWARD_VIPS_MAX];
    size_t vips_count;
    struct script_list scripts;
};

/* Reads the configuration anew: as runner_load_fn. NULL: it is never read again. */
typedef bool steward_load_fn(void *arg, struct steward_plan *into, char *error);

/* The agent's ends of the sockets: non-blocking, closed at exec. */
struct steward_ends {
    int vips;    /* records as above */
    int scripts; /* runner.h */
};

/* Starts the steward. It keeps no descriptor but its ends and the standard three, removes what an
 * earlier life has left (addresses with NETLINK_MARK), keeps no capability but CAP_NET_ADMIN and
 * CAP_NET_RAW for addresses, and CAP_SETUID, CAP_SETGID and CAP_KILL for scripts, and ignores
 * SIGTERM, SIGINT and SIGHUP: it ends, in milliseconds, once every copy of the agent's end for
 * addresses is closed. plan: its scripts are freed here. To be called before the process has
 * threads. Without privileges it runs, and what it is asked fails with EPERM. Returns its pid, to
 * be waited for. -1 with errno: there is none.
 */
pid_t steward_fork(struct steward_plan *plan, steward_load_fn *load, void *load_arg,
                   struct steward_ends *ends);

/* What it does there; its ends are non-blocking. Returns the exit status, when the other end for
 * addresses is closed: not 0 if something could not be removed. */
int steward_run(const struct steward_ends *ends, struct steward_plan *plan, steward_load_fn *load,
                void *load_arg);

#endif
