/* handover: a steward whose agent has died gives what it holds to the steward of the agent's next
 * life, so that an address stays where it is.
 *
 * Each steward listens on an abstract socket (SOCK_SEQPACKET). Its name is made of the device and
 * inode of the state directory, which only one agent at a time has locked: it is the same in the
 * next life, goes with the process, and is one of the host's network namespace, as addresses are.
 * The run directory would not do: systemd removes it between two lives.
 *
 * The next steward connects and sends a request; it and the one before it must run as the same user
 * (SO_PEERCRED). The answer is a packet that says how many vips are held, or an error, and a packet
 * for each of them: what it is, and until when it is held. Once it is sent, the older one touches
 * no address any more. The next one kills it where it does not answer in time, is of another
 * version or does not end: two stewards never have one address.
 */
#ifndef MUSTER_HANDOVER_H
#define MUSTER_HANDOVER_H

#include "agent/steward/steward_protocol.h"

#define HANDOVER_NAME_BYTES 64
#define HANDOVER_VERSION 2
#define HANDOVER_WAIT_MS 300 /* for the answer, and as long again until the other lets go */
#define HANDOVER_REQUEST_MS 20

/* One vip, and until when it is held: by us, and by the kernel. */
struct handover_hold {
    struct steward_vip vip;
    uint64_t epoch;
    int64_t until_us, kernel_until_us;
};

/* Fills in `name` (HANDOVER_NAME_BYTES); "" if there is no such directory, and so no hand-over. */
void handover_name(const char *state_dir, char *name);

/* The next steward: takes what its predecessor holds, at most STEWARD_VIPS_MAX. *count is how many
 * that is; 0: there is no predecessor, or it gave nothing. It touches no address any more then.
 * False with errno: EBUSY: its agent lives; others: there may be one, and it could not be asked. */
bool handover_take(const char *name, struct handover_hold *into, size_t *count);

/* Is there a steward that listens? Asking it nothing. */
bool handover_is_served(const char *name);

/* The predecessor: a non-blocking socket that is readable when somebody connects. -1: another has
 * the name, or there is none. */
int handover_listen(const char *name);
/* Answers the steward that has connected, if it runs as our user: with `count` holds, or with
 * EBUSY where our agent lives. Waits for at most HANDOVER_REQUEST_MS. Returns the connection, to be
 * closed once nothing here touches what was given, and listen_fd is closed. -1: nothing was given.
 */
int handover_answer(int listen_fd, const struct handover_hold *holds, size_t count,
                    bool agent_lives);

#endif
