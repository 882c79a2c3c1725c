/* notify: systemd's sd_notify protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET. */
#ifndef MUSTER_BASE_NOTIFY_H
#define MUSTER_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Sends a state as in sd_notify(3): "READY=1", "STOPPING=1", "STATUS=...". Without $NOTIFY_SOCKET
 * nothing is sent. Never blocks. */
void notify_send(const char *state);

/* True if a supervisor listens: it started us, and may start us again. */
bool notify_has_supervisor(void);

/* How often to send "WATCHDOG=1", in microseconds: half of $WATCHDOG_USEC, if that is meant for
 * this process; 0: never. */
int64_t notify_watchdog_us(void);

#endif
