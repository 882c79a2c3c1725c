#include "cli/cli.h"
#include "cli/member.h"
#include "cli/print.h"

#include <inttypes.h>

#define SPAN_BYTES 32

/* What is nil in the answer keeps the value that it has here: unknown. */
struct explanation {
    const msgpack_object *member_map, *observers_list;
    bool watched; /* from here; the next five hold then */
    double phi, loss;
    int64_t rtt_us, last_ack_us; /* -1: unmeasured, never */
    uint64_t unanswered;
    bool suspicion; /* runs here; the next three hold then */
    bool suspicion_ours;
    uint64_t confirmations;
    int64_t suspicion_left_us;

    struct member_record member;
};

#define EXPLAIN(key, type, field, is_optional)                                                     \
    {                                                                                              \
        .name = key, .kind = type, .offset = offsetof(struct explanation, field),                  \
        .optional = is_optional                                                                    \
    }
static const struct fields_entry explain_entries[] = {
    EXPLAIN("member", FIELDS_OBJECT, member_map, false),
    EXPLAIN("observers", FIELDS_OBJECT, observers_list, false),
    EXPLAIN("watched", FIELDS_BOOLEAN, watched, false),
    EXPLAIN("phi", FIELDS_NUMBER, phi, true),
    EXPLAIN("loss", FIELDS_NUMBER, loss, true),
    EXPLAIN("rtt_us", FIELDS_SIGNED, rtt_us, true),
    EXPLAIN("last_ack_us", FIELDS_SIGNED, last_ack_us, true),
    EXPLAIN("unanswered", FIELDS_UNSIGNED, unanswered, true),
    EXPLAIN("suspicion", FIELDS_BOOLEAN, suspicion, false),
    EXPLAIN("suspicion_ours", FIELDS_BOOLEAN, suspicion_ours, false),
    EXPLAIN("confirmations", FIELDS_UNSIGNED, confirmations, true),
    EXPLAIN("suspicion_left_us", FIELDS_SIGNED, suspicion_left_us, true),
};
static const struct fields explain_fields = FIELDS(explain_entries);

/* "850 us", "1.2 ms", "3.4 s" into SPAN_BYTES; returns into. */
static const char *span_text(int64_t us, char *into)
{
    if (us < 1000)
        snprintf(into, SPAN_BYTES, "%d us", (int)us);
    else if (us < 1000 * 1000)
        snprintf(into, SPAN_BYTES, "%.1f ms", (double)us / 1e3);
    else
        snprintf(into, SPAN_BYTES, "%.1f s", (double)us / 1e6);
    return into;
}

static void explain_print_member(const struct member_record *member, msgpack_zone *zone)
{
    const char *tags = member_tags(member, zone);
    print_row("member", "%s", member->name);
    print_row("id", "%s", member->id);
    print_row("generation", "%" PRIu64 ", incarnation %" PRIu64, member->generation,
              member->incarnation);
    print_row("address", "%s", member_address(member, zone));
    print_status_row("status", member->status);
    if (member->unreachable)
        print_row("unreachable", "partly: it lives, but not all that watch it reach it");
    print_row("tags", "%s", *tags ? tags : "none");
}

static void print_edge(const struct explanation *e)
{
    char text[SPAN_BYTES];
    print_row("watched", "%s", e->watched ? "from here" : "not from here");
    if (!e->watched)
        return;
    print_row("phi", "%.2f", e->phi);
    print_row("loss", "%.1f %%", e->loss * 100);
    print_row("round trip", "%s", e->rtt_us < 0 ? "unmeasured" : span_text(e->rtt_us, text));
    if (e->last_ack_us < 0)
        print_row("last answer", "never");
    else
        print_row("last answer", "%s ago", span_text(e->last_ack_us, text));
    print_row("unanswered", "%" PRIu64 " pings", e->unanswered);
}

static void print_suspicion(const struct explanation *e)
{
    char text[SPAN_BYTES];
    if (e->suspicion)
        print_row("suspicion", "%s, %" PRIu64 " observers suspect it, %s left to refute",
                  e->suspicion_ours ? "from here" : "from others", e->confirmations,
                  span_text(e->suspicion_left_us, text));
    else
        print_row("suspicion", "none");
}

/* NULL: all well; else the field that is wrong. */
static const char *print_explanation(const msgpack_unpacked *body)
{
    struct explanation e = {.rtt_us = -1, .last_ack_us = -1};
    msgpack_object_array observers;
    const char *name, *wrong = fields_read(&body->data, &explain_fields, body->zone, &e);
    if (!wrong && !e.member_map)
        wrong = "member";
    if (!wrong && !fields_array(e.observers_list, &observers))
        wrong = "observers";
    if (!wrong)
        wrong = member_read(e.member_map, body->zone, &e.member);
    if (wrong)
        return wrong;
    explain_print_member(&e.member, body->zone);
    print_edge(&e);
    print_suspicion(&e);
    for (uint32_t i = 0; i < observers.size; i++)
        if ((name = fields_text(&observers.ptr[i], body->zone)))
            print_row(i == 0 ? "observers" : "", "%s", name);
    return NULL;
}

int explain_run(struct cli *cli, int argc, char **argv)
{
    const char *name = *cli_arguments(cli, argc, argv, 1, 1), *wrong;
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    if (client_ask(client, true, "explain", "Node", name) != CLIENT_OK)
        return cli_failed(cli, name);
    if (cli->json)
        return cli_print_answer(cli);
    if ((wrong = print_explanation(&client->body)))
        client_malformed(client, wrong);
    return cli_failed(cli, name);
}
