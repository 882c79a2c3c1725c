/* saver: keeps one file of the state directory up to date, off the loop. At most one write is under
 * way; of texts that wait, the newest wins. */
#ifndef MUSTER_SAVER_H
#define MUSTER_SAVER_H

#include "agent/base/worker.h"
#include "agent/state/statefile.h"

struct saver;

/* dir, file, consequence: borrowed for as long as it lives; dir_fd: during the call. consequence:
 * what it means if the file cannot be written, for the log, where that is said once, and once when
 * it works again. NULL with errno. */
struct saver *saver_new(const char *dir, int dir_fd, const char *file, const char *consequence);
/* After worker_free. What waits is not written any more. */
void saver_free(struct saver *s);

/* From the loop's thread: the text that was given last is on disk, or an earlier one is not. */
typedef void saver_done_fn(void *arg, bool ok);

/* Has the text (copied) written by the worker. done: NULL, or called once for the newest of what
 * was given together. False: the worker has too much to do; the text is written together with the
 * next, and done is not called. */
bool saver_save(struct saver *s, struct worker *w, const struct statefile *text,
                saver_done_fn *done, void *arg);

#endif
