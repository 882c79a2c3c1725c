/* thread: small threads for what may block, so that the loop never does. */
#ifndef MUSTER_THREAD_H
#define MUSTER_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Starts run(arg) on a stack of that many bytes (a multiple of the page size, at least 16 KiB), all
 * signals blocked there: they belong to the loop. Nothing of the process's heap is set aside for
 * it. False: no thread could be made. */
bool thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *arg);

/* Waits for it to end, at most timeout_ms. False: it still runs. */
bool thread_join(pthread_t thread, int timeout_ms);

#endif
