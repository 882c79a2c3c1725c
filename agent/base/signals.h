/* signals: which signals end this process. */
#ifndef MUSTER_BASE_SIGNALS_H
#define MUSTER_BASE_SIGNALS_H

/* Ignores every signal that would end the process although nobody means that: SIGUSR1, SIGALRM,
 * SIGXCPU, those of real time and the like, and SIGHUP until it is handled. SIGTERM and SIGINT stay
 * as they are, also those of faults, of children and of a terminal that stops a job. A program that
 * is run inherits what is ignored, unless it is set back. */
void signals_ignore_stray(void);

#endif
