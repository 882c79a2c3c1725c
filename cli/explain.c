#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/member.h"
#include "cli/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROW_BYTES_MAX 4096
#define SPAN_BYTES 32

struct explanation {
    const msgpack_object *member_map, *observers_list;
    bool watched; /* from here; the next five hold then */
    double phi, loss;
    int64_t rtt_us, last_ack_us; /* -1: unknown, never */
    uint64_t unanswered;
    bool suspicion; /* runs here; the next three hold then */
    bool suspicion_ours;
    uint64_t confirmations;
    int64_t suspicion_left_us;

    struct member member;
    const char **observers;
    size_t observers_count;
};

#define FIELD(name, kind, at)                                                                      \
    {                                                                                              \
        name, kind, offsetof(struct explanation, at), false                                        \
    }
static const struct fields_entry fields[] = {
    FIELD("Member", FIELDS_OBJECT, member_map),
    FIELD("Observers", FIELDS_OBJECT, observers_list),
    FIELD("Watched", FIELDS_BOOLEAN, watched),
    FIELD("Phi", FIELDS_NUMBER, phi),
    FIELD("Loss", FIELDS_NUMBER, loss),
    FIELD("RTT", FIELDS_SIGNED, rtt_us),
    FIELD("LastAck", FIELDS_SIGNED, last_ack_us),
    FIELD("Unanswered", FIELDS_UNSIGNED, unanswered),
    FIELD("Suspicion", FIELDS_BOOLEAN, suspicion),
    FIELD("SuspicionOurs", FIELDS_BOOLEAN, suspicion_ours),
    FIELD("Confirmations", FIELDS_UNSIGNED, confirmations),
    FIELD("SuspicionLeft", FIELDS_SIGNED, suspicion_left_us),
};

static bool read_observers(msgpack_zone *zone, struct explanation *e)
{
    const msgpack_object *list = e->observers_list;
    if (list && list->type != MSGPACK_OBJECT_ARRAY)
        return false;
    e->observers_count = list ? list->via.array.size : 0;
    e->observers = msgpack_zone_malloc(zone, (e->observers_count + 1) * sizeof *e->observers);
    if (!e->observers)
        return false;
    for (size_t i = 0; i < e->observers_count; i++) {
        e->observers[i] = fields_text(&list->via.array.ptr[i], zone);
        if (!e->observers[i])
            return false;
    }
    return true;
}

static const char *read_explanation(const msgpack_unpacked *body, struct explanation *e)
{
    const char *wrong =
        fields_read(&body->data, fields, sizeof fields / sizeof fields[0], body->zone, e);
    if (wrong)
        return wrong;
    if (!e->member_map)
        return "Member";
    if (!read_observers(body->zone, e))
        return "Observers";
    return member_read(e->member_map, body->zone, &e->member);
}

static enum client_status ask(struct client *client, const char *name, struct explanation *e)
{
    client_request(client, "explain");
    client_put_map(client, 1);
    client_put_text(client, "Node");
    client_put_text(client, name);
    if (client_call(client, true) != CLIENT_OK)
        return client->status;
    const char *wrong = read_explanation(&client->body, e);
    return wrong ? client_malformed(client, wrong) : CLIENT_OK;
}

static void put_unsigned(struct json *json, const char *key, bool known, uint64_t value)
{
    if (known)
        json_unsigned(json, key, value);
    else
        json_raw(json, key, "null");
}

static void put_us(struct json *json, const char *key, bool known, int64_t us)
{
    put_unsigned(json, key, known && us >= 0, (uint64_t)us);
}

static void put_number(struct json *json, const char *key, bool known, double value)
{
    if (known)
        json_number(json, key, value);
    else
        json_raw(json, key, "null");
}

static int print_json(const struct cli *cli, const struct explanation *e)
{
    struct json json = {0};
    json_object_begin(&json, NULL);
    member_json(&json, "member", &e->member);
    json_boolean(&json, "watched", e->watched);
    put_number(&json, "phi", e->watched, e->phi);
    put_number(&json, "loss", e->watched, e->loss);
    put_us(&json, "rtt_us", e->watched, e->rtt_us);
    put_us(&json, "last_ack_us", e->watched, e->last_ack_us);
    put_unsigned(&json, "unanswered", e->watched, e->unanswered);
    json_boolean(&json, "suspicion", e->suspicion);
    json_boolean(&json, "suspicion_ours", e->suspicion && e->suspicion_ours);
    put_unsigned(&json, "confirmations", e->suspicion, e->confirmations);
    put_us(&json, "suspicion_left_us", e->suspicion, e->suspicion_left_us);
    json_array_begin(&json, "observers");
    for (size_t i = 0; i < e->observers_count; i++)
        json_string(&json, NULL, e->observers[i]);
    json_array_end(&json);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

static void row(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void row(const char *label, const char *format, ...)
{
    char text[ROW_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("%-13s", label);
    print_safe(stdout, text);
    putchar('\n');
}

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

static void print_member(const struct member *member)
{
    row("member", "%s", member->name);
    row("id", "%s", member->id);
    row("generation", "%" PRIu64 ", incarnation %" PRIu64, member->generation, member->incarnation);
    row("address", "%s", member->address);
    printf("%-13s", "status");
    print_status(stdout, member->status);
    putchar('\n');
    if (member->unreachable)
        row("unreachable", "partly: it lives, but not all who watch it can reach it");
    row("tags", "%s", *member->tags_text ? member->tags_text : "none");
}

static void print_edge(const struct explanation *e)
{
    char text[SPAN_BYTES];
    row("watched", "%s", e->watched ? "from here" : "not from here");
    if (!e->watched)
        return;
    row("phi", "%.2f", e->phi);
    row("loss", "%.1f %%", e->loss * 100);
    row("round trip", "%s", e->rtt_us < 0 ? "unmeasured" : span_text(e->rtt_us, text));
    if (e->last_ack_us < 0)
        row("last answer", "never");
    else
        row("last answer", "%s ago", span_text(e->last_ack_us, text));
    row("unanswered", "%" PRIu64 " pings", e->unanswered);
}

static void print_suspicion(const struct explanation *e)
{
    char text[SPAN_BYTES];
    if (!e->suspicion) {
        row("suspicion", "none");
        return;
    }
    int64_t left_us = e->suspicion_left_us < 0 ? 0 : e->suspicion_left_us;
    row("suspicion", "%s, %" PRIu64 " accuse it, %s left to refute",
        e->suspicion_ours ? "from here" : "from others", e->confirmations,
        span_text(left_us, text));
}

static int print_text(const struct explanation *e)
{
    print_member(&e->member);
    print_edge(e);
    print_suspicion(e);
    for (size_t i = 0; i < e->observers_count; i++)
        row(i == 0 ? "observers" : "", "%s", e->observers[i]);
    return CLI_YES;
}

int explain_run(struct cli *cli, int argc, char **argv)
{
    const char *name = *cli_arguments(cli, argc, argv, 1, 1);
    struct client client;
    struct explanation e = {0};
    int status;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    if (ask(&client, name, &e) != CLIENT_OK)
        status = cli_failed(cli, &client, name);
    else
        status = cli->json ? print_json(cli, &e) : print_text(&e);
    client_close(&client);
    return status;
}
