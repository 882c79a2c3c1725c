/* Feeds the parser of scenarios with texts from nowhere. */
#include "gossip/sim/scenario.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct scenario_error *error)
{
    size_t len = strnlen(error->text, sizeof error->text);
    assert(error->line >= 0);
    assert(len > 0 && len < sizeof error->text - 1); /* it is never cut */
    for (size_t i = 0; i < len; i++)
        assert(error->text[i] >= ' ' && error->text[i] <= '~');
}

static void check_nodes(const struct scenario *s, const struct pick_list *nodes, size_t groups)
{
    assert(nodes->count <= SCENARIO_PICKS_MAX);
    for (unsigned i = 0; i < nodes->count; i++) {
        const struct pick *pick = &nodes->picks[i];
        assert(pick->kind != PICK_RANGE || pick->first <= pick->last);
        assert(pick->kind != PICK_RANGE || pick->last < s->nodes);
        assert(pick->kind != PICK_GROUP || pick->first < groups);
        assert(pick->kind != PICK_ANY || (pick->first > 0 && pick->first <= s->nodes));
        assert(pick->kind != PICK_ANY_SHARE || (pick->share > 0 && pick->share <= 1));
    }
}

static void check_link(const struct scenario *s, const struct link_statement *link)
{
    const struct link_conditions *c = &link->conditions;
    check_nodes(s, &link->from, s->groups_count);
    check_nodes(s, &link->to, s->groups_count);
    assert(c->delay_us >= 0 && c->jitter_us >= 0 && c->reorder_us >= 0);
    assert(c->loss >= 0 && c->loss <= 1);
    assert(c->reorder >= 0 && c->reorder <= 1);
    assert(c->duplicate >= 0 && c->duplicate <= 1);
    assert(c->burst_loss >= 0 && c->burst_loss <= 1);
    assert(!(c->set & LINK_BURST) || (c->burst_us > 0 && c->gap_us > 0));
}

static void check_action(const struct scenario *s, const struct action *a)
{
    assert(a->at_us >= 0 && a->at_us <= s->run_us);
    assert(a->every_us == 0 || (a->every_us >= 1000 && a->until_us >= a->at_us));
    assert(a->for_us >= 0 && a->for_us <= SCENARIO_TIME_US_MAX);
    assert(!a->sides == !a->sides_count && !a->sides == (a->verb != ACTION_SPLIT));
    assert(a->sides_count <= SCENARIO_SIDES_MAX && a->sides_count != 1);
    check_nodes(s, &a->nodes, s->groups_count);
    check_link(s, &a->link);
    for (unsigned i = 0; i < a->sides_count; i++)
        check_nodes(s, &a->sides[i], s->groups_count);
}

static void check(const struct scenario *s)
{
    assert(s->nodes >= 1 && s->nodes <= SCENARIO_NODES_MAX);
    assert(s->run_us > 0 && s->run_us <= SCENARIO_TIME_US_MAX);
    assert(s->groups_count <= SCENARIO_GROUPS_MAX);
    for (size_t i = 0; i < s->groups_count; i++)
        check_nodes(s, &s->groups[i].nodes, i);
    for (size_t i = 0; i < s->detects_count; i++)
        check_nodes(s, &s->detects[i].nodes, s->groups_count);
    for (size_t i = 0; i < s->clocks_count; i++)
        check_nodes(s, &s->clocks[i].nodes, s->groups_count);
    for (size_t i = 0; i < s->links_count; i++)
        check_link(s, &s->links[i]);
    for (size_t i = 0; i < s->actions_count; i++)
        check_action(s, &s->actions[i]);
}

static void parse(const char *text, uint32_t nodes)
{
    struct scenario_error error;
    struct scenario *s = scenario_parse(text, nodes, &error);
    if (s)
        check(s);
    else
        check_error(&error);
    scenario_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    assert(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    parse(text, 0);
    parse(text, 64);
    free(text);
    return 0;
}
