/* wire: what a packet looks like, and its limits.
 *
 * All integers are big-endian. Every packet and every frame on a stream is a header, a body that
 * its kind fixes, and records up to the end:
 *
 *      0               2       3       4                               8
 *     +---------------+-------+-------+-------------------------------+
 *     |    "mu"       |version| kind  |  hash of the cluster's name   |
 *     +---------------+-------+-------+-------------------------------+
 *     |                     sender's key (id, first 8)                |
 *     +---------------------------------------------------------------+
 *     |                     hash of the sender's view                 |
 *     +---------------------------------------------------------------+
 *
 *     PING      seq 4, target's key 8, flags 1   who has another key does not answer
 *     ACK       seq 4
 *     EVIDENCE  subject's key 8, phi 2 (hundredths), age of its last sign of life 2 (ms), flags 1
 *     UPDATES   -
 *     JOIN      token 8, cookie 8; then the sender's own record. Cookie 0: none yet
 *     CHALLENGE token 8 of the JOIN it answers, cookie 8: JOIN again with this cookie. Token 0: you
 *               are not known here; introduce yourself with a JOIN of token 0
 *     REFUSE    token 8 of the JOIN it answers, generation that the holder started with 8 (0: the
 *               sender is another); then the record of the holder of your id or name
 *     DIGEST    nonce 8, echo 8 (0: opens the exchange), log2 of the bucket count 1, bucket hashes
 *               8 each
 *     DELTA     echo 8, nonce 8 (0 unless an answer is wanted), flags 1, log2 of the bucket count
 *               1, a bit per bucket (whole bytes)
 *     SEEN      token 8 of the JOIN it answers, ip 16, port 2: the JOIN came from there, and names
 *               another address
 *     VOTERS    flags 1 (1: send me yours), the sender's configurations of voters as in LEASE 16;
 *               then, in the place of records, the names in the newest: length 1, name
 *     LEASE     the configurations of voters that the sender goes by: oldest 4, newest 4, hash 8;
 *               then, in the place of records: kind 1, name's hash 8, round 8, claim 8, and by kind
 *
 *         PREPARE   owner 8, priority 1, time 4 (us), host 4, life 8
 *         PROMISE   epoch 8
 *         PROPOSE   owner 8, epoch 8, priority 1, time 4, host 4, life 8
 *         ACCEPT    -
 *         REFUSE    promised round 8, held: round 8, claim 8, owner 8, epoch 8, priority 1, time 4
 *         RELEASE   successor 8, ended 1
 *         WAITING   priority 1, time 4 (0: waits no longer), preempts 1
 *         HANDOVER  -
 *         MOVE      successor 8
 *         QUERY     -
 *
 * A record is one fact about one member, short when the profile need not travel:
 *
 *     +-------+-----------------------+------------------+-------------+-----------------+
 *     | flags |        key  8         |   generation 8   |incarnation 4|   observer 8    |
 *     +-------+-----------------------+------------------+-------------+-----------------+
 *     flags: status (3 bits), FULL, IPV6, PRUNED, UNREACHABLE, PARITY
 *
 *     +-------+-----------------------+------------------+-------------+-------+--------+------+
 *     | flags |        id  16         |   generation 8   |incarnation 4| age 4 |ip 4, 16|port 2|
 *     +-------+-----------------------+------------------+-------------+-------+--------+------+
 *     | voters: low 4, high 4, hash 8 | name length 1 | name |
 *     | tags length 2 | tags: KEY NUL VALUE NUL ... |
 *     +---------------+-----------------------------+
 *     age: seconds since its start while it lives, since its death afterwards. Durations and not
 *     times: hosts' clocks differ.
 *
 * Tokens, nonces and cookies prove that the sender receives at its address (proof.h): a token is
 * drawn for each address dialled, a cookie or nonce is a keyed hash of the peer's key and address;
 * a peer that returns one has read a packet sent there. No answer to a sender that has proved
 * nothing is longer than what it answers.
 *
 * What one packet is answered with, in bytes, by who is proved to have sent it:
 *
 *                 bytes        a stranger           a member, which may be forged
 *     PING        37           ACK, 28              ACK, one datagram with updates
 *     ACK         28           -                    -
 *     EVIDENCE    37           -                    one datagram
 *     UPDATES     24           -                    one datagram
 *     JOIN        99 and more  CHALLENGE, 40;       the same; all that we know for a cookie
 *                              SEEN, 50
 *     DIGEST      49 and more  CHALLENGE, 40        a DIGEST of the same size; DELTAs for a nonce
 *     DELTA       43 and more  -                    DELTAs for a nonce
 *     REFUSE      40 and more  -                    -
 *     LEASE       40 and more  -                    one datagram
 *     CHALLENGE   40           -                    JOIN, our own record
 *     SEEN        50           -                    -
 *     VOTERS      43 and more  -                    VOTERS; by stream if too long for a datagram
 *
 * A stream's answers go back on it. A new stream is opened only to a member's address, to one that
 * the operator has named, or to that of an agent of our name or id that a member has told us of
 * (contest.h).
 *
 * Plain fields and not msgpack: a ping is 37 bytes, decoding allocates nothing, and each field is
 * checked in the one place that reads it.
 *
 * The version rises with the first change of any of this after a release; a packet of another
 * version is counted and not read.
 */
#ifndef GOSSIP_WIRE_H
#define GOSSIP_WIRE_H

#include "gossip/gossip.h"
#include "gossip/lease/lease.h"
#include "gossip/membership/member.h"

#define WIRE_VERSION 1
#define WIRE_BUCKETS_LOG2_MAX 7
#define WIRE_BUCKETS_MAX (1 << WIRE_BUCKETS_LOG2_MAX)
#define WIRE_HEADER_BYTES 24
#define WIRE_RECORD_BYTES_MAX                                                                      \
    (1 + GOSSIP_ID_BYTES + 8 + 4 + 4 + 16 + 2 + 16 + 1 + GOSSIP_NAME_BYTES_MAX + 2 +               \
     GOSSIP_TAGS_BYTES_MAX)
#define WIRE_SHORT_BYTES (1 + 8 + 8 + 4 + 8) /* a short record */
/* More is never true of a cluster in order, and one step further would overflow. A member that is
 * said to have that many takes a new generation. */
#define WIRE_INCARNATION_MAX 0x7fffffff
/* No generation is further ahead of the last one known, or of none: clocks in ms do not jump by
 * five centuries. So no packet names one that its member could not exceed. */
#define WIRE_GENERATION_STEP_MAX (UINT64_C(1) << 44)

/* The longest body before a full record: a DELTA's. */
#define WIRE_DELTA_BYTES_MAX (8 + 8 + 1 + 1 + WIRE_BUCKETS_MAX / 8)
#define WIRE_CHALLENGE_BYTES (WIRE_HEADER_BYTES + 8 + 8)
/* A digest of one bucket, the shortest packet that a CHALLENGE of token 0 answers. */
#define WIRE_DIGEST_BYTES_MIN (WIRE_HEADER_BYTES + 8 + 8 + 1 + 8)

_Static_assert(WIRE_HEADER_BYTES + WIRE_DELTA_BYTES_MAX + WIRE_RECORD_BYTES_MAX <
                   GOSSIP_DATAGRAM_BYTES_MAX,
               "any one record fits a packet");
_Static_assert(WIRE_DIGEST_BYTES_MIN - 8 + 8 * WIRE_BUCKETS_MAX < GOSSIP_DATAGRAM_BYTES_MAX,
               "a digest fits a packet");
_Static_assert(WIRE_CHALLENGE_BYTES <= WIRE_DIGEST_BYTES_MIN,
               "what a stranger is answered is no longer than what it sent");

enum wire_kind {
    WIRE_PING = 1,
    WIRE_ACK,
    WIRE_EVIDENCE,
    WIRE_UPDATES,
    WIRE_JOIN,
    WIRE_DIGEST,
    WIRE_DELTA,
    WIRE_REFUSE,
    WIRE_LEASE,
    WIRE_CHALLENGE,
    WIRE_VOTERS, /* agents that do not know it count it as malformed, and answer nothing */
    WIRE_SEEN,   /* likewise */
    WIRE_KINDS
};

/* LEASE: no round or epoch is higher; both begin at 1, and a lease a millisecond takes as long. */
#define WIRE_ROUND_MAX (UINT64_C(1) << 62)
#define WIRE_LEASE_BYTES_MAX (1 + 3 * 8 + 8 + 2 * 8 + 8 + 8 + 1 + 4) /* a REFUSE */

struct wire_lease {
    uint64_t name;
    struct lease_message message;
};

/* EVIDENCE's flags: what the sender says of the subject, and of itself. */
enum {
    WIRE_REACHED = 1, /* it has answered me */
    WIRE_SUSPECTING = 2,
    WIRE_DEGRADED = 4, /* do not trust me */
    WIRE_LOSSY = 8,    /* it answers me seldom, or not at all for a while */
    WIRE_SIGN = 16     /* it does not answer, perhaps, but sends */
};
/* EVIDENCE's age of a sign of life, where there was none, or none lately. */
#define WIRE_AGE_NONE 0xffff
/* PING's: you answer poorly, me or others. */
enum { WIRE_COMPLAINT = 1 };
/* VOTERS': send me yours. */
enum { WIRE_ASKS = 1 };
/* DELTA's: send me yours of these buckets too. */
enum { WIRE_WANT_BACK = 1 };

struct wire_record {
    struct fact fact;
    bool full, pruned;
    uint64_t key;
    uint64_t observer;             /* short: the member that suspects it, 0: none known */
    uint32_t age_s;                /* full: of its start if it lives, of its death if not */
    struct gossip_profile profile; /* full: strings point into the buffers below */
    char name[GOSSIP_NAME_BYTES_MAX + 1];
    char tags[GOSSIP_TAGS_BYTES_MAX];
};

struct wire_reader {
    const uint8_t *at, *end;
    bool bad; /* read past the end, or a value that cannot be */
};

struct wire_message {
    enum wire_kind kind;
    uint64_t sender, view;
    union {
        struct {
            uint32_t seq;
            uint64_t target;
            uint8_t flags;
        } ping;
        struct {
            uint32_t seq;
        } ack;
        struct {
            uint64_t subject;
            double phi;
            uint16_t age_ms; /* of its last sign of life, WIRE_AGE_NONE: none lately */
            uint8_t flags;
        } evidence;
        struct {
            uint64_t token, cookie;
        } join; /* and CHALLENGE */
        struct {
            uint64_t nonce, echo;
            uint8_t log2;
            uint64_t hashes[WIRE_BUCKETS_MAX];
        } digest;
        struct {
            uint64_t echo, nonce;
            uint8_t flags, log2;
            uint8_t bits[WIRE_BUCKETS_MAX / 8];
        } delta;
        struct {
            uint64_t token, generation;
        } refuse;
        struct {
            uint64_t token;
            struct gossip_addr addr;
        } seen;
        struct gossip_voters voters; /* LEASE */
        struct {
            struct gossip_voters voters;
            bool asks;
            struct wire_reader list;
        } names; /* VOTERS */
    };
    struct wire_reader records; /* of a LEASE and VOTERS: none */
    struct wire_reader leases;
};

/* Reads and checks a whole packet, its records too. MALFORMED, VERSION or CLUSTER; `message` is
 * then undefined. It borrows `bytes`. */
enum gossip_error wire_decode(const uint8_t *bytes, size_t len, uint32_t cluster,
                              struct wire_message *message);

/* The next record of a decoded message. False: that was the last. */
bool wire_next_record(struct wire_reader *records, struct wire_record *record);

/* The next of a LEASE. False: that was the last. */
bool wire_next_lease(struct wire_reader *leases, struct wire_lease *lease);

/* The next name of VOTERS. False: that was the last. */
bool wire_next_name(struct wire_reader *names, char name[GOSSIP_NAME_BYTES_MAX + 1]);

struct wire_writer {
    uint8_t *start, *at, *end;
};

/* Starts a packet in `buffer`; the body follows by wire_put, then records. */
struct wire_writer wire_begin(uint8_t *buffer, size_t bytes, enum wire_kind kind, uint32_t cluster,
                              uint64_t sender, uint64_t view);
/* Bodies are small and fixed: it is a bug if one does not fit. */
void wire_put(struct wire_writer *w, uint64_t value, size_t bytes);
/* False: it did not fit, and nothing was written. */
bool wire_put_short(struct wire_writer *w, const struct member *m, uint64_t observer);
bool wire_put_full(struct wire_writer *w, const struct member *m, int64_t now_us);
bool wire_put_lease(struct wire_writer *w, const struct wire_lease *lease);
/* The body of a LEASE. */
void wire_put_voters(struct wire_writer *w, const struct gossip_voters *voters);
/* The body of VOTERS, and the names. False: it did not fit, and something was written. */
bool wire_put_names(struct wire_writer *w, const struct gossip_voters *voters, bool asks,
                    const char (*names)[GOSSIP_NAME_BYTES_MAX + 1], unsigned count);

uint32_t wire_cluster_hash(const char *cluster);

#endif
