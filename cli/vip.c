#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    AGAIN_MS = 500, /* asked for again so often */
    MOVE_MS = 5000, /* a move takes milliseconds, or it is none */
    DRAIN_MS = 3000,
    DRAIN_MAX = 1024, /* addresses that are looked after */
    POLL_MS = 20,
    COLUMNS = 6,
    LABEL_COLUMNS = 13,
    TEXT_BYTES = 64,
};

#define NO_MEMBER "no such member" /* what is said of a host's name, and not of an address's */

/* One address. The later fields are only in an explanation. */
struct vip {
    const char *name, *address, *interface, *holder, *state;
    uint64_t epoch;
    const char *obstacle;
    bool quorum, gate;
    uint64_t version, priority, lease_ms, left_ms;
    const msgpack_object *waiting, *voters;
};

#define FIELD(name, kind, at, optional)                                                            \
    {                                                                                              \
        name, kind, offsetof(struct vip, at), optional                                             \
    }
static const struct fields_entry fields[] = {
    FIELD("Name", FIELDS_TEXT, name, false),
    FIELD("Address", FIELDS_TEXT, address, false),
    FIELD("Interface", FIELDS_TEXT, interface, false),
    FIELD("Holder", FIELDS_TEXT, holder, false),
    FIELD("State", FIELDS_TEXT, state, false),
    FIELD("Epoch", FIELDS_UNSIGNED, epoch, false),
    FIELD("Obstacle", FIELDS_TEXT, obstacle, true),
    FIELD("Quorum", FIELDS_BOOLEAN, quorum, true),
    FIELD("Gate", FIELDS_BOOLEAN, gate, true),
    FIELD("Version", FIELDS_UNSIGNED, version, true),
    FIELD("Priority", FIELDS_UNSIGNED, priority, true),
    FIELD("LeaseMs", FIELDS_UNSIGNED, lease_ms, true),
    FIELD("LeftMs", FIELDS_UNSIGNED, left_ms, true),
    FIELD("Waiting", FIELDS_OBJECT, waiting, true),
    FIELD("Voters", FIELDS_OBJECT, voters, true),
};

static const struct vip nothing = {
    .name = "", .address = "", .interface = "", .holder = "", .state = "", .obstacle = ""};

static const char *read_vip(const msgpack_object *map, msgpack_zone *zone, struct vip *vip)
{
    *vip = nothing;
    return fields_read(map, fields, sizeof fields / sizeof fields[0], zone, vip);
}

/* ---- list ---- */

struct list {
    bool quorum, drained;
    const msgpack_object *objects;
    struct vip *vips; /* until the next call */
    size_t count;
};

static const struct fields_entry list_fields[] = {
    {"Quorum", FIELDS_BOOLEAN, offsetof(struct list, quorum), false},
    {"Drained", FIELDS_BOOLEAN, offsetof(struct list, drained), false},
    {"Vips", FIELDS_OBJECT, offsetof(struct list, objects), false},
};

static void vip_json(struct json *json, const struct vip *vip)
{
    json_string(json, "name", vip->name);
    json_string(json, "address", vip->address);
    json_string(json, "interface", vip->interface);
    json_string(json, "holder", vip->holder);
    json_unsigned(json, "epoch", vip->epoch);
    json_string(json, "state", vip->state);
}

static int print_list_json(const struct cli *cli, const struct list *list)
{
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_boolean(&json, "quorum", list->quorum);
    json_boolean(&json, "drained", list->drained);
    json_array_begin(&json, "vips");
    for (size_t i = 0; i < list->count; i++) {
        json_object_begin(&json, NULL);
        vip_json(&json, &list->vips[i]);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

static int print_list(const struct list *list, struct print_cell *cells)
{
    const struct vip *vips = list->vips;
    size_t count = list->count;
    static const char *const heads[COLUMNS] = {"NAME",   "ADDRESS", "INTERFACE",
                                               "HOLDER", "EPOCH",   "STATE"};
    char(*epochs)[TEXT_BYTES] = (char(*)[TEXT_BYTES])(cells + (count + 1) * COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++)
        cells[i] = (struct print_cell){heads[i], false};
    for (size_t i = 0; i < count; i++) {
        snprintf(epochs[i], TEXT_BYTES, "%" PRIu64, vips[i].epoch);
        const char *texts[COLUMNS] = {vips[i].name,      vips[i].address,
                                      vips[i].interface, *vips[i].holder ? vips[i].holder : "-",
                                      epochs[i],         vips[i].state};
        for (size_t c = 0; c < COLUMNS; c++)
            cells[(i + 1) * COLUMNS + c] = (struct print_cell){texts[c], false};
    }
    print_table(stdout, cells, COLUMNS, count + 1);
    if (!list->quorum)
        puts("too few voters are alive and agree: no address can be held");
    if (list->drained)
        puts("this host is drained: muster undrain");
    return CLI_YES;
}

static enum client_status read_vips(struct client *client, struct list *list)
{
    msgpack_zone *zone = client->body.zone;
    list->count = list->objects->via.array.size;
    list->vips = msgpack_zone_malloc(zone, (list->count + 1) * sizeof *list->vips);
    if (!list->vips)
        return client_malformed(client, "Vips");
    for (size_t i = 0; i < list->count; i++) {
        const char *wrong = read_vip(&list->objects->via.array.ptr[i], zone, &list->vips[i]);
        if (wrong)
            return client_malformed(client, wrong);
    }
    return CLIENT_OK;
}

static enum client_status ask_list(struct client *client, struct list *list)
{
    *list = (struct list){.objects = NULL};
    client_request(client, "vips");
    if (client_call(client, true) != CLIENT_OK)
        return client->status;
    const char *wrong =
        fields_read(&client->body.data, list_fields, sizeof list_fields / sizeof list_fields[0],
                    client->body.zone, list);
    if (!wrong && (!list->objects || list->objects->type != MSGPACK_OBJECT_ARRAY))
        wrong = "Vips";
    return wrong ? client_malformed(client, wrong) : read_vips(client, list);
}

static int list_run(const struct cli *cli, struct client *client)
{
    struct list list;
    if (ask_list(client, &list) != CLIENT_OK)
        return cli_failed(cli, client, NULL);
    if (cli->json)
        return print_list_json(cli, &list);
    struct print_cell *cells = msgpack_zone_malloc(
        client->body.zone, (list.count + 1) * COLUMNS * sizeof *cells + list.count * TEXT_BYTES);
    if (cells)
        return print_list(&list, cells);
    client_malformed(client, "Vips");
    return cli_failed(cli, client, NULL);
}

/* ---- explain ---- */

static enum client_status ask(struct client *client, const char *name, struct vip *vip)
{
    *vip = nothing;
    client_request(client, "vip-explain");
    client_put_map(client, 1);
    client_put_text(client, "Name");
    client_put_text(client, name);
    if (client_call(client, true) != CLIENT_OK)
        return client->status;
    const char *wrong = read_vip(&client->body.data, client->body.zone, vip);
    return wrong ? client_malformed(client, wrong) : CLIENT_OK;
}

static void row(const char *label, const char *text)
{
    printf("%-*s", LABEL_COLUMNS, label);
    print_safe(stdout, text);
    putchar('\n');
}

struct pair {
    const char *name, *note;
    uint64_t priority;
};

/* Name and Note, or Name and Priority. */
static bool next_pair(const msgpack_object *list, size_t i, msgpack_zone *zone, struct pair *pair)
{
    static const struct fields_entry pair_fields[] = {
        {"Name", FIELDS_TEXT, offsetof(struct pair, name), false},
        {"Note", FIELDS_TEXT, offsetof(struct pair, note), true},
        {"Priority", FIELDS_UNSIGNED, offsetof(struct pair, priority), true},
    };
    *pair = (struct pair){.name = "", .note = ""};
    return list && list->type == MSGPACK_OBJECT_ARRAY && i < list->via.array.size &&
           !fields_read(&list->via.array.ptr[i], pair_fields, 3, zone, pair);
}

static void print_pairs(const struct vip *vip, msgpack_zone *zone)
{
    char text[512];
    struct pair pair;
    for (size_t i = 0; next_pair(vip->waiting, i, zone, &pair); i++) {
        snprintf(text, sizeof text, "%s, priority %" PRIu64, pair.name, pair.priority);
        row(i == 0 ? "waiting" : "", text);
    }
    for (size_t i = 0; next_pair(vip->voters, i, zone, &pair); i++) {
        snprintf(text, sizeof text, "%s: %s", pair.name, pair.note);
        row(i == 0 ? "voters" : "", text);
    }
}

static int print_vip(const struct vip *vip, msgpack_zone *zone)
{
    char text[512];
    row("vip", vip->name);
    snprintf(text, sizeof text, "%s on %s", vip->address, vip->interface);
    row("address", text);
    snprintf(text, sizeof text, "%s, epoch %" PRIu64, *vip->holder ? vip->holder : "nobody",
             vip->epoch);
    row("holder", text);
    snprintf(text, sizeof text, "%s%s%s", vip->state, *vip->obstacle ? ": " : "", vip->obstacle);
    row("here", text);
    snprintf(text, sizeof text, "%" PRIu64 " ms%s, priority %" PRIu64, vip->lease_ms,
             vip->left_ms ? "" : ", not held here", vip->priority);
    if (vip->left_ms)
        snprintf(text, sizeof text, "%" PRIu64 " ms, %" PRIu64 " ms left, priority %" PRIu64,
                 vip->lease_ms, vip->left_ms, vip->priority);
    row("lease", text);
    row("gate", vip->gate ? "the kernel ends it by itself" : "none in this kernel");
    snprintf(text, sizeof text, "%s, list version %" PRIu64,
             vip->quorum ? "enough voters are alive and agree"
                         : "too few voters are alive and agree",
             vip->version);
    row("quorum", text);
    print_pairs(vip, zone);
    return CLI_YES;
}

static int print_vip_json(const struct cli *cli, const struct vip *vip, msgpack_zone *zone)
{
    struct json json = {0};
    struct pair pair;
    json_object_begin(&json, NULL);
    vip_json(&json, vip);
    json_string(&json, "obstacle", vip->obstacle);
    json_boolean(&json, "quorum", vip->quorum);
    json_boolean(&json, "gate", vip->gate);
    json_unsigned(&json, "version", vip->version);
    json_unsigned(&json, "priority", vip->priority);
    json_unsigned(&json, "lease_ms", vip->lease_ms);
    json_unsigned(&json, "left_ms", vip->left_ms);
    json_array_begin(&json, "waiting");
    for (size_t i = 0; next_pair(vip->waiting, i, zone, &pair); i++) {
        json_object_begin(&json, NULL);
        json_string(&json, "name", pair.name);
        json_unsigned(&json, "priority", pair.priority);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_array_begin(&json, "voters");
    for (size_t i = 0; next_pair(vip->voters, i, zone, &pair); i++) {
        json_object_begin(&json, NULL);
        json_string(&json, "name", pair.name);
        json_string(&json, "note", pair.note);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

static int explain_vip(const struct cli *cli, struct client *client, const char *name)
{
    struct vip vip;
    if (ask(client, name, &vip) != CLIENT_OK)
        return cli_failed(cli, client, name);
    return cli->json ? print_vip_json(cli, &vip, client->body.zone)
                     : print_vip(&vip, client->body.zone);
}

/* ---- move, release ---- */

/* Asked again, it does no harm: the word to the holder may have been lost, or HOST did not wait for
 * it yet. */
static enum client_status ask_to_move(struct client *client, const char *name, const char *host)
{
    client_request(client, "vip-move");
    client_put_map(client, 2);
    client_put_text(client, "Name");
    client_put_text(client, name);
    client_put_text(client, "Host");
    client_put_text(client, host);
    return client_call(client, false);
}

/* Until HOST has it (NULL: until this host has not). A move that was tried, as the epoch shows, and
 * went wrong is not tried again: each time nobody has it for a moment. */
static int await(const struct cli *cli, struct client *client, const char *name, const char *host)
{
    struct vip vip = {.holder = ""};
    uint64_t epoch = 0;
    int64_t end_ms = client_now_ms() + MOVE_MS, again_ms = client_now_ms() + AGAIN_MS;
    while (client_now_ms() < end_ms) {
        if (host && vip.epoch == epoch && client_now_ms() >= again_ms) {
            ask_to_move(client, name, host);
            again_ms += AGAIN_MS;
        }
        if (ask(client, name, &vip) != CLIENT_OK)
            return cli_failed(cli, client, name);
        if (host ? strcmp(vip.holder, host) == 0 : strcmp(vip.state, "waiting") == 0)
            return cli_done(cli, client, NULL, host ? "moved" : "released");
        epoch = epoch ? epoch : vip.epoch;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    cli_say(cli, "\"%s\" is held by %s; muster vip explain %s on its holder says who waits for it",
            name, *vip.holder ? vip.holder : "nobody", name);
    return CLI_NO;
}

static int move_vip(const struct cli *cli, struct client *client, const char *name,
                    const char *host)
{
    if (ask_to_move(client, name, host) != CLIENT_OK)
        return cli_failed(cli, client, strcmp(client->error, NO_MEMBER) == 0 ? host : name);
    return await(cli, client, name, host);
}

static int release_vip(const struct cli *cli, struct client *client, const char *name)
{
    client_request(client, "vip-release");
    client_put_map(client, 1);
    client_put_text(client, "Name");
    client_put_text(client, name);
    if (client_call(client, false) != CLIENT_OK)
        return cli_failed(cli, client, name);
    return await(cli, client, name, NULL);
}

/* ---- the commands ---- */

static int run_list(const struct cli *cli, struct client *client, char **names)
{
    (void)names;
    return list_run(cli, client);
}

static int run_explain(const struct cli *cli, struct client *client, char **names)
{
    return explain_vip(cli, client, names[0]);
}

static int run_release(const struct cli *cli, struct client *client, char **names)
{
    return release_vip(cli, client, names[0]);
}

static int run_move(const struct cli *cli, struct client *client, char **names)
{
    return move_vip(cli, client, names[0], names[1]);
}

struct verb {
    const char *name;
    int arguments;
    int (*run)(const struct cli *cli, struct client *client, char **names);
};

static const struct verb *find_verb(const struct cli *cli, const char *name)
{
    static const struct verb verbs[] = {{"list", 0, run_list},
                                        {"explain", 1, run_explain},
                                        {"release", 1, run_release},
                                        {"move", 2, run_move}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    cli_wrong(cli, "\"%s\": not list, explain, move or release", name);
}

int vip_run(struct cli *cli, int argc, char **argv)
{
    char **words = cli_arguments(cli, argc, argv, 0, 3);
    const struct verb *verb = find_verb(cli, words[0] ? words[0] : "list");
    int given = 0;
    while (words[0] && words[given + 1])
        given++;
    if (given != verb->arguments)
        cli_wrong(cli, "%s takes %d arguments", verb->name, verb->arguments);
    struct client client;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    int status = verb->run(cli, &client, words + 1);
    client_close(&client);
    return status;
}

/* ---- drain ---- */

static bool is_here(const struct vip *vip)
{
    return strcmp(vip->state, "out") != 0 && strcmp(vip->state, "waiting") != 0;
}

/* Remembers which were here. True: none is any more, and others have what was. */
static bool is_drained(const struct list *list, bool was_here[DRAIN_MAX])
{
    bool drained = true;
    for (size_t i = 0; i < list->count && i < DRAIN_MAX; i++) {
        was_here[i] |= is_here(&list->vips[i]);
        drained &= !is_here(&list->vips[i]) && (!was_here[i] || *list->vips[i].holder);
    }
    return drained;
}

static int await_drained(const struct cli *cli, struct client *client, bool was_here[DRAIN_MAX])
{
    struct list list = {.count = 0};
    int64_t end_ms = client_now_ms() + DRAIN_MS;
    do {
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        if (ask_list(client, &list) != CLIENT_OK)
            return cli_failed(cli, client, NULL);
        if (is_drained(&list, was_here))
            return cli_done(cli, client, NULL, "drained");
    } while (client_now_ms() < end_ms);
    bool any_here = false;
    for (size_t i = 0; i < list.count && i < DRAIN_MAX; i++) {
        bool here = is_here(&list.vips[i]);
        any_here |= here;
        if (here || (was_here[i] && !*list.vips[i].holder))
            cli_say(cli, "\"%s\" %s", list.vips[i].name,
                    here ? "is still here" : "is held by nobody now");
    }
    return any_here ? CLI_NO : cli_done(cli, client, NULL, "drained");
}

static int drain(const struct cli *cli, struct client *client)
{
    bool was_here[DRAIN_MAX] = {false};
    struct list list;
    if (ask_list(client, &list) != CLIENT_OK)
        return cli_failed(cli, client, NULL);
    is_drained(&list, was_here);
    client_request(client, "drain");
    if (client_call(client, false) != CLIENT_OK)
        return cli_failed(cli, client, NULL);
    return await_drained(cli, client, was_here);
}

int vip_drain_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    struct client client;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    int status = drain(cli, &client);
    client_close(&client);
    return status;
}

int vip_undrain_run(struct cli *cli, int argc, char **argv)
{
    return cli_order(cli, argc, argv, "undrain", "undrained");
}
