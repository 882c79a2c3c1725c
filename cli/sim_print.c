#include "cli/sim_print.h"

#include <math.h>

static const char *const time_names[SIM_TIMES] = {
    [SIM_FIRST] = "first", [SIM_MEDIAN] = "median", [SIM_P99] = "p99", [SIM_LAST] = "last"};

static double sim_print_number(const struct report *r, size_t i)
{
    return *report_number(r, report_names[i].name);
}

static double sim_print_mean(const struct sim_runs *runs, size_t i)
{
    double sum = 0;
    for (size_t k = 0; k < runs->reports_count; k++)
        sum += sim_print_number(&runs->reports[k], i);
    return sum / (double)runs->reports_count;
}

static double sim_print_most(const struct sim_runs *runs, size_t i)
{
    double value = sim_print_number(&runs->reports[0], i);
    for (size_t k = 1; k < runs->reports_count; k++)
        value = fmax(value, sim_print_number(&runs->reports[k], i));
    return value;
}

static double sim_print_checks(const struct sim_runs *runs)
{
    double sum = 0;
    for (size_t k = 0; k < runs->reports_count; k++)
        sum += runs->reports[k].checks;
    return sum;
}

static void sim_print_detection(FILE *out, const struct sim_runs *runs)
{
    size_t crashes = sim_runs_crashes(runs);
    if (crashes == 0)
        return;
    fprintf(out, "detection, ms after the crash (%zu crashes)%9s%9s%9s\n", crashes, "p50", "p99",
            "max");
    for (int t = 0; t < SIM_TIMES; t++)
        fprintf(out, "  %-6s of the survivors%29.0f%9.0f%9.0f\n", time_names[t],
                sim_runs_percentile(runs, (enum sim_time)t, 50),
                sim_runs_percentile(runs, (enum sim_time)t, 99),
                sim_runs_percentile(runs, (enum sim_time)t, 100));
}

void sim_print_text(FILE *out, const char *name, const struct scenario *scenario,
                    const struct sim_runs *runs)
{
    fprintf(out, "scenario %s: %u nodes, %.10g s", name, scenario->nodes,
            (double)scenario->run_us / 1e6);
    if (runs->count == 1)
        fprintf(out, ", seed %llu\n", (unsigned long long)runs->first_seed);
    else
        fprintf(out, ", seeds %llu to %llu\n", (unsigned long long)runs->first_seed,
                (unsigned long long)(runs->first_seed + runs->count - 1));
    for (size_t i = 0; i < runs->lost_count; i++)
        fprintf(out, "LOST: seed %llu: %s\n", (unsigned long long)runs->lost[i].seed,
                runs->lost[i].what);
    if (runs->reports_count == 0)
        return;
    sim_print_detection(out, runs);
    fprintf(out, "%-42s%10s%18s\n", "of each run", "mean", "most");
    for (size_t i = 0; i < report_names_count; i++)
        fprintf(out, "  %-32s%18.10g%18.10g  %s\n", report_names[i].name, sim_print_mean(runs, i),
                sim_print_most(runs, i), report_names[i].meaning);
    const struct report *broken = sim_runs_broken(runs);
    if (broken)
        fprintf(out, "BROKEN: seed %llu: %s\n", (unsigned long long)broken->seed, broken->broken);
    else
        fprintf(out, "invariants: %.10g checks, all hold\n", sim_print_checks(runs));
}

static void sim_json_detection(struct json *json, const struct sim_runs *runs)
{
    json_object_begin(json, "detection");
    json_unsigned(json, "crashes", sim_runs_crashes(runs));
    for (int t = 0; t < SIM_TIMES; t++) {
        json_object_begin(json, time_names[t]);
        json_number(json, "p50_ms", sim_runs_percentile(runs, (enum sim_time)t, 50));
        json_number(json, "p99_ms", sim_runs_percentile(runs, (enum sim_time)t, 99));
        json_number(json, "max_ms", sim_runs_percentile(runs, (enum sim_time)t, 100));
        json_object_end(json);
    }
    json_object_end(json);
}

static void sim_json_run(struct json *json, const struct report *r)
{
    json_object_begin(json, NULL);
    json_unsigned(json, "seed", r->seed);
    json_number(json, "formed_ms", (double)r->formed_us / 1000);
    for (size_t i = 0; i < report_names_count; i++)
        json_number(json, report_names[i].name, sim_print_number(r, i));
    json_array_begin(json, "calibration");
    for (size_t i = 0; i < GOSSIP_CALIBRATION_BUCKETS; i++)
        json_unsigned(json, NULL, r->calibration[i]);
    json_array_end(json);
    json_object_end(json);
}

static void sim_json_seed(struct json *json, uint64_t seed, const char *what)
{
    json_object_begin(json, NULL);
    json_unsigned(json, "seed", seed);
    json_string(json, "what", what);
    json_object_end(json);
}

void sim_print_json(struct json *json, const char *name, const struct scenario *scenario,
                    const struct sim_runs *runs)
{
    json_string(json, "version", PACKAGE_VERSION);
    json_string(json, "scenario", name);
    json_unsigned(json, "nodes", scenario->nodes);
    json_number(json, "run_s", (double)scenario->run_us / 1e6);
    sim_json_detection(json, runs);
    json_array_begin(json, "runs");
    for (size_t i = 0; i < runs->reports_count; i++)
        sim_json_run(json, &runs->reports[i]);
    json_array_end(json);
    json_array_begin(json, "lost");
    for (size_t i = 0; i < runs->lost_count; i++)
        sim_json_seed(json, runs->lost[i].seed, runs->lost[i].what);
    json_array_end(json);
    json_object_begin(json, "invariants");
    json_number(json, "checked", sim_print_checks(runs));
    json_array_begin(json, "broken");
    for (size_t i = 0; i < runs->reports_count; i++) {
        if (runs->reports[i].broken[0])
            sim_json_seed(json, runs->reports[i].seed, runs->reports[i].broken);
    }
    json_array_end(json);
    json_object_end(json);
}
