#include "cli/vip.h"

#include "cli/print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define POLL_MS 20

/* ---- reading ---- */

#define VIP(field, type)                                                                           \
    {                                                                                              \
        .name = #field, .kind = type, .offset = offsetof(struct vip, field), .optional = true      \
    }
/* Beside the fields of the record. */
static const struct fields_entry vip_entries[] = {
    {.name = "state", .kind = FIELDS_TEXT, .offset = offsetof(struct vip, state)},
    VIP(obstacle, FIELDS_TEXT),
    VIP(quorum, FIELDS_BOOLEAN),
    VIP(gate, FIELDS_BOOLEAN),
    VIP(version, FIELDS_UNSIGNED),
    VIP(priority, FIELDS_UNSIGNED),
    VIP(lease_ms, FIELDS_UNSIGNED),
    VIP(left_ms, FIELDS_UNSIGNED),
    VIP(waiting, FIELDS_OBJECT),
    VIP(voters, FIELDS_OBJECT),
    VIP(since, FIELDS_TEXT),
    VIP(why, FIELDS_TEXT),
    VIP(failure, FIELDS_TEXT),
    VIP(addresses, FIELDS_OBJECT),
    VIP(routes, FIELDS_OBJECT),
    VIP(rules, FIELDS_OBJECT),
    VIP(track, FIELDS_OBJECT),
};
static const struct fields vip_own_fields = FIELDS(vip_entries);

static const char *vip_read(const msgpack_object *map, msgpack_zone *zone, struct vip *vip)
{
    *vip = (struct vip){.state = "", .obstacle = "", .since = "", .why = "", .failure = ""};
    const char *wrong = fields_read(map, &vip_fields, zone, &vip->record);
    return wrong ? wrong : fields_read(map, &vip_own_fields, zone, vip);
}

enum client_status vip_ask(struct client *client, const char *name, struct vip *vip)
{
    *vip = (struct vip){.state = ""};
    if (client_ask(client, true, "vip-explain", "Name", name) != CLIENT_OK)
        return client->status;
    const char *wrong = vip_read(&client->body.data, client->body.zone, vip);
    return wrong ? client_malformed(client, wrong) : CLIENT_OK;
}

enum client_status vip_list(struct client *client, struct vip_list *list)
{
    *list = (struct vip_list){.count = 0};
    if (client_ask(client, true, "vips") != CLIENT_OK)
        return client->status;
    const msgpack_object *body = &client->body.data, *vips = rpc_field(body, "vips");
    msgpack_object_array array;
    if (!vips || !fields_array(vips, &array) || !rpc_get_boolean(body, "quorum", &list->quorum) ||
        !rpc_get_boolean(body, "drained", &list->drained))
        return client_malformed(client, "vips");
    list->vips = print_alloc(client->body.zone, array.size, sizeof *list->vips);
    for (; list->count < array.size; list->count++) {
        const char *wrong =
            vip_read(&array.ptr[list->count], client->body.zone, &list->vips[list->count]);
        if (wrong)
            return client_malformed(client, wrong);
    }
    return CLIENT_OK;
}

void vip_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
}

/* ---- list ---- */

static void print_list(const struct vip_list *list, msgpack_zone *zone)
{
    static const char *const heads[] = {"NAME", "ADDRESS", "INTERFACE", "HOLDER", "EPOCH", "STATE"};
    struct print_table table = {.columns = sizeof heads / sizeof heads[0]};
    for (size_t i = 0; i < table.columns; i++)
        print_cell(&table, heads[i]);
    for (const struct vip *vip = list->vips; vip < list->vips + list->count; vip++) {
        print_cell(&table, vip->record.name);
        print_cell(&table, vip->record.address);
        print_cell(&table, vip->record.interface);
        print_cell(&table, *vip->record.holder ? vip->record.holder : "-");
        print_cell(&table, print_text(zone, "%" PRIu64, vip->record.epoch));
        print_cell(&table, vip->state);
    }
    print_table(stdout, &table);
    if (list->count == 0)
        puts("no address is configured on this host: muster.conf(5), vip");
    else if (!list->quorum)
        puts("too few voters are alive and agree: no address can be held");
    if (list->drained)
        puts("this host is drained: muster undrain");
}

static int list_run(struct cli *cli, char **arguments)
{
    struct vip_list list;
    (void)arguments;
    if (vip_list(&cli->client, &list) != CLIENT_OK)
        return cli_failed(cli, NULL);
    if (cli->json)
        return cli_print_answer(cli);
    print_list(&list, cli->client.body.zone);
    return CLI_YES;
}

/* ---- the command ---- */

struct vip_verb {
    const char *name;
    int arguments;
    vip_verb_fn *run;
};

static const struct vip_verb *verb_find(const struct cli *cli, const char *name)
{
    static const struct vip_verb verbs[] = {{"list", 0, list_run},
                                            {"explain", 1, vip_explain_run},
                                            {"release", 1, vip_release_run},
                                            {"move", 2, vip_move_run}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    cli_wrong(cli, "\"%s\": not list, explain, move or release", name);
}

int vip_run(struct cli *cli, int argc, char **argv)
{
    char **words = cli_arguments(cli, argc, argv, 0, 3);
    const struct vip_verb *verb = verb_find(cli, words[0] ? words[0] : "list");
    int given = 0;
    while (words[0] && words[given + 1])
        given++;
    if (given != verb->arguments)
        cli_wrong(cli, "%s takes %d arguments", verb->name, verb->arguments);
    cli_connect(cli, CLIENT_NO_DEADLINE);
    return verb->run(cli, words + 1);
}
