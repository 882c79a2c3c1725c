#include "cli/cli.h"
#include "cli/member.h"
#include "cli/print.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENT_COLUMNS 18 /* the longest event, so that names stand below each other */

/* A change of the quorum has neither member nor vip. */
struct watch_record {
    uint64_t seq, lost;
    const char *event, *time, *line;
    const msgpack_object *member_map, *vip_map;
    struct member_record member;
    struct vip_record vip;
};

#define WATCH(key, type, field, is_optional)                                                       \
    {                                                                                              \
        .name = key, .kind = type, .offset = offsetof(struct watch_record, field),                 \
        .optional = is_optional                                                                    \
    }
static const struct fields_entry watch_entries[] = {
    WATCH("event", FIELDS_TEXT, event, false),  WATCH("seq", FIELDS_UNSIGNED, seq, false),
    WATCH("lost", FIELDS_UNSIGNED, lost, true), WATCH("time", FIELDS_TEXT, time, true),
    WATCH("line", FIELDS_TEXT, line, true),     WATCH("member", FIELDS_OBJECT, member_map, true),
    WATCH("vip", FIELDS_OBJECT, vip_map, true),
};
static const struct fields watch_fields = FIELDS(watch_entries);

static bool is_gap(const struct watch_record *record)
{
    return strcmp(record->event, "gap") == 0;
}

static void watch_print_vip(const struct vip_record *vip)
{
    print_safe(stdout, vip->name);
    printf("  %s  ", vip->address);
    print_safe(stdout, *vip->holder ? vip->holder : "held by nobody");
    printf("  epoch %" PRIu64, vip->epoch);
}

static void watch_print_member(const struct member_record *member, msgpack_zone *zone)
{
    const char *tags = member_tags(member, zone);
    print_safe(stdout, member->name);
    printf("  %s  ", member_address(member, zone));
    print_status(stdout, member->status);
    fputs(*tags ? "  " : "", stdout);
    print_safe(stdout, tags);
    fputs(member->unreachable ? "  " : "", stdout);
    print_status(stdout, member_note(member));
}

static void print_record_text(const struct watch_record *record, msgpack_zone *zone)
{
    if (is_gap(record)) {
        printf("%" PRIu64 "  gap: %" PRIu64 " changes were lost; muster members shows how it is "
               "now\n",
               record->seq, record->lost);
        return;
    }
    printf("%" PRIu64 "  %s  ", record->seq, record->time);
    size_t width = print_safe(stdout, record->event);
    if (record->member_map || record->vip_map)
        printf("%*s  ", width < EVENT_COLUMNS ? (int)(EVENT_COLUMNS - width) : 0, "");
    if (record->vip_map)
        watch_print_vip(&record->vip);
    if (record->member_map)
        watch_print_member(&record->member, zone);
    putchar('\n');
}

static void print_record_json(const struct watch_record *record)
{
    if (is_gap(record))
        printf("{\"seq\":%" PRIu64 ",\"event\":\"gap\",\"lost\":%" PRIu64 "}\n", record->seq,
               record->lost);
    else
        puts(record->line);
}

static enum client_status print_record(const struct cli *cli, struct client *client)
{
    msgpack_zone *zone = client->body.zone;
    struct watch_record record = {0};
    const char *wrong = fields_read(&client->body.data, &watch_fields, zone, &record);
    if (!wrong && record.member_map)
        wrong = member_read(record.member_map, zone, &record.member);
    if (!wrong && record.vip_map)
        wrong = fields_read(record.vip_map, &vip_fields, zone, &record.vip);
    if (!wrong && !is_gap(&record) && (!record.line || !record.time))
        wrong = "line";
    if (wrong)
        return client_malformed(client, wrong);
    if (cli->json)
        print_record_json(&record);
    else
        print_record_text(&record, zone);
    return CLIENT_OK;
}

static uint64_t read_seq(const struct cli *cli, const char *text)
{
    char *end;
    errno = 0;
    uint64_t seq = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        cli_wrong(cli, "--from \"%s\": not a number of a change, such as 17", text);
    return seq;
}

static bool flushed(const struct cli *cli, int *status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    *status = CLI_YES;
    if (errno != EPIPE) {
        cli_say(cli, "standard output: %s", strerror(errno));
        *status = CLI_UNASKED;
    }
    clearerr(stdout);
    return false;
}

static int watch_follow(const struct cli *cli, struct client *client)
{
    int status;
    while (client_record(client) == CLIENT_OK && print_record(cli, client) == CLIENT_OK)
        if (!flushed(cli, &status))
            return status;
    return cli_failed(cli, NULL);
}

int watch_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        {"on", required_argument, NULL, 'O'}, {"from", required_argument, NULL, 'F'}, CLI_OPTIONS};
    const char *events = "*";
    uint64_t from = 0;
    int option;
    while ((option = cli_option(cli, argc, argv, CLI_LETTERS, options)) != -1) {
        if (option == 'O')
            events = optarg;
        else
            from = read_seq(cli, optarg);
    }
    cli_rest(cli, argc, argv, 0, 0);

    signal(SIGPIPE, SIG_IGN); /* the reader's going away is an end like any other */
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    client->output_fd = STDOUT_FILENO;
    if (client_watch(client, events, from) == CLIENT_REFUSED)
        cli_wrong(cli, "--on \"%s\": %s; write names such as \"member-failed,member-join\"", events,
                  client->error);
    return watch_follow(cli, client);
}
