/* gossip: the public surface of libgossip.a, and the protocol in one essay. README.md is the map of
 * the rooms.
 *
 * THE SHAPE. A core is one member of a cluster, as a state machine. It never reads a clock, draws
 * its own randomness, opens a socket or writes a line: its host hands it bytes, the time and a
 * seed, and takes out packets to send, events and the time of the next deadline. musterd (agent/),
 * the virtual network (gossip/sim/) and examples/embed.c are three such hosts.
 *
 * THE VIEW (member.h, view.h). Every member holds a slot for every other: id, generation (higher at
 * each start of the agent), incarnation (raised by the member itself, to refute a claim about it or
 * to change its tags), status. One rule decides which of two facts wins: generation, then
 * incarnation, then status, later in the enum below winning (SWIM section 4.2, with the graceful
 * leave added). Facts travel as records (wire.h). Slots change in view.c alone, and a change is
 * data: (slot, before, after), handed on by changes.c.
 *
 * OBSERVING (ring.h, edge.h, probe.h, phi.h). SWIM's one random probe a period samples a given pair
 * once in N periods, so that nothing can be learnt of the pair. Here each member pings the same
 * few: its successors on three hash rings. The cost is constant in N, each edge's round trip and
 * loss are known, and each member has about three observers that everybody can compute. One more
 * ping a period sweeps the whole table, for members that diverging views leave without observers.
 * The evidence that a subject is gone is phi: for every unanswered ping the improbability of that
 * silence, given the edge's measured answer times and loss. Only a direct answer to the very ping
 * counts as life; relayed heartbeats hide broken links.
 *
 * THE FIRST MISS (evidence.h). A late answer starts three things at once: pings anew in quick
 * succession, one of them over TCP; and evidence to the subject's other observers, which ping it at
 * once by their own paths and answer with what they measure. That takes the place of SWIM's
 * indirect ping: the helpers are those that know the subject's edge best. An observer suspects the
 * subject when its own evidence and the pooled evidence suffice (of two observers at the least, or
 * far more of its own when no other reports any), and never while another observer has reached the
 * subject: then the fault lies between.
 *
 * SUSPICION (suspicion.h). The member is suspect everywhere, and every ping to it carries that
 * claim; it refutes with a higher incarnation, or is declared failed when the window ends. The
 * window shrinks with each independent observer that suspects it (Lifeguard). Unlike SWIM only
 * observers with evidence of their own decide, and no member applies a FAILED, or a LEFT that is
 * not the member's own, to a member that was not suspected for a while before: such a claim is
 * sent to the member itself first. So a host that returns from isolation with claims of everybody's
 * failure does no harm, and neither does the merging of two halves.
 *
 * ALIVE, AND UNREACHABLE (reach.h). Of links that are cut one way, or lose most of what they carry,
 * neither "alive" nor "failed" is true for long. An edge that is lossy while others are not is
 * found so by its observer; two such observers and any sign of life make the member unreachable:
 * shown once, left in peace, and taken back by the member itself.
 *
 * LOCAL HEALTH (health.h). Time that this host slept is not evidence against others: lateness
 * against the deadline that the core had asked for is taken out of every measurement, and after a
 * real stall a member neither suspects nor does its vote count for a while. An isolated member,
 * which receives nothing, keeps its findings to itself; and a member that finds most of its edges
 * failing leaves it to others to suspect.
 *
 * SPREADING (spread.h). Updates ride on pings and answers, and on packets of their own while any
 * wait; immediate ones (suspicions, failures, refutations) go out to a few members the moment they
 * are known, which makes an epidemic of a few milliseconds. Each update is sent lambda * log2 N
 * times.
 *
 * AGREEING (sync.h). Every packet carries a hash of the sender's view. Hashes that differ for
 * longer than updates need start an exchange: bucket hashes, then the facts of the buckets that
 * differ, by datagrams if few, by stream if many. Facts that arrive so may be old: an "alive" of a
 * member that is failed here makes this core ask the member, a "failed" of one that is alive here
 * likewise; the member itself settles it.
 *
 * WHO IS WHO (proof.h). Anybody can send a datagram under another's address. A packet counts as a
 * member's if it comes from where that member listens, or has answered a ping from. A newcomer
 * proves its address first, by a cookie or by a stream's handshake; a state exchange carries
 * nonces; and nobody else is answered with more bytes than it sent.
 *
 * COMING AND GOING (join.h, admission.h, contest.h). A newcomer joins addresses until a member
 * there answers, by datagram and stream in turn, and gets the whole state. The dead are asked
 * again, each by a few members a second, for as long as they are remembered, so that a partition
 * merges by itself. A leaving member says so, stays a moment to be heard, and is `left`. Of two
 * hosts with one name or id the earlier start keeps it, and the later stops: not because it is
 * asked to, but after it has asked the earlier over a stream. The time that each has run decides
 * who was earlier: hosts' clocks differ. But a copy of a member's id that the member's cluster does
 * not let in yields to the member in any case: its host gives it another id.
 *
 * TIMING. Everything follows from `detect`, in tuning.c; gossip/detector/DETECTOR.md has the model,
 * how the numbers were found, what each part is worth, and where it breaks. A crash is first missed
 * after a quarter of the ping period (three observers, each with its own phase), suspected some
 * three quick pings later, failed at the end of the shrunken window: at the default about 0.17 +
 * 0.15 + 0.45 s.
 */
#ifndef GOSSIP_GOSSIP_H
#define GOSSIP_GOSSIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits. Every one is checked where bytes enter; over it, the input is refused and nothing
 * that was known is lost. */
#define GOSSIP_ID_BYTES 16
/* Starts of an agent, or its clock in ms: never reached, and one step further cannot overflow. */
#define GOSSIP_GENERATION_MAX ((UINT64_C(1) << 62) - 1)
#define GOSSIP_NAME_BYTES_MAX 128    /* longer than a label (63), shorter than any packet */
#define GOSSIP_CLUSTER_BYTES_MAX 128 /* the cluster's name, only its hash travels */
#define GOSSIP_TAG_KEY_BYTES_MAX 64  /* becomes an environment variable's name */
#define GOSSIP_TAGS_BYTES_MAX 512    /* all keys and values with their NULs; Serf's limit too */
#define GOSSIP_PACKET_BYTES_MAX 1400 /* a datagram taken in: earlier agents send as many */
/* A datagram sent: IPv6's least MTU of 1,280 (RFC 8200 section 5) less its header and UDP's. A path
 * of less than an Ethernet's 1,500 bytes may lose what is larger without a word. */
#define GOSSIP_DATAGRAM_BYTES_MAX 1232
#define GOSSIP_FRAME_BYTES_MAX 16384 /* one message on a stream */
#define GOSSIP_MEMBERS_MAX 16384     /* table slots, remembered failed and left ones included */
#define GOSSIP_JOINS_MAX 256         /* addresses being dialled at one time */
#define GOSSIP_DETECT_MS_MIN 200
#define GOSSIP_DETECT_MS_MAX 60000
#define GOSSIP_DETECT_MS_DEFAULT 1500

/* What can go wrong, with its text. None of these changes any state. */
#define GOSSIP_ERRORS(X)                                                                           \
    X(GOSSIP_OK, "ok")                                                                             \
    X(GOSSIP_ERROR_NAME, "a name is 1 to 128 letters, digits, '.', '_' or '-'")                    \
    X(GOSSIP_ERROR_TAGS, "tags are KEY=VALUE, keys of letters, digits, '_', '.' or '-' (at most "  \
                         "64), values printable UTF-8, together at most 512 bytes")                \
    X(GOSSIP_ERROR_ADDRESS, "not an address that others could reach")                              \
    X(GOSSIP_ERROR_DETECT, "detect is between 200 ms and 60 s")                                    \
    X(GOSSIP_ERROR_MEMORY, "out of memory")                                                        \
    X(GOSSIP_ERROR_FULL, "no room: a limit is reached")                                            \
    X(GOSSIP_ERROR_MALFORMED, "malformed packet")                                                  \
    X(GOSSIP_ERROR_VERSION, "packet of another protocol version")                                  \
    X(GOSSIP_ERROR_CLUSTER, "packet of another cluster")                                           \
    X(GOSSIP_ERROR_UNKNOWN, "no such member")                                                      \
    X(GOSSIP_ERROR_ALIVE, "the member is alive")                                                   \
    X(GOSSIP_ERROR_LEAVING, "this member is leaving")

#define GOSSIP_ERROR_ENUM(name, text) name,
enum gossip_error { GOSSIP_ERRORS(GOSSIP_ERROR_ENUM) };
#undef GOSSIP_ERROR_ENUM

/* The text of an error, for people. Never NULL; static storage. */
const char *gossip_error_text(enum gossip_error error);

/* A member's status, weakest fact first: at equal generation and incarnation the later one wins
 * (SWIM section 4.2, with the graceful leave added). */
enum gossip_status {
    GOSSIP_ALIVE,
    GOSSIP_SUSPECT,
    GOSSIP_LEAVING,
    GOSSIP_FAILED,
    GOSSIP_LEFT,
};

/* "alive", "suspect", "leaving", "failed" or "left". Static storage. */
const char *gossip_status_text(enum gossip_status status);

/* The address at which a member listens, UDP and TCP: an IPv6 address, or IPv4 mapped into it (RFC
 * 4291 2.5.5.2), in network order; the port in host order. */
struct gossip_addr {
    uint8_t ip[16];
    uint16_t port;
};

/* The configurations of voters that a member goes by, by version (voters.h): 0, 0: none. Of oldest
 * 0 alone: the member is joining. hash: of the newest. */
struct gossip_voters {
    uint32_t oldest, newest;
    uint64_t hash;
};

/* What a member publishes of itself. Changes only with a higher (generation, incarnation).
 * tags: KEY NUL VALUE NUL ..., sorted by key, tags_bytes in all; walk it with gossip_tag_next. */
struct gossip_profile {
    uint8_t id[GOSSIP_ID_BYTES];
    uint64_t generation;
    struct gossip_addr addr;
    struct gossip_voters voters;
    const char *name;
    const char *tags;
    uint16_t tags_bytes;
};

/* One slot of the view, copied out. profile is borrowed: valid until the next call that takes
 * `now_us`, unless held with gossip_profile_hold. */
struct gossip_member {
    const struct gossip_profile *profile;
    uint32_t incarnation;
    enum gossip_status status;
    bool unreachable; /* alive or suspect, and not all of its observers can reach it (reach.h) */
    int64_t since_us; /* when this status began or was received, on the caller's clock; of the dead
                       * perhaps before that clock did, and so negative */
};

/* Keeps a profile that came out of this library; released with gossip_profile_release. */
const struct gossip_profile *gossip_profile_hold(const struct gossip_profile *profile);
void gossip_profile_release(const struct gossip_profile *profile);

/* Walks encoded tags: *at starts NULL; true with the key and value borrowed, false at the end. */
bool gossip_tag_next(const char *tags, size_t tags_bytes, const char **at, const char **key,
                     const char **value);

/* Encoded tags from parts. `into` holds GOSSIP_TAGS_BYTES_MAX bytes, *bytes what is used (start at
 * 0). Setting replaces, keeps the order sorted; removing what is not there is no error.
 * GOSSIP_ERROR_TAGS: over a limit, or a character that has no place there; nothing changed. */
enum gossip_error gossip_tags_set(char *into, uint16_t *bytes, const char *key, const char *value);
void gossip_tags_remove(char *into, uint16_t *bytes, const char *key);

/* True if NAME may be a member's name. `bytes` without the NUL. */
bool gossip_name_valid(const char *name, size_t bytes);

/* Every timing, derived from the one number that the operator sets. */
struct gossip_timing {
    uint32_t detect_ms;        /* a crash is failed everywhere within this, at the median */
    uint32_t ping_period_ms;   /* each ring edge is pinged once in this time */
    uint32_t sweep_period_ms;  /* one more ping, round-robin over everybody */
    uint32_t reping_ms;        /* between pings while an answer is missing */
    uint32_t suspicion_max_ms; /* a suspect's time to refute, with none confirming */
    uint32_t suspicion_min_ms; /* ... with every observer confirming */
    uint32_t gossip_period_ms; /* between packets that carry updates alone */
    uint32_t redial_period_ms; /* at most one of the remembered dead is dialled in this time */
    uint32_t sync_delay_ms;    /* a differing view hash is left alone this long */
    uint32_t leave_ms;         /* from announcing `leaving` to being gone */
    uint32_t reap_s;           /* the dead are remembered this long: a long weekend */
};

/* The smallest detect that can be kept, at the median, with this round trip (microseconds):
 * GOSSIP_DETECT_MS_MIN at the least; above GOSSIP_DETECT_MS_MAX: no detect can be kept. */
uint32_t gossip_detect_ms_min(int64_t rtt_us);

/* Fills `timing` from detect. GOSSIP_ERROR_DETECT: outside its range, nothing filled. */
enum gossip_error gossip_timing_derive(uint32_t detect_ms, struct gossip_timing *timing);

struct gossip_tuning;

struct gossip_config {
    const char *cluster;        /* copied */
    struct gossip_profile self; /* copied, strings too; generation: higher at each start */
    uint32_t detect_ms;
    uint64_t seed;      /* every random choice follows from it */
    uint8_t secret[16]; /* random, and known to nobody else: proofs of address are made with it */
    const struct gossip_tuning *tuning; /* copied; NULL: the defaults (tuning.h) */
};

struct gossip;

/* A core that knows no other member yet. now_us: the caller's monotonic clock in microseconds, any
 * origin, never falling; every later call takes the same clock.
 * NULL with *error set: NAME, TAGS, ADDRESS, DETECT, MEMORY. Freed with gossip_free. */
struct gossip *gossip_new(const struct gossip_config *config, int64_t now_us,
                          enum gossip_error *error);
void gossip_free(struct gossip *g);

/* How bytes travel. A stream is a TCP connection: each frame on it one message. */
enum gossip_via { GOSSIP_DATAGRAM, GOSSIP_STREAM };

/* Where a message came from or goes to. conn: the caller's own name for an open connection, 0 for
 * none: a STREAM packet with conn 0 wants a new connection to addr, one with conn set is an answer
 * on that connection, dropped if it has closed since. */
struct gossip_route {
    struct gossip_addr addr;
    enum gossip_via via;
    uint32_t conn;
    /* The caller's own address, as in gossip_addr, that a datagram came to: the answer leaves from
     * there. All zero: of no matter. */
    uint8_t local[16];
};

/* A packet to send. bytes: borrowed, valid until the next call on g. */
struct gossip_packet {
    struct gossip_route route;
    const uint8_t *bytes;
    size_t len; /* at most GOSSIP_DATAGRAM_BYTES_MAX, on a stream GOSSIP_FRAME_BYTES_MAX */
};

/* Takes in one datagram or frame. Anything but GOSSIP_OK (MALFORMED, VERSION, CLUSTER): the
 * packet changed nothing and is never answered. */
enum gossip_error gossip_receive(struct gossip *g, int64_t now_us, const struct gossip_route *from,
                                 const uint8_t *bytes, size_t len);

/* Does what is due. Call it at gossip_deadline or soon after, once everything that waits in the
 * sockets has gone through gossip_receive: lateness is measured here, and compensated. */
void gossip_tick(struct gossip *g, int64_t now_us);

/* When gossip_tick wants to be called next, in microseconds on the caller's clock; INT64_MAX once
 * GOSSIP_EVENT_GONE was taken out. */
int64_t gossip_deadline(const struct gossip *g);

/* Takes out the next packet to send. False: none waits. Drain after every call. */
bool gossip_next_packet(struct gossip *g, struct gossip_packet *packet);

enum gossip_event_kind {
    GOSSIP_EVENT_JOIN,           /* a member is new, or back from failed or left */
    GOSSIP_EVENT_SUSPECT,        /* a member is suspected */
    GOSSIP_EVENT_FAILED,         /* a member is gone */
    GOSSIP_EVENT_LEAVE,          /* a member left in good order, or was made to (force_leave) */
    GOSSIP_EVENT_UPDATE,         /* new tags or address; or a suspicion was refuted; or leaving */
    GOSSIP_EVENT_UNREACHABLE,    /* a member lives, but its observers cannot reach it */
    GOSSIP_EVENT_REACHABLE,      /* ... and now they can */
    GOSSIP_EVENT_REAP,           /* a failed or left member is remembered no longer */
    GOSSIP_EVENT_DATAGRAMS_LOST, /* a member that we observe answers on streams only */
    GOSSIP_EVENT_DATAGRAMS_PASS, /* ... and on datagrams again */
    GOSSIP_EVENT_VIEWS_DIFFER, /* pings pass between us and a member, and what would make our views
                                * equal is lost for long: long packets are */
    GOSSIP_EVENT_JOINED,       /* a gossip_join was answered: addr; member: ourselves, if we
                                * answered it */
    GOSSIP_EVENT_MERGED,       /* two clusters have become one: the member that the other came by */
    GOSSIP_EVENT_OTHER_VOTERS, /* members go by other voters of our version: one of them
                                * (leases_next_other_voters) */
    GOSSIP_EVENT_SEEN_ELSEWHERE, /* a join came to a member from addr, and not from the address that
                                  * we publish */
    GOSSIP_EVENT_NAME_TAKEN,     /* an earlier member has our name: member; this one must stop */
    GOSSIP_EVENT_ID_TAKEN,       /* another agent runs with our id: addr; this one must stop */
    GOSSIP_EVENT_GONE,           /* gossip_leave is done: stop now */
};

struct gossip_event {
    enum gossip_event_kind kind;
    struct gossip_member member; /* as of the change; its profile valid until the next call */
    struct gossip_addr addr;     /* JOINED, SEEN_ELSEWHERE, ID_TAKEN */
};

/* Takes out the next event, oldest first. False: none waits. Drain after every call. */
bool gossip_next_event(struct gossip *g, struct gossip_event *event);

/* Dials addr until somebody there answers (GOSSIP_EVENT_JOINED) or gossip_join_stop. Dialling an
 * address twice is one dial. GOSSIP_ERROR_FULL, GOSSIP_ERROR_ADDRESS, GOSSIP_ERROR_LEAVING. */
enum gossip_error gossip_join(struct gossip *g, int64_t now_us, const struct gossip_addr *addr);
void gossip_join_stop(struct gossip *g, const struct gossip_addr *addr);

/* Announces the leave; GOSSIP_EVENT_GONE follows within timing.leave_ms. */
void gossip_leave(struct gossip *g, int64_t now_us);

/* Makes a failed member `left` everywhere; with prune, one that has failed or left is shown nowhere
 * any more (its slot stays for a while, so that an old update cannot bring it back). UNKNOWN,
 * ALIVE.
 */
enum gossip_error gossip_force_leave(struct gossip *g, int64_t now_us, const char *name,
                                     bool prune);

/* Replaces our own tags (encoded, copied) and spreads them, if they differ from before.
 * TAGS, LEAVING, MEMORY. */
enum gossip_error gossip_set_tags(struct gossip *g, int64_t now_us, const char *tags,
                                  uint16_t tags_bytes);

/* Replaces the address at which others reach us, if it differs from before. Members take packets
 * from another address than they know for a stranger's: join some of them (gossip_join), which then
 * find out that we have moved. ADDRESS, LEAVING, MEMORY. */
enum gossip_error gossip_set_addr(struct gossip *g, int64_t now_us, const struct gossip_addr *addr);

/* This member, as others should see it. */
struct gossip_member gossip_self(const struct gossip *g);

/* Walks all members, ourselves included: *cursor starts 0. Order is stable between changes. */
bool gossip_next_member(const struct gossip *g, size_t *cursor, struct gossip_member *member);

/* The member of that name. False: none has it. */
bool gossip_find(const struct gossip *g, const char *name, struct gossip_member *member);

const struct gossip_timing *gossip_get_timing(const struct gossip *g);

/* Counters since gossip_new, and a few levels. X(name, meaning) */
#define GOSSIP_STATS(X)                                                                            \
    X(packets_received, "datagrams and frames taken in")                                           \
    X(bytes_received, "their bytes")                                                               \
    X(packets_sent, "datagrams and frames handed out")                                             \
    X(bytes_sent, "their bytes")                                                                   \
    X(packets_malformed, "refused: not understood")                                                \
    X(packets_foreign, "refused: another cluster or protocol version")                             \
    X(pings_sent, "direct pings")                                                                  \
    X(pings_missed, "pings not answered when they should have been")                               \
    X(acks_received, "answers that matched a ping")                                                \
    X(notices_sent, "evidence sent to other observers")                                            \
    X(suspicions, "suspicions raised by this member")                                              \
    X(refutations, "times this member refuted a claim about itself")                               \
    X(declared_failed, "members this member declared failed first-hand")                           \
    X(syncs, "delta exchanges started")                                                            \
    X(stalls, "times this member's own loop was late")                                             \
    X(stalled_ms, "by how much in all, milliseconds")                                              \
    X(rtt_us, "typical round trip of our edges, microseconds; 0 while unmeasured")                 \
    X(leases_refused, "lease requests with other voters, not answered")                            \
    X(updates_waiting, "updates still being spread")                                               \
    X(members_alive, "members now alive or suspect, this one included")                            \
    X(members_failed, "members now failed")                                                        \
    X(members_left, "members now leaving or left")

#define GOSSIP_STATS_FIELD(name, meaning) uint64_t name;
struct gossip_stats {
    GOSSIP_STATS(GOSSIP_STATS_FIELD)
};
#undef GOSSIP_STATS_FIELD

void gossip_get_stats(const struct gossip *g, struct gossip_stats *stats);

/* A calibration histogram of phi: of the silences that ended with an answer, on our ring edges,
 * counts[i] reached a phi of at least i / GOSSIP_CALIBRATION_BUCKETS_PER_PHI, and not of i + 1; the
 * last has all above it. A silence begins with each regular ping. If phi predicts well, a phi of x
 * or more was reached by one in 10^x. */
#define GOSSIP_CALIBRATION_BUCKETS 64
#define GOSSIP_CALIBRATION_BUCKETS_PER_PHI 4
void gossip_get_calibration(const struct gossip *g, uint32_t counts[GOSSIP_CALIBRATION_BUCKETS]);

/* What this member knows of another, and why: for `muster explain`. */
#define GOSSIP_EXPLAIN_OBSERVERS_MAX 8
struct gossip_explanation {
    struct gossip_member member;
    bool watched;            /* this member pings it; the next fields hold then */
    double phi;              /* our evidence that it is gone, now */
    double loss;             /* measured loss on the way there and back, 0..1 */
    int64_t rtt_us;          /* smoothed round trip; -1 while unmeasured */
    int64_t last_ack_age_us; /* since its last direct answer; -1 for never */
    unsigned pings_unanswered;
    bool tcp_only;          /* it answers on streams, and not on datagrams */
    bool suspicion;         /* a suspicion runs here; the next three hold then */
    bool suspicion_ours;    /* raised here, from first-hand evidence */
    unsigned confirmations; /* distinct observers known to suspect it */
    int64_t suspicion_left_us;
    size_t observers_count; /* its observers, by our view; borrowed as in gossip_member */
    const struct gossip_profile *observers[GOSSIP_EXPLAIN_OBSERVERS_MAX];
};

/* GOSSIP_ERROR_UNKNOWN: no such member, nothing filled. */
enum gossip_error gossip_explain(const struct gossip *g, int64_t now_us, const char *name,
                                 struct gossip_explanation *explanation);

#endif
