/* machine: by what this machine can be told from another that runs a copy of its disk. Only hashes
 * are kept: machine-id(5) is not to be handed on. */
#ifndef MUSTER_STATE_MACHINE_H
#define MUSTER_STATE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* 0: not known. A container often has neither, and the second is for root alone. */
struct machine {
    uint64_t id;    /* of /etc/machine-id */
    uint64_t board; /* of the product UUID in the firmware's tables (DMI) */
};

/* Reads them below `root`, "" for this machine. Blocks for a moment. */
struct machine machine_read(const char *root);

/* True: something that is known of both differs. */
bool machine_differs(const struct machine *a, const struct machine *b);

#endif
