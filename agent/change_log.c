#include "agent/change_log.h"

#include "agent/base/address.h"
#include "agent/base/log.h"
#include "agent/host.h"

#include <inttypes.h>

static void log_member(enum event_kind kind, const struct gossip_profile *p)
{
    static const char remark[] = "; it lives, but not all of its observers can reach it: is a link "
                                 "cut one way, or losing packets?";
    bool is_trouble = kind == EVENT_MEMBER_UNREACHABLE; /* which no agent can do anything about */
    char addr[ADDRESS_TEXT_BYTES];
    log_write(is_trouble ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "%s: %s %s%s", event_kind_text(kind),
              p->name, address_text(p->addr.ip, p->addr.port, addr), is_trouble ? remark : "");
}

static void log_vip(enum event_kind kind, const struct vip_record *vip)
{
    log_write(kind == EVENT_VIP_CONFLICT ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
              "%s: %s, %s on %s: held by %s, epoch %" PRIu64, event_kind_text(kind), vip->name,
              vip->address, vip->interface, *vip->holder ? vip->holder : "nobody", vip->epoch);
}

static void change_log_on_change(void *arg, const struct journal_entry *entry)
{
    (void)arg;
    if (!entry)
        log_error("a change is lost: out of memory");
    else if (event_kind_is_of_member(entry->kind))
        log_member(entry->kind, entry->member.profile);
    else if (entry->vip)
        log_vip(entry->kind, entry->vip);
    else if (entry->kind == EVENT_QUORUM_LOST)
        log_warn("%s: too few voters are alive and agree for any address to be held",
                 event_kind_text(entry->kind));
    else
        log_info("%s: enough voters are alive and agree", event_kind_text(entry->kind));
}

static void change_log_on_merged(void *arg, const struct gossip_event *event)
{
    const struct gossip_profile *p = event->member.profile;
    char addr[ADDRESS_TEXT_BYTES];
    (void)arg;
    log_warn("two clusters have merged: %s at %s, and the members that it brought, were not known "
             "here before. If they are not meant to be one, give each a name of its own: cluster "
             "in muster.conf",
             p->name, address_text(p->addr.ip, p->addr.port, addr));
}

void change_log_start(struct host *host)
{
    host_on_event(host, GOSSIP_EVENT_MERGED, change_log_on_merged, NULL);
    host_subscribe(host, HOST_LOG, change_log_on_change, NULL);
}
