#include "agent/steward/fence.h"

#include "agent/base/address.h"
#include "agent/base/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TABLE "muster"
/* Whoever waits for longer has no fence; while addresses are held, no more than they can stand. */
#define NFT_MS_AT_START 2000
#define NFT_MS_LATER 300
#define BATCH_BYTES 2048
#define ANSWER_BYTES 4096

/* Each table is made, if it was not there, and deleted before it is made anew. The kernel's own
 * neighbour advertisements and ARP replies have the address as their source. */
static const char ruleset[] = "table inet " TABLE "\n"
                              "delete table inet " TABLE "\n"
                              "table inet " TABLE " {\n"
                              "    set ours4 { type ipv4_addr; }\n"
                              "    set held4 { type ipv4_addr; flags timeout; }\n"
                              "    set ours6 { type ipv6_addr; }\n"
                              "    set held6 { type ipv6_addr; flags timeout; }\n"
                              "    chain prerouting {\n"
                              "        type filter hook prerouting priority -300; policy accept;\n"
                              "        ip daddr @ours4 ip daddr != @held4 drop\n"
                              "        ip6 daddr @ours6 ip6 daddr != @held6 drop\n"
                              "    }\n"
                              "    chain output {\n"
                              "        type filter hook output priority -300; policy accept;\n"
                              "        ip saddr @ours4 ip saddr != @held4 drop\n"
                              "        ip6 saddr @ours6 ip6 saddr != @held6 drop\n"
                              "    }\n"
                              "}\n"
                              "table arp " TABLE "\n"
                              "delete table arp " TABLE "\n"
                              "table arp " TABLE " {\n"
                              "    set ours4 { type ipv4_addr; }\n"
                              "    set held4 { type ipv4_addr; flags timeout; }\n"
                              "    chain output {\n"
                              "        type filter hook output priority 0; policy accept;\n"
                              "        arp saddr ip @ours4 arp saddr ip != @held4 drop\n"
                              "    }\n"
                              "}\n";

/* ---- the tables ---- */

static _Noreturn void exec_nft(int input, int limit_ms)
{
    struct itimerval limit = {.it_value = {limit_ms / 1000, limit_ms % 1000 * 1000}};
    static const char *const paths[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"};
    static char name[] = "nft", option[] = "-f", from[] = "-", *none[] = {NULL};
    char *argv[] = {name, option, from, NULL};
    int null = open("/dev/null", O_RDWR);
    setitimer(ITIMER_REAL, &limit, NULL); /* SIGALRM ends it */
    dup2(input, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        execve(paths[i], argv, none);
    _exit(127);
}

/* A pipe takes the whole of it at once. */
static bool make_tables(int limit_ms)
{
    int ends[2], status = 0;
    _Static_assert(sizeof ruleset < 4096, "PIPE_BUF");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool written = write(ends[1], ruleset, sizeof ruleset - 1) == (ssize_t)sizeof ruleset - 1;
    close(ends[1]);
    pid_t pid = fork();
    if (pid == 0)
        exec_nft(ends[0], limit_ms);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return written && pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool fence_start(struct fence *g)
{
    struct timeval wait = {.tv_usec = FENCE_WAIT_MS * 1000};
    *g = (struct fence){.remade_us = -FENCE_REMAKE_US};
    if (!make_tables(NFT_MS_AT_START))
        return false;
    g->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!g->socket)
        return false;
    if (mnl_socket_bind(g->socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
        setsockopt(mnl_socket_get_fd(g->socket), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0)
        return true;
    fence_abandon(g);
    return false;
}

void fence_abandon(struct fence *g)
{
    if (g->socket)
        mnl_socket_close(g->socket);
    g->socket = NULL;
}

/* ---- a batch: messages that take effect together or not at all ---- */

struct batch {
    char bytes[BATCH_BYTES] __attribute__((aligned(8)));
    size_t used, last;    /* where the last message begins */
    uint32_t first, next; /* sequence numbers */
};

static struct nlmsghdr *put(struct batch *b, int type, int flags, uint8_t family,
                            uint16_t subsystem)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(b->bytes + b->used);
    b->last = b->used;
    h->nlmsg_type = (uint16_t)type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    h->nlmsg_seq = b->next++;
    struct nfgenmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->nfgen_family = family;
    m->version = NFNETLINK_V0;
    m->res_id = htons(subsystem);
    return h;
}

static void end_message(struct batch *b, const struct nlmsghdr *h)
{
    b->used += NLMSG_ALIGN(h->nlmsg_len);
    assert(b->used <= sizeof b->bytes);
}

static void begin(struct batch *b, uint32_t seq)
{
    b->used = 0;
    b->first = b->next = seq;
    end_message(b, put(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static struct nlmsghdr *put_table(struct batch *b, int message, int flags, uint8_t family)
{
    return put(b, NFNL_SUBSYS_NFTABLES << 8 | message, flags, family, 0);
}

/* ms: until it vanishes; 0: it stays. */
static void put_element(struct batch *b, int message, uint8_t family, const char *set,
                        const uint8_t *ip, uint64_t ms)
{
    bool ipv4 = set[strlen(set) - 1] == '4';
    struct nlmsghdr *h =
        put_table(b, message, message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, family);
    mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, TABLE);
    mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
    struct nlattr *list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
    struct nlattr *element = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
    struct nlattr *key = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
    mnl_attr_put(h, NFTA_DATA_VALUE, ipv4 ? FENCE_IP_BYTES - ADDRESS_IPV4_AT : FENCE_IP_BYTES,
                 ipv4 ? ip + ADDRESS_IPV4_AT : ip);
    mnl_attr_nest_end(h, key);
    if (ms > 0)
        mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(ms));
    mnl_attr_nest_end(h, element);
    mnl_attr_nest_end(h, list);
    end_message(b, h);
}

struct answer {
    bool whole;
    int error; /* the first */
};

/* Not what an earlier batch is told too late. */
static void take_answer(const struct batch *b, const struct nlmsghdr *h, struct answer *answer)
{
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
    uint32_t which = h->nlmsg_seq - b->first, end = b->next - 1 - b->first;
    if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof *e || which > end)
        return;
    if (answer->error == 0)
        answer->error = -e->error;
    answer->whole |= which == 0 || which == end - 1;
}

/* What the kernel says of a batch: an error for each message that has one, and for the last one
 * always something; if the batch was not even begun, something of the first. */
static bool hear(const struct fence *g, const struct batch *b)
{
    char bytes[ANSWER_BYTES] __attribute__((aligned(8)));
    struct answer answer = {0};
    while (!answer.whole) {
        ssize_t got = mnl_socket_recvfrom(g->socket, bytes, sizeof bytes);
        if (got < 0) {
            errno = errno == EAGAIN ? ETIMEDOUT : errno;
            return false;
        }
        int left = (int)got;
        for (const struct nlmsghdr *h = (const void *)bytes; mnl_nlmsg_ok(h, left);
             h = mnl_nlmsg_next(h, &left))
            take_answer(b, h, &answer);
    }
    errno = answer.error;
    return answer.error == 0;
}

/* The last message before the end of the batch asks to be answered. */
static bool commit(struct fence *g, struct batch *b)
{
    struct nlmsghdr *last = (void *)(b->bytes + b->last);
    last->nlmsg_flags |= NLM_F_ACK;
    end_message(b, put(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    g->seq = b->next;
    return mnl_socket_sendto(g->socket, b->bytes, b->used) >= 0 && hear(g, b);
}

static void put_delete_table(struct batch *b, uint8_t family)
{
    struct nlmsghdr *h = put_table(b, NFT_MSG_DELTABLE, 0, family);
    mnl_attr_put_strz(h, NFTA_TABLE_NAME, TABLE);
    end_message(b, h);
}

void fence_remove(struct fence *g)
{
    struct batch b;
    if (!g->socket)
        return;
    begin(&b, g->seq);
    put_delete_table(&b, NFPROTO_INET);
    put_delete_table(&b, NFPROTO_ARP);
    commit(g, &b);
    fence_abandon(g);
}

/* ---- addresses ---- */

/* What is not there cannot be deleted: so it is added first. */
static void put_gone(struct batch *b, uint8_t family, const char *set, const uint8_t *ip)
{
    put_element(b, NFT_MSG_NEWSETELEM, family, set, ip, 0);
    put_element(b, NFT_MSG_DELSETELEM, family, set, ip, 0);
}

/* A timeout that runs cannot be changed (Linux before 6.12): it is another element then. */
static void put_pass(struct batch *b, uint8_t family, const char *ours, const char *held,
                     const uint8_t *ip, int64_t ms)
{
    put_element(b, NFT_MSG_NEWSETELEM, family, ours, ip, 0);
    put_gone(b, family, held, ip);
    if (ms > 0)
        put_element(b, NFT_MSG_NEWSETELEM, family, held, ip, (uint64_t)ms);
}

static void put_forget(struct batch *b, uint8_t family, const char *ours, const char *held,
                       const uint8_t *ip)
{
    put_gone(b, family, held, ip);
    put_gone(b, family, ours, ip);
}

static bool pass(struct fence *g, const uint8_t *ip, int64_t ms)
{
    struct batch b;
    bool ipv4 = address_is_ipv4(ip);
    begin(&b, g->seq);
    if (ipv4)
        put_pass(&b, NFPROTO_ARP, "ours4", "held4", ip, ms);
    put_pass(&b, NFPROTO_INET, ipv4 ? "ours4" : "ours6", ipv4 ? "held4" : "held6", ip, ms);
    return commit(g, &b);
}

bool fence_arm(struct fence *g, const uint8_t ip[FENCE_IP_BYTES], int64_t ms)
{
    if (!g->socket)
        return false;
    if (pass(g, ip, ms))
        return true;
    int64_t begun_us = clock_us(CLOCK_BOOTTIME);
    if (errno != ENOENT || begun_us - g->remade_us < FENCE_REMAKE_US)
        return false;
    g->remade_us = begun_us;
    errno = ENOENT;
    return make_tables(NFT_MS_LATER) &&
           pass(g, ip, ms - (clock_us(CLOCK_BOOTTIME) - begun_us) / 1000 - 1);
}

bool fence_forget(struct fence *g, const uint8_t ip[FENCE_IP_BYTES])
{
    struct batch b;
    bool ipv4 = address_is_ipv4(ip);
    if (!g->socket)
        return false;
    begin(&b, g->seq);
    if (ipv4)
        put_forget(&b, NFPROTO_ARP, "ours4", "held4", ip);
    put_forget(&b, NFPROTO_INET, ipv4 ? "ours4" : "ours6", ipv4 ? "held4" : "held6", ip);
    return commit(g, &b);
}
