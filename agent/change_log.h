/* change_log: every change that is published, as one line of the log. */
#ifndef MUSTER_CHANGE_LOG_H
#define MUSTER_CHANGE_LOG_H

struct host;

/* Subscribes to the host's changes, for as long as the host lives. */
void change_log_start(struct host *host);

#endif
