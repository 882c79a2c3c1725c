/* Preloaded into an agent, for tests: clocks that step, as a person or NTP lets the time of day,
 * and a suspended host what it has slept through. The machine's own clocks are left alone.
 *
 * $CLOCK_SHIFT names a file of two numbers, int64_t in microseconds: what is added to the time of
 * day, and to CLOCK_BOOTTIME. It is read anew at each look at a clock. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static const volatile int64_t *shifts(void)
{
    static const int64_t none[2];
    static const volatile int64_t *map;
    const char *path = getenv("CLOCK_SHIFT");
    if (map)
        return map;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    map = at == MAP_FAILED ? none : at;
    return map;
}

static int64_t shift_of(clockid_t clock)
{
    if (clock == CLOCK_REALTIME)
        return shifts()[0];
    return clock == CLOCK_BOOTTIME ? shifts()[1] : 0;
}

static void add(struct timespec *t, int64_t us)
{
    int64_t ns = t->tv_nsec + us % 1000000 * 1000;
    t->tv_sec += us / 1000000 + (ns >= 1000000000) - (ns < 0);
    t->tv_nsec = ns + (ns < 0 ? 1000000000 : 0) - (ns >= 1000000000 ? 1000000000 : 0);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, t);
    if (status == 0)
        add(t, shift_of(clock));
    return status;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    int status = clock_gettime(CLOCK_REALTIME, &t);
    tv->tv_sec = t.tv_sec;
    tv->tv_usec = t.tv_nsec / 1000;
    return status;
}

time_t time(time_t *at)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (at)
        *at = t.tv_sec;
    return t.tv_sec;
}

/* All that ours have count CLOCK_BOOTTIME. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
    static int (*real)(int, int, const struct itimerspec *, struct itimerspec *);
    struct itimerspec at = *new;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "timerfd_settime");
    if (flags & TFD_TIMER_ABSTIME && (at.it_value.tv_sec || at.it_value.tv_nsec)) {
        add(&at.it_value, -shift_of(CLOCK_BOOTTIME));
        if (at.it_value.tv_sec < 0 || (at.it_value.tv_sec == 0 && at.it_value.tv_nsec == 0))
            at.it_value = (struct timespec){.tv_nsec = 1};
    }
    return real(fd, flags, &at, old);
}
