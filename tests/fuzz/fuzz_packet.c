/* Feeds a core with datagrams and frames. An input is a row of packets: how 1, length 2, pause 1,
 * bytes. Most get a header that is let in, so that what is behind it is reached too; half of these
 * are from members, and return the core's cookie where there is one to return. */
#include "gossip/core.h"
#include "gossip/membership/profile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTER "fuzz"
#define PAUSE_UNIT_US 20000
#define HOW_BYTES 4

enum { HOW_RAW = 1, HOW_STREAM = 2, HOW_LEAVE = 4, HOW_JOIN = 8, HOW_MEMBER = 16 };
enum { MEMBERS = 4 }; /* at addresses 2 and up; the key of each is that number, eight times */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gossip_addr address(uint8_t host)
{
    return (struct gossip_addr){.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, host}, .port = 7949};
}

static struct gossip *core_new(int64_t now_us)
{
    struct gossip_config config = {
        .cluster = CLUSTER,
        .self = {.id = {1}, .generation = 1000, .addr = address(1), .name = "self", .tags = ""},
        .detect_ms = GOSSIP_DETECT_MS_DEFAULT,
        .seed = 1};
    enum gossip_error error;
    struct gossip *g = gossip_new(&config, now_us, &error);
    assert(g);
    return g;
}

static void drain(struct gossip *g, int64_t now_us)
{
    struct gossip_packet packet;
    struct gossip_event event;
    struct gossip_member member;
    struct gossip_explanation explanation;
    size_t cursor = 0;
    while (gossip_next_packet(g, &packet))
        assert(packet.len <= (packet.route.via == GOSSIP_STREAM ? GOSSIP_FRAME_BYTES_MAX
                                                                : GOSSIP_PACKET_BYTES_MAX));
    while (gossip_next_event(g, &event))
        assert(event.kind > GOSSIP_EVENT_REAP || event.member.profile);
    while (gossip_next_member(g, &cursor, &member)) {
        assert(gossip_name_valid(member.profile->name, strlen(member.profile->name)));
        assert(gossip_explain(g, now_us, member.profile->name, &explanation) == GOSSIP_OK);
    }
}

/* Introduces a member by stream, as it would itself. */
static void meet(struct gossip *g, int64_t now_us, uint8_t number)
{
    char name[] = "m0";
    struct gossip_profile profile = {
        .generation = 1000, .addr = address(number), .name = name, .tags = ""};
    name[1] = (char)('0' + number);
    memset(profile.id, number, sizeof profile.id);
    struct member m = {.profile = &profile, .key = profile_key(profile.id)};
    uint8_t bytes[GOSSIP_PACKET_BYTES_MAX];
    struct wire_writer w =
        wire_begin(bytes, sizeof bytes, WIRE_JOIN, wire_cluster_hash(CLUSTER), m.key, 0);
    wire_put(&w, 0, 8);
    wire_put(&w, 0, 8);
    wire_put_full(&w, &m, 0);
    struct gossip_route from = {.addr = profile.addr, .via = GOSSIP_STREAM, .conn = 1};
    gossip_receive(g, now_us, &from, bytes, (size_t)(w.at - bytes));
    assert(member_by_key(&g->members, m.key) != MEMBER_NONE);
}

/* The sender is a member, and has read what we sent to its address: a DELTA returns that in its
 * first field, a DIGEST and a JOIN in the second. */
static void be_member(const struct gossip *g, uint8_t number, uint8_t *bytes, size_t len)
{
    struct gossip_addr addr = address(number);
    memset(bytes + 8, number, 8);
    uint64_t key = 0;
    for (int i = 0; i < 8; i++)
        key = key << 8 | bytes[8 + i];
    uint64_t cookie = proof_cookie(g, key, &addr);
    size_t at = WIRE_HEADER_BYTES + (bytes[3] == WIRE_DELTA ? 0 : 8);
    bool returns = bytes[3] == WIRE_DELTA || bytes[3] == WIRE_DIGEST || bytes[3] == WIRE_JOIN;
    for (size_t i = 0; returns && len >= at + 8 && i < 8; i++)
        bytes[at + i] = (uint8_t)(cookie >> (56 - 8 * i));
}

static void let_in(uint8_t *bytes, size_t len)
{
    uint32_t cluster = wire_cluster_hash(CLUSTER);
    if (len < WIRE_HEADER_BYTES)
        return;
    bytes[0] = 'm';
    bytes[1] = 'u';
    bytes[2] = WIRE_VERSION;
    bytes[3] = (uint8_t)(1 + bytes[3] % (WIRE_KINDS - 1));
    for (int i = 0; i < 4; i++)
        bytes[4 + i] = (uint8_t)(cluster >> (24 - 8 * i));
}

/* A copy of its own size, so that one byte too far is seen. */
static void receive(struct gossip *g, int64_t now_us, uint8_t how, const uint8_t *data, size_t len)
{
    uint8_t *bytes = malloc(len ? len : 1);
    struct gossip_route from = {.addr = address((uint8_t)(2 + (how >> 5)))};
    assert(bytes);
    if (len > 0)
        memcpy(bytes, data, len);
    if (!(how & HOW_RAW))
        let_in(bytes, len);
    if ((how & HOW_MEMBER) && len >= WIRE_HEADER_BYTES)
        be_member(g, (uint8_t)(2 + (how >> 5)), bytes, len);
    if (how & HOW_STREAM)
        from.via = GOSSIP_STREAM, from.conn = 1;
    gossip_receive(g, now_us, &from, bytes, len);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t now_us = 1000000;
    struct gossip *g = core_new(now_us);
    for (unsigned number = 2; number < 2 + MEMBERS; number++)
        meet(g, now_us, (uint8_t)number);
    drain(g, now_us);
    while (size > HOW_BYTES) {
        uint8_t how = data[0];
        size_t len = (size_t)(data[1] << 8 | data[2]);
        now_us += data[3] * PAUSE_UNIT_US;
        data += HOW_BYTES;
        size -= HOW_BYTES;
        if (len > size)
            len = size;
        receive(g, now_us, how, data, len);
        if (how & HOW_JOIN) {
            struct gossip_addr to = address((uint8_t)len);
            gossip_join(g, now_us, &to);
        }
        if ((how & HOW_LEAVE) && len % 16 == 0)
            gossip_leave(g, now_us);
        if (gossip_deadline(g) <= now_us)
            gossip_tick(g, now_us);
        drain(g, now_us);
        data += len;
        size -= len;
    }
    gossip_free(g);
    return 0;
}
