#include "agent/steward/fence.h"

#include "agent/base/address.h"
#include "agent/base/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_arp.h>
#include <time.h>

#define TABLE "muster"
#define RAW_PRIORITY (-300) /* before connection tracking and what an operator filters */
#define BATCH_BYTES 8192    /* all tables take about half of it */
#define NESTED_MAX 8

/* ---- a message is a table of attributes ---- */

struct attr {
    enum { ATTR_END, ATTR_TEXT, ATTR_U32, ATTR_U64, ATTR_BYTES, ATTR_OPEN, ATTR_CLOSE } kind;
    uint16_t type;
    const void *data;
    uint64_t value; /* of U64: 0 leaves the attribute out; of BYTES: how many */
};
/* clang-format off */
#define TEXT(t, s) {.kind = ATTR_TEXT, .type = (t), .data = (s)}
#define U32(t, v) {.kind = ATTR_U32, .type = (t), .value = (uint32_t)(v)}
#define U64(t, v) {.kind = ATTR_U64, .type = (t), .value = (v)}
#define BYTES(t, at, n) {.kind = ATTR_BYTES, .type = (t), .data = (at), .value = (n)}
#define NEST(t, ...) {.kind = ATTR_OPEN, .type = (t)}, __VA_ARGS__, {.kind = ATTR_CLOSE}
#define EXPRESSION(name, ...)                                                                      \
    NEST(NFTA_LIST_ELEM, TEXT(NFTA_EXPR_NAME, name), NEST(NFTA_EXPR_DATA, __VA_ARGS__))
#define ATTRS(...) (const struct attr[]){__VA_ARGS__, {.kind = ATTR_END}}
/* clang-format on */

/* Numbers go in network order, as nf_tables has them. */
static void put_attrs(struct nlmsghdr *h, const struct attr *a)
{
    struct nlattr *open[NESTED_MAX];
    for (size_t depth = 0; a->kind != ATTR_END; a++) {
        if (a->kind == ATTR_TEXT)
            mnl_attr_put_strz(h, a->type, a->data);
        else if (a->kind == ATTR_U32)
            mnl_attr_put_u32(h, a->type, htonl((uint32_t)a->value));
        else if (a->kind == ATTR_U64 && a->value)
            mnl_attr_put_u64(h, a->type, htobe64(a->value));
        else if (a->kind == ATTR_BYTES)
            mnl_attr_put(h, a->type, a->value, a->data);
        else if (a->kind == ATTR_OPEN)
            open[depth++] = mnl_attr_nest_start(h, a->type);
        else if (a->kind == ATTR_CLOSE)
            mnl_attr_nest_end(h, open[--depth]);
        assert(depth < NESTED_MAX);
    }
}

/* ---- a batch: messages that take effect together or not at all ---- */

struct batch {
    char bytes[BATCH_BYTES] __attribute__((aligned(8)));
    size_t used;
    struct nlmsghdr *last;
    unsigned seq;
};

static void put_message(struct batch *b, int type, int flags, struct nfgenmsg about,
                        const struct attr *attrs)
{
    struct nlmsghdr *h = b->last = mnl_nlmsg_put_header(b->bytes + b->used);
    h->nlmsg_type = (uint16_t)type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    h->nlmsg_seq = b->seq;
    *(struct nfgenmsg *)mnl_nlmsg_put_extra_header(h, sizeof about) = about;
    put_attrs(h, attrs);
    b->used += NLMSG_ALIGN(h->nlmsg_len);
    assert(b->used <= sizeof b->bytes);
}

static void put_bound(struct batch *b, int type)
{
    put_message(b, type, 0, (struct nfgenmsg){.res_id = htons(NFNL_SUBSYS_NFTABLES)},
                &(struct attr){.kind = ATTR_END});
}

static void batch_put(struct batch *b, int message, uint8_t family, const struct attr *attrs)
{
    bool creates = message != NFT_MSG_DELTABLE && message != NFT_MSG_DELSETELEM;
    put_message(b, NFNL_SUBSYS_NFTABLES << 8 | message, creates ? NLM_F_CREATE | NLM_F_APPEND : 0,
                (struct nfgenmsg){.nfgen_family = family}, attrs);
}

static void batch_begin(struct batch *b, struct fence *f)
{
    b->used = 0;
    b->seq = ++f->netlink.seq;
    put_bound(b, NFNL_MSG_BATCH_BEGIN);
}

/* The kernel answers each message that fails, and the last one, which asks for it, in any case. */
static bool batch_commit(struct fence *f, struct batch *b)
{
    b->last->nlmsg_flags |= NLM_F_ACK;
    put_bound(b, NFNL_MSG_BATCH_END);
    return netlink_ask(&f->netlink, b->bytes, b->used, NULL, NULL);
}

/* ---- the tables ---- */

static const struct table {
    uint8_t family, ip_bytes, nft_type; /* the type is for nft(8), which prints the sets */
} tables[] = {{NFPROTO_IPV4, 4, 7}, {NFPROTO_IPV6, 16, 8}, {NFPROTO_ARP, 4, 7}};

/* Where packets of a family have an address. The kernel's own neighbour advertisements and ARP
 * replies have it as their source. */
static const struct chain {
    uint8_t family;
    const char *name;
    uint32_t hook, offset, ip_bytes;
} chains[] = {
    {NFPROTO_IPV4, "to", NF_INET_PRE_ROUTING, 16, 4},
    {NFPROTO_IPV4, "from", NF_INET_LOCAL_OUT, 12, 4},
    {NFPROTO_IPV6, "to", NF_INET_PRE_ROUTING, 24, 16},
    {NFPROTO_IPV6, "from", NF_INET_LOCAL_OUT, 8, 16},
    {NFPROTO_ARP, "from", NF_ARP_OUT, 14, 4},
};

enum { TABLES = sizeof tables / sizeof *tables, CHAINS = sizeof chains / sizeof *chains };

/* A table that is not there cannot be deleted: each is made first. */
static void put_no_tables(struct batch *b)
{
    for (size_t i = 0; i < TABLES; i++) {
        batch_put(b, NFT_MSG_NEWTABLE, tables[i].family, ATTRS(TEXT(NFTA_TABLE_NAME, TABLE)));
        batch_put(b, NFT_MSG_DELTABLE, tables[i].family, ATTRS(TEXT(NFTA_TABLE_NAME, TABLE)));
    }
}

static void put_set(struct batch *b, const struct table *t, const char *name, size_t id, int flags)
{
    batch_put(b, NFT_MSG_NEWSET, t->family,
              ATTRS(TEXT(NFTA_SET_TABLE, TABLE), TEXT(NFTA_SET_NAME, name),
                    U32(NFTA_SET_FLAGS, flags), U32(NFTA_SET_KEY_TYPE, t->nft_type),
                    U32(NFTA_SET_KEY_LEN, t->ip_bytes), U32(NFTA_SET_ID, id)));
}

/* With one rule: ip daddr @ours ip daddr != @held drop */
static void put_chain(struct batch *b, const struct chain *c)
{
    batch_put(b, NFT_MSG_NEWCHAIN, c->family,
              ATTRS(TEXT(NFTA_CHAIN_TABLE, TABLE), TEXT(NFTA_CHAIN_NAME, c->name),
                    TEXT(NFTA_CHAIN_TYPE, "filter"),
                    NEST(NFTA_CHAIN_HOOK, U32(NFTA_HOOK_HOOKNUM, c->hook),
                         U32(NFTA_HOOK_PRIORITY, RAW_PRIORITY))));
    batch_put(
        b, NFT_MSG_NEWRULE, c->family,
        ATTRS(TEXT(NFTA_RULE_TABLE, TABLE), TEXT(NFTA_RULE_CHAIN, c->name),
              NEST(NFTA_RULE_EXPRESSIONS,
                   EXPRESSION("payload", U32(NFTA_PAYLOAD_DREG, NFT_REG_1),
                              U32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER),
                              U32(NFTA_PAYLOAD_OFFSET, c->offset),
                              U32(NFTA_PAYLOAD_LEN, c->ip_bytes)),
                   EXPRESSION("lookup", TEXT(NFTA_LOOKUP_SET, "ours"),
                              U32(NFTA_LOOKUP_SREG, NFT_REG_1)),
                   EXPRESSION("lookup", TEXT(NFTA_LOOKUP_SET, "held"),
                              U32(NFTA_LOOKUP_SREG, NFT_REG_1),
                              U32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV)),
                   EXPRESSION("immediate", U32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT),
                              NEST(NFTA_IMMEDIATE_DATA,
                                   NEST(NFTA_DATA_VERDICT, U32(NFTA_VERDICT_CODE, NF_DROP)))))));
}

static bool make_tables(struct fence *f)
{
    struct batch b;
    batch_begin(&b, f);
    put_no_tables(&b);
    for (size_t i = 0; i < TABLES; i++) {
        batch_put(&b, NFT_MSG_NEWTABLE, tables[i].family, ATTRS(TEXT(NFTA_TABLE_NAME, TABLE)));
        put_set(&b, &tables[i], "ours", 2 * i + 1, 0);
        put_set(&b, &tables[i], "held", 2 * i + 2, NFT_SET_TIMEOUT);
    }
    for (size_t i = 0; i < CHAINS; i++)
        put_chain(&b, &chains[i]);
    return batch_commit(f, &b);
}

bool fence_start(struct fence *f)
{
    f->remade_us = -FENCE_REMAKE_US;
    if (netlink_open(&f->netlink, NETLINK_NETFILTER) && make_tables(f))
        return true;
    fence_abandon(f);
    return false;
}

void fence_abandon(struct fence *f)
{
    netlink_close(&f->netlink);
}

void fence_remove(struct fence *f)
{
    struct batch b;
    if (!f->netlink.socket)
        return;
    batch_begin(&b, f);
    put_no_tables(&b);
    batch_commit(f, &b);
    fence_abandon(f);
}

/* ---- addresses ---- */

/* ms: until the element vanishes; 0: it stays. */
static void put_element(struct batch *b, int message, const struct table *t, const char *set,
                        const uint8_t *ip, int64_t ms)
{
    const uint8_t *key = ip + FENCE_IP_BYTES - t->ip_bytes;
    batch_put(b, message, t->family,
              ATTRS(TEXT(NFTA_SET_ELEM_LIST_TABLE, TABLE), TEXT(NFTA_SET_ELEM_LIST_SET, set),
                    NEST(NFTA_SET_ELEM_LIST_ELEMENTS,
                         NEST(NFTA_LIST_ELEM,
                              NEST(NFTA_SET_ELEM_KEY, BYTES(NFTA_DATA_VALUE, key, t->ip_bytes)),
                              U64(NFTA_SET_ELEM_TIMEOUT, (uint64_t)ms)))));
}

/* ms < 0: the element is removed; one that is not there cannot be deleted, and is added first. A
 * timeout that runs cannot be changed (Linux before 6.12): the element is replaced. */
static void put_change(struct batch *b, const struct table *t, const char *set, const uint8_t *ip,
                       int64_t ms)
{
    if (ms != 0) {
        put_element(b, NFT_MSG_NEWSETELEM, t, set, ip, 0);
        put_element(b, NFT_MSG_DELSETELEM, t, set, ip, 0);
    }
    if (ms >= 0)
        put_element(b, NFT_MSG_NEWSETELEM, t, set, ip, ms);
}

static bool set_address(struct fence *f, const uint8_t *ip, bool ours, int64_t ms)
{
    struct batch b;
    batch_begin(&b, f);
    for (const struct table *t = tables; t < tables + TABLES; t++) {
        if (address_is_ipv4(ip) == (t->family == NFPROTO_IPV6))
            continue;
        put_change(&b, t, "ours", ip, ours ? 0 : -1);
        put_change(&b, t, "held", ip, ms > 0 ? ms : -1);
    }
    return batch_commit(f, &b);
}

bool fence_arm(struct fence *f, const uint8_t ip[FENCE_IP_BYTES], int64_t ms)
{
    int64_t begun_us = clock_us(CLOCK_BOOTTIME);
    if (!f->netlink.socket)
        return false;
    if (set_address(f, ip, true, ms))
        return true;
    if (errno != ENOENT || begun_us - f->remade_us < FENCE_REMAKE_US)
        return false;
    f->remade_us = begun_us;
    return make_tables(f) &&
           set_address(f, ip, true, ms - (clock_us(CLOCK_BOOTTIME) - begun_us) / 1000 - 1);
}

bool fence_forget(struct fence *f, const uint8_t ip[FENCE_IP_BYTES])
{
    return f->netlink.socket && set_address(f, ip, false, 0);
}
