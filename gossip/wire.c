#include "gossip/wire.h"

#include "gossip/membership/profile.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum {
    RECORD_STATUS = 0x07,
    RECORD_FULL = 0x08,
    RECORD_IPV6 = 0x10,
    RECORD_PRUNED = 0x20,
    RECORD_UNREACHABLE = 0x40,
    RECORD_PARITY = 0x80,
};

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static const uint8_t *wire_take(struct wire_reader *r, size_t bytes)
{
    if (r->bad || (size_t)(r->end - r->at) < bytes) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += bytes;
    return at;
}

static uint64_t wire_take_integer(struct wire_reader *r, size_t bytes)
{
    const uint8_t *at = wire_take(r, bytes);
    uint64_t value = 0;
    for (size_t i = 0; at && i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static void wire_take_bytes(struct wire_reader *r, void *into, size_t bytes)
{
    const uint8_t *at = wire_take(r, bytes);
    if (at)
        memcpy(into, at, bytes);
}

/* Valid: low <= high; 0, 0 means no voters. */
static void wire_take_voters(struct wire_reader *r, struct gossip_voters *voters)
{
    voters->oldest = (uint32_t)wire_take_integer(r, 4);
    voters->newest = (uint32_t)wire_take_integer(r, 4);
    voters->hash = wire_take_integer(r, 8);
    if (voters->oldest > voters->newest)
        r->bad = true;
}

static void wire_take_profile(struct wire_reader *r, struct wire_record *record, bool ipv6)
{
    struct gossip_profile *p = &record->profile;
    if (ipv6) {
        wire_take_bytes(r, p->addr.ip, 16);
    } else {
        memcpy(p->addr.ip, v4_mapped, sizeof v4_mapped);
        wire_take_bytes(r, p->addr.ip + sizeof v4_mapped, 4);
    }
    p->addr.port = (uint16_t)wire_take_integer(r, 2);
    wire_take_voters(r, &p->voters);
    size_t name_bytes = wire_take_integer(r, 1);
    if (name_bytes > GOSSIP_NAME_BYTES_MAX)
        r->bad = true;
    else
        wire_take_bytes(r, record->name, name_bytes);
    p->tags_bytes = (uint16_t)wire_take_integer(r, 2);
    if (p->tags_bytes > sizeof record->tags)
        r->bad = true;
    else
        wire_take_bytes(r, record->tags, p->tags_bytes);
    if (r->bad)
        return;
    record->name[name_bytes] = '\0';
    p->name = record->name;
    p->tags = record->tags;
    if (strlen(record->name) != name_bytes || profile_check(p) != GOSSIP_OK)
        r->bad = true;
}

static void wire_take_record(struct wire_reader *r, struct wire_record *record)
{
    uint8_t flags = (uint8_t)wire_take_integer(r, 1);
    if ((flags & RECORD_STATUS) > GOSSIP_LEFT)
        r->bad = true;
    if ((flags & RECORD_IPV6) && !(flags & RECORD_FULL))
        r->bad = true;
    record->full = flags & RECORD_FULL;
    record->pruned = flags & RECORD_PRUNED;
    record->fact.status = (enum gossip_status)(flags & RECORD_STATUS);
    record->fact.unreachable = flags & RECORD_UNREACHABLE;
    record->fact.parity = flags & RECORD_PARITY;
    if (record->fact.unreachable && record->fact.status > GOSSIP_SUSPECT)
        r->bad = true;
    if (record->full) {
        memset(record->profile.id, 0, sizeof record->profile.id);
        wire_take_bytes(r, record->profile.id, GOSSIP_ID_BYTES);
        record->key = profile_key(record->profile.id);
    } else {
        record->key = wire_take_integer(r, 8);
    }
    record->fact.generation = record->profile.generation = wire_take_integer(r, 8);
    record->fact.incarnation = (uint32_t)wire_take_integer(r, 4);
    record->observer = record->full ? 0 : wire_take_integer(r, 8);
    record->age_s = record->full ? (uint32_t)wire_take_integer(r, 4) : 0;
    if (record->full)
        wire_take_profile(r, record, flags & RECORD_IPV6);
    if (record->fact.incarnation > WIRE_INCARNATION_MAX ||
        record->fact.generation > GOSSIP_GENERATION_MAX || record->key == 0)
        r->bad = true;
}

bool wire_next_record(struct wire_reader *records, struct wire_record *record)
{
    if (records->bad || records->at == records->end)
        return false;
    wire_take_record(records, record);
    return !records->bad;
}

static void wire_take_digest(struct wire_reader *r, struct wire_message *m)
{
    m->digest.nonce = wire_take_integer(r, 8);
    m->digest.echo = wire_take_integer(r, 8);
    m->digest.log2 = (uint8_t)wire_take_integer(r, 1);
    if (m->digest.log2 > WIRE_BUCKETS_LOG2_MAX) {
        r->bad = true;
        return;
    }
    for (size_t i = 0; i < (size_t)1 << m->digest.log2; i++)
        m->digest.hashes[i] = wire_take_integer(r, 8);
}

static void wire_take_delta(struct wire_reader *r, struct wire_message *m)
{
    m->delta.echo = wire_take_integer(r, 8);
    m->delta.nonce = wire_take_integer(r, 8);
    m->delta.flags = (uint8_t)wire_take_integer(r, 1);
    m->delta.log2 = (uint8_t)wire_take_integer(r, 1);
    if (m->delta.log2 > WIRE_BUCKETS_LOG2_MAX || (m->delta.flags & ~WIRE_WANT_BACK)) {
        r->bad = true;
        return;
    }
    wire_take_bytes(r, m->delta.bits, (((size_t)1 << m->delta.log2) + 7) / 8);
}

static void wire_take_evidence(struct wire_reader *r, struct wire_message *m)
{
    m->evidence.subject = wire_take_integer(r, 8);
    m->evidence.phi = (double)wire_take_integer(r, 2) / 100;
    m->evidence.age_ms = (uint16_t)wire_take_integer(r, 2);
    m->evidence.flags = (uint8_t)wire_take_integer(r, 1);
    if (m->evidence.flags &
        ~(WIRE_REACHED | WIRE_SUSPECTING | WIRE_DEGRADED | WIRE_LOSSY | WIRE_SIGN))
        r->bad = true;
}

/* What is told of a lease, by its kind, in this order. */
enum {
    FIELD_ROUND = 1,
    FIELD_HELD = 2,
    FIELD_OWNER = 4,
    FIELD_EPOCH = 8,
    FIELD_PRIORITY = 16,
    FIELD_TIME = 32,
    FIELD_SUCCESSOR = 64,
    FIELD_PREEMPTS = 128,
    FIELD_LIFE = 256,
    FIELD_ENDED = 512,
};

static const uint16_t lease_fields[LEASE_KINDS] = {
    [LEASE_PREPARE] = FIELD_OWNER | FIELD_PRIORITY | FIELD_TIME | FIELD_LIFE,
    [LEASE_PROMISE] = FIELD_EPOCH,
    [LEASE_PROPOSE] = FIELD_OWNER | FIELD_EPOCH | FIELD_PRIORITY | FIELD_TIME | FIELD_LIFE,
    [LEASE_REFUSE] =
        FIELD_ROUND | FIELD_HELD | FIELD_OWNER | FIELD_EPOCH | FIELD_PRIORITY | FIELD_TIME,
    [LEASE_RELEASE] = FIELD_SUCCESSOR | FIELD_ENDED,
    [LEASE_WAITING] = FIELD_PRIORITY | FIELD_TIME | FIELD_PREEMPTS,
    [LEASE_MOVE] = FIELD_SUCCESSOR,
};

#define PART(field, member, bytes, most)                                                           \
    {                                                                                              \
        field, bytes, sizeof((struct wire_lease *)0)->message.member,                              \
            offsetof(struct wire_lease, message.member), most                                      \
    }

static const struct {
    uint16_t field; /* 0: each lease has it */
    uint8_t bytes;  /* on the wire */
    uint8_t size;   /* in memory: 1 or 8 */
    uint16_t at;
    uint64_t most;
} lease_parts[] = {
    {0, 8, 8, offsetof(struct wire_lease, name), UINT64_MAX},
    PART(0, ballot.round, 8, WIRE_ROUND_MAX),
    PART(0, ballot.claim, 8, UINT64_MAX),
    PART(FIELD_ROUND, round, 8, WIRE_ROUND_MAX),
    PART(FIELD_HELD, grant.ballot.round, 8, WIRE_ROUND_MAX),
    PART(FIELD_HELD, grant.ballot.claim, 8, UINT64_MAX),
    PART(FIELD_OWNER, grant.owner, 8, UINT64_MAX),
    PART(FIELD_EPOCH, grant.epoch, 8, WIRE_ROUND_MAX),
    PART(FIELD_PRIORITY, grant.priority, 1, UINT8_MAX),
    PART(FIELD_TIME, time_us, 4, 1000 * LEASE_LENGTH_MS_MAX),
    PART(FIELD_SUCCESSOR, successor, 8, UINT64_MAX),
    PART(FIELD_PREEMPTS, preempts, 1, 1),
    PART(FIELD_LIFE, grant.host, 4, LEASE_HOST_MAX),
    PART(FIELD_LIFE, grant.life, 8, UINT64_MAX),
    PART(FIELD_ENDED, ended, 1, 1),
};
enum { LEASE_PARTS = sizeof lease_parts / sizeof *lease_parts };

static bool wire_lease_has(const struct wire_lease *lease, size_t part)
{
    uint16_t field = lease_parts[part].field;
    return field == 0 || lease_fields[lease->message.kind] & field;
}

static void wire_take_lease(struct wire_reader *r, struct wire_lease *lease)
{
    uint64_t kind = wire_take_integer(r, 1);
    r->bad |= kind == 0 || kind >= LEASE_KINDS;
    if (r->bad)
        return;
    *lease = (struct wire_lease){.message.kind = (enum lease_kind)kind};
    for (size_t i = 0; i < LEASE_PARTS; i++) {
        if (!wire_lease_has(lease, i))
            continue;
        uint64_t value = wire_take_integer(r, lease_parts[i].bytes);
        uint8_t byte = (uint8_t)value;
        r->bad |= value > lease_parts[i].most;
        memcpy((char *)lease + lease_parts[i].at,
               lease_parts[i].size == 1 ? (const void *)&byte : &value, lease_parts[i].size);
    }
}

bool wire_next_lease(struct wire_reader *leases, struct wire_lease *lease)
{
    if (leases->bad || leases->at == leases->end)
        return false;
    wire_take_lease(leases, lease);
    return !leases->bad;
}

static void wire_take_leases(struct wire_reader *r, struct wire_message *m)
{
    wire_take_voters(r, &m->voters);
    m->leases = *r;
    struct wire_lease lease;
    while (wire_next_lease(r, &lease))
        continue;
}

bool wire_next_name(struct wire_reader *names, char name[GOSSIP_NAME_BYTES_MAX + 1])
{
    if (names->bad || names->at == names->end)
        return false;
    size_t bytes = wire_take_integer(names, 1);
    if (bytes > GOSSIP_NAME_BYTES_MAX)
        names->bad = true;
    else
        wire_take_bytes(names, name, bytes);
    if (names->bad)
        return false;
    name[bytes] = '\0';
    names->bad = !gossip_name_valid(name, bytes);
    return !names->bad;
}

static void wire_take_names(struct wire_reader *r, struct wire_message *m)
{
    uint64_t flags = wire_take_integer(r, 1);
    r->bad |= (flags & ~(uint64_t)WIRE_ASKS) != 0;
    m->names.asks = flags & WIRE_ASKS;
    wire_take_voters(r, &m->names.voters);
    m->names.list = *r;
    char name[GOSSIP_NAME_BYTES_MAX + 1];
    unsigned count = 0;
    while (wire_next_name(r, name))
        r->bad |= ++count > LEASE_VOTERS_MAX;
}

static void wire_take_body(struct wire_reader *r, struct wire_message *m)
{
    switch (m->kind) {
    case WIRE_PING:
        m->ping.seq = (uint32_t)wire_take_integer(r, 4);
        m->ping.target = wire_take_integer(r, 8);
        m->ping.flags = (uint8_t)wire_take_integer(r, 1);
        r->bad |= (m->ping.flags & ~WIRE_COMPLAINT) != 0;
        return;
    case WIRE_ACK:
        m->ack.seq = (uint32_t)wire_take_integer(r, 4);
        return;
    case WIRE_EVIDENCE:
        wire_take_evidence(r, m);
        return;
    case WIRE_UPDATES:
        return;
    case WIRE_JOIN:
    case WIRE_CHALLENGE:
        m->join.token = wire_take_integer(r, 8);
        m->join.cookie = wire_take_integer(r, 8);
        return;
    case WIRE_DIGEST:
        wire_take_digest(r, m);
        return;
    case WIRE_DELTA:
        wire_take_delta(r, m);
        return;
    case WIRE_REFUSE:
        m->refuse.token = wire_take_integer(r, 8);
        m->refuse.generation = wire_take_integer(r, 8);
        return;
    case WIRE_SEEN:
        m->seen.token = wire_take_integer(r, 8);
        for (size_t i = 0; i < sizeof m->seen.addr.ip; i++)
            m->seen.addr.ip[i] = (uint8_t)wire_take_integer(r, 1);
        m->seen.addr.port = (uint16_t)wire_take_integer(r, 2);
        return;
    case WIRE_LEASE:
        wire_take_leases(r, m);
        return;
    case WIRE_VOTERS:
        wire_take_names(r, m);
        return;
    case WIRE_KINDS:
        break;
    }
    r->bad = true;
}

enum gossip_error wire_decode(const uint8_t *bytes, size_t len, uint32_t cluster,
                              struct wire_message *message)
{
    struct wire_reader r = {bytes, bytes + len, false};
    bool ours = wire_take_integer(&r, 2) == ('m' << 8 | 'u');
    uint64_t version = wire_take_integer(&r, 1);
    if (r.bad || !ours)
        return GOSSIP_ERROR_MALFORMED;
    if (version != WIRE_VERSION)
        return GOSSIP_ERROR_VERSION;
    message->kind = (enum wire_kind)wire_take_integer(&r, 1);
    uint64_t cluster_heard = wire_take_integer(&r, 4);
    message->sender = wire_take_integer(&r, 8);
    message->view = wire_take_integer(&r, 8);
    if (r.bad || message->sender == 0)
        return GOSSIP_ERROR_MALFORMED;
    if (cluster_heard != cluster)
        return GOSSIP_ERROR_CLUSTER;
    wire_take_body(&r, message);
    message->records = r;
    struct wire_record record;
    while (wire_next_record(&r, &record))
        continue;
    return r.bad ? GOSSIP_ERROR_MALFORMED : GOSSIP_OK;
}

void wire_put(struct wire_writer *w, uint64_t value, size_t bytes)
{
    assert((size_t)(w->end - w->at) >= bytes);
    for (size_t i = bytes; i > 0; i--)
        *w->at++ = (uint8_t)(value >> (8 * (i - 1)));
}

static void wire_put_bytes(struct wire_writer *w, const void *from, size_t bytes)
{
    assert((size_t)(w->end - w->at) >= bytes);
    if (bytes)
        memcpy(w->at, from, bytes);
    w->at += bytes;
}

struct wire_writer wire_begin(uint8_t *buffer, size_t bytes, enum wire_kind kind, uint32_t cluster,
                              uint64_t sender, uint64_t view)
{
    struct wire_writer w = {buffer, buffer, buffer + bytes};
    wire_put(&w, 'm' << 8 | 'u', 2);
    wire_put(&w, WIRE_VERSION, 1);
    wire_put(&w, kind, 1);
    wire_put(&w, cluster, 4);
    wire_put(&w, sender, 8);
    wire_put(&w, view, 8);
    return w;
}

static unsigned wire_record_flags(const struct member *m)
{
    return m->status | (m->pruned ? RECORD_PRUNED : 0) | (m->unreachable ? RECORD_UNREACHABLE : 0) |
           (m->parity ? RECORD_PARITY : 0);
}

bool wire_put_short(struct wire_writer *w, const struct member *m, uint64_t observer)
{
    if (w->end - w->at < WIRE_SHORT_BYTES)
        return false;
    wire_put(w, wire_record_flags(m), 1);
    wire_put(w, m->key, 8);
    wire_put(w, m->profile->generation, 8);
    wire_put(w, m->incarnation, 4);
    wire_put(w, observer, 8);
    return true;
}

static uint32_t wire_age_s(const struct member *m, int64_t now_us)
{
    int64_t s = (now_us - (member_is_live(m) ? m->started_us : m->since_us)) / 1000000;
    if (s < 0)
        return 0;
    return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

void wire_put_voters(struct wire_writer *w, const struct gossip_voters *voters)
{
    wire_put(w, voters->oldest, 4);
    wire_put(w, voters->newest, 4);
    wire_put(w, voters->hash, 8);
}

bool wire_put_lease(struct wire_writer *w, const struct wire_lease *lease)
{
    if (w->end - w->at < WIRE_LEASE_BYTES_MAX)
        return false;
    wire_put(w, lease->message.kind, 1);
    for (size_t i = 0; i < LEASE_PARTS; i++) {
        const char *at = (const char *)lease + lease_parts[i].at;
        uint64_t value = (uint8_t)*at;
        if (lease_parts[i].size == sizeof value)
            memcpy(&value, at, sizeof value);
        if (wire_lease_has(lease, i))
            wire_put(w, value, lease_parts[i].bytes);
    }
    return true;
}

bool wire_put_names(struct wire_writer *w, const struct gossip_voters *voters, bool asks,
                    const char (*names)[GOSSIP_NAME_BYTES_MAX + 1], unsigned count)
{
    wire_put(w, asks ? WIRE_ASKS : 0, 1);
    wire_put_voters(w, voters);
    for (unsigned i = 0; i < count; i++) {
        size_t bytes = strlen(names[i]);
        if ((size_t)(w->end - w->at) < 1 + bytes)
            return false;
        wire_put(w, bytes, 1);
        wire_put_bytes(w, names[i], bytes);
    }
    return true;
}

bool wire_put_full(struct wire_writer *w, const struct member *m, int64_t now_us)
{
    const struct gossip_profile *p = m->profile;
    bool ipv6 = memcmp(p->addr.ip, v4_mapped, sizeof v4_mapped) != 0;
    size_t ip_bytes = ipv6 ? 16 : 4, name_bytes = strlen(p->name);
    size_t bytes =
        1 + GOSSIP_ID_BYTES + 8 + 4 + 4 + ip_bytes + 2 + 16 + 1 + name_bytes + 2 + p->tags_bytes;
    if ((size_t)(w->end - w->at) < bytes)
        return false;
    wire_put(w, wire_record_flags(m) | RECORD_FULL | (ipv6 ? RECORD_IPV6 : 0), 1);
    wire_put_bytes(w, p->id, sizeof p->id);
    wire_put(w, p->generation, 8);
    wire_put(w, m->incarnation, 4);
    wire_put(w, wire_age_s(m, now_us), 4);
    wire_put_bytes(w, p->addr.ip + 16 - ip_bytes, ip_bytes);
    wire_put(w, p->addr.port, 2);
    wire_put_voters(w, &p->voters);
    wire_put(w, name_bytes, 1);
    wire_put_bytes(w, p->name, name_bytes);
    wire_put(w, p->tags_bytes, 2);
    wire_put_bytes(w, p->tags, p->tags_bytes);
    return true;
}

uint32_t wire_cluster_hash(const char *cluster)
{
    uint32_t h = 2166136261u; /* FNV-1a, 32 bits */
    for (; *cluster; cluster++)
        h = (h ^ (unsigned char)*cluster) * 16777619u;
    return h;
}
