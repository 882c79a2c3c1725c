"""What each part of the detector is worth: all is measured again with one part taken away, and with
all of them. A part without which nothing gets worse has no place in it.

usage: ablation.py [--quick]      (MUSTER_BUILD: the folder with muster-sim-study, default build/gcc)

Only the study build of the simulator has the switches: make -C build/gcc muster-sim-study

The parts, as switches of gossip/detector/tuning.h: rings (without them a random member is pinged at a time,
as in SWIM, as often as makes the same packets a second while idle), pooling (other observers'
evidence counts), loss_term (phi knows of loss), health (a member that stalled does not judge), notice
(the first miss is sent to other observers). Each has scenarios where it should matter. What differs by less
than the same measured with other seeds counts as equal. The same seeds give the same output."""

import argparse
import collections
import random
import sys

sys.dont_write_bytecode = True
import detector  # noqa: E402
import study  # noqa: E402

LIMIT_S = 600   # of one call of muster-sim
REPLICATES = 2  # times that the whole is measured anew

PARTS = {  # what a column is headed, and what takes the part away
    "no rings": {"ring_edges": 0},
    "no pooling": {"pooling": 0},
    "no loss": {"loss_term": 0},
    "no health": {"health": 0},
    "no notice": {"notice": 0},
}


HEAVY_LOSS = "link all -> all loss 20%\n"


# Scenarios: each takes further statements, and gives a text.

def on_links(statement, minutes):
    """64 members for so long on such links."""
    def text(more):
        return detector.quiet(64, f"{minutes * 60:.0f}s", more + statement)
    return text


def starved(least_ms, most_ms, seconds, lost=False, links=study.JITTER, then=""):
    def text(more):
        return detector.starved(least_ms, most_ms, seconds, more + links, lost, then)
    return text


def crash_among_starved(lost):
    """One that was never stopped crashes."""
    return starved(50, 300, 13, lost, then="at 8s crash n63")


def links_cut(more):
    """Six links among 16 members carry nothing one way."""
    draw = random.Random(3)
    pairs = draw.sample([(a, b) for a in range(16) for b in range(16) if a != b], 6)
    cuts = "".join(f"at 5s cut n{a} -> n{b}\n" for a, b in pairs)
    return f"nodes 16\n{more}\n{cuts}run 120s\n"


def crash(nodes, who="any 1", links=""):
    def text(more):
        return detector.crash(nodes, who, more + links)
    return text


def cell(which, links):
    def text(more):
        return detector.pauses(which, more + links)
    return text


def ten(name):
    def text(more):
        return detector.example(name, 200, more)
    return text


# What is read off the runs of a scenario; of several texts together. Of all of it less is better.

Reading = collections.namedtuple("Reading", "heading kind read together")
COUNT = study.FAILED


def mean(values):
    return sum(values) / len(values)


READINGS = {
    "p50": Reading("last survivor, p50, ms", study.MS, lambda r: r.last_ms("p50"), max),
    "p99": Reading("last survivor, p99, ms", study.TAIL_MS, lambda r: r.last_ms("p99"), max),
    "missed": Reading("never learned of it in time", study.Kind(0, 5),
                      lambda r: r.total("missed"), sum),
    "failed": Reading("faultless declared failed", COUNT, study.failed, sum),
    "unreachable": Reading("faultless called unreachable", COUNT,
                           lambda r: r.total("false_unreachable"), sum),
    "rate": Reading("suspicions published, /member/h", study.RATE, study.told_rate, mean),
    "told": Reading("told that a faultless is suspect", study.TOLD,
                    lambda r: r.total("false_suspicions"), sum),
    "others": Reading("others declared failed", COUNT, lambda r: r.total("false_failures"), sum),
    "deaf": Reading("... by those in trouble", study.TOLD,
                    lambda r: r.total("false_failures_by_troubled"), sum),
    "stopped": Reading("the stopped declared failed", study.TOLD,
                       lambda r: r.total("troubled_failures"), sum),
    "unnoticed": Reading("of the ten unnoticed", COUNT, lambda r: r.total("troubled_unnoticed"),
                         sum),
    "shown": Reading("times shown, at most", COUNT, lambda r: r.most("shown_most"), max),
    "suspect": Reading("told that one is suspect", study.TOLD, lambda r: r.told("suspect"), sum),
    "packets": Reading("packets/s", study.PACKETS, lambda r: r.mean("packets_per_s"), mean),
    "bytes": Reading("sealed B/s", study.BYTES, lambda r: r.mean("sealed_bytes_per_s"), mean),
}

# apart: runs one by one, so that there is a trace to count in.
Scenario = collections.namedtuple("Scenario", "name texts runs readings apart")


def scenario(name, texts, runs, readings, apart=False):
    return Scenario(name, texts, runs, readings.split(), apart)


def scenarios(quick):
    many, minutes, few = (30, 1, 1) if quick else (100, 20, 2)
    cells = detector.GRID_SHORT[::4] if quick else detector.GRID_SHORT
    seconds = 60 if quick else 300
    return (
        scenario("crash of one of 128", [crash(128)], 2 * many, "p50 p99"),
        scenario("crash of one of 5", [crash(5)], 2 * many, "p50 p99"),
        scenario("crash of one of 128, 10 % loss", [crash(128, links=study.LOSS)], many,
                 "p50 p99 missed told"),
        scenario("crash of 30 % of 128", [crash(128, "any 30%")], 5 * few, "p50 p99 missed"),
        scenario("crash, half stopped 50-300 ms", [crash_among_starved(False)], many,
                 "p50 p99 missed"),
        scenario("crash, the same, packets lost", [crash_among_starved(True)], many,
                 "p50 p99 missed"),
        scenario("10 % loss", [on_links(study.LOSS, minutes)], 2, "failed rate packets"),
        scenario("20 % loss", [on_links(HEAVY_LOSS, minutes / 2)], 2, "failed rate packets"),
        scenario("20 % lost in bursts", [on_links(study.BURSTS, minutes / 2)], 2,
                 "failed rate packets"),
        scenario("pause grid, jitter", [cell(c, study.JITTER) for c in cells], few,
                 "failed unreachable told"),
        scenario("pause grid, jitter, 10 % loss",
                 [cell(c, study.JITTER + study.LOSS) for c in study.HARD_CELLS], few,
                 "failed unreachable told"),
        scenario("ten in trouble", [ten(name) for name in detector.TEN], few,
                 "others deaf unreachable unnoticed shown told"),
        scenario("half stopped 50-300 ms", [starved(50, 300, seconds)], 2,
                 "failed told stopped packets"),
        scenario("half stopped 50-300 ms, packets lost", [starved(50, 300, seconds, True)], 2,
                 "failed told stopped packets"),
        scenario("half stopped 300-1000 ms, packets lost", [starved(300, 1000, seconds, True)], 2,
                 "others deaf told stopped packets"),
        scenario("half stopped 300-1000 ms, bursts",
                 [starved(300, 1000, seconds, links=study.JITTER + study.BURSTS)], 2,
                 "others deaf told stopped packets"),
        scenario("one-way links cut", [links_cut], 6, "suspect stopped", apart=True),
        scenario("idle, 128", [lambda more: detector.quiet(128, "60s", more)], 2,
                 "packets bytes"),
    )


# Measuring.

def results_of(sim, played, more, seed):
    for text in played.texts:
        if not played.apart:
            yield sim.play(text(more), played.runs, seed)
            continue
        for i in range(played.runs):
            yield sim.play(text(more), 1, seed + i)


def measure(sim, all_scenarios, setting, seed=1):
    """By scenario's name and reading."""
    values, more = {}, study.tunes(setting)
    for i, played in enumerate(all_scenarios):
        results = list(results_of(sim, played, more, seed))
        for name in played.readings:
            reading = READINGS[name]
            values[played.name, name] = reading.together([reading.read(r) for r in results])
        study.progress(i + 1, len(all_scenarios))
    return values


def idle_packets(sim, setting):
    result = sim.play(detector.quiet(128, "60s", study.tunes(setting)), 2)
    return result.mean("packets_per_s")


def same_packets(sim, setting):
    """With the sweep as fast as makes the idle packets those of the whole."""
    wanted, share = idle_packets(sim, {}), study.read_defaults()["sweep_share"] / 4
    for _ in range(3):
        share *= idle_packets(sim, {**setting, "sweep_share": share}) / wanted
    return {**setting, "sweep_share": share}


def variants(sim):
    without = {name: dict(setting) for name, setting in PARTS.items()}
    without["none"] = {name: value for setting in PARTS.values() for name, value in setting.items()}
    for name in ("no rings", "none"):
        without[name] = same_packets(sim, without[name])
    return without


# Printing.

NAME = 40
READ = 33
WIDTH = 12


def mark(value, whole, noise):
    """More or less than the whole, beyond noise."""
    return ">" if value > whole + noise else "<" if value < whole - noise else " "


def print_table(all_scenarios, columns, noise):
    print("As measured. > more, < less than the whole, beyond noise; of all of it less is better")
    print(f"{'':{NAME + READ}}" + "".join(f"{name:>{WIDTH - 1}} " for name in (*columns, "noise")))
    whole = columns["whole"]
    for played in all_scenarios:
        for i, name in enumerate(played.readings):
            key, reading = (played.name, name), READINGS[name]
            row = "".join(
                f"{values[key]:>{WIDTH - 1}.{reading.kind.digits}f}"
                f"{mark(values[key], whole[key], noise[key])}" for values in columns.values())
            print(f"{played.name if i == 0 else '':{NAME}}{reading.heading:{READ}}{row}"
                  f"{noise[key]:>{WIDTH - 1}.{reading.kind.digits}f}")
    print()


def print_part(name, whole, values, noise):
    print(f"{name.upper()}")
    found = {">": [], "<": []}
    for key in whole:
        sign, digits = mark(values[key], whole[key], noise[key]), READINGS[key[1]].kind.digits
        if sign in found:
            found[sign].append(f"{key[0]}: {READINGS[key[1]].heading}: "
                               f"{values[key]:.{digits}f} (not {whole[key]:.{digits}f})")
    for text in found[">"] or ["NOTHING gets worse without it: it would be removed"]:
        print(f"  worse   {text}")
    for text in found["<"]:
        print(f"  better  {text}")
    print()


def noise_of(replicates):
    return {key: max(READINGS[key[1]].kind.floor,
                     max(values[key] for values in replicates) -
                     min(values[key] for values in replicates))
            for key in replicates[0]}


def main_ablation(sim, quick):
    all_scenarios, without = scenarios(quick), variants(sim)
    for name, setting in without.items():
        print(f"{name:12}{study.label(setting)}")
    print(flush=True)
    replicates = [measure(sim, all_scenarios, {}, 1 + i * study.SEEDS_APART)
                  for i in range(1 + REPLICATES)]
    columns = {"whole": replicates[0]}
    for name, setting in without.items():
        columns[name] = measure(sim, all_scenarios, setting)
    noise = noise_of(replicates)
    print_table(all_scenarios, columns, noise)
    for name in without:
        print_part(name, columns["whole"], columns[name], noise)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small runs")
    options = parser.parse_args()
    return detector.run_main(lambda sim: main_ablation(sim, options.quick), LIMIT_S,
                             "muster-sim-study")


if __name__ == "__main__":
    sys.exit(main())
