#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/member.h"
#include "cli/print.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVENT_COLUMNS 18 /* the longest event, so that names stand below each other */

struct record {
    uint64_t seq, lost, time_ms;
    const char *event, *line;
    const msgpack_object *member, *vip;
};

struct vip {
    const char *name, *address, *holder;
    uint64_t epoch;
};

static const struct fields_entry fields[] = {
    {"Event", FIELDS_TEXT, offsetof(struct record, event), false},
    {"Seq", FIELDS_UNSIGNED, offsetof(struct record, seq), true},
    {"Lost", FIELDS_UNSIGNED, offsetof(struct record, lost), true},
    {"Line", FIELDS_TEXT, offsetof(struct record, line), true},
    {"Time", FIELDS_UNSIGNED, offsetof(struct record, time_ms), true},
    {"Member", FIELDS_OBJECT, offsetof(struct record, member), true},
    {"Vip", FIELDS_OBJECT, offsetof(struct record, vip), true},
};

static const struct fields_entry vip_fields[] = {
    {"Name", FIELDS_TEXT, offsetof(struct vip, name), false},
    {"Address", FIELDS_TEXT, offsetof(struct vip, address), false},
    {"Holder", FIELDS_TEXT, offsetof(struct vip, holder), false},
    {"Epoch", FIELDS_UNSIGNED, offsetof(struct vip, epoch), false},
};

static void print_time(uint64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[32];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    printf("%s.%03dZ", text, (int)(time_ms % 1000));
}

static void print_vip(const struct vip *vip)
{
    print_safe(stdout, vip->name);
    printf("  %s  ", vip->address);
    print_safe(stdout, *vip->holder ? vip->holder : "held by nobody");
    printf("  epoch %" PRIu64, vip->epoch);
}

static void print_text(const struct record *record, const struct member *member,
                       const struct vip *vip)
{
    if (strcmp(record->event, "gap") == 0) {
        printf("%" PRIu64 "  gap: %" PRIu64 " changes were lost; muster members shows how it is "
               "now\n",
               record->seq, record->lost);
        return;
    }
    printf("%" PRIu64 "  ", record->seq);
    print_time(record->time_ms);
    fputs("  ", stdout);
    size_t width = print_safe(stdout, record->event);
    if (member || vip)
        printf("%*s  ", width < EVENT_COLUMNS ? (int)(EVENT_COLUMNS - width) : 0, "");
    if (vip)
        print_vip(vip);
    if (member) {
        print_safe(stdout, member->name);
        printf("  %s  ", member->address);
        print_status(stdout, member->status);
        fputs(member->tags_count > 0 ? "  " : "", stdout);
        print_safe(stdout, member->tags_text);
        fputs(member->unreachable ? "  " : "", stdout);
        print_status(stdout, member_note(member));
    }
    putchar('\n');
}

static void print_gap_json(const struct record *record)
{
    printf("{\"seq\":%" PRIu64 ",\"event\":\"gap\",\"lost\":%" PRIu64 "}\n", record->seq,
           record->lost);
}

static enum client_status print_record(const struct cli *cli, struct client *client)
{
    struct record record = {0};
    struct member member;
    struct vip vip;
    const char *wrong = fields_read(&client->body.data, fields, sizeof fields / sizeof fields[0],
                                    client->body.zone, &record);
    if (!wrong && record.member)
        wrong = member_read(record.member, client->body.zone, &member);
    if (!wrong && record.vip)
        wrong = fields_read(record.vip, vip_fields, sizeof vip_fields / sizeof vip_fields[0],
                            client->body.zone, &vip);
    if (!wrong && cli->json && !record.line && strcmp(record.event, "gap") != 0)
        wrong = "Line";
    if (wrong)
        return client_malformed(client, wrong);

    if (!cli->json)
        print_text(&record, record.member ? &member : NULL, record.vip ? &vip : NULL);
    else if (record.line)
        puts(record.line);
    else
        print_gap_json(&record);
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

static int follow(const struct cli *cli, struct client *client)
{
    int status;
    while (client_record(client) == CLIENT_OK && print_record(cli, client) == CLIENT_OK)
        if (!flushed(cli, &status))
            return status;
    return cli_failed(cli, client, NULL);
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
    struct client client;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    client.output_fd = STDOUT_FILENO;
    if (client_watch(&client, events, from) == CLIENT_REFUSED)
        cli_wrong(cli, "--on \"%s\": %s; write names such as \"member-failed,member-join\"", events,
                  client.error);
    int status = follow(cli, &client);
    client_close(&client);
    return status;
}
