#include "cli/cli.h"
#include "cli/member.h"
#include "cli/vip.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAILED_MAX 64 /* --failed options */
#define VIPS_MAX 64   /* --vip options */
#define AGAIN_MS 100  /* between two attempts to reach the agent */

/* Events that can make a condition true. member-unreachable: it ends a suspicion. */
#define EVENTS                                                                                     \
    "member-join,member-leave,member-failed,member-update,member-reap,member-suspect,"             \
    "member-unreachable,member-reachable,vip-acquired,vip-released"

struct conditions {
    unsigned long alive;
    const char *failed[FAILED_MAX];
    size_t failed_count;
    const char *vips[VIPS_MAX];
    size_t vips_count;
    int64_t deadline_ms;
};

static unsigned long read_alive(const struct cli *cli, const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number == 0 || number > INT32_MAX)
        cli_wrong(cli, "--alive \"%s\": not a number of members, such as 3", text);
    return number;
}

static void add_failed(const struct cli *cli, struct conditions *conditions, const char *name)
{
    if (conditions->failed_count == FAILED_MAX)
        cli_wrong(cli, "more than %d members to wait for", FAILED_MAX);
    conditions->failed[conditions->failed_count++] = name;
}

static void add_vip(const struct cli *cli, struct conditions *conditions, const char *name)
{
    if (conditions->vips_count == VIPS_MAX)
        cli_wrong(cli, "more than %d addresses to wait for", VIPS_MAX);
    conditions->vips[conditions->vips_count++] = name;
}

static void wait_read_options(struct cli *cli, int argc, char **argv, struct conditions *conditions)
{
    static const struct option options[] = {{"alive", required_argument, NULL, 'A'},
                                            {"failed", required_argument, NULL, 'F'},
                                            {"vip", required_argument, NULL, 'V'},
                                            {"timeout", required_argument, NULL, 'T'},
                                            CLI_OPTIONS};
    int option;
    while ((option = cli_option(cli, argc, argv, CLI_LETTERS, options)) != -1) {
        if (option == 'A')
            conditions->alive = read_alive(cli, optarg);
        else if (option == 'F')
            add_failed(cli, conditions, optarg);
        else if (option == 'V')
            add_vip(cli, conditions, optarg);
        else
            conditions->deadline_ms = cli_deadline(cli, optarg);
    }
    cli_rest(cli, argc, argv, 0, 0);
    if (conditions->alive == 0 && conditions->failed_count == 0 && conditions->vips_count == 0)
        cli_wrong(cli, "nothing to wait for: name --alive, --failed or --vip");
}

static bool is_failed(const struct member_record *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return strcmp(rows[i].status, "failed") == 0;
    return false;
}

static bool members_fit(const struct conditions *conditions, const struct member_record *rows,
                        size_t count)
{
    size_t alive = 0;
    for (size_t i = 0; i < count; i++)
        alive += strcmp(rows[i].status, "alive") == 0;
    if (alive < conditions->alive)
        return false;
    for (size_t i = 0; i < conditions->failed_count; i++)
        if (!is_failed(rows, count, conditions->failed[i]))
            return false;
    return true;
}

/* True: each address has a holder, on whichever host. */
static bool are_held(struct client *client, const struct conditions *conditions)
{
    struct vip vip;
    for (size_t i = 0; i < conditions->vips_count; i++)
        if (vip_ask(client, conditions->vips[i], &vip) != CLIENT_OK || !*vip.record.holder)
            return false;
    return true;
}

/* The stream runs before the first question, so no change falls between: one that comes before an
 * answer is in it (member_list drops its record), one that comes after it wakes us. However many
 * changes there are, one question at a time is under way. */
static bool wait_until(struct client *client, const struct conditions *conditions)
{
    const struct member_record *rows;
    size_t count;
    client_watch(client, EVENTS, 0);
    while (client->status == CLIENT_OK && member_list(client, &rows, &count) == CLIENT_OK) {
        if (members_fit(conditions, rows, count) && are_held(client, conditions))
            return true;
        if (client->status != CLIENT_OK)
            return false;
        client_record(client);
    }
    return false;
}

/* An agent that does not run yet, or that restarts, is waited for too. False: the deadline passes
 * before the next attempt. */
static bool wait_for_agent(struct cli *cli, const struct conditions *conditions, bool said)
{
    if (!said)
        cli_say(cli, "%s; waits for the agent", cli->client.error);
    if (client_now_ms() + AGAIN_MS >= conditions->deadline_ms)
        return false;
    client_close(&cli->client);
    nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
    return true;
}

int wait_run(struct cli *cli, int argc, char **argv)
{
    struct conditions conditions = {.deadline_ms = CLIENT_NO_DEADLINE};
    bool said = false;
    wait_read_options(cli, argc, argv, &conditions);
    while (!wait_until(cli_connect(cli, conditions.deadline_ms), &conditions) &&
           cli->client.status == CLIENT_LOST && cli->client.absent) {
        if (!wait_for_agent(cli, &conditions, said)) {
            cli_say(cli, "timed out: %s", cli->client.error);
            return CLI_TIMEOUT;
        }
        said = true;
    }
    return cli_done(cli, NULL, "waited");
}
