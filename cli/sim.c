/* muster-sim: plays a scenario on a virtual network, and reports the result. */
#include "cli/sim_print.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum sim_exit { SIM_HOLDS = 0, SIM_BROKEN = 1, SIM_USAGE = 2, SIM_LOST = 3 };

struct sim {
    uint64_t seed, runs;
    uint64_t jobs, nodes; /* 0: as many as fit; the scenario's number */
    bool json;
    const char *path; /* "-": standard input */
};

static const char usage[] =
    "usage: muster-sim [--seed N] [--runs N] [--jobs N] [--nodes N] [-o text|json] SCENARIO|-\n";

static const char help[] =
    "Plays a scenario on a virtual network with virtual time, once for each seed.\n"
    "\n"
    "  --seed N            the first seed (1): the same seed is the same run, byte for byte\n"
    "  --runs N            N runs, with consecutive seeds; only a single run has a trace\n"
    "  --jobs N            N runs at a time; else as cores and memory allow\n"
    "  --nodes N           in place of the scenario's own number\n"
    "  -o, --output text|json\n"
    "  -h, --help          show this\n"
    "  -V, --version       show the version\n"
    "\n"
    "Exit status: 0 all invariants hold, 1 one is broken (its seed is named), 2 wrong usage or\n"
    "scenario, 3 a run was killed or has crashed. muster-sim(1) describes scenarios;\n"
    "examples/scenarios has some.\n";

_Noreturn __attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("muster-sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\n", stderr);
    exit(SIM_USAGE);
}

static uint64_t sim_number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
        wrong("%s %s: a number from %llu to %llu would do", option, text, (unsigned long long)least,
              (unsigned long long)most);
    return value;
}

static void sim_read_options(struct sim *sim, int argc, char **argv)
{
    enum { SEED = 256, RUNS, JOBS, NODES };
    static const struct option options[] = {
        {"seed", required_argument, NULL, SEED},  {"runs", required_argument, NULL, RUNS},
        {"jobs", required_argument, NULL, JOBS},  {"nodes", required_argument, NULL, NODES},
        {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
    };
    for (int letter; (letter = getopt_long(argc, argv, "o:hV", options, NULL)) != -1;) {
        switch (letter) {
        case SEED:
            sim->seed = sim_number("--seed", optarg, 0, UINT64_MAX - SIM_RUNS_MAX);
            break;
        case RUNS:
            sim->runs = sim_number("--runs", optarg, 1, SIM_RUNS_MAX);
            break;
        case JOBS:
            sim->jobs = sim_number("--jobs", optarg, 1, SIM_JOBS_MAX);
            break;
        case NODES:
            sim->nodes = sim_number("--nodes", optarg, 1, SCENARIO_NODES_MAX);
            break;
        case 'o':
            sim->json = strcmp(optarg, "json") == 0;
            if (!sim->json && strcmp(optarg, "text") != 0)
                wrong("-o %s: text or json would do", optarg);
            break;
        case 'h':
            printf("%s%s", usage, help);
            exit(SIM_HOLDS);
        case 'V':
            printf("muster-sim %s\n", PACKAGE_VERSION);
            exit(SIM_HOLDS);
        default:
            fputs(usage, stderr);
            exit(SIM_USAGE);
        }
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        exit(SIM_USAGE);
    }
    sim->path = argv[optind];
}

static void sim_check_text(const char *path, const char *text, size_t len)
{
    int line = 1;
    if (strlen(text) == len)
        return;
    for (const char *at = text; *at; at++)
        line += *at == '\n';
    fprintf(stderr, "%s:%d: a NUL has no place in a text\n", path, line);
    exit(SIM_USAGE);
}

/* The whole file, NUL at the end. */
static char *sim_read_file(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!in)
        wrong("%s: %s", path, strerror(errno));
    char *text = malloc(SCENARIO_BYTES_MAX + 2);
    if (!text)
        wrong("out of memory");
    size_t len = fread(text, 1, SCENARIO_BYTES_MAX + 1, in);
    if (ferror(in))
        wrong("%s: %s", path, strerror(errno));
    if (in != stdin)
        fclose(in);
    text[len] = '\0';
    sim_check_text(path, text, len);
    return text;
}

_Noreturn static void wrong_scenario(const struct sim *sim, const struct scenario_error *error)
{
    fprintf(stderr, "%s:%d: %s\n", sim->path, error->line > 0 ? error->line : 1, error->text);
    exit(SIM_USAGE);
}

static void sim_print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static void sim_keep_line(void *context, const char *line)
{
    json_string(context, NULL, line);
}

static void sim_run_text(const struct sim *sim, const struct scenario *scenario, struct play *play,
                         struct sim_runs *runs)
{
    if (!sim_runs_play(runs, play, sim->runs == 1 ? sim_print_line : NULL, NULL))
        wrong("a run could not be started: %s", strerror(errno));
    sim_print_text(stdout, sim->path, scenario, runs);
}

static void sim_run_json(const struct sim *sim, const struct scenario *scenario, struct play *play,
                         struct sim_runs *runs)
{
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_array_begin(&json, "trace");
    if (!sim_runs_play(runs, play, sim->runs == 1 ? sim_keep_line : NULL, &json))
        wrong("a run could not be started: %s", strerror(errno));
    json_array_end(&json);
    sim_print_json(&json, sim->path, scenario, runs);
    json_object_end(&json);
    if (json.failed)
        wrong("out of memory");
    puts(json.text);
    json_free(&json);
}

/* On stderr. Returns the exit status. */
static enum sim_exit sim_report_failures(const struct sim_runs *runs)
{
    const struct report *broken = sim_runs_broken(runs);
    for (size_t i = 0; i < runs->lost_count; i++)
        fprintf(stderr, "muster-sim: seed %llu: %s, and is not counted\n",
                (unsigned long long)runs->lost[i].seed, runs->lost[i].what);
    if (broken)
        fprintf(stderr, "muster-sim: seed %llu: %s\n", (unsigned long long)broken->seed,
                broken->broken);
    if (runs->lost_count > 0)
        return SIM_LOST;
    return broken ? SIM_BROKEN : SIM_HOLDS;
}

int main(int argc, char **argv)
{
    struct sim sim = {.seed = 1, .runs = 1};
    struct scenario_error error;
    sim_read_options(&sim, argc, argv);
    char *text = sim_read_file(sim.path);
    struct scenario *scenario = scenario_parse(text, (uint32_t)sim.nodes, &error);
    if (!scenario)
        wrong_scenario(&sim, &error);
    struct play *play = play_new(scenario, &error);
    if (!play)
        wrong_scenario(&sim, &error);
    struct sim_runs runs = {
        .first_seed = sim.seed, .count = (size_t)sim.runs, .at_once = (size_t)sim.jobs};
    (sim.json ? sim_run_json : sim_run_text)(&sim, scenario, play, &runs);
    int status = sim_report_failures(&runs);
    sim_runs_free(&runs);
    play_free(play);
    scenario_free(scenario);
    free(text);
    if (fflush(stdout) != 0 || ferror(stdout))
        wrong("standard output: %s", strerror(errno));
    return status;
}
