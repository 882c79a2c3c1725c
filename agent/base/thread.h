/* thread: small threads for what may block, so that the event loop never does. */
#ifndef MUSTER_BASE_THREAD_H
#define MUSTER_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Starts run(arg) on a stack of that many bytes (a multiple of the page size, at least 16 KiB),
 * with all signals blocked: they belong to the loop's thread. The thread gets no heap arena of its
 * own. False: no thread could be created. */
bool thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *arg);

/* Waits for the thread to end, timeout_ms at most. False: it still runs. */
bool thread_join(pthread_t thread, int timeout_ms);

#endif
