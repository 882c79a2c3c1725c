#include "agent/config/config.h"

#include "agent/config/config_table.h"

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
    "  -c FILE         the configuration; default " CONFIG_DEFAULT_FILE "\n"
    "  -t              check the configuration, print what it means, and exit\n"
    "  -n NAME         the name of this member; default the host's name\n"
    "  -b ADDR[:PORT]  the address to listen on; default every IPv4 address; [ADDR]:PORT for IPv6\n"
    "  -a ADDR[:PORT]  the address at which other members reach this one\n"
    "  -j ADDR[:PORT]  a member to join through; may be given more than once\n"
    "  -T KEY=VALUE    a tag that all members see; may be given more than once\n"
    "  -r RUN_DIR      the directory of the sockets; default " CONFIG_DEFAULT_RUN_DIR "\n"
    "  -s STATE_DIR    the directory of the agent's state; default " CONFIG_DEFAULT_STATE_DIR "\n"
    "  -l LEVEL        the least severe messages to log: error, warn, info or debug\n"
    "  -k              do not switch user: the agent stays the user that starts it\n"
    "  -V, --version   print the version, and exit\n"
    "  -h, --help      print this, and exit\n"
    "\n"
    "Options override the file: -j replaces all of its join, -T all of its tags.\n";

/* Takes the option of a key: a value, or one more of a list. Returns as config_options_parse does.
 */
static int options_add(struct config_options *o, const struct config_key *key)
{
    const char **values = (const char **)(void *)((char *)o + key->option_at);
    size_t once = 0, *count = &once;
    if (key->option_count_at > 0)
        count = (size_t *)(void *)((char *)o + key->option_count_at);
    if (*count == CONFIG_OPTIONS_MAX) {
        fprintf(stderr, "musterd: %s \"%s\": more than %d of them\n", key->option, optarg,
                CONFIG_OPTIONS_MAX);
        return 2;
    }
    values[(*count)++] = optarg;
    return -1;
}

static const struct config_key *options_key(int option)
{
    const struct config_key *key = config_keys;
    while (key->name && !(key->option && key->option[1] == option))
        key++;
    return key->name ? key : NULL;
}

/* Returns as config_options_parse does. */
static int options_take(struct config_options *o, int option)
{
    const struct config_key *key = options_key(option);
    if (key)
        return options_add(o, key);
    switch (option) {
    case 'c':
        o->file = optarg;
        return -1;
    case 't':
        o->check = true;
        return -1;
    case 'k':
        o->keep_user = true;
        return -1;
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
        status = options_take(options, option);
    if (status < 0 && optind < argc) {
        fprintf(stderr, "musterd: \"%s\": not an option\n%s", argv[optind], usage);
        return 2;
    }
    return status;
}
