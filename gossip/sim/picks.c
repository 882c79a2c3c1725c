#include "gossip/sim/picks.h"

#include <string.h>

static bool picks_read_node(struct words *w, uint32_t nodes, const char *name, uint32_t *node)
{
    int64_t number;
    if (!words_is_node(name, &number))
        return words_refuse(w, name, "is no node; n5 and n1..n8 are");
    if (number >= nodes)
        return words_refuse(w, name, "is not there; there are %u nodes, n0 to n%u", nodes,
                            nodes - 1);
    *node = (uint32_t)number;
    return true;
}

/* n5 or n1..n8; the item is cut at the dots. */
static bool picks_read_range(struct words *w, uint32_t nodes, char *item, struct pick *pick)
{
    char *dots = strstr(item, "..");
    if (dots)
        *dots = '\0';
    pick->kind = PICK_RANGE;
    if (!picks_read_node(w, nodes, item, &pick->first))
        return false;
    pick->last = pick->first;
    if (dots && !picks_read_node(w, nodes, dots + 2, &pick->last))
        return false;
    if (pick->last < pick->first)
        return words_fail(w, "\"n%u..n%u\" runs backwards; n%u..n%u does not", pick->first,
                          pick->last, pick->last, pick->first);
    return true;
}

static bool picks_read_group(struct words *w, const struct scenario *s, const char *item,
                             struct pick *pick)
{
    pick->kind = PICK_GROUP;
    for (; pick->first < s->groups_count; pick->first++)
        if (strcmp(s->groups[pick->first].name, item) == 0)
            return true;
    return words_refuse(w, item,
                        "is no node, and no group so far; n5, n1..n8, all, any 3, any 10%%, rest "
                        "and the name of a group on an earlier line are taken");
}

/* Before the list is cut: does something stand beside each comma? */
static bool picks_is_list(struct words *w, const char *list)
{
    size_t bytes = strlen(list);
    if (*list != ',' && list[bytes - 1] != ',' && !strstr(list, ",,"))
        return true;
    return words_refuse(w, list, "lacks something beside a comma; n1,n4..n6,bad is a list");
}

/* Cuts the first item off. The list is what follows it; NULL: nothing does. */
static char *picks_cut_item(char **list)
{
    char *item = *list, *comma = strchr(item, ',');
    *list = comma ? comma + 1 : NULL;
    if (comma)
        *comma = '\0';
    return item;
}

/* How many, and what follows that in the list, is the next word. */
static bool picks_read_any(struct words *w, uint32_t nodes, char **list, struct pick *pick)
{
    if (*list)
        return words_refuse(w, "any", "lacks how many; any 3 and any 10%% say it");
    *list = words_next(w);
    if (!*list || !picks_is_list(w, *list))
        return false;
    const char *item = picks_cut_item(list);
    bool is_share = strchr(item, '%') != NULL;
    pick->kind = is_share ? PICK_ANY_SHARE : PICK_ANY;
    if (!is_share)
        return words_read_count(w, item, nodes, &pick->first);
    if (!words_read_share(w, item, &pick->share))
        return false;
    return pick->share > 0 || words_refuse(w, item, "is nobody; any 10%% and any 3 are some");
}

static bool picks_read_rest(struct words *w, bool *rest, struct pick *pick)
{
    pick->kind = PICK_REST;
    if (!*rest)
        return words_refuse(w, "rest", "has no place here; one side of a split can have it, once");
    *rest = false;
    return true;
}

/* The first item of the list, which is cut off. */
static bool picks_read_one(struct words *w, const struct scenario *s, bool *rest, char **list,
                           struct pick *pick)
{
    char *item = picks_cut_item(list);
    if (strcmp(item, "all") == 0)
        return true; /* the kind of what is empty */
    if (strcmp(item, "any") == 0)
        return picks_read_any(w, s->nodes, list, pick);
    if (strcmp(item, "rest") == 0)
        return picks_read_rest(w, rest, pick);
    if (item[0] == 'n' && item[1] >= '0' && item[1] <= '9')
        return picks_read_range(w, s->nodes, item, pick);
    return picks_read_group(w, s, item, pick);
}

bool picks_read(struct words *w, const struct scenario *scenario, bool *rest,
                struct pick_list *picks)
{
    char *list = words_next(w);
    *picks = (struct pick_list){0};
    if (!list || !picks_is_list(w, list))
        return false;
    while (list) {
        if (picks->count == SCENARIO_PICKS_MAX)
            return words_refuse(w, picks_cut_item(&list),
                                "is one too many; a list has up to %d items, and a group makes one "
                                "of several",
                                SCENARIO_PICKS_MAX);
        if (!picks_read_one(w, scenario, rest, &list, &picks->picks[picks->count++]))
            return false;
    }
    return true;
}

struct node_set picks_named(const struct scenario *s, const struct pick_list *picks)
{
    struct node_set named = node_set_new(s->nodes);
    for (unsigned i = 0; i < picks->count; i++) {
        const struct pick *pick = &picks->picks[i];
        if (pick->kind == PICK_ALL)
            node_set_add_all(&named);
        if (pick->kind == PICK_GROUP)
            node_set_add_set(&named, &s->groups[pick->first].named);
        for (uint32_t n = pick->first; pick->kind == PICK_RANGE && n <= pick->last; n++)
            node_set_add(&named, n);
    }
    return named;
}
