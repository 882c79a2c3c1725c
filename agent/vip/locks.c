#include "agent/vip/locks.h"

#include "agent/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { LOCK_PRIORITY = 100 };

TAILQ_HEAD(lock_queue, lock);

struct lock {
    TAILQ_ENTRY(lock) link;
    struct locks *owner;
    char lease[sizeof HOST_LEASES_OF_LOCKS + GOSSIP_NAME_BYTES_MAX];
    bool claimed; /* the first of its name claims the lease */
    bool held;
    lock_changed_fn *changed; /* NULL: it was abandoned */
    void *arg;
};

struct locks {
    struct host *host;
    struct lock_queue queue; /* of all names, oldest first */
    size_t count;
};

void locks_free(struct locks *l)
{
    if (!l)
        return;
    host_on_lease(l->host, HOST_LEASES_OF_LOCKS, NULL, NULL);
    while (!TAILQ_EMPTY(&l->queue))
        locks_drop(TAILQ_FIRST(&l->queue)); /* abandoned locks whose leases have not expired */
    free(l);
}

static struct lock *lock_first(const struct locks *l, const char *lease)
{
    struct lock *lock;
    TAILQ_FOREACH (lock, &l->queue, link)
        if (strcmp(lock->lease, lease) == 0)
            return lock;
    return NULL;
}

static enum gossip_error lock_claim(struct lock *lock)
{
    struct leases_options options = {
        .name = lock->lease, .length_ms = LOCKS_LENGTH_MS, .priority = LOCK_PRIORITY};
    lock->claimed = true;
    return leases_claim(host_core(lock->owner->host), host_now_us(), &options);
}

struct lock *locks_take(struct locks *l, const char *name, lock_changed_fn *changed, void *arg,
                        const char **error)
{
    if (!gossip_name_valid(name, strlen(name))) {
        *error = "a lock's name is 1 to 128 letters, digits, '.', '_' or '-'";
        return NULL;
    }
    if (leases_voters(host_view(l->host))->count == 0) {
        *error = "there is no quorum in the configuration, which locks need";
        return NULL;
    }
    struct lock *lock = l->count < LOCKS_MAX ? calloc(1, sizeof *lock) : NULL;
    if (!lock) {
        *error = "too many locks are claimed here";
        return NULL;
    }
    *lock = (struct lock){.owner = l, .changed = changed, .arg = arg};
    snprintf(lock->lease, sizeof lock->lease, HOST_LEASES_OF_LOCKS "%s", name);
    bool is_first = !lock_first(l, lock->lease);
    TAILQ_INSERT_TAIL(&l->queue, lock, link);
    l->count++;
    enum gossip_error wrong = is_first ? lock_claim(lock) : GOSSIP_OK;
    if (wrong == GOSSIP_OK)
        return lock;
    *error = gossip_error_text(wrong);
    locks_drop(lock);
    return NULL;
}

/* The next in this host's queue claims anew: candidates on other hosts have waited longer. */
void locks_drop(struct lock *lock)
{
    struct locks *l = lock->owner;
    TAILQ_REMOVE(&l->queue, lock, link);
    l->count--;
    if (lock->claimed) {
        leases_release(host_core(l->host), host_now_us(), lock->lease, NULL, false);
        struct lock *next = lock_first(l, lock->lease);
        if (next)
            lock_claim(next);
    }
    free(lock);
}

void locks_abandon(struct lock *lock)
{
    struct host *host = lock->owner->host;
    /* A leaving agent neither renews leases nor sends reports. */
    if (!lock->held || host_is_leaving(host)) {
        locks_drop(lock);
        return;
    }
    lock->changed = NULL;
    leases_renew_until(host_core(host), host_now_us(), lock->lease, host_now_us());
}

static void lock_on_lease(void *arg, const struct leases_state *lease)
{
    struct lock *lock = lock_first(arg, lease->name);
    if (!lock)
        return;
    struct lock_state state = {.held = lease->held,
                               .until_us = lease->until_us,
                               .epoch = lease->epoch,
                               .holder = lease->holder};
    lock->held = lease->held;
    if (lock->changed)
        lock->changed(lock->arg, &state);
    else if (!lease->held)
        locks_drop(lock);
}

struct locks *locks_new(struct host *host)
{
    struct locks *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->host = host;
    TAILQ_INIT(&l->queue);
    host_on_lease(host, HOST_LEASES_OF_LOCKS, lock_on_lease, l);
    return l;
}
