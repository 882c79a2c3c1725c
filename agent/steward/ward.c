#include "agent/steward/ward.h"

#include <assert.h>
#include <stddef.h>

/* After it was added. Others may miss one, or be busy: each is said again later. */
static const int64_t announcements_us[] = {0, 100000, 500000, 1500000, 3000000};
#define ANNOUNCEMENTS (sizeof announcements_us / sizeof announcements_us[0])

const char *ward_why_text(enum ward_why why)
{
    static const char *const texts[] = {
#define WARD_WHY(name, text) text,
        WARD_WHYS(WARD_WHY)
#undef WARD_WHY
    };
    assert(why < WARD_WHYS_COUNT);
    return texts[why];
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void ward_init(struct ward *w)
{
    *w = (struct ward){.state = WARD_FREE, .defended_us = INT64_MIN, .link_until_us = INT64_MAX};
}

bool ward_is_live(const struct ward *w)
{
    return w->state == WARD_PROBING || w->state == WARD_ADDING || w->state == WARD_HELD;
}

/* What ends by itself: its time, or its link's. */
static void end_what_is_over(struct ward *w, int64_t now_us)
{
    if (ward_is_live(w) && now_us >= w->until_us)
        ward_drop(w, now_us, WARD_EXPIRED);
    if (ward_is_live(w) && now_us >= w->link_until_us)
        ward_drop(w, now_us, WARD_LINK);
}

static void start(struct ward *w, int64_t now_us, uint64_t epoch, int64_t until_us, bool probe)
{
    ward_init(w);
    w->state = probe ? WARD_PROBING : WARD_ADDING;
    w->epoch = epoch;
    w->until_us = until_us;
    w->next_us = now_us;
    w->probe_gap_us = min(max((until_us - now_us) / WARD_PROBE_PARTS, WARD_PROBE_GAP_US_MIN),
                          WARD_PROBE_GAP_US_MAX);
}

bool ward_hold(struct ward *w, int64_t now_us, uint64_t epoch, int64_t until_us, bool probe)
{
    end_what_is_over(w, now_us);
    if (w->state == WARD_DROPPING)
        return false;
    if (w->state == WARD_FREE) {
        start(w, now_us, epoch, until_us, probe);
        return true;
    }
    w->epoch = epoch;
    w->until_us = until_us;
    w->refresh = w->state == WARD_HELD;
    return true;
}

void ward_drop(struct ward *w, int64_t now_us, enum ward_why why)
{
    if (!ward_is_live(w))
        return;
    w->state = WARD_DROPPING;
    w->why = why;
    w->next_us = now_us;
}

void ward_announce(struct ward *w, int64_t now_us)
{
    w->announced = 0;
    w->announce_us = now_us;
}

void ward_added(struct ward *w, int64_t now_us, bool there)
{
    assert(w->state == WARD_ADDING);
    if (!there) {
        ward_drop(w, now_us, WARD_FAILED);
        return;
    }
    w->state = WARD_HELD;
    w->refresh = w->restoring = false;
    w->next_us = now_us + WARD_RESTORE_GAP_US;
    w->look_us = now_us + WARD_LOOK_US;
    ward_announce(w, now_us);
}

void ward_removed(struct ward *w, int64_t now_us, bool gone)
{
    assert(w->state == WARD_DROPPING);
    if (gone)
        w->state = WARD_FREE;
    else
        w->next_us = now_us + WARD_REMOVE_GAP_US;
}

void ward_missing(struct ward *w, int64_t now_us)
{
    if (w->state != WARD_HELD)
        return;
    w->state = WARD_ADDING;
    w->restoring = true;
    w->next_us = max(w->next_us, now_us);
}

bool ward_conflict(struct ward *w, int64_t now_us)
{
    if (!ward_is_live(w))
        return false;
    bool defended = w->defended_us != INT64_MIN && now_us - w->defended_us < WARD_DEFEND_US;
    if (w->state == WARD_PROBING || defended) {
        ward_drop(w, now_us, WARD_CONFLICT);
        return true;
    }
    w->defended_us = now_us;
    w->defend = true;
    return false;
}

void ward_link(struct ward *w, int64_t now_us, bool up)
{
    if (!up) {
        w->link_until_us = min(w->link_until_us, now_us + WARD_LINK_GRACE_US);
        return;
    }
    if (w->link_until_us != INT64_MAX)
        ward_announce(w, now_us);
    w->link_until_us = INT64_MAX;
}

static enum ward_step next_probe(struct ward *w, int64_t now_us)
{
    if (now_us < w->next_us)
        return WARD_WAIT;
    w->next_us = now_us + w->probe_gap_us;
    if (w->probes++ < WARD_PROBES)
        return WARD_PROBE;
    w->state = WARD_ADDING;
    w->next_us = now_us;
    return WARD_ADD;
}

static bool link_is_there(const struct ward *w)
{
    return w->link_until_us == INT64_MAX;
}

/* When the next of the row is due; INT64_MAX: all have been, or nobody can hear it. */
static int64_t announce_due(const struct ward *w)
{
    return w->announced < ANNOUNCEMENTS && link_is_there(w)
               ? w->announce_us + announcements_us[w->announced]
               : INT64_MAX;
}

static enum ward_step next_held(struct ward *w, int64_t now_us)
{
    if (w->refresh) {
        w->refresh = false;
        return WARD_REFRESH;
    }
    if (w->defend) {
        w->defend = false;
        return WARD_ANNOUNCE;
    }
    if (now_us >= w->look_us) {
        w->look_us = now_us + WARD_LOOK_US;
        if (link_is_there(w))
            return WARD_PROBE;
    }
    if (now_us < announce_due(w))
        return WARD_WAIT;
    /* One that was held up is not made up for. */
    while (announce_due(w) <= now_us)
        w->announced++;
    return WARD_ANNOUNCE;
}

enum ward_step ward_next(struct ward *w, int64_t now_us)
{
    end_what_is_over(w, now_us);
    switch (w->state) {
    case WARD_PROBING:
        return next_probe(w, now_us);
    case WARD_ADDING:
        return now_us >= w->next_us && link_is_there(w) ? WARD_ADD : WARD_WAIT;
    case WARD_HELD:
        return next_held(w, now_us);
    case WARD_DROPPING:
        return now_us >= w->next_us ? WARD_REMOVE : WARD_WAIT;
    case WARD_FREE:
        break;
    }
    return WARD_WAIT;
}

int64_t ward_deadline(const struct ward *w)
{
    int64_t over_us = min(w->until_us, w->link_until_us);
    switch (w->state) {
    case WARD_PROBING:
        return min(over_us, w->next_us);
    case WARD_ADDING:
        return link_is_there(w) ? min(over_us, w->next_us) : over_us;
    case WARD_HELD:
        return w->refresh || w->defend ? INT64_MIN : min(over_us, min(w->look_us, announce_due(w)));
    case WARD_DROPPING:
        return w->next_us;
    case WARD_FREE:
        break;
    }
    return INT64_MAX;
}
