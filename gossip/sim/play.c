#include "gossip/sim/play.h"

#include "agent/base/array.h"
#include "gossip/detector/tuning.h"
#include "gossip/sim/form.h"
#include "gossip/sim/stage.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FORM_US_MAX = 120000000, /* a cluster that gathers has so long */
    WARM_DETECTS = 2,        /* times detect, in which edges are measured before anything happens */
    AGREE_LOOK_US = 10000,   /* how exactly an agreement is timed */
    CHECK_STEPS = 1000,      /* between thorough checks of the core that was served */
    NODES_SHOWN = 8,         /* in a line of the trace */
};

/* An action to come, or to be undone. */
struct pending {
    int64_t at_us;
    const struct action *action;
    bool undo;
    struct stage_done done; /* to be undone; its nodes are owned */
};

/* An agreement that is waited for. */
struct awaited {
    int64_t from_us, by_us;
    int line;
};

struct play {
    const struct scenario *scenario;
    struct gossip_tuning tuning;
    struct net *net;
    bool formed; /* by play_form */
    struct rng rng;
    struct draw_groups groups;
    struct stage stage;
    struct report *report;    /* NULL: not begun */
    int64_t begin_us, end_us; /* on the net's clock */
    struct pending *pending;
    size_t pending_count, pending_capacity;
    struct awaited *awaited; /* in the order of their beginning */
    size_t awaited_count, awaited_capacity;
    int64_t look_us; /* whether they have come; INT64_MAX: none is awaited */
    size_t events_read;
};

static bool play_is_of_all(const struct node_setting *setting)
{
    return setting->nodes.count == 1 && setting->nodes.picks[0].kind == PICK_ALL;
}

static uint32_t play_detect_ms(const struct scenario *s)
{
    uint32_t ms = GOSSIP_DETECT_MS_DEFAULT;
    for (size_t i = 0; i < s->detects_count; i++)
        if (play_is_of_all(&s->detects[i]))
            ms = (uint32_t)s->detects[i].number;
    return ms;
}

/* Are there settings of some nodes only, which a seed may draw? */
static bool play_has_node_settings(const struct scenario *s)
{
    size_t all = 0;
    for (size_t i = 0; i < s->detects_count; i++)
        all += play_is_of_all(&s->detects[i]);
    return s->clocks_count > 0 || s->detects_count > all;
}

/* Of those that form, the ids are drawn here, and all else once they are reseeded. */
static struct net *play_make_net(const struct play *p, uint64_t seed)
{
    bool joining = p->scenario->joining;
    struct net_config config = {
        .nodes = p->scenario->nodes,
        .detect_ms = play_detect_ms(p->scenario),
        .seed = joining ? seed : rng_mix(play_cluster(p, seed)),
        .tuning = &p->tuning,
        .delay_us = LINK_DELAY_US_USUAL,
        .jitter_us = LINK_JITTER_US_USUAL,
    };
    return net_new(&config);
}

__attribute__((format(printf, 3, 4))) static bool fail(struct scenario_error *error, int line,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    error->line = line;
    return false;
}

/* No detect may be shorter than the slowest link allows. */
static bool play_check_detects(const struct scenario *s, struct scenario_error *error)
{
    int64_t slowest_us = LINK_DELAY_US_USUAL + LINK_JITTER_US_USUAL;
    int slowest_line = 0;
    for (size_t i = 0; i < s->links_count; i++) {
        const struct link_conditions *c = &s->links[i].conditions;
        int64_t us =
            (c->set & LINK_DELAY ? c->delay_us : 0) + (c->set & LINK_JITTER ? c->jitter_us : 0);
        slowest_line = us > slowest_us ? s->links[i].line : slowest_line;
        slowest_us = us > slowest_us ? us : slowest_us;
    }
    uint32_t least_ms = gossip_detect_ms_min(2 * slowest_us);
    if (least_ms > GOSSIP_DETECT_MS_MAX)
        return fail(error, slowest_line,
                    "no detect can be kept where answers take %lld ms; give the link less delay or "
                    "jitter",
                    (long long)(2 * slowest_us / 1000));
    const struct node_setting usual = {.number = GOSSIP_DETECT_MS_DEFAULT};
    for (size_t i = 0; i <= s->detects_count; i++) {
        const struct node_setting *d = i < s->detects_count ? &s->detects[i] : &usual;
        if (d->number >= least_ms || (d == &usual && play_detect_ms(s) != GOSSIP_DETECT_MS_DEFAULT))
            continue;
        return fail(error, d->line,
                    "\"detect %lldms\" cannot be kept where answers take %lld ms; the smallest "
                    "possible is %ums",
                    (long long)d->number, (long long)(2 * slowest_us / 1000), least_ms);
    }
    return true;
}

static bool play_take_settings(struct play *p, struct scenario_error *error)
{
    const struct scenario *s = p->scenario;
    struct report names = {0};
    p->tuning = tuning_default;
    for (size_t i = 0; i < s->tunings_count; i++) {
        const struct named_number *t = &s->tunings[i];
        const char *why = tuning_set(&p->tuning, t->name, t->number);
        if (why)
            return fail(error, t->line, "\"%s %.15g\": %s", t->name, t->number, why);
    }
    for (size_t i = 0; i < s->limits_count; i++)
        if (!report_number(&names, s->limits[i].name))
            return fail(error, s->limits[i].line, "\"%s\": %s", s->limits[i].name,
                        REPORT_NAMES_TEXT);
    return play_check_detects(s, error);
}

struct play *play_new(const struct scenario *scenario, struct scenario_error *error)
{
    struct play *p = calloc(1, sizeof *p);
    assert(p);
    p->scenario = scenario;
    p->look_us = INT64_MAX;
    if (!play_take_settings(p, error)) {
        free(p);
        return NULL;
    }
    return p;
}

uint64_t play_cluster(const struct play *p, uint64_t seed)
{
    return p->scenario->nodes < PLAY_LARGE_NODES ? seed : seed / PLAY_LARGE_SEEDS;
}

bool play_is_shared(const struct play *p)
{
    const struct scenario *s = p->scenario;
    return s->nodes >= PLAY_LARGE_NODES && !s->joining && !play_has_node_settings(s);
}

/* Pages of the shared tables become a run's own as it writes to them: within a minute to half. */
uint64_t play_own_bytes(const struct play *p)
{
    return form_bytes(p->scenario->nodes) / (play_is_shared(p) ? 2 : 1);
}

uint64_t play_shared_bytes(const struct play *p)
{
    return play_is_shared(p) ? form_bytes(p->scenario->nodes) : 0;
}

void play_form(struct play *p, uint64_t seed)
{
    if (p->net)
        net_free(p->net);
    p->net = play_make_net(p, seed);
    net_form(p->net);
    p->formed = true;
}

void play_free(struct play *p)
{
    while (p->pending_count)
        node_set_free(&p->pending[--p->pending_count].done.nodes);
    if (p->report) {
        meter_free(p->stage.meter);
        invariant_past_free(p->stage.past);
        stage_free(&p->stage);
        draw_groups_free(&p->groups);
    }
    if (p->net)
        net_free(p->net);
    free(p->pending);
    free(p->awaited);
    free(p);
}

static void play_push(struct play *p, struct pending pending)
{
    ARRAY_MUST_RESERVE(p->pending, p->pending_capacity, p->pending_count + 1);
    p->pending[p->pending_count++] = pending;
}

static void play_await(struct play *p, const struct action *agree)
{
    ARRAY_MUST_RESERVE(p->awaited, p->awaited_capacity, p->awaited_count + 1);
    p->look_us = net_now_us(p->net);
    p->awaited[p->awaited_count++] =
        (struct awaited){p->look_us, p->look_us + agree->for_us, agree->line};
}

static void play_set_nodes(struct play *p, const struct node_setting *setting,
                           void (*set)(struct net *, uint32_t, int64_t))
{
    struct node_set nodes = draw(&p->groups, &setting->nodes, &p->rng, NULL, NULL);
    for (uint32_t node = 0; node < nodes.nodes; node++)
        if (node_set_has(&nodes, node))
            set(p->net, node, setting->number);
    node_set_free(&nodes);
}

/* Makes the net as far as that was left to the seed, and lets the cluster form. False: it does not.
 */
static bool play_gather(struct play *p, uint64_t seed)
{
    const struct scenario *s = p->scenario;
    if (!p->formed) {
        p->net = play_make_net(p, seed);
        for (size_t i = 0; i < s->detects_count; i++)
            play_set_nodes(p, &s->detects[i], net_set_detect);
        for (size_t i = 0; i < s->clocks_count; i++)
            play_set_nodes(p, &s->clocks[i], net_set_clock);
    }
    p->stage.net = p->net;
    p->stage.meter = meter_new(p->net); /* of what the links are from the beginning */
    for (size_t i = 0; i < s->links_count; i++)
        stage_link(&p->stage, &s->links[i]);
    if (s->joining) {
        for (uint32_t node = 0; node < s->nodes; node++)
            net_start(p->net, node, 0);
        while (!net_agrees(p->net) && net_now_us(p->net) < FORM_US_MAX)
            net_run_ms(p->net, AGREE_LOOK_US / 1000);
        return net_agrees(p->net);
    }
    if (!p->formed)
        net_form(p->net);
    net_reseed(p->net, seed);
    return true;
}

bool play_begin(struct play *p, uint64_t seed, struct report *report)
{
    const struct scenario *s = p->scenario;
    rng_seed(&p->rng, ~seed); /* another stream than the net's */
    draw_groups_init(&p->groups, s, &p->rng);
    p->report = report;
    p->stage = (struct stage){.rng = &p->rng, .groups = &p->groups};
    p->stage.past = invariant_past_new(s->nodes);
    bool formed = play_gather(p, seed);
    report->seed = seed;
    report->formed_us = net_now_us(p->net);
    if (!formed) {
        snprintf(report->broken, sizeof report->broken, "the cluster forms within %d s",
                 FORM_US_MAX / 1000000);
        return false;
    }
    net_run_ms(p->net, WARM_DETECTS * play_detect_ms(s));
    net_clear_history(p->net);
    meter_begin(p->stage.meter);
    p->begin_us = net_now_us(p->net);
    p->end_us = p->begin_us + s->run_us;
    p->stage.begun = true;
    for (size_t i = 0; i < s->actions_count; i++)
        play_push(p, (struct pending){.at_us = p->begin_us + s->actions[i].at_us,
                                      .action = &s->actions[i]});
    return true;
}

/* Of one time, what ends goes before what begins, so that a repeated `for` may last until it begins
 * again; and of these, what stands first in the text. */
static bool play_goes_before(const struct pending *a, const struct pending *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us;
    if (a->undo != b->undo)
        return a->undo;
    return a->action < b->action;
}

/* The next to be done; NULL: none is left. */
static struct pending *play_soonest(const struct play *p)
{
    struct pending *first = NULL;
    for (size_t i = 0; i < p->pending_count; i++)
        if (!first || play_goes_before(&p->pending[i], first))
            first = &p->pending[i];
    return first;
}

/* "12.000000 rest of the line" */
__attribute__((format(printf, 3, 4))) static void put_line(const struct play *p, char *line,
                                                           const char *format, ...)
{
    int64_t us = net_now_us(p->net) - p->begin_us;
    size_t len = (size_t)snprintf(line, PLAY_LINE_BYTES, "%lld.%06lld ", (long long)(us / 1000000),
                                  (long long)(us % 1000000));
    va_list args;
    va_start(args, format);
    vsnprintf(line + len, PLAY_LINE_BYTES - len, format, args);
    va_end(args);
}

static void play_put_action(const struct play *p, const struct pending *now, char *line)
{
    const struct node_set *set = &now->done.nodes;
    char nodes[PLAY_LINE_BYTES / 2] = "";
    size_t len = 0;
    uint32_t shown = 0;
    for (uint32_t node = 0; node < set->nodes && shown < NODES_SHOWN; node++)
        if (node_set_has(set, node)) {
            len += (size_t)snprintf(nodes + len, sizeof nodes - len, " n%u", node);
            shown++;
        }
    if (set->count > shown)
        snprintf(nodes + len, sizeof nodes - len, " and %u more", set->count - shown);
    put_line(p, line, "-- %s%s (line %d)", stage_text(now->action->verb, now->undo), nodes,
             now->action->line);
}

/* Who is crashed, started, paused or resumed is no more as an earlier action left it, and that is
 * not undone. */
static void play_supersede(struct play *p, const struct node_set *changed)
{
    for (size_t i = 0; i < p->pending_count; i++)
        if (p->pending[i].done.nodes.bits)
            node_set_remove_set(&p->pending[i].done.nodes, changed);
}

/* Does what is due; those that repeat are due again. */
static void play_act(struct play *p, struct pending *due, char *line)
{
    assert(p->pending && p->pending_count > 0);
    struct pending now = *due;
    const struct action *a = now.action;
    *due = p->pending[--p->pending_count];
    if (now.undo) {
        stage_undo(&p->stage, a, &now.done);
        play_put_action(p, &now, line);
        node_set_free(&now.done.nodes);
        return;
    }
    int64_t again_us = now.at_us + a->every_us;
    bool ends = a->verb != ACTION_AGREE || again_us + a->for_us <= p->end_us;
    if (a->every_us > 0 && again_us - p->begin_us <= a->until_us && ends)
        play_push(p, (struct pending){.at_us = again_us, .action = a});
    if (a->verb == ACTION_AGREE)
        play_await(p, a);
    now.done = stage_do(&p->stage, a);
    if (now.done.nodes.bits)
        play_supersede(p, &now.done.nodes);
    play_put_action(p, &now, line);
    if (a->for_us > 0 && a->verb != ACTION_AGREE) {
        now.at_us += a->for_us;
        now.undo = true;
        play_push(p, now);
    } else {
        node_set_free(&now.done.nodes);
    }
}

/* Only the first broken invariant is reported. */
__attribute__((format(printf, 2, 3))) static void set_broken(struct play *p, const char *format,
                                                             ...)
{
    va_list args;
    if (p->report->broken[0])
        return;
    va_start(args, format);
    vsnprintf(p->report->broken, sizeof p->report->broken, format, args);
    va_end(args);
}

/* What a core holds; thoroughly once in a while, and at the end. broken: what was found already. */
static void play_check(struct play *p, uint32_t node, bool thoroughly, const char *broken)
{
    const struct gossip *core = net_core(p->net, node);
    if (!core)
        return;
    if (!broken)
        broken = invariant_past_check(p->stage.past, node, core, thoroughly);
    if (!broken && thoroughly)
        broken = invariant_core(core);
    p->report->checks++;
    if (broken)
        set_broken(p, "n%u at %.6f s: %s", node, (double)(net_now_us(p->net) - p->begin_us) / 1e6,
                   broken);
}

static void play_check_step(struct play *p, uint32_t node)
{
    const struct gossip *core = net_core(p->net, node);
    bool thoroughly = (uint64_t)p->report->steps % CHECK_STEPS == 0;
    play_check(p, node, thoroughly, core ? invariant_limits(core, net_burst(p->net)) : NULL);
}

/* Are all of one mind, as the scenario wants it? One that is awaited has its line at a time. */
static bool play_look(struct play *p, char *line)
{
    int64_t now_us = net_now_us(p->net);
    bool agreed = net_agrees(p->net);
    for (size_t i = 0; i < p->awaited_count; i++) {
        struct awaited a = p->awaited[i];
        if (!agreed && now_us < a.by_us)
            continue;
        memmove(&p->awaited[i], &p->awaited[i + 1], (--p->awaited_count - i) * sizeof *p->awaited);
        if (agreed)
            meter_agreed(p->stage.meter, now_us - a.from_us);
        else
            set_broken(p, "line %d: not all nodes that run agree after %.2f s", a.line,
                       (double)(now_us - a.from_us) / 1e6);
        put_line(p, line, "-- %s after %.2f s (line %d)", agreed ? "agreed" : "not agreed",
                 (double)(now_us - a.from_us) / 1e6, a.line);
        return true;
    }
    p->look_us = p->awaited_count ? now_us + AGREE_LOOK_US : INT64_MAX;
    return false;
}

/* The next event, if there is one. */
static bool play_tell(struct play *p, char *line)
{
    size_t count;
    const struct net_event *events = net_history(p->net, &count);
    if (p->events_read == count) {
        net_clear_history(p->net);
        p->events_read = 0;
        return false;
    }
    const struct net_event *t = &events[p->events_read++];
    meter_event(p->stage.meter, t);
    if (t->named == NET_NOBODY)
        put_line(p, line, "n%u %s", t->observer, history_kind_text(t->kind));
    else
        put_line(p, line, "n%u %s n%u", t->observer, history_kind_text(t->kind), t->named);
    return true;
}

static void play_finish(struct play *p)
{
    struct report *r = p->report;
    for (uint32_t node = 0; node < p->scenario->nodes; node++)
        play_check(p, node, true, NULL);
    meter_report(p->stage.meter, r);
    for (size_t i = 0; i < p->scenario->limits_count; i++) {
        const struct named_number *limit = &p->scenario->limits[i];
        double number = *report_number(r, limit->name);
        if (number > limit->number)
            set_broken(p, "line %d: %s is %g, over %g", limit->line, limit->name, number,
                       limit->number);
    }
}

bool play_next(struct play *p, char line[PLAY_LINE_BYTES])
{
    while (!play_tell(p, line)) {
        struct pending *due = play_soonest(p);
        int64_t until_us = due && due->at_us < p->end_us ? due->at_us : p->end_us;
        if (p->look_us < until_us)
            until_us = p->look_us;
        uint32_t node = net_step(p->net, until_us);
        if (node != NET_NOBODY) {
            p->report->steps++;
            play_check_step(p, node);
            continue;
        }
        if (p->look_us <= until_us && play_look(p, line))
            return true;
        if (due && due->at_us <= until_us && due->at_us <= p->end_us) {
            play_act(p, due, line);
            return true;
        }
        if (until_us >= p->end_us) {
            play_finish(p);
            return false;
        }
    }
    return true;
}
