#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For `version`, which has something to say without an agent too. */
#define VERSION_WAIT_MS 2000

/* The answer to `info`: named sections of named texts, in the agent's order. */
struct pair {
    const char *key, *value;
};
struct section {
    const char *name;
    const struct pair *pairs;
    size_t count;
};
struct info {
    const struct section *sections;
    size_t count;
};

static bool read_section(const msgpack_object_kv *from, msgpack_zone *zone, struct section *section)
{
    if (from->val.type != MSGPACK_OBJECT_MAP)
        return false;
    size_t count = from->val.via.map.size;
    struct pair *pairs = msgpack_zone_malloc(zone, (count + 1) * sizeof *pairs);
    section->name = fields_text(&from->key, zone);
    if (!pairs || !section->name)
        return false;
    for (size_t i = 0; i < count; i++) {
        pairs[i].key = fields_text(&from->val.via.map.ptr[i].key, zone);
        pairs[i].value = fields_text(&from->val.via.map.ptr[i].val, zone);
        if (!pairs[i].key || !pairs[i].value)
            return false;
    }
    section->pairs = pairs;
    section->count = count;
    return true;
}

static bool read_info(const msgpack_unpacked *body, struct info *info)
{
    if (body->data.type != MSGPACK_OBJECT_MAP)
        return false;
    size_t count = body->data.via.map.size;
    struct section *sections = msgpack_zone_malloc(body->zone, (count + 1) * sizeof *sections);
    if (!sections)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_section(&body->data.via.map.ptr[i], body->zone, &sections[i]))
            return false;
    info->sections = sections;
    info->count = count;
    return true;
}

static enum client_status ask_info(struct client *client, struct info *info)
{
    client_request(client, "info");
    if (client_call(client, true) == CLIENT_OK && !read_info(&client->body, info))
        client_malformed(client, "info");
    return client->status;
}

static int print_info_json(const struct cli *cli, const struct info *info)
{
    struct json json = {0};
    json_object_begin(&json, NULL);
    for (size_t i = 0; i < info->count; i++) {
        const struct section *section = &info->sections[i];
        json_object_begin(&json, section->name);
        for (size_t n = 0; n < section->count; n++)
            json_string(&json, section->pairs[n].key, section->pairs[n].value);
        json_object_end(&json);
    }
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

static int print_info(const struct cli *cli, const struct info *info)
{
    for (size_t i = 0; i < info->count; i++) {
        const struct section *section = &info->sections[i];
        struct print_cell *cells = calloc(section->count + 1, 3 * sizeof *cells);
        if (!cells) {
            cli_say(cli, "out of memory");
            return CLI_UNASKED;
        }
        struct print_cell *cell = cells;
        for (size_t n = 0; n < section->count; n++) {
            *cell++ = (struct print_cell){"", false}; /* indents */
            *cell++ = (struct print_cell){section->pairs[n].key, false};
            *cell++ = (struct print_cell){section->pairs[n].value, false};
        }
        print_safe(stdout, section->name);
        putchar('\n');
        print_table(stdout, cells, 3, section->count);
        free(cells);
    }
    return CLI_YES;
}

int info_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    struct client client;
    struct info info = {0};
    int status;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    if (ask_info(&client, &info) != CLIENT_OK)
        status = cli_failed(cli, &client, NULL);
    else
        status = cli->json ? print_info_json(cli, &info) : print_info(cli, &info);
    client_close(&client);
    return status;
}

/* NULL: the agent does not say. */
static const char *agent_version(const struct info *info)
{
    for (size_t i = 0; i < info->count; i++) {
        const struct section *section = &info->sections[i];
        for (size_t n = 0; strcmp(section->name, "agent") == 0 && n < section->count; n++)
            if (strcmp(section->pairs[n].key, "version") == 0)
                return section->pairs[n].value;
    }
    return NULL;
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
    struct info info = {0};
    client_open(&client, cli->socket, client_now_ms() + VERSION_WAIT_MS);
    ask_info(&client, &info);
    int status = print_versions(cli, agent_version(&info));
    client_close(&client);
    return status;
}
