#include "tests/unit/fake_host.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/net/net.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_US = 10000000, TURN_US = 10000 };

struct host *fake_host_new(void)
{
    struct host *h = calloc(1, sizeof *h);
    assert(h);
    h->base = event_base_new();
    assert(h->base);
    return h;
}

void fake_host_free(struct host *h)
{
    event_base_free(h->base);
    free(h);
}

struct event_base *host_base(const struct host *h)
{
    return h->base;
}

bool host_is_leaving(const struct host *h)
{
    (void)h;
    return false;
}

struct gossip *host_core(struct host *h)
{
    return (struct gossip *)h;
}

const struct gossip *host_view(const struct host *h)
{
    return (const struct gossip *)h;
}

int64_t host_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void host_set_transport(struct host *h, enum gossip_via via, const struct host_transport *transport)
{
    h->transports[via] = transport ? *transport : (struct host_transport){.arg = NULL};
}

void host_on_event(struct host *h, enum gossip_event_kind kind, host_event_fn *receive, void *arg)
{
    assert(kind == GOSSIP_EVENT_JOINED);
    h->joined = receive;
    h->joined_arg = arg;
}

enum gossip_error gossip_receive(struct gossip *g, int64_t now_us, const struct gossip_route *from,
                                 const uint8_t *bytes, size_t len)
{
    struct host *h = (struct host *)g;
    (void)now_us;
    assert(h->received_count < FAKE_HOST_RECEIVED_MAX);
    h->received[h->received_count++] = (struct fake_received){
        *from, len, len ? bytes[0] : (uint8_t)0, len ? bytes[len - 1] : (uint8_t)0};
    return GOSSIP_OK;
}

static size_t fake_join_at(const struct host *h, const struct gossip_addr *addr)
{
    size_t at = 0;
    while (at < h->joins_count && memcmp(&h->joins[at], addr, sizeof *addr) != 0)
        at++;
    return at;
}

bool fake_host_has_join(const struct host *h, const struct gossip_addr *addr)
{
    return fake_join_at(h, addr) < h->joins_count;
}

enum gossip_error gossip_join(struct gossip *g, int64_t now_us, const struct gossip_addr *addr)
{
    struct host *h = (struct host *)g;
    (void)now_us;
    if (h->join_error == GOSSIP_OK && !fake_host_has_join(h, addr)) {
        assert(h->joins_count < FAKE_HOST_JOINS_MAX);
        h->joins[h->joins_count++] = *addr;
    }
    return h->join_error;
}

void gossip_join_stop(struct gossip *g, const struct gossip_addr *addr)
{
    struct host *h = (struct host *)g;
    size_t at = fake_join_at(h, addr);
    if (at < h->joins_count)
        h->joins[at] = h->joins[--h->joins_count];
}

bool gossip_next_member(const struct gossip *g, size_t *cursor, struct gossip_member *member)
{
    const struct host *h = (const struct host *)g;
    if (*cursor > 0 || !h->member.profile)
        return false;
    ++*cursor;
    *member = h->member;
    return true;
}

struct gossip_member gossip_self(const struct gossip *g)
{
    const struct host *h = (const struct host *)g;
    return (struct gossip_member){.profile = h->self};
}

const char *gossip_error_text(enum gossip_error error)
{
    return error == GOSSIP_ERROR_FULL ? "full" : "another error";
}

void fake_host_turn(struct host *h)
{
    event_base_loop(h->base, EVLOOP_NONBLOCK);
}

bool fake_host_receives(struct host *h, size_t count)
{
    int64_t end_us = host_now_us() + PATIENCE_US;
    while (h->received_count < count && host_now_us() < end_us) {
        struct timeval turn = {.tv_usec = TURN_US};
        event_base_loopexit(h->base, &turn);
        event_base_dispatch(h->base);
    }
    return h->received_count == count;
}

struct gossip_addr fake_addr(uint8_t host)
{
    unsigned pid = (unsigned)getpid();
    struct gossip_addr addr = {.port = 7949};
    address_from_ipv4((uint8_t[]){127, (uint8_t)(64 + (pid >> 8) % 128), (uint8_t)pid, host},
                      addr.ip);
    return addr;
}

struct gossip_addr fake_any(int type)
{
    char error[ERROR_BYTES];
    struct gossip_addr any = {.port = 0};
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    int fd = net_bind(&any, type, false, error);
    assert(fd >= 0);
    bool known = getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
                 address_from_socket(&sa, any.ip, &any.port);
    assert(known);
    close(fd);
    return any;
}

int fake_socket(int type, uint8_t host)
{
    char error[ERROR_BYTES];
    struct gossip_addr addr = fake_addr(host);
    int fd = net_bind(&addr, type, false, error);
    assert(fd >= 0);
    return fd;
}

int fake_connect(uint8_t from, uint8_t to)
{
    struct gossip_addr source = fake_addr(from), target = fake_addr(to);
    struct sockaddr_storage sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0);
    socklen_t len = address_to_socket(source.ip, 0, AF_INET, &sa);
    int bound = bind(fd, (struct sockaddr *)&sa, len);
    assert(bound == 0);
    len = address_to_socket(target.ip, target.port, AF_INET, &sa);
    int connected = connect(fd, (struct sockaddr *)&sa, len);
    assert(connected == 0);
    return fd;
}
