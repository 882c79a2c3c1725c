/* notify: systemd's sd_notify protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET. */
#ifndef MUSTER_NOTIFY_H
#define MUSTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* state as in sd_notify(3): "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=...",
 * "STATUS=...". Without $NOTIFY_SOCKET it does nothing. Never blocks. */
void notify_send(const char *state);

/* True if a supervisor listens: it started us, and may start us again. */
bool notify_has_supervisor(void);

/* Half of $WATCHDOG_USEC if it is meant for this process: how often to send "WATCHDOG=1"; 0: never.
 */
int64_t notify_watchdog_us(void);

#endif
