#include "agent/config/config.h"

#include <getopt.h>
#include <stdio.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(built by hand)" /* configure knows better */
#endif

static const char usage[] =
    "usage: musterd [-c FILE] [-t] [-n NAME] [-b ADDR[:PORT]] [-a ADDR[:PORT]]\n"
    "               [-j ADDR[:PORT]]... [-T KEY=VALUE]... [-r RUN_DIR] [-s STATE_DIR]\n"
    "               [-l LEVEL] [-k] [-V] [-h]\n";

static const char help[] =
    "\n"
    "  -c FILE         configuration, " CONFIG_DEFAULT_FILE " unless given\n"
    "  -t              check the configuration, print what it means, and exit\n"
    "  -n NAME         this member's name, the host's unless given\n"
    "  -b ADDR[:PORT]  listen there, on every IPv4 address unless given; [ADDR]:PORT for IPv6\n"
    "  -a ADDR[:PORT]  the address that others are to use\n"
    "  -j ADDR[:PORT]  join the cluster of the member there; more than one may be given\n"
    "  -T KEY=VALUE    a tag that all members see; more than one may be given\n"
    "  -r RUN_DIR      the folder for sockets, " CONFIG_DEFAULT_RUN_DIR " unless given\n"
    "  -s STATE_DIR    the folder for what is to be remembered, " CONFIG_DEFAULT_STATE_DIR
    " unless given\n"
    "  -l LEVEL        log error, warn, info or debug, and what is graver\n"
    "  -k              stay the user who started it: the agent becomes nobody else\n"
    "  -V, --version   print the version, and exit\n"
    "  -h, --help      print this, and exit\n"
    "\n"
    "Options override the file: all of its join with -j, all of its tags with -T.\n";

/* One more of what may be given several times. False: that were too many. */
static bool append(const char **list, size_t *count, size_t max, const char *value, int option)
{
    if (*count == max) {
        fprintf(stderr, "musterd: -%c \"%s\": more than %zu of them\n", option, value, max);
        return false;
    }
    list[(*count)++] = value;
    return true;
}

/* The place for an option that is given once. NULL: it is none of those. */
static const char **single(struct config_options *o, int option)
{
    switch (option) {
    case 'c':
        return &o->file;
    case 'n':
        return &o->name;
    case 'b':
        return &o->bind;
    case 'a':
        return &o->advertise;
    case 'r':
        return &o->run_dir;
    case 's':
        return &o->state_dir;
    case 'l':
        return &o->log_level;
    default:
        return NULL;
    }
}

/* Returns as config_options_parse does. */
static int take(struct config_options *o, int option)
{
    const char **value = single(o, option);

    if (value != NULL) {
        *value = optarg;
        return -1;
    }
    switch (option) {
    case 't':
        o->check = true;
        return -1;
    case 'k':
        o->keep_user = true;
        return -1;
    case 'j':
        return append(o->join, &o->join_count, CONFIG_JOINS_MAX, optarg, option) ? -1 : 2;
    case 'T':
        return append(o->tags, &o->tags_count, sizeof o->tags / sizeof o->tags[0], optarg, option)
                   ? -1
                   : 2;
    case 'V':
        puts("musterd " PACKAGE_VERSION);
        return 0;
    case 'h':
        printf("%s%s", usage, help);
        return 0;
    default: /* getopt has said what is wrong */
        fputs(usage, stderr);
        return 2;
    }
}

int config_options_parse(int argc, char **argv, struct config_options *options)
{
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option, status = -1;

    *options = (struct config_options){0};
    optind = 0; /* from the start, also the second time */
    while (status < 0 &&
           (option = getopt_long(argc, argv, "c:tn:b:a:j:T:r:s:l:kVh", long_options, NULL)) != -1)
        status = take(options, option);
    if (status < 0 && optind < argc) {
        fprintf(stderr, "musterd: \"%s\": not an option\n%s", argv[optind], usage);
        return 2;
    }
    return status;
}
