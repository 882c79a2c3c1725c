/* steward_clock: the steward's time, in a file of its own so that a test can bring another. */
#ifndef MUSTER_STEWARD_CLOCK_H
#define MUSTER_STEWARD_CLOCK_H

#include <stdint.h>

/* CLOCK_BOOTTIME, in microseconds. */
int64_t steward_now_us(void);

#endif
