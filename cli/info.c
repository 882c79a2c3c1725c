#include "agent/rpc/fields.h"
#include "cli/cli.h"
#include "cli/print.h"

#include <inttypes.h>

#define DEPTH_MAX 3 /* sections, handlers, one of them */

/* NULL: no text or number that `info` could hold. */
static const char *value_text(const msgpack_object *value, msgpack_zone *zone)
{
    if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return print_text(zone, "%" PRIu64, value->via.u64);
    return fields_text(value, zone);
}

/* Texts and numbers as a table, then the maps beside them, each under its name. False: there is
 * something else in the map. */
static bool info_print_section(const msgpack_object *map, msgpack_zone *zone, int depth)
{
    struct print_table table = {.columns = 3};
    bool good = map->type == MSGPACK_OBJECT_MAP && depth < DEPTH_MAX;
    size_t count = good ? map->via.map.size : 0;
    for (size_t i = 0; i < count; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        const char *key = fields_text(&pair->key, zone), *value = value_text(&pair->val, zone);
        good &= key && (value || pair->val.type == MSGPACK_OBJECT_MAP);
        if (!key || !value)
            continue;
        print_cell(&table, depth > 1 ? "  " : ""); /* indents */
        print_cell(&table, key);
        print_cell(&table, value);
    }
    print_table(stdout, &table);
    for (size_t i = 0; i < count && good; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->val.type != MSGPACK_OBJECT_MAP)
            continue;
        printf("%*s", 2 * depth, "");
        print_safe(stdout, fields_text(&pair->key, zone));
        putchar('\n');
        good = info_print_section(&pair->val, zone, depth + 1);
    }
    return good;
}

int info_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    if (client_ask(client, true, "info") != CLIENT_OK)
        return cli_failed(cli, NULL);
    if (cli->json)
        return cli_print_answer(cli);
    if (!info_print_section(&client->body.data, client->body.zone, 0))
        client_malformed(client, "info");
    return cli_failed(cli, NULL);
}
