#include "gossip/sim/scenario.h"

#include "gossip/gossip.h"
#include "gossip/sim/picks.h"
#include "gossip/sim/words.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define EVERY_US_MIN 1000 /* each time costs a pass over many nodes */

/* Defaults. */
enum { NODES_DEFAULT = 32, RUN_US_DEFAULT = 60000000 };

struct parser {
    struct words words;                   /* the line at hand */
    bool rest;                            /* may stand further on in that line */
    bool nodes_given;                     /* the text's number does not count */
    int nodes_line, start_line, run_line; /* where they stand; 0: nowhere yet */
    struct scenario *scenario;            /* what was read so far */
};

/* Some statements decide how others are judged, wherever in the text they stand. */
enum pass { PASS_MEASURES, PASS_OTHERS };

struct statement {
    const char *form;
    bool (*read)(struct parser *p);
    enum pass pass;
};

struct verb {
    const char *form;
    bool (*read)(struct parser *p, struct action *action); /* NULL: it stands alone */
    bool ends;                                             /* `for` may follow */
};

struct property {
    const char *form;
    bool (*read)(struct words *w, struct link_conditions *c);
    enum link_property property;
};

static bool scenario_is_keyword(const char *name);

/* ---- what is common to statements ---- */

/* Room for one more. Arrays double, so that a count implies the capacity. */
static void *scenario_grow(void *all, size_t count, size_t bytes)
{
    if ((count & (count - 1)) != 0)
        return all;
    all = realloc(all, (count ? 2 * count : 1) * bytes);
    assert(all);
    return all;
}

static bool scenario_has_room(struct words *w, size_t count, size_t most)
{
    if (count < most)
        return true;
    return words_refuse(w, w->words[0], "is one statement too many; %zu of a kind are taken", most);
}

/* Notes where a statement stands that may stand once. */
static bool scenario_once(struct words *w, int *line)
{
    if (*line)
        return words_refuse(w, w->words[0], "stands on line %d already; once is all", *line);
    *line = w->line;
    return true;
}

static bool scenario_read_picks(struct parser *p, struct pick_list *picks)
{
    return picks_read(&p->words, p->scenario, &p->rest, picks);
}

/* ---- links ---- */

static bool scenario_read_delay(struct words *w, struct link_conditions *c)
{
    return words_time(w, 0, SCENARIO_TIME_US_MAX, &c->delay_us);
}

static bool scenario_read_jitter(struct words *w, struct link_conditions *c)
{
    return words_time(w, 0, SCENARIO_TIME_US_MAX, &c->jitter_us);
}

static bool scenario_read_loss(struct words *w, struct link_conditions *c)
{
    return words_share(w, &c->loss);
}

static bool scenario_read_burst(struct words *w, struct link_conditions *c)
{
    return words_share(w, &c->burst_loss) && words_time(w, 1, SCENARIO_TIME_US_MAX, &c->burst_us) &&
           words_time(w, 1, SCENARIO_TIME_US_MAX, &c->gap_us);
}

static bool scenario_read_duplicate(struct words *w, struct link_conditions *c)
{
    return words_share(w, &c->duplicate);
}

static bool scenario_read_reorder(struct words *w, struct link_conditions *c)
{
    return words_share(w, &c->reorder) && words_time(w, 0, SCENARIO_TIME_US_MAX, &c->reorder_us);
}

static const struct property properties[] = {
    {"delay TIME", scenario_read_delay, LINK_DELAY},
    {"jitter TIME", scenario_read_jitter, LINK_JITTER},
    {"loss SHARE", scenario_read_loss, LINK_LOSS},
    {"burst SHARE LENGTH GAP", scenario_read_burst, LINK_BURST},
    {"duplicate SHARE", scenario_read_duplicate, LINK_DUPLICATE},
    {"reorder SHARE TIME", scenario_read_reorder, LINK_REORDER},
};
static const struct words_table property_table = WORDS_TABLE("property of a link", properties);

static bool scenario_read_property(struct words *w, struct link_conditions *c)
{
    size_t i = words_choose(w, &property_table);
    if (i == COUNT(properties))
        return false;
    const struct property *property = &properties[i];
    if (c->set & property->property)
        return words_refuse(w, words_last(w), "stands twice; once is all");
    c->set |= property->property;
    w->form = property->form;
    return property->read(w, c);
}

static bool scenario_is_one_node(const struct pick_list *picks)
{
    const struct pick *pick = &picks->picks[0];
    return picks->count == 1 && pick->kind == PICK_RANGE && pick->first == pick->last;
}

static bool scenario_is_between_two(struct parser *p, const struct link_statement *link)
{
    uint32_t from = link->from.picks[0].first;
    if (!scenario_is_one_node(&link->from) || !scenario_is_one_node(&link->to) ||
        from != link->to.picks[0].first)
        return true;
    return words_fail(&p->words,
                      "\"n%u\" sends nothing to itself; n%u -> all, or another node, would do",
                      from, from);
}

static bool scenario_read_direction(struct parser *p, struct link_statement *link)
{
    static const char *const arrows[] = {"->", "<->"};
    static const struct words_table table = WORDS_TABLE("arrow between blanks", arrows);
    if (!scenario_read_picks(p, &link->from))
        return false;
    size_t i = words_choose(&p->words, &table);
    link->both = i == 1;
    return i < COUNT(arrows) && scenario_read_picks(p, &link->to) &&
           scenario_is_between_two(p, link);
}

static bool scenario_read_link(struct parser *p, struct link_statement *link)
{
    struct words *w = &p->words;
    const char *form = w->form;
    if (!scenario_read_direction(p, link))
        return false;
    do {
        w->form = form;
        if (!scenario_read_property(w, &link->conditions))
            return false;
    } while (w->at < w->count && !words_is(w, "for"));
    w->form = form;
    return true;
}

/* ---- actions ---- */

static bool scenario_read_targets(struct parser *p, struct action *action)
{
    return scenario_read_picks(p, &action->nodes);
}

static bool scenario_read_cut(struct parser *p, struct action *action)
{
    action->link.conditions = (struct link_conditions){.set = LINK_CUT, .cut = true};
    return scenario_read_direction(p, &action->link);
}

static struct node_set scenario_named_on(const struct scenario *s, const struct pick_list *sides,
                                         unsigned count)
{
    struct node_set all = node_set_new(s->nodes);
    for (unsigned i = 0; i < count; i++) {
        struct node_set named = picks_named(s, &sides[i]);
        node_set_add_set(&all, &named);
        node_set_free(&named);
    }
    return all;
}

/* True if no node of the last side is on one before. */
static bool scenario_is_apart(struct parser *p, const struct pick_list *sides, unsigned count)
{
    struct node_set before = scenario_named_on(p->scenario, sides, count - 1);
    struct node_set last = scenario_named_on(p->scenario, &sides[count - 1], 1);
    uint32_t node = 0, nodes = last.nodes;
    while (node < nodes && !(node_set_has(&before, node) && node_set_has(&last, node)))
        node++;
    node_set_free(&before);
    node_set_free(&last);
    return node == nodes ||
           words_fail(&p->words,
                      "\"n%u\" is on two sides of the split; have it on one (rest is "
                      "the nodes on no other)",
                      node);
}

static bool scenario_leaves_a_rest(struct parser *p, const struct pick_list *sides, unsigned count)
{
    struct node_set named = scenario_named_on(p->scenario, sides, count);
    bool leaves = p->rest || named.count < named.nodes;
    node_set_free(&named);
    return leaves ||
           words_refuse(&p->words, "rest", "is nobody: all %u nodes are on other sides; leave some",
                        p->scenario->nodes);
}

static bool scenario_read_split(struct parser *p, struct action *action)
{
    struct words *w = &p->words;
    struct pick_list sides[SCENARIO_SIDES_MAX];
    unsigned count = 1;
    p->rest = true;
    if (!scenario_read_picks(p, &sides[0]) || !words_expect(w, "|"))
        return false;
    do {
        if (count == COUNT(sides))
            return words_fail(w, "more than %u sides; a split has 2 to %u", count, count);
        if (!scenario_read_picks(p, &sides[count++]) || !scenario_is_apart(p, sides, count))
            return false;
    } while (words_take(w, "|"));
    if (!scenario_leaves_a_rest(p, sides, count))
        return false;
    action->sides = calloc(count, sizeof *sides);
    assert(action->sides);
    memcpy(action->sides, sides, count * sizeof *sides);
    action->sides_count = count;
    return true;
}

static bool scenario_read_link_action(struct parser *p, struct action *action)
{
    return scenario_read_link(p, &action->link);
}

/* What happens after the end never happens, and what is asked then is never asked: a slip. */
static bool scenario_is_within_run(struct parser *p, int64_t at_us)
{
    char end[WORDS_TIME_BYTES];
    if (at_us <= p->scenario->run_us)
        return true;
    return words_refuse(&p->words, words_last(&p->words),
                        "is beyond the end of the run, %s; have it earlier, or run longer",
                        words_time_text(p->scenario->run_us, end));
}

static bool scenario_read_agree(struct parser *p, struct action *action)
{
    return words_expect(&p->words, "within") &&
           words_time(&p->words, 0, SCENARIO_TIME_US_MAX, &action->for_us) &&
           scenario_is_within_run(p, action->at_us + action->for_us);
}

static const struct verb verbs[] = {
    [ACTION_CRASH] = {"crash NODES [for TIME]", scenario_read_targets, true},
    [ACTION_RESTART] = {"restart NODES", scenario_read_targets, false},
    [ACTION_LEAVE] = {"leave NODES", scenario_read_targets, false},
    [ACTION_PAUSE] = {"pause NODES [for TIME]", scenario_read_targets, true},
    [ACTION_RESUME] = {"resume NODES", scenario_read_targets, false},
    [ACTION_CUT] = {"cut FROM -> TO [for TIME]", scenario_read_cut, true},
    [ACTION_SPLIT] = {"split NODES | NODES [| ...] [for TIME]", scenario_read_split, true},
    [ACTION_HEAL] = {"heal", NULL, false},
    [ACTION_LINK] = {"link FROM -> TO PROPERTY... [for TIME]", scenario_read_link_action, true},
    [ACTION_AGREE] = {"agree within TIME", scenario_read_agree, false},
};
static const struct words_table verb_table = WORDS_TABLE("action", verbs);

static bool scenario_read_action(struct parser *p, struct action *action)
{
    struct words *w = &p->words;
    size_t i = words_choose(w, &verb_table);
    if (i == COUNT(verbs))
        return false;
    action->verb = (enum action_verb)i;
    action->line = w->line;
    w->form = verbs[i].form;
    if (verbs[i].read && !verbs[i].read(p, action))
        return false;
    return !verbs[i].ends || !words_take(w, "for") ||
           words_time(w, 1, SCENARIO_TIME_US_MAX, &action->for_us);
}

static bool scenario_add_action(struct parser *p, struct action *action)
{
    struct scenario *s = p->scenario;
    if (!scenario_has_room(&p->words, s->actions_count, SCENARIO_STATEMENTS_MAX))
        return false;
    bool read = scenario_read_action(p, action); /* if not, what it owns is freed with the others */
    s->actions = scenario_grow(s->actions, s->actions_count, sizeof *action);
    s->actions[s->actions_count++] = *action;
    return read;
}

static bool scenario_read_at(struct parser *p)
{
    struct action action = {0};
    return words_time(&p->words, 0, SCENARIO_TIME_US_MAX, &action.at_us) &&
           scenario_is_within_run(p, action.at_us) && scenario_add_action(p, &action);
}

static bool scenario_read_every(struct parser *p)
{
    struct words *w = &p->words;
    struct action action = {.until_us = SCENARIO_TIME_US_MAX};
    if (!words_time(w, EVERY_US_MIN, SCENARIO_TIME_US_MAX, &action.every_us))
        return false;
    action.at_us = action.every_us;
    if (words_take(w, "from") && !words_time(w, 0, SCENARIO_TIME_US_MAX, &action.at_us))
        return false;
    if (!scenario_is_within_run(p, action.at_us))
        return false;
    if (words_take(w, "until") && !words_time(w, 0, SCENARIO_TIME_US_MAX, &action.until_us))
        return false;
    if (action.until_us < action.at_us)
        return words_refuse(w, words_last(w), "is before the first time; have it later");
    return scenario_add_action(p, &action);
}

/* ---- other statements ---- */

static bool scenario_read_nodes(struct parser *p)
{
    uint32_t nodes;
    const char *word = words_next(&p->words);
    if (!word || !words_read_count(&p->words, word, SCENARIO_NODES_MAX, &nodes) ||
        !scenario_once(&p->words, &p->nodes_line))
        return false;
    if (!p->nodes_given)
        p->scenario->nodes = nodes;
    return true;
}

static bool scenario_read_run(struct parser *p)
{
    return words_time(&p->words, 1, SCENARIO_TIME_US_MAX, &p->scenario->run_us) &&
           scenario_once(&p->words, &p->run_line);
}

static bool scenario_read_start(struct parser *p)
{
    static const char *const starts[] = {"formed", "joining"};
    static const struct words_table table = WORDS_TABLE("way to start", starts);
    size_t i = words_choose(&p->words, &table);
    p->scenario->joining = i == 1;
    return i < COUNT(starts) && scenario_once(&p->words, &p->start_line);
}

static bool scenario_add_setting(struct words *w, const struct node_setting *setting,
                                 struct node_setting **all, size_t *count)
{
    if (!scenario_has_room(w, *count, SCENARIO_STATEMENTS_MAX))
        return false;
    *all = scenario_grow(*all, *count, sizeof **all);
    (*all)[*count] = *setting;
    (*all)[(*count)++].line = w->line;
    return true;
}

static bool scenario_read_detect(struct parser *p)
{
    struct words *w = &p->words;
    struct node_setting setting = {.nodes = {.count = 1, .picks = {{.kind = PICK_ALL}}}};
    int64_t us;
    if (!words_time(w, GOSSIP_DETECT_MS_MIN * 1000, GOSSIP_DETECT_MS_MAX * 1000, &us))
        return false;
    if (us % 1000 != 0)
        return words_refuse(w, words_last(w), "is no whole number of milliseconds");
    setting.number = us / 1000;
    if (w->at < w->count && !scenario_read_picks(p, &setting.nodes))
        return false;
    return scenario_add_setting(w, &setting, &p->scenario->detects, &p->scenario->detects_count);
}

static bool scenario_read_clock(struct parser *p)
{
    struct node_setting setting = {0};
    return scenario_read_picks(p, &setting.nodes) && words_ppm(&p->words, &setting.number) &&
           scenario_add_setting(&p->words, &setting, &p->scenario->clocks,
                                &p->scenario->clocks_count);
}

static bool scenario_read_named(struct words *w, struct named_number **all, size_t *count)
{
    struct named_number named = {.line = w->line};
    if (!words_name(w, named.name) || !words_number(w, &named.number))
        return false;
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*all)[i].name, named.name) == 0)
            return words_refuse(w, named.name, "stands on line %d already; once is all",
                                (*all)[i].line);
    if (!scenario_has_room(w, *count, SCENARIO_STATEMENTS_MAX))
        return false;
    *all = scenario_grow(*all, *count, sizeof **all);
    (*all)[(*count)++] = named;
    return true;
}

static bool scenario_read_tune(struct parser *p)
{
    return scenario_read_named(&p->words, &p->scenario->tunings, &p->scenario->tunings_count);
}

static bool scenario_read_limit(struct parser *p)
{
    return scenario_read_named(&p->words, &p->scenario->limits, &p->scenario->limits_count);
}

static bool scenario_is_free(struct parser *p, const char *name)
{
    int64_t number;
    if (words_is_node(name, &number))
        return words_refuse(&p->words, name, "looks like a node; use another name");
    if (scenario_is_keyword(name))
        return words_refuse(&p->words, name, "means something else; use another name");
    for (size_t i = 0; i < p->scenario->groups_count; i++)
        if (strcmp(p->scenario->groups[i].name, name) == 0)
            return words_refuse(&p->words, name, "is a group already; use another name");
    return true;
}

static bool scenario_read_group(struct parser *p)
{
    struct scenario *s = p->scenario;
    if (!scenario_has_room(&p->words, s->groups_count, SCENARIO_GROUPS_MAX))
        return false;
    struct group *group = &s->groups[s->groups_count];
    if (!words_name(&p->words, group->name) || !scenario_is_free(p, group->name) ||
        !words_expect(&p->words, "=") || !scenario_read_picks(p, &group->nodes))
        return false;
    group->named = picks_named(s, &group->nodes);
    s->groups_count++; /* not earlier: no group contains itself */
    return true;
}

static bool scenario_read_link_statement(struct parser *p)
{
    struct scenario *s = p->scenario;
    struct link_statement link = {0};
    if (!scenario_read_link(p, &link) ||
        !scenario_has_room(&p->words, s->links_count, SCENARIO_STATEMENTS_MAX))
        return false;
    s->links = scenario_grow(s->links, s->links_count, sizeof link);
    link.line = p->words.line;
    s->links[s->links_count++] = link;
    return true;
}

static const struct statement statements[] = {
    {"nodes COUNT", scenario_read_nodes, PASS_MEASURES},
    {"start formed | joining", scenario_read_start, PASS_OTHERS},
    {"detect TIME [NODES]", scenario_read_detect, PASS_OTHERS},
    {"clock NODES PPM", scenario_read_clock, PASS_OTHERS},
    {"tune NAME NUMBER", scenario_read_tune, PASS_OTHERS},
    {"group NAME = NODES", scenario_read_group, PASS_OTHERS},
    {"link FROM -> TO PROPERTY...", scenario_read_link_statement, PASS_OTHERS},
    {"run TIME", scenario_read_run, PASS_MEASURES},
    {"limit NAME NUMBER", scenario_read_limit, PASS_OTHERS},
    {"at TIME ACTION", scenario_read_at, PASS_OTHERS},
    {"every TIME [from TIME] [until TIME] ACTION", scenario_read_every, PASS_OTHERS},
};
static const struct words_table statement_table = WORDS_TABLE("statement", statements);

static bool scenario_is_keyword(const char *name)
{
    static const char *const others[] = {"all", "any",    "rest",   "from",   "until",
                                         "for", "within", "formed", "joining"};
    static const struct words_table other_table = WORDS_TABLE("", others);
    static const struct words_table *const tables[] = {&statement_table, &verb_table,
                                                       &property_table, &other_table};
    for (size_t i = 0; i < COUNT(tables); i++)
        if (words_find(tables[i], name) < tables[i]->count)
            return true;
    return false;
}

/* ---- the text ---- */

static bool scenario_read_line(struct parser *p, enum pass pass)
{
    struct words *w = &p->words;
    p->rest = false;
    if (w->count == 0)
        return true;
    size_t i = words_choose(w, &statement_table);
    if (i == COUNT(statements))
        return false;
    w->form = statements[i].form;
    return statements[i].pass != pass || (statements[i].read(p) && words_end(w));
}

static bool scenario_read_lines(struct parser *p, const char *text, enum pass pass)
{
    for (int line = 1; *text; line++) {
        size_t bytes = strcspn(text, "\n");
        if (!words_cut(&p->words, line, text, bytes) || !scenario_read_line(p, pass))
            return false;
        text += bytes;
        text += *text == '\n';
    }
    return true;
}

static bool scenario_read_text(struct parser *p, const char *text)
{
    if (p->scenario->nodes > SCENARIO_NODES_MAX)
        return words_fail(&p->words, "%u nodes are too many; %d are taken", p->scenario->nodes,
                          SCENARIO_NODES_MAX);
    if (strnlen(text, SCENARIO_BYTES_MAX + 1) > SCENARIO_BYTES_MAX)
        return words_fail(&p->words, "the text is too long; %d bytes are taken",
                          SCENARIO_BYTES_MAX);
    return scenario_read_lines(p, text, PASS_MEASURES) && scenario_read_lines(p, text, PASS_OTHERS);
}

struct scenario *scenario_parse(const char *text, uint32_t nodes, struct scenario_error *error)
{
    struct parser p = {.words.error = error, .nodes_given = nodes != 0};
    *error = (struct scenario_error){0};
    p.scenario = calloc(1, sizeof *p.scenario);
    assert(p.scenario);
    p.scenario->nodes = nodes ? nodes : NODES_DEFAULT;
    p.scenario->run_us = RUN_US_DEFAULT;
    if (scenario_read_text(&p, text))
        return p.scenario;
    scenario_free(p.scenario);
    return NULL;
}

void scenario_free(struct scenario *scenario)
{
    if (!scenario)
        return;
    for (size_t i = 0; i < scenario->actions_count; i++)
        free(scenario->actions[i].sides);
    for (size_t i = 0; i < scenario->groups_count; i++)
        node_set_free(&scenario->groups[i].named);
    free(scenario->detects);
    free(scenario->clocks);
    free(scenario->links);
    free(scenario->tunings);
    free(scenario->limits);
    free(scenario->actions);
    free(scenario);
}
