/* config: the configuration file and the options over it, checked, as plain data.
 *
 * The room, in the order to read it:
 *   config_table    every key, one row each: where a new key goes
 *   config_type     how a value is taken from text, looked up on this host, and printed;
 *                   config_where: bind and advertise
 *   config_check    what depends on several keys, on options or on this host
 *   config_file     the file, by libConfuse; config_scan: what libConfuse has no switch for
 *   config_draft    a configuration as it grows, and messages with FILE:LINE
 *   config_print    -t; options: the command line
 *   *_spec, tag_match, event_kind, script_permission: what other rooms take from it */
#ifndef MUSTER_CONFIG_H
#define MUSTER_CONFIG_H

#include "agent/base/address.h"
#include "agent/base/duration.h"
#include "agent/base/error.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/config/event_kind.h"
#include "agent/config/handler_spec.h"
#include "agent/config/quorum_spec.h"
#include "agent/config/vip_spec.h"
#include "gossip/gossip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_DEFAULT_FILE MUSTER_SYSCONFDIR "/muster/muster.conf"
#define CONFIG_DEFAULT_RUN_DIR MUSTER_RUNSTATEDIR "/muster"
#define CONFIG_DEFAULT_STATE_DIR MUSTER_LOCALSTATEDIR "/lib/muster"
#define CONFIG_DEFAULT_PORT 7949
#define CONFIG_DEFAULT_USER "muster" /* where there is one */
#define CONFIG_JOINS_MAX 64
#define CONFIG_OPTIONS_MAX 64 /* -j, and -T */
#define CONFIG_HANDLERS_MAX 64
#define CONFIG_VIPS_MAX 256
#define CONFIG_VALUE_BYTES_MAX 4095 /* a path's limit; all other values are shorter still */

#define CONFIG_INCLUDES_MAX 16 /* patterns of files */
#define CONFIG_HOSTS_MAX 256   /* sections of hosts */

/* Where an address is to be found on this host, if it is not given itself: the host may get it
 * later, or another one. */
struct config_where {
    bool ipv6;               /* bind to every address: of which family */
    uint8_t network_bits;    /* over 0: the address in the network that the address names */
    vip_interface interface; /* not "": the address of that interface */
};

/* What one host has in place of the top of the file. The title comes first (config_table.h). */
struct host_spec {
    char *name;
    char tags[GOSSIP_TAGS_BYTES_MAX]; /* beside those of the top, and over them */
    uint16_t tags_bytes;
    struct gossip_addr bind, advertise;
    struct config_where bind_where, advertise_where;
};

#define CONFIG_CLUSTER_UNNAMED "default" /* of a file that names none */

/* All strings are owned and never NULL unless said so. */
struct config {
    char *file;                         /* the file read, NULL if none */
    char *include[CONFIG_INCLUDES_MAX]; /* patterns of files that were read too */
    size_t include_count;
    char *name;
    char *cluster;
    struct gossip_addr bind; /* all zero ip: every address, unless bind_where names an interface */
    struct config_where bind_where;
    struct gossip_addr advertise; /* all zero ip: to be found (agent/net/own_address.h) */
    struct config_where advertise_where;
    char *join[CONFIG_JOINS_MAX]; /* HOST, HOST:PORT or [IPV6]:PORT, not looked up */
    size_t join_count;
    char tags[GOSSIP_TAGS_BYTES_MAX]; /* encoded as in gossip_profile */
    uint16_t tags_bytes;
    uint32_t detect_ms;
    enum log_level log_level;
    char *run_dir;
    char *state_dir;
    char *user;              /* the user that the agent becomes; NULL: it stays as started */
    struct account *account; /* of `user`; NULL without one */
    char *control_group;     /* NULL: the process's own */
    struct gossip_addr rpc;  /* port 0: no TCP control listener */
    char *rpc_auth;          /* NULL: none */
    struct handler_spec *handlers;
    size_t handlers_count;
    struct quorum_spec quorum;
    struct vip_spec *vips; /* none without a quorum */
    size_t vips_count;
    struct host_spec *hosts; /* what is other on these hosts; of this one it is in force above */
    size_t hosts_count;
    char *notes; /* what -t could not judge, a line each; NULL: nothing */
};

/* The command line, which overrides the file. Strings borrowed from argv; NULL or 0: not given. */
struct config_options {
    const char *file, *name, *bind, *advertise, *run_dir, *state_dir, *log_level;
    const char *join[CONFIG_OPTIONS_MAX];
    size_t join_count;
    const char *tags[CONFIG_OPTIONS_MAX];
    size_t tags_count;
    bool check;     /* -t */
    bool keep_user; /* -k: the agent does not switch user */
    bool divided;   /* read by an agent that has given up its rights: the steward checks the scripts
                     * in its place */
};

/* Fills options from argv. Returns -1 to go on, else the exit status: 0 after -V or -h, 2 after an
 * error, already said on stderr. */
int config_options_parse(int argc, char **argv, struct config_options *options);

/* Reads and checks everything. NULL with `error` filled (ERROR_BYTES): "FILE:LINE: key
 * "value": what is wrong, what would do". Without -c, a missing default file is no error. */
struct config *config_load(const struct config_options *options, char *error);
/* Frees all of it; NULL is fine. */
void config_free(struct config *c);

/* Names what `next` changes of `running` that a running agent cannot change: a call for each such
 * key ("detect", "control.rpc") with both values as -t prints them; a secret only as "(set)". */
typedef void config_fixed_fn(void *arg, const char *key, const char *before, const char *after);
void config_compare_fixed(const struct config *running, const struct config *next,
                          config_fixed_fn *changed, void *arg);
/* Exchanges the values of these keys: `next` is then what the agent goes on with, and `running`
 * what is left to be freed. */
void config_keep_fixed(struct config *running, struct config *next);

/* Prints every key and every derived timing, for -t. */
void config_print(const struct config *c, FILE *out);

/* Writes into ERROR_BYTES that detect is too small for round trips of rtt_us (0: not
 * measured), and what would do. False: detect is large enough, and nothing is written. */
bool config_detect_advice(uint32_t detect_ms, uint64_t rtt_us, char *into);

#endif
