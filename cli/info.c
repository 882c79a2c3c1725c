#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For `version`, which has something to say without an agent too. */
#define VERSION_WAIT_MS 2000

/* The answer to `info`: a map of texts, numbers and maps, in the agent's order. */
struct section;
struct pair {
    const char *key;
    const char *value; /* NULL: a map */
    bool is_number;
    const struct section *map;
};
struct section {
    const struct pair *pairs;
    size_t count;
};

#define DEPTH_MAX 3 /* sections, handlers, one of them */
#define NUMBER_BYTES 24

static const char *number_text(uint64_t number, msgpack_zone *zone)
{
    char *text = msgpack_zone_malloc(zone, NUMBER_BYTES);
    if (text)
        snprintf(text, NUMBER_BYTES, "%" PRIu64, number);
    return text;
}

static const struct section *read_section(const msgpack_object *from, msgpack_zone *zone,
                                          int depth);

static bool read_pair(const msgpack_object_kv *from, msgpack_zone *zone, int depth,
                      struct pair *pair)
{
    *pair = (struct pair){.key = fields_text(&from->key, zone)};
    if (from->val.type == MSGPACK_OBJECT_MAP)
        pair->map = read_section(&from->val, zone, depth);
    else if (from->val.type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        pair->value = number_text(from->val.via.u64, zone);
    else
        pair->value = fields_text(&from->val, zone);
    pair->is_number = from->val.type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    return pair->key && (pair->value || pair->map);
}

/* NULL: it cannot be understood. */
static const struct section *read_section(const msgpack_object *from, msgpack_zone *zone, int depth)
{
    if (from->type != MSGPACK_OBJECT_MAP || depth == DEPTH_MAX)
        return NULL;
    size_t count = from->via.map.size;
    struct section *section = msgpack_zone_malloc(zone, sizeof *section);
    struct pair *pairs = msgpack_zone_malloc(zone, (count + 1) * sizeof *pairs);
    if (!section || !pairs)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!read_pair(&from->via.map.ptr[i], zone, depth + 1, &pairs[i]))
            return NULL;
    *section = (struct section){pairs, count};
    return section;
}

/* NULL: client->status says why. */
static const struct section *ask_info(struct client *client)
{
    const struct section *info = NULL;
    client_request(client, "info");
    if (client_call(client, true) == CLIENT_OK)
        info = read_section(&client->body.data, client->body.zone, 0);
    if (client->status == CLIENT_OK && !info)
        client_malformed(client, "info");
    return info;
}

static void put_json(struct json *json, const char *key, const struct section *section)
{
    json_object_begin(json, key);
    for (const struct pair *p = section->pairs; p < section->pairs + section->count; p++) {
        if (p->map)
            put_json(json, p->key, p->map);
        else if (p->is_number)
            json_raw(json, p->key, p->value);
        else
            json_string(json, p->key, p->value);
    }
    json_object_end(json);
}

static int print_info_json(const struct cli *cli, const struct section *info)
{
    struct json json = {0};
    put_json(&json, NULL, info);
    return cli_print_json(cli, &json);
}

/* Its texts and numbers as a table, then the maps in it, each under its name. */
static bool print_section(const struct section *section, int depth)
{
    size_t rows = 0;
    struct print_cell *cells = calloc(3 * section->count + 1, sizeof *cells);
    if (!cells)
        return false;
    for (size_t i = 0; i < section->count; i++) {
        const struct pair *p = &section->pairs[i];
        if (p->map)
            continue;
        cells[3 * rows] = (struct print_cell){depth > 1 ? "  " : "", false}; /* indents */
        cells[3 * rows + 1] = (struct print_cell){p->key, false};
        cells[3 * rows + 2] = (struct print_cell){p->value, false};
        rows++;
    }
    print_table(stdout, cells, 3, rows);
    free(cells);
    for (size_t i = 0; i < section->count; i++) {
        const struct pair *p = &section->pairs[i];
        if (!p->map)
            continue;
        printf("%*s", 2 * depth, "");
        print_safe(stdout, p->key);
        putchar('\n');
        if (!print_section(p->map, depth + 1))
            return false;
    }
    return true;
}

static int print_info(const struct cli *cli, const struct section *info)
{
    if (print_section(info, 0))
        return CLI_YES;
    cli_say(cli, "out of memory");
    return CLI_UNASKED;
}

int info_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    struct client client;
    int status;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    const struct section *info = ask_info(&client);
    if (!info)
        status = cli_failed(cli, &client, NULL);
    else
        status = cli->json ? print_info_json(cli, info) : print_info(cli, info);
    client_close(&client);
    return status;
}

static const struct pair *find(const struct section *section, const char *key)
{
    for (size_t i = 0; section && i < section->count; i++)
        if (strcmp(section->pairs[i].key, key) == 0)
            return &section->pairs[i];
    return NULL;
}

/* NULL: the agent does not say. */
static const char *agent_version(const struct section *info)
{
    const struct pair *agent = find(info, "agent");
    const struct pair *version = agent ? find(agent->map, "version") : NULL;
    return version ? version->value : NULL;
}

static int print_versions(const struct cli *cli, const char *agent)
{
    if (!cli->json) {
        puts("muster " PACKAGE_VERSION);
        if (agent) {
            fputs("musterd ", stdout);
            print_safe(stdout, agent);
            putchar('\n');
        }
        return CLI_YES;
    }
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_string(&json, "version", PACKAGE_VERSION);
    if (agent)
        json_string(&json, "agent_version", agent);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

int info_version_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    struct client client;
    client_open(&client, cli->socket, client_now_ms() + VERSION_WAIT_MS);
    int status = print_versions(cli, agent_version(ask_info(&client)));
    client_close(&client);
    return status;
}
