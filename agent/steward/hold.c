#include "agent/steward/hold.h"

#include <assert.h>
#include <stddef.h>

/* After it was added. Others may miss one, or be busy: each is said again later. */
static const int64_t announcements_us[] = {0, 100000, 500000, 1500000, 3000000};
#define ANNOUNCEMENTS (sizeof announcements_us / sizeof announcements_us[0])

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void hold_init(struct hold *h)
{
    *h = (struct hold){.state = HOLD_FREE, .defended_us = INT64_MIN, .link_until_us = INT64_MAX};
}

bool hold_is_active(const struct hold *h)
{
    return h->state == HOLD_PROBING || h->state == HOLD_ADDING || h->state == HOLD_HELD;
}

/* What ends by itself: its time, or its link's. */
static void end_what_is_over(struct hold *h, int64_t now_us)
{
    if (hold_is_active(h) && now_us >= h->until_us)
        hold_drop(h, now_us, DROP_EXPIRED);
    if (hold_is_active(h) && now_us >= h->link_until_us)
        hold_drop(h, now_us, DROP_LINK);
}

static void hold_start(struct hold *h, int64_t now_us, uint64_t epoch, int64_t until_us, bool probe)
{
    int64_t every_us = h->every_us;
    uint8_t spread = h->spread;
    hold_init(h);
    h->every_us = every_us;
    h->spread = spread;
    h->state = probe ? HOLD_PROBING : HOLD_ADDING;
    h->epoch = epoch;
    h->until_us = until_us;
    h->next_us = now_us;
    h->probe_gap_us = min(max((until_us - now_us) / HOLD_PROBE_PARTS, HOLD_PROBE_GAP_US_MIN),
                          HOLD_PROBE_GAP_US_MAX);
}

bool hold_until(struct hold *h, int64_t now_us, uint64_t epoch, int64_t until_us, bool probe)
{
    end_what_is_over(h, now_us);
    if (h->state == HOLD_DROPPING)
        return false;
    if (h->state == HOLD_FREE) {
        hold_start(h, now_us, epoch, until_us, probe);
        return true;
    }
    h->epoch = epoch;
    h->until_us = until_us;
    h->refresh = h->state == HOLD_HELD;
    return true;
}

void hold_adopt(struct hold *h, int64_t now_us, uint64_t epoch, int64_t until_us)
{
    hold_start(h, now_us, epoch, until_us, false);
    hold_added(h, now_us, true);
    h->refresh = true;
}

void hold_drop(struct hold *h, int64_t now_us, enum drop_reason reason)
{
    if (!hold_is_active(h))
        return;
    h->state = HOLD_DROPPING;
    h->reason = reason;
    h->next_us = now_us;
}

void hold_announce(struct hold *h, int64_t now_us)
{
    h->announced = 0;
    h->announce_us = now_us;
}

void hold_added(struct hold *h, int64_t now_us, bool there)
{
    assert(h->state == HOLD_ADDING);
    if (!there) {
        hold_drop(h, now_us, DROP_FAILED);
        return;
    }
    h->state = HOLD_HELD;
    h->refresh = h->restoring = false;
    h->next_us = now_us + HOLD_RESTORE_GAP_US;
    h->reprobe_us = now_us + HOLD_REPROBE_US;
    hold_announce(h, now_us);
}

void hold_removed(struct hold *h, int64_t now_us, bool gone)
{
    assert(h->state == HOLD_DROPPING);
    if (gone)
        h->state = HOLD_FREE;
    else
        h->next_us = now_us + HOLD_REMOVE_GAP_US;
}

void hold_missing(struct hold *h, int64_t now_us)
{
    if (h->state != HOLD_HELD)
        return;
    h->state = HOLD_ADDING;
    h->restoring = true;
    h->next_us = max(h->next_us, now_us);
}

bool hold_is_same_claim(const struct hold *h, int64_t now_us)
{
    return h->state == HOLD_HELD && h->defended_us != INT64_MIN &&
           now_us - h->defended_us < HOLD_SAME_CLAIM_US;
}

bool hold_conflict(struct hold *h, int64_t now_us)
{
    if (!hold_is_active(h) || hold_is_same_claim(h, now_us))
        return false;
    bool defended = h->defended_us != INT64_MIN && now_us - h->defended_us < HOLD_DEFEND_US;
    if (h->state == HOLD_PROBING || defended) {
        hold_drop(h, now_us, DROP_CONFLICT);
        return true;
    }
    h->defended_us = now_us;
    h->defend = true;
    return false;
}

void hold_link(struct hold *h, int64_t now_us, bool up)
{
    if (!up) {
        h->link_until_us = min(h->link_until_us, now_us + HOLD_LINK_GRACE_US);
        return;
    }
    if (h->link_until_us != INT64_MAX)
        hold_announce(h, now_us);
    h->link_until_us = INT64_MAX;
}

static enum hold_step next_probe(struct hold *h, int64_t now_us)
{
    if (now_us < h->next_us)
        return HOLD_WAIT;
    h->next_us = now_us + h->probe_gap_us;
    if (h->probes++ < HOLD_PROBES)
        return HOLD_PROBE;
    h->state = HOLD_ADDING;
    h->next_us = now_us;
    return HOLD_ADD;
}

static bool link_is_there(const struct hold *h)
{
    return h->link_until_us == INT64_MAX;
}

/* When the next is due, of the row or after it; INT64_MAX: none, or nobody can hear it. */
static int64_t announce_due(const struct hold *h)
{
    if (!link_is_there(h))
        return INT64_MAX;
    if (h->announced < ANNOUNCEMENTS)
        return h->announce_us + announcements_us[h->announced];
    return h->every_us > 0 ? h->again_us : INT64_MAX;
}

/* Vips that were acquired together are not announced together for ever: the first time after the
 * row comes earlier, for each by another part of the period. */
static void announce_note(struct hold *h, int64_t now_us)
{
    bool was_row = h->announced < ANNOUNCEMENTS;
    /* One that was held up is not made up for. */
    while (h->announced < ANNOUNCEMENTS && announce_due(h) <= now_us)
        h->announced++;
    if (h->announced == ANNOUNCEMENTS)
        h->again_us = now_us + h->every_us - (was_row ? h->every_us * h->spread / 512 : 0);
}

static enum hold_step next_held(struct hold *h, int64_t now_us)
{
    if (h->refresh) {
        h->refresh = false;
        return HOLD_REFRESH;
    }
    if (h->defend) {
        h->defend = false;
        return HOLD_ANNOUNCE;
    }
    if (now_us >= h->reprobe_us) {
        h->reprobe_us = now_us + HOLD_REPROBE_US;
        if (link_is_there(h))
            return HOLD_PROBE;
    }
    if (now_us < announce_due(h))
        return HOLD_WAIT;
    announce_note(h, now_us);
    return HOLD_ANNOUNCE;
}

enum hold_step hold_next(struct hold *h, int64_t now_us)
{
    end_what_is_over(h, now_us);
    switch (h->state) {
    case HOLD_PROBING:
        return next_probe(h, now_us);
    case HOLD_ADDING:
        return now_us >= h->next_us && link_is_there(h) ? HOLD_ADD : HOLD_WAIT;
    case HOLD_HELD:
        return next_held(h, now_us);
    case HOLD_DROPPING:
        return now_us >= h->next_us ? HOLD_REMOVE : HOLD_WAIT;
    case HOLD_FREE:
        break;
    }
    return HOLD_WAIT;
}

int64_t hold_deadline(const struct hold *h)
{
    int64_t over_us = min(h->until_us, h->link_until_us);
    switch (h->state) {
    case HOLD_PROBING:
        return min(over_us, h->next_us);
    case HOLD_ADDING:
        return link_is_there(h) ? min(over_us, h->next_us) : over_us;
    case HOLD_HELD:
        return h->refresh || h->defend ? INT64_MIN
                                       : min(over_us, min(h->reprobe_us, announce_due(h)));
    case HOLD_DROPPING:
        return h->next_us;
    case HOLD_FREE:
        break;
    }
    return INT64_MAX;
}
