/* steward_protocol: the records that agent and steward send each other.
 *
 * Two pairs of SOCK_SEQPACKET sockets join the two processes: one for addresses, one for scripts. A
 * record is one packet of fixed size, in the host's byte order, and is checked as a whole.
 *
 * Addresses. The agent requests:
 *
 *     HOLD vip, epoch, until   hold the address until then; if it is held, hold it on until then
 *     DROP vip                 remove it now
 *     ANNOUNCE vip             announce it on the link again, if it is held
 *     PING                     send READY again
 *     QUIT                     the agent ends in order: remove every address, and end
 *
 * The steward reports:
 *
 *     READY fence              once at first, and again if the fence (fence.h) is lost or is back
 *     HELD vip, epoch          the address is there, read back from the kernel, and announced;
 *                              also the answer to each HOLD that renews
 *     DROPPED vip, reason      the address is gone, read back too; also the answer to a DROP
 *     FAILED vip, error, part  that part could not be added, and nothing of the vip is left; or the
 *                              request is refused and nothing has changed
 *     CONFLICT vip, mac        another host claims the address; it is defended once in a while
 *                              (RFC 5227, 2.4 b), or else DROPPED follows
 *     RESTORED vip             somebody had removed the address here; it was put back and announced
 *     ADOPTED vip, epoch       the address is held since an earlier life of the agent, under that
 *                              epoch, and until the end of that life's last HOLD; a HOLD renews it
 *     ELIGIBILITY vip, reason, part, where
 *                              why this host could not hold the vip now; reason NONE: it could.
 * Sent for each vip of the table at first and at each COMMIT, and when it changes
 *
 * A vip is one or more addresses, each on an interface, with the routes and rules that come with
 * them: all of it is held, or nothing. HELD says that all parts were read back from the kernel.
 *
 * Errors of a refusal: those of steward_request_check; ENXIO, the steward's table does not have the
 * address (any more); ESTALE, an epoch below that of what is held; EBUSY, the address is still
 * being removed, and DROPPED follows. The table is the configuration's: the steward reads it
 * itself, at the start and at each RELOAD, and drops at COMMIT what is not in it then. What is the
 * same but for its routes, rules and tracked interfaces is held on, with the new ones.
 *
 * Scripts. The agent requests:
 *
 *     RUN id, key, timeout
 *                        run that script of the list (script_list.h); three descriptors come along:
 *                        standard input, environment (a file in memory, of NUL-ended variables, all
 *                        of them MUSTER_*; PATH is the steward's), and output
 *     STOP id            SIGTERM to its process group; SIGKILL follows by itself
 *     KILL id            SIGKILL to its process group, again and again until the script ends
 *     RELOAD id          read the configuration again; nothing that is in force goes, and an
 *                        address that is new in it may be held
 *     COMMIT id          what that RELOAD has read is in force; earlier scripts can still be run
 *     ROLLBACK id        what that RELOAD has read, or still reads, is dropped
 *     PRUNE              earlier scripts can be run no more
 *
 * The steward reports:
 *
 *     ENDED id, status   the script has ended; the status is waitpid's
 *     ABANDONED id, error
 *                        the script cannot be killed and is left alone; 0: it does not die of it
 *     REFUSED id, error  the script was not run; ENOENT: it is not in the list
 *     RELOADED id, error 0, or nothing has changed; with EINVAL comes a descriptor: a file in
 *                        memory that says what is wrong with the configuration */
#ifndef MUSTER_STEWARD_PROTOCOL_H
#define MUSTER_STEWARD_PROTOCOL_H

#include "agent/base/error.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STEWARD_NAME_BYTES_MAX 128
#define STEWARD_IP_BYTES 16 /* IPv6, or IPv4 mapped into it */
#define STEWARD_MAC_BYTES 6
#define STEWARD_VIPS_MAX 256
#define STEWARD_VERSION 2
/* The longest lease (LEASE_LENGTH_MS_MAX), and a second. */
#define STEWARD_AHEAD_US_MAX INT64_C(61000000)

/* Of one vip. */
#define STEWARD_ADDRESSES_MAX 64
#define STEWARD_ROUTES_MAX 64
#define STEWARD_RULES_MAX 64
#define STEWARD_TRACKS_MAX 16

struct steward_vip_address {
    uint8_t ip[STEWARD_IP_BYTES];
    uint8_t prefix; /* of the family: at most 32, or 128 */
    char interface[IF_NAMESIZE];
};

/* What is not used of these is 0. Addresses are IPv6, or IPv4 mapped into it; prefixes are of the
 * family, which is AF_INET or AF_INET6. */
struct steward_vip_route {
    uint8_t family;
    uint8_t to_bits; /* 0: the default route */
    bool has_via, has_src, onlink;
    uint8_t to[STEWARD_IP_BYTES], via[STEWARD_IP_BYTES], src[STEWARD_IP_BYTES];
    char dev[IF_NAMESIZE];
    uint8_t zero[3];
    uint32_t table; /* 0: main */
    uint32_t metric, mtu;
};
struct steward_vip_rule {
    uint8_t family;
    uint8_t from_bits, to_bits; /* 0: any */
    uint8_t from[STEWARD_IP_BYTES], to[STEWARD_IP_BYTES];
    char iif[IF_NAMESIZE];
    uint8_t zero[1];
    uint32_t fwmark, fwmask, table, priority;
};

/* What is not used of it is 0. */
struct steward_vip {
    char name[STEWARD_NAME_BYTES_MAX + 1];
    uint8_t addresses_count, routes_count, rules_count, tracks_count;
    uint32_t announce_every_ms; /* 0: only when something changes */
    struct steward_vip_address addresses[STEWARD_ADDRESSES_MAX]; /* at least one */
    struct steward_vip_route routes[STEWARD_ROUTES_MAX];
    struct steward_vip_rule rules[STEWARD_RULES_MAX];
    char tracks[STEWARD_TRACKS_MAX][IF_NAMESIZE]; /* interfaces that must have a carrier, too */
};
struct vip_spec;
/* The vip that the configuration describes, as records and the table name it. */
void steward_vip_describe(const struct vip_spec *spec, struct steward_vip *into);
/* By which it is called in records: the same for the same name, addresses and interfaces. Never 0.
 */
uint64_t steward_vip_key(const struct steward_vip *vip);

/* ---- addresses ---- */

/* Why an address was dropped. */
#define DROP_REASONS(X)                                                                            \
    X(ASKED, "asked")                                                                              \
    X(EXPIRED, "expired")                                                                          \
    X(LINK, "link")                                                                                \
    X(CONFLICT, "conflict")                                                                        \
    X(FAILED, "failed")

enum drop_reason {
#define DROP_REASON(name, text) DROP_##name,
    DROP_REASONS(DROP_REASON)
#undef DROP_REASON
        DROP_REASONS_COUNT
};
/* Static text. */
const char *drop_reason_text(enum drop_reason reason);

/* What a report is about: the vip as a whole, or one part of it. */
enum steward_part {
    STEWARD_PART_VIP,
    STEWARD_PART_ADDRESS,
    STEWARD_PART_ROUTE,
    STEWARD_PART_RULE,
    STEWARD_PART_TRACK,
    STEWARD_PARTS_COUNT
};

/* Why a host could not hold a vip; the text follows "interface eth0" or "tracked interface eth0".
 */
#define STEWARD_INELIGIBLE_REASONS(X)                                                              \
    X(NONE, "is in order")                                                                         \
    X(NO_INTERFACE, "is not there")                                                                \
    X(DOWN, "is not up")                                                                           \
    X(NO_CARRIER, "has no carrier")                                                                \
    X(PORT, "is a port of a bridge or bond, and takes no packets itself")                          \
    X(NO_IPV6, "has IPv6 switched off (sysctl disable_ipv6)")

enum steward_ineligible {
#define STEWARD_INELIGIBLE_ROW(name, text) STEWARD_INELIGIBLE_##name,
    STEWARD_INELIGIBLE_REASONS(STEWARD_INELIGIBLE_ROW)
#undef STEWARD_INELIGIBLE_ROW
        STEWARD_INELIGIBLE_COUNT
};

enum steward_request_kind {
    STEWARD_HOLD = 1,
    STEWARD_DROP,
    STEWARD_ANNOUNCE,
    STEWARD_PING,
    STEWARD_QUIT
};

enum {
    STEWARD_PROBE = 1, /* HOLD: ask the link first whether another host has it */
    STEWARD_RENEW = 2, /* HOLD: only go on; FAILED with ESTALE if it is not held any more: what
                        * waited while the steward was stopped must not bring it back, for the
                        * agent may have given its lease back by then */
};

struct steward_request {
    uint8_t version, kind, flags, zero[5];
    uint64_t vip;     /* steward_vip_key; PING, QUIT: 0 */
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
    STEWARD_RESTORED,
    STEWARD_ADOPTED,
    STEWARD_ELIGIBILITY
};

struct steward_report {
    uint8_t version, kind;
    uint8_t reason; /* DROPPED: enum drop_reason; ELIGIBILITY: enum steward_ineligible */
    uint8_t flag;   /* READY: there is a fence; CONFLICT, FAILED: it is held or tried as before */
    int32_t error;  /* FAILED: an errno */
    uint64_t vip;   /* READY: 0 */
    uint64_t epoch; /* of what was held or asked for */
    uint8_t mac[STEWARD_MAC_BYTES]; /* CONFLICT */
    uint8_t part;                   /* FAILED, CONFLICT, ELIGIBILITY: enum steward_part */
    uint8_t index;                  /* of the part in its list of the vip */
    char where[IF_NAMESIZE]; /* ELIGIBILITY, and FAILED for ENODEV, ENETDOWN: the interface; FAILED
                              * for EEXIST: the one of this host that has the address; or "" */
};
_Static_assert(sizeof(struct steward_report) == 48, "no padding");

/* Looks at what came for a request, and copies it. 0, or why it is refused: EMSGSIZE (its size),
 * EPROTO (version, kind, flags, what must be 0), EINVAL (until_us is negative, or over
 * STEWARD_AHEAD_US_MAX ahead). One that has passed is in order: it ends what is held. *r is as far
 * filled as the size allows. */
int steward_request_check(const void *bytes, size_t count, int64_t now_us,
                          struct steward_request *r);
/* The same for a report: EMSGSIZE, EPROTO (version, kind, reason, flag, part, an unended text). */
int steward_report_check(const void *bytes, size_t count, struct steward_report *r);
/* "held", "dropped" and so on; static text. */
const char *steward_report_text(enum steward_report_kind kind);
/* Writes the reason of an ELIGIBILITY, such as "tracked interface eth1 has no
 * carrier"; "" for NONE. At most `bytes` with the NUL. */
void steward_eligibility_describe(const struct steward_report *report, char *into, size_t bytes);

/* ---- scripts ---- */

#define RUNNER_VERSION 2
#define RUNNER_RUNS_MAX 512 /* at one time; SCRIPT_LIST_MAX: one of each script */
#define RUNNER_FDS 3
#define RUNNER_ENV_BYTES_MAX 65536
#define RUNNER_ERROR_BYTES ERROR_BYTES /* of the text that comes with RELOADED */

#define RUNNER_EXIT_NOT_RUN 126   /* the script is there and cannot be run, as shells say it */
#define RUNNER_EXIT_NOT_FOUND 127 /* there is no such script, or its interpreter */

enum runner_request_kind {
    RUNNER_RUN = 1,
    RUNNER_STOP,
    RUNNER_KILL,
    RUNNER_RELOAD, /* read the configuration; what was in force stays, new addresses may be held */
    RUNNER_COMMIT, /* what was read is in force; scripts of before can be run until PRUNE */
    RUNNER_ROLLBACK, /* what was read, or is being read, is dropped */
    RUNNER_PRUNE     /* scripts of before can be run no more */
};
enum runner_report_kind { RUNNER_ENDED = 1, RUNNER_REFUSED, RUNNER_RELOADED, RUNNER_ABANDONED };

struct runner_request {
    uint8_t version, kind, zero[2];
    uint32_t id;          /* of the run */
    uint64_t key;         /* RUN */
    uint64_t descriptors; /* RUN: how many it may have open */
    uint64_t timeout_ms;  /* RUN: the runner stops it a while after that, if nobody else has */
};
_Static_assert(sizeof(struct runner_request) == 32, "no padding");

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

#endif
