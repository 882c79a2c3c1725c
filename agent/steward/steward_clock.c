#include "agent/steward/steward_clock.h"

#include "agent/base/clock.h"

#include <time.h>

int64_t steward_now_us(void)
{
    return clock_us(CLOCK_BOOTTIME);
}
