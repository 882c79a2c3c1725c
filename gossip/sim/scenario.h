/* scenario: what shall happen to a virtual cluster, read from a text of one statement a line.
 *
 *     # Ten of a hundred lose four of five packets that come in; one in good health dies.
 *     nodes 100
 *     link all -> all delay 100us jitter 300us
 *     group bad = any 10
 *     at 10s link all -> bad loss 80%
 *     at 60s crash n3
 *     at 60s agree within 3s
 *     run 120s
 *
 * A # begins a comment. Blanks stand between all words, also around ->, = and |.
 *
 * Before anything happens (nodes, start and run at most once, and so a tune or limit of one name; a
 * group before it is used):
 *     nodes COUNT                  n0, n1, ...; default 32. muster-sim --nodes overrides
 *     start formed | joining       all know each other (the default), or all dial n0 and gather.
 *                                  Places on the rings are drawn for each seed; formed
 *                                  clusters of 2048 nodes and more draw it once for 16 seeds
 *     detect TIME [NODES]          default "1.5s"; of some nodes only: a mixed cluster
 *     clock NODES PPM              their clocks' rate error: +200ppm, -5000ppm
 *     tune NAME NUMBER             one of the detector's parameters (gossip/detector/tuning.h); of
 *                                  switches, and of what is counted, whole numbers only
 *     group NAME = NODES           a name for nodes; `any` is drawn once, here
 *     link FROM -> TO PROPERTY...  also <->; properties: delay TIME, jitter TIME, loss SHARE,
 *                                  burst SHARE LENGTH GAP (Gilbert-Elliott: so much is lost in
 *                                  bursts of that mean length, that mean time apart),
 *                                  duplicate SHARE, reorder SHARE TIME (held back for that long).
 *                                  Where links are given twice, the later counts, property by
 *                                  property.
 *     run TIME                     duration; default 60 s
 *     limit NAME NUMBER            a broken invariant, if exceeded in any run (report.h)
 *
 * What happens, `at TIME ACTION` or `every TIME [from TIME] [until TIME] ACTION`; times count from
 * the moment when all know each other. Without `from`, it is first after `every` TIME. It must
 * happen once at least before the run ends, and an `agree` must end before that too. At one time,
 * what was `for` some time is undone first; then all else happens, both in the order of the text:
 *     crash NODES [for TIME]       crashes; after TIME it is started again, and
 *                                  dials 32 others that run, or all if there are fewer
 *     restart NODES                crash, if it runs, and start at once
 *     leave NODES                  in good order
 *     pause NODES [for TIME]       stopped, its packets waiting as far as a socket holds them
 *     resume NODES
 *     cut FROM -> TO [for TIME]    nothing passes; also <->
 *     split NODES | NODES [| ...] [for TIME]   nothing passes between them
 *     heal                         ends every cut and split
 *     link FROM -> TO PROPERTY... [for TIME]
 *     agree within TIME            an invariant: by then every node that runs sees exactly the
 *                                  nodes that run as alive, and all hold the same of each: its
 *                                  incarnation, and whether it is unreachable. Several
 *                                  may be awaited at a time; of those that repeat, one that could
 *                                  end after the run is not asked any more
 *
 * NODES: n5, n1..n8, all, a group's name, any 3, any 10% (running ones, drawn each time), rest (of
 * a split, once: those on no other side), or several of these with commas and, but for that of any,
 * no blanks: n1,n4..n6,bad,any 3. A share is of all nodes that there are, rounded, and one at the
 * least; if fewer run than are to be drawn, all of them are.
 *
 * The sides of a split have no node in common: that is refused where the text alone says it. Who is
 * in several by way of groups that are drawn is on the first of them; any draws among those on no
 * side. A link leads from one node to another: pairs of a node and itself do not count.
 *
 * A paused node is a process that is stopped. It sends nothing; its deadlines pass; datagrams wait
 * in its socket, 256 of them at the most, and what comes after that is lost; streams wait without a
 * limit, unless who sent on one ends first. When it goes on, what waited is served first, in order,
 * and then its clock is looked at. A virtual machine that is frozen, and whose packets are lost
 * meanwhile, is paused and cut off:
 *     at 10s pause n3 for 5s
 *     at 10s cut all -> n3 for 5s
 *
 * To crash, pause or leave does nothing to a node that does not run, nor to pause or leave to one
 * that is paused. After `for`, only what the action did is undone, and only where nothing has been
 * done since: who was dead stays so, who was paused already goes on when that pause ends, and who
 * was crashed, restarted, paused or resumed meanwhile is left alone.
 *
 * TIME: 500us, 20ms, 1.5s, 2m, 24h; after `for` it is not 0. SHARE: 10%, 0.5%. NAME: letters,
 * digits, _; a group's is neither a node's nor a word of this grammar.
 */
#ifndef GOSSIP_SIM_SCENARIO_H
#define GOSSIP_SIM_SCENARIO_H

#include "gossip/sim/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_NODES_MAX 16000   /* below GOSSIP_MEMBERS_MAX, some room for newcomers */
#define SCENARIO_BYTES_MAX 1048576 /* of text */
#define SCENARIO_LINE_BYTES_MAX 1024
#define SCENARIO_STATEMENTS_MAX 4096 /* of each kind */
#define SCENARIO_GROUPS_MAX 64
#define SCENARIO_NAME_BYTES_MAX 32 /* of a group, a tuning, a limit */
#define SCENARIO_PICKS_MAX 16      /* items in one NODES */
#define SCENARIO_SIDES_MAX 8       /* of a split */
#define SCENARIO_TIME_US_MAX (INT64_C(30) * 24 * 3600 * 1000000)

enum pick_kind { PICK_ALL, PICK_RANGE, PICK_GROUP, PICK_ANY, PICK_ANY_SHARE, PICK_REST };

struct pick {
    enum pick_kind kind;
    uint32_t first,
        last;     /* RANGE: both inclusive; GROUP: first is its index; ANY: first is how many */
    double share; /* ANY_SHARE: 0..1 of all nodes */
};

/* The union of its picks. */
struct pick_list {
    unsigned count;
    struct pick picks[SCENARIO_PICKS_MAX];
};

/* From some nodes to others, perhaps back too. */
struct link_statement {
    struct pick_list from, to;
    bool both;
    struct link_conditions conditions;
    int line;
};

enum action_verb {
    ACTION_CRASH,
    ACTION_RESTART,
    ACTION_LEAVE,
    ACTION_PAUSE,
    ACTION_RESUME,
    ACTION_CUT, /* a link whose condition is LINK_CUT */
    ACTION_SPLIT,
    ACTION_HEAL,
    ACTION_LINK,
    ACTION_AGREE,
};

struct action {
    enum action_verb verb;
    int line;
    int64_t at_us;    /* the first time */
    int64_t every_us; /* 0: once */
    int64_t
        until_us; /* of those that repeat: not later than this; SCENARIO_TIME_US_MAX: to the end */
    int64_t for_us;             /* then it is undone; 0: never. AGREE: within */
    struct pick_list nodes;     /* CRASH, RESTART, LEAVE, PAUSE, RESUME */
    struct link_statement link; /* CUT, LINK */
    unsigned sides_count;
    struct pick_list *sides; /* SPLIT; owned, NULL for others */
};

/* `number` for some nodes: a detect in ms, a clock's error in ppm. */
struct node_setting {
    int line;
    struct pick_list nodes;
    int64_t number;
};

/* A name and its number: of a tuning, of a limit. */
struct named_number {
    int line;
    char name[SCENARIO_NAME_BYTES_MAX + 1];
    double number;
};

struct group {
    char name[SCENARIO_NAME_BYTES_MAX + 1];
    struct pick_list nodes; /* refers to earlier groups only */
    struct node_set named;  /* of these, those that are in it whatever is drawn; owned */
};

/* Each array is owned; *_count of it are used. */
struct scenario {
    uint32_t nodes;
    bool joining;
    int64_t run_us;
    struct group groups[SCENARIO_GROUPS_MAX];
    size_t groups_count, detects_count, clocks_count, links_count, tunings_count, limits_count,
        actions_count;
    struct node_setting *detects, *clocks;
    struct link_statement *links;
    struct named_number *tunings, *limits;
    struct action *actions; /* in the order of the text */
};

struct scenario_error {
    int line;       /* 1 is the first; 0: the whole text */
    char text[640]; /* what is wrong, with the value, and what would do */
};

/* Reads a scenario. text: ends with NUL, not changed. nodes: overrides the text's number; 0: does
 * not. NULL: *error has place and reason. Freed with scenario_free. Names of tunings and limits are
 * not judged here, and neither is whether `detect` is possible on these links: play.h does. */
struct scenario *scenario_parse(const char *text, uint32_t nodes, struct scenario_error *error);
void scenario_free(struct scenario *scenario);

#endif
