/* schema: what a member and a floating address look like to others: in the JSON of events, in the
 * answers of the control protocol, in scripts' environment, to the command line. A field is added
 * here and nowhere else. */
#ifndef MUSTER_SCHEMA_H
#define MUSTER_SCHEMA_H

#include "agent/rpc/fields.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* All is borrowed. */
struct member_record {
    const char *name, *id, *addr, *status;
    uint64_t port, incarnation, generation;
    bool unreachable; /* it lives, and not all that watch it reach it */
    struct fields_tags tags;
};

#define SCHEMA_NAME_BYTES 129   /* a name of the core, and its NUL */
#define SCHEMA_ADDRESS_BYTES 52 /* IPv6 with its prefix, and more */

struct vip_record {
    char name[SCHEMA_NAME_BYTES];
    char address[SCHEMA_ADDRESS_BYTES]; /* with its prefix */
    char interface[IF_NAMESIZE];
    char holder[SCHEMA_NAME_BYTES]; /* the member that holds it now; "": none */
    uint64_t epoch;                 /* of the last holder */
    bool here;                      /* the change has happened on this host; not shown to others */
};

extern const struct fields member_fields, vip_fields;

#endif
