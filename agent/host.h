/* host: what the agent's modules stand on: the loop, the clock, the core, the configuration in
 * force, and the ways between the core, the modules and those that tell of changes. A module takes
 * a host and whatever else it needs, and knows nothing of the agent that puts them together.
 *
 * Everything here runs on the loop's thread. What happens in one turn of the loop is settled once,
 * at its end: the core's packets are sent, its events and lease changes are handed to the modules
 * that asked for them, changes are published, and the core's next deadline is armed. */
#ifndef MUSTER_HOST_H
#define MUSTER_HOST_H

#include "agent/base/error.h"
#include "agent/events/journal.h"
#include "gossip/gossip.h"
#include "gossip/lease/leases.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct event_base;
struct host;

/* ---- its life ---- */

/* Makes the loop, the journal and the timer. NULL with errno. */
struct host *host_new(void);
/* Frees them; the core and the configuration are not its own. NULL: nothing. */
void host_free(struct host *h);

/* The core to drive from now on (borrowed), once there is one; NULL: there is none any more, and
 * nothing is settled. */
void host_set_core(struct host *h, struct gossip *gossip);
/* The configuration in force (borrowed). */
void host_set_config(struct host *h, const struct config *config);
/* From now on the agent is on its way out: nothing new is begun. */
void host_set_leaving(struct host *h);

/* ---- what modules share ---- */

/* Microseconds on CLOCK_BOOTTIME: suspended time counts, so that waking up is seen as a stall. */
int64_t host_now_us(void);
/* Borrowed. */
struct event_base *host_base(const struct host *h);
/* Borrowed; another one after a reload, so ask each time. */
const struct config *host_config(const struct host *h);
/* Borrowed. */
const struct journal *host_journal(const struct host *h);
/* True once host_set_leaving was called. */
bool host_is_leaving(const struct host *h);

/* The core, to look at (borrowed). */
const struct gossip *host_view(const struct host *h);
/* The core, for a call that may change it (borrowed). Schedules the settle that such a call needs:
 * so no caller can forget it. */
struct gossip *host_core(struct host *h);
/* Schedules one settle at the end of the loop's turn, however often it is called. For changes that
 * only the modules' own on_settle functions look at. */
void host_dirty(struct host *h);

/* How something that was asked for has ended. Called once, from the loop; error: text, borrowed,
 * when not ok. */
typedef void host_done_fn(void *arg, bool ok, const char *error);

/* ---- changes ---- */

/* Modules are called in this order, whatever order they were started in. */
enum host_module {
    HOST_LOG,
    HOST_EVENTS,
    HOST_CONTROL,
    HOST_SCRIPTS,
    HOST_QUORUM,
    HOST_VIPS,
    HOST_RELOAD,
    HOST_PEERS,
    HOST_LEAVE,
    HOST_MODULES
};

/* Publishes a change: of a member, which may be ourselves, or of an address (vip NULL: of none).
 * Both are copied. A subscriber may publish too: everyone sees both changes in the order of their
 * numbers. Changes of members that the core reports are published by the host itself. */
void host_publish(struct host *h, enum event_kind kind, const struct gossip_member *member,
                  const struct vip_record *vip);

/* entry: borrowed (journal_hold keeps it); NULL: a change was lost for lack of memory, and its
 * number is used up. */
typedef void host_change_fn(void *arg, const struct journal_entry *entry);
/* Has the module told of every change from now on. changed NULL: of none any more. */
void host_subscribe(struct host *h, enum host_module module, host_change_fn *changed, void *arg);

/* Called at the end of every settle. A call of the core from there is settled too. */
typedef void host_settle_fn(void *arg);
/* settle NULL: not any more. */
void host_on_settle(struct host *h, enum host_module module, host_settle_fn *settle, void *arg);

/* ---- the core's ends ---- */

/* What the core reports that is not a change of a member: JOINED, NAME_TAKEN, ... The event is
 * borrowed for the call. */
typedef void host_event_fn(void *arg, const struct gossip_event *event);
/* One receiver for each kind. receive NULL: none any more. */
void host_on_event(struct host *h, enum gossip_event_kind kind, host_event_fn *receive, void *arg);

/* A lease that we claim or observe has changed. Borrowed for the call. */
typedef void host_lease_fn(void *arg, const struct leases_state *lease);
#define HOST_LEASE_KINDS_MAX 4
/* The prefixes in use: leases of floating addresses and of locks. */
#define HOST_LEASES_OF_VIPS "vip/"
#define HOST_LEASES_OF_LOCKS "lock/"
/* Hands over the changes of the leases whose names begin with that prefix (static). receive NULL:
 * not any more. */
void host_on_lease(struct host *h, const char *prefix, host_lease_fn *receive, void *arg);

/* How packets travel. */
struct host_transport {
    /* Hands what waits in its sockets to the core: so that answers that have come in time do not
     * count as missing because this agent was late. NULL: nothing. */
    void (*drain)(void *arg);
    void (*send)(void *arg, const struct gossip_packet *packet);
    /* After the last packet of a settle. NULL: nothing. */
    void (*flush)(void *arg);
    void *arg;
};
/* Copied. NULL: there is no such transport any more, and its packets are lost. */
void host_set_transport(struct host *h, enum gossip_via via,
                        const struct host_transport *transport);

#endif
