#include "cli/sim_runs.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { END_OF_TRACE = '\0' }; /* no line begins with it; what follows is the report */

struct worker {
    pid_t pid;
    FILE *from;
};

/* In the child: the trace, if it is wanted, and the report go to the parent. */
_Noreturn static void play_one(struct play *play, uint64_t seed, FILE *to, bool trace)
{
    static struct report report;
    char line[PLAY_LINE_BYTES];
    if (play_begin(play, seed, &report))
        while (play_next(play, line))
            if (trace)
                fprintf(to, "%s\n", line);
    putc(END_OF_TRACE, to);
    fwrite(&report, sizeof report, 1, to);
    fwrite(report.crashes, sizeof *report.crashes, report.crashes_count, to);
    /* No clearing up: it takes long for many nodes, and the process ends. By exit, so that a leak
     * detector runs; standard output was flushed before the fork. */
    exit(fclose(to) == 0 ? 0 : 1);
}

/* In the child: it does not outlive the parent that reads its report. */
static void sim_runs_die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
}

static bool sim_runs_start(struct worker *w, struct play *play, uint64_t seed, bool trace)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    pid_t parent = getpid();
    w->pid = fork();
    if (w->pid == 0) {
        sim_runs_die_with(parent);
        close(ends[0]);
        FILE *to = fdopen(ends[1], "w");
        if (!to)
            _exit(1);
        play_one(play, seed, to, trace);
    }
    close(ends[1]);
    w->from = w->pid > 0 ? fdopen(ends[0], "r") : NULL;
    if (w->from)
        return true;
    int error = errno;
    close(ends[0]);
    errno = error;
    return false;
}

/* False: it is not whole, and owns nothing. */
static bool sim_runs_take_report(FILE *from, struct report *report)
{
    if (fread(report, sizeof *report, 1, from) != 1)
        return false;
    size_t count = report->crashes_count;
    report->crashes = calloc(count ? count : 1, sizeof *report->crashes);
    if (report->crashes && fread(report->crashes, sizeof *report->crashes, count, from) == count)
        return true;
    free(report->crashes);
    return false;
}

static void sim_runs_note_lost(struct sim_runs *runs, uint64_t seed, int status)
{
    struct sim_lost *lost = &runs->lost[runs->lost_count++];
    lost->seed = seed;
    snprintf(lost->what, sizeof lost->what,
             WIFSIGNALED(status) ? "the run ended by signal %d" : "the run ended with status %d",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Waits for the end of a run. Its report is the next one, if it is whole. */
static void sim_runs_take(struct worker *w, struct sim_runs *runs, uint64_t seed,
                          void (*trace)(void *context, const char *line), void *context)
{
    struct report *report = &runs->reports[runs->reports_count];
    char line[PLAY_LINE_BYTES + 1];
    int c;
    while ((c = getc(w->from)) != EOF && c != END_OF_TRACE) {
        ungetc(c, w->from);
        if (!fgets(line, sizeof line, w->from))
            break;
        line[strcspn(line, "\n")] = '\0';
        if (trace)
            trace(context, line);
    }
    bool whole = c == END_OF_TRACE && sim_runs_take_report(w->from, report);
    fclose(w->from);
    int status = 0;
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (whole && status == 0) {
        runs->reports_count++;
        return;
    }
    if (whole)
        free(report->crashes);
    sim_runs_note_lost(runs, seed, status);
}

/* Is the run with that index the first for its cluster, of those that share one? */
static bool sim_runs_needs_forming(const struct play *play, uint64_t first_seed, size_t index)
{
    uint64_t seed = first_seed + index;
    return play_is_shared(play) &&
           (index == 0 || play_cluster(play, seed) != play_cluster(play, seed - 1));
}

/* The memory that the kernel can give without swapping; UINT64_MAX: not known. */
static uint64_t sim_runs_available_bytes(void)
{
    char line[128];
    unsigned long long kib = UINT64_MAX / 1024;
    FILE *in = fopen("/proc/meminfo", "r");
    while (in && fgets(line, sizeof line, in))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    if (in)
        fclose(in);
    return 1024 * kib;
}

/* The number of runs at one time without --jobs: as the cores and the memory allow. */
static size_t sim_runs_at_once(const struct play *play)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t bytes = sim_runs_available_bytes(), shared = play_shared_bytes(play);
    uint64_t fit = bytes > shared ? (bytes - shared) / play_own_bytes(play) : 0;
    size_t most = cores > 0 ? (size_t)cores : 1;
    if (fit < most)
        most = fit > 0 ? (size_t)fit : 1;
    return most;
}

bool sim_runs_play(struct sim_runs *runs, struct play *play,
                   void (*trace)(void *context, const char *line), void *context)
{
    size_t at_once = runs->at_once ? runs->at_once : sim_runs_at_once(play), started = 0;
    struct worker *workers = calloc(at_once, sizeof *workers);
    runs->reports = calloc(runs->count, sizeof *runs->reports);
    runs->lost = calloc(runs->count, sizeof *runs->lost);
    bool good = workers && runs->reports && runs->lost;
    for (size_t done = 0; good && done < runs->count; done++) {
        for (; good && started < runs->count && started < done + at_once; started++) {
            if (sim_runs_needs_forming(play, runs->first_seed, started)) {
                if (done < started)
                    break; /* others still hold the former one's memory */
                play_form(play, runs->first_seed + started);
            }
            good = sim_runs_start(&workers[started % at_once], play, runs->first_seed + started,
                                  trace);
        }
        if (done < started)
            sim_runs_take(&workers[done % at_once], runs, runs->first_seed + done, trace, context);
    }
    int error = errno;
    free(workers);
    errno = error;
    return good;
}

void sim_runs_free(struct sim_runs *runs)
{
    for (size_t i = 0; i < runs->reports_count; i++)
        free(runs->reports[i].crashes);
    free(runs->reports);
    free(runs->lost);
}

const struct report *sim_runs_broken(const struct sim_runs *runs)
{
    for (size_t i = 0; i < runs->reports_count; i++)
        if (runs->reports[i].broken[0])
            return &runs->reports[i];
    return NULL;
}

size_t sim_runs_crashes(const struct sim_runs *runs)
{
    size_t count = 0;
    for (size_t i = 0; i < runs->reports_count; i++)
        count += runs->reports[i].crashes_count;
    return count;
}

static int64_t sim_runs_time_of(const struct report_crash *c, enum sim_time pick)
{
    const int64_t times[SIM_TIMES] = {[SIM_FIRST] = c->first_us,
                                      [SIM_MEDIAN] = c->median_us,
                                      [SIM_P99] = c->p99_us,
                                      [SIM_LAST] = c->last_us};
    return times[pick];
}

double sim_runs_percentile(const struct sim_runs *runs, enum sim_time pick, double p)
{
    size_t crashes = sim_runs_crashes(runs), count = 0;
    int64_t *all = calloc(crashes + 1, sizeof *all);
    assert(all);
    for (size_t i = 0; i < runs->reports_count; i++)
        for (size_t k = 0; k < runs->reports[i].crashes_count; k++) {
            all[count] = sim_runs_time_of(&runs->reports[i].crashes[k], pick);
            count += all[count] >= 0;
        }
    qsort(all, count, sizeof *all, report_compare_us);
    size_t rank = (size_t)ceil(p / 100 * (double)count);
    double ms = count ? (double)all[rank ? rank - 1 : 0] / 1000 : -1;
    free(all);
    return ms;
}
