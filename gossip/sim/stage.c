#include "gossip/sim/stage.h"

#include "agent/base/array.h"

#include <stdlib.h>

enum { DIALLED = 32 }; /* as many as an agent stores to rejoin by */

void stage_free(struct stage *st)
{
    free(st->cuts);
}

static struct node_set stage_running(const struct stage *st, bool also_paused)
{
    struct node_set set = node_set_new(net_nodes(st->net));
    for (uint32_t node = 0; node < set.nodes; node++)
        if (net_core(st->net, node) && (also_paused || !net_is_paused(st->net, node)))
            node_set_add(&set, node);
    return set;
}

/* `any` is drawn among those that run; before the beginning, among all. */
static struct node_set stage_picked(struct stage *st, const struct pick_list *list)
{
    if (!st->begun)
        return draw(st->groups, list, st->rng, NULL, NULL);
    struct node_set eligible = stage_running(st, false);
    struct node_set set = draw(st->groups, list, st->rng, &eligible, NULL);
    node_set_free(&eligible);
    return set;
}

static void stage_note_cut(struct stage *st, uint32_t rule)
{
    ARRAY_MUST_RESERVE(st->cuts, st->cuts_capacity, st->cuts_count + 1);
    st->cuts[st->cuts_count++] = rule;
}

/* Nodes that are named, unless that is all of them, are in trouble. */
static void stage_trouble(struct stage *st, const struct node_set *set)
{
    for (uint32_t node = 0; set->count < set->nodes && node < set->nodes; node++)
        if (node_set_has(set, node))
            meter_trouble(st->meter, node);
}

/* Adds the statement's properties to the links; the rules are noted. */
static void stage_add_link(struct stage *st, const struct link_statement *statement,
                           struct stage_done *done)
{
    struct node_set from = stage_picked(st, &statement->from),
                    to = stage_picked(st, &statement->to);
    const struct link_conditions *c = &statement->conditions;
    done->rules[done->rules_count++] = links_add(net_links(st->net), &from, &to, c);
    if (statement->both)
        done->rules[done->rules_count++] = links_add(net_links(st->net), &to, &from, c);
    for (unsigned i = 0; (c->set & LINK_CUT) && i < done->rules_count; i++)
        stage_note_cut(st, done->rules[i]);
    stage_trouble(st, &from);
    stage_trouble(st, &to);
    node_set_free(&from);
    node_set_free(&to);
}

static bool stage_has_rest(const struct pick_list *side)
{
    for (unsigned i = 0; i < side->count; i++)
        if (side->picks[i].kind == PICK_REST)
            return true;
    return false;
}

/* The nodes that the side names join it, but for those on another already. `any` is drawn among
 * `eligible`. */
static void stage_join_side(struct stage *st, const struct pick_list *side, struct node_set *set,
                            struct node_set *placed, const struct node_set *eligible,
                            const struct node_set *rest)
{
    struct node_set named = draw(st->groups, side, st->rng, eligible, rest);
    node_set_remove_set(&named, placed);
    node_set_add_set(set, &named);
    node_set_add_set(placed, &named);
    node_set_free(&named);
}

/* The nodes of each side: first those that are named, then for `any` running ones that are not, and
 * `rest` is all nodes that are left. */
static void stage_pick_sides(struct stage *st, const struct action *a, struct node_set *sides)
{
    struct node_set placed = node_set_new(net_nodes(st->net)), nobody = node_set_new(placed.nodes);
    for (unsigned i = 0; i < a->sides_count; i++) {
        sides[i] = node_set_new(placed.nodes);
        stage_join_side(st, &a->sides[i], &sides[i], &placed, &nobody, NULL);
    }
    for (unsigned i = 0; i < a->sides_count; i++) {
        struct node_set eligible = stage_running(st, false);
        node_set_remove_set(&eligible, &placed);
        stage_join_side(st, &a->sides[i], &sides[i], &placed, &eligible, NULL);
        node_set_free(&eligible);
    }
    for (unsigned i = 0; i < a->sides_count; i++) {
        struct node_set rest = node_set_new(placed.nodes);
        node_set_add_all(&rest);
        if (stage_has_rest(&a->sides[i]))
            stage_join_side(st, &a->sides[i], &sides[i], &placed, &nobody, &rest);
        node_set_free(&rest);
    }
    node_set_free(&placed);
    node_set_free(&nobody);
}

/* Nothing passes from one side to another; the largest, if most are in it, is in no trouble. */
static void stage_split(struct stage *st, const struct action *a, struct stage_done *done)
{
    struct link_conditions cut = {.set = LINK_CUT, .cut = true};
    struct node_set sides[SCENARIO_SIDES_MAX];
    stage_pick_sides(st, a, sides);
    for (unsigned i = 0; i < a->sides_count; i++) {
        struct node_set others = node_set_new(net_nodes(st->net));
        for (unsigned k = 0; k < a->sides_count; k++)
            if (k != i)
                node_set_add_set(&others, &sides[k]);
        uint32_t rule = links_add(net_links(st->net), &sides[i], &others, &cut);
        done->rules[done->rules_count++] = rule;
        stage_note_cut(st, rule);
        if (2 * sides[i].count <= sides[i].nodes)
            stage_trouble(st, &sides[i]);
        node_set_free(&others);
    }
    for (unsigned i = 0; i < a->sides_count; i++)
        node_set_free(&sides[i]);
}

static void stage_remove_rule(struct stage *st, uint32_t rule)
{
    links_remove(net_links(st->net), rule);
}

static void stage_heal(struct stage *st)
{
    while (st->cuts_count)
        stage_remove_rule(st, st->cuts[--st->cuts_count]);
}

/* What is done to one node; false: that changes nothing. */

static bool stage_crash(struct stage *st, uint32_t node)
{
    if (!net_core(st->net, node))
        return false;
    meter_crashes(st->meter, node);
    net_crash(st->net, node);
    return true;
}

/* It dials others as an agent does, all that it has stored. Those that run: of the dead, one that
 * is started later dials in its turn. */
static bool stage_start(struct stage *st, uint32_t node)
{
    static const struct pick_list some = {1, {{.kind = PICK_ANY, .first = DIALLED}}};
    if (net_core(st->net, node))
        return false;
    struct node_set others = stage_running(st, true);
    struct node_set dialled = draw(st->groups, &some, st->rng, &others, NULL);
    for (uint32_t other = 0; other < dialled.nodes; other++)
        if (node_set_has(&dialled, other))
            (net_core(st->net, node) ? net_join : net_start)(st->net, node, other);
    if (!net_core(st->net, node))
        net_start(st->net, node, node); /* alone */
    meter_started(st->meter, node);
    invariant_past_forget(st->past, node);
    node_set_free(&dialled);
    node_set_free(&others);
    return true;
}

static bool stage_leave(struct stage *st, uint32_t node)
{
    if (!net_core(st->net, node) || net_is_paused(st->net, node))
        return false;
    meter_trouble(st->meter, node);
    net_leave(st->net, node);
    return true;
}

static bool stage_pause_node(struct stage *st, uint32_t node)
{
    if (!net_core(st->net, node) || net_is_paused(st->net, node))
        return false;
    meter_trouble(st->meter, node);
    net_pause(st->net, node);
    return true;
}

static bool stage_resume(struct stage *st, uint32_t node)
{
    if (!net_is_paused(st->net, node))
        return false;
    net_resume(st->net, node);
    return true;
}

static bool stage_restart(struct stage *st, uint32_t node)
{
    if (net_core(st->net, node)) {
        meter_trouble(st->meter, node);
        net_crash(st->net, node);
    }
    return stage_start(st, node);
}

/* Leaves in the set the nodes that this has changed. */
static void stage_each(struct stage *st, struct node_set *set,
                       bool (*act)(struct stage *, uint32_t))
{
    struct node_set changed = node_set_new(set->nodes);
    for (uint32_t node = 0; node < set->nodes; node++)
        if (node_set_has(set, node) && act(st, node))
            node_set_add(&changed, node);
    node_set_free(set);
    *set = changed;
}

struct verb {
    const char *text, *undone;
    bool (*act)(struct stage *, uint32_t), (*undo)(struct stage *, uint32_t); /* on each node */
};

static const struct verb verbs[] = {
    [ACTION_CRASH] = {"crash", "start", stage_crash, stage_start},
    [ACTION_RESTART] = {"restart", NULL, stage_restart, NULL},
    [ACTION_LEAVE] = {"leave", NULL, stage_leave, NULL},
    [ACTION_PAUSE] = {"pause", "resume", stage_pause_node, stage_resume},
    [ACTION_RESUME] = {"resume", NULL, stage_resume, NULL},
    [ACTION_CUT] = {"cut", "mend", NULL, NULL},
    [ACTION_SPLIT] = {"split", "heal", NULL, NULL},
    [ACTION_HEAL] = {"heal", NULL, NULL, NULL},
    [ACTION_LINK] = {"link", "link as before", NULL, NULL},
    [ACTION_AGREE] = {"agree", NULL, NULL, NULL},
};

const char *stage_text(enum action_verb verb, bool undone)
{
    return undone ? verbs[verb].undone : verbs[verb].text;
}

struct stage_done stage_do(struct stage *st, const struct action *a)
{
    struct stage_done done = {0};
    if (verbs[a->verb].act) {
        done.nodes = stage_picked(st, &a->nodes);
        stage_each(st, &done.nodes, verbs[a->verb].act);
    } else if (a->verb == ACTION_SPLIT) {
        stage_split(st, a, &done);
    } else if (a->verb == ACTION_HEAL) {
        stage_heal(st);
    } else if (a->verb != ACTION_AGREE) {
        stage_add_link(st, &a->link, &done);
    }
    return done;
}

void stage_link(struct stage *st, const struct link_statement *link)
{
    struct stage_done done = {0};
    stage_add_link(st, link, &done);
}

void stage_undo(struct stage *st, const struct action *a, struct stage_done *done)
{
    if (verbs[a->verb].undo)
        stage_each(st, &done->nodes, verbs[a->verb].undo);
    for (unsigned i = 0; i < done->rules_count; i++)
        stage_remove_rule(st, done->rules[i]);
}
