"""What the detector's parameters (gossip/detector/tuning.h) do: each is changed around its default, and the
most important ones together, and for each setting three things are measured: how fast, how often
wrong, at what cost. The settings that no other beats in all three are its front; the defaults
should be among them.

usage: study.py [--quick]      (MUSTER_BUILD: the folder with muster-sim, default build/gcc)

Differences by chance are told from others by measuring the defaults several times, with other
seeds: what lies within their range is called noise. The same seeds give the same output.

False failures are too rare to compare settings by: nearly all suspicions are contradicted. What is
counted instead are suspicions, and failures of members that were only stopped for a moment."""

import argparse
import collections
import itertools
import os
import re
import sys

sys.dont_write_bytecode = True
import detector  # noqa: E402

LIMIT_S = 600     # of one call of muster-sim
REPLICATES = 3    # times that the defaults are measured anew
SEEDS_APART = 10000


# Numbers. Of all of them less is better.

Kind = collections.namedtuple("Kind", "digits floor")  # floor: differences below it are noise
Number = collections.namedtuple("Number", "heading kind text")

MS = Kind(0, 20)
TAIL_MS = Kind(0, 80)
FAILED = Kind(0, 0.5)  # one is one too many
TOLD = Kind(0, 300)    # two suspicions, told by each of 128
STALLED = Kind(0, 130)  # two failures, told by each of 64
RATE = Kind(2, 3)
PACKETS = Kind(1, 0.3)
BYTES = Kind(0, 15)

NUMBERS = {
    "p50": Number("p50", MS, "crash of one of 128: last survivor, p50, ms"),
    "p99": Number("p99", TAIL_MS, "... p99, ms"),
    "mass": Number("mass", TAIL_MS, "crash of 30 % of 128: last survivor, p99, ms"),
    "loss_failed": Number("failed", FAILED, "10 % loss, 64 members: others declared failed"),
    "loss": Number("susp/h", RATE, "... suspicions published, a member and hour"),
    "burst_failed": Number("failed", FAILED, "20 % lost in bursts: others declared failed"),
    "burst": Number("susp/h", RATE, "... suspicions published, a member and hour"),
    "pause_failed": Number("failed", FAILED, "hard cells of the grid: never paused, called failed"),
    "pause": Number("susp", TOLD, "... suspicions published of one never paused"),
    "stalled": Number("failed", STALLED, "half of 64 stopped for 300 to 1000 ms at a time, bursts: "
                      "the stopped told as failed"),
    "packets": Number("pkt/s", PACKETS, "idle, 128 members: packets a second"),
    "bytes": Number("B/s", BYTES, "... sealed bytes a second"),
    "busy": Number("pkt/s", PACKETS, "half of 64 stopped for 20 to 40 ms at a time, as by a "
                   "scheduler: packets a second"),
}
GROUPS = (("crash of one", 2), ("30 %", 1), ("10 % loss", 2), ("bursts", 2), ("grid", 2),
          ("stalls", 1), ("idle", 2), ("busy", 1))  # heading of so many numbers
FRONTS = {  # speed, one kind of mistake, cost
    "(p50, suspicions at 10 % loss, bytes)": ("p50", "loss", "bytes"),
    "(p50, suspicions in bursts, bytes)": ("p50", "burst", "bytes"),
    "(p50, failures of those that only stall, bytes)": ("p50", "stalled", "bytes"),
}

JITTER = "link all -> all jitter 20ms\n"
LOSS = "link all -> all loss 10%\n"
BURSTS = "link all -> all burst 80% 200ms 600ms\n"  # a fifth is lost
# Without loss nobody suspects anybody in any cell, whatever the setting: what came in the meantime
# waits in the socket, and is read first.
HARD_CELLS = ((1, 128, 16), (4, 8192, 16), (8, 512, 16), (32, 2048, 16))


class Effort(collections.namedtuple("Effort", "crashes masses loss burst pause stall")):
    """Seeds; minutes; seconds. Minutes and seconds twice: two runs at a time take both cores."""


FULL = Effort(100, 10, 30, 8, 60, 180)
QUICK = Effort(30, 4, 5, 2, 20, 40)


def tunes(setting):
    """As statements of a scenario."""
    return "".join(f"tune {name} {value:.6g}\n" for name, value in setting.items())


def failed(result):
    return result.total(*detector.GRID_BAD)


def told_rate(result):
    """Suspicions of members without fault told to a member in an hour: about as many as there were
    in the cluster."""
    return result.total("false_suspicions") / result.member_hours()


def measure_speed(sim, more, seed, effort):
    """A crash of one, and of many at once. Who never learns of it counts as very late."""
    one = sim.play(detector.crash(128, more=more, within_ms=3000), effort.crashes, seed)
    many = sim.play(detector.crash(128, "any 30%", more), effort.masses, seed)
    never = 1e6
    return {"p50": one.last_ms("p50") if not one.total("missed") else never,
            "p99": one.last_ms("p99") if not one.total("missed") else never,
            "mass": many.last_ms("p99") if not many.total("missed") else never}


def measure_mistakes(sim, more, seed, effort):
    loss = sim.play(detector.quiet(64, f"{effort.loss}m", more + LOSS), 2, seed)
    burst = sim.play(detector.quiet(64, f"{effort.burst}m", more + BURSTS), 2, seed)
    cells = [sim.play(detector.pauses(cell, more + JITTER + LOSS, effort.pause), 2, seed)
             for cell in HARD_CELLS]
    stalls = sim.play(
        detector.starved(300, 1000, effort.stall, more + JITTER + BURSTS), 2, seed)
    return {"loss_failed": failed(loss), "loss": told_rate(loss),
            "burst_failed": failed(burst), "burst": told_rate(burst),
            "stalled": stalls.total("troubled_failures"),
            "pause_failed": sum(map(failed, cells)),
            "pause": sum(cell.total("false_suspicions") for cell in cells)}


def measure_cost(sim, more, seed, effort):
    del effort
    idle = sim.play(detector.quiet(128, "60s", more), 2, seed)
    busy = sim.play(detector.starved(20, 40, 60, more), 2, seed)
    return {"packets": idle.mean("packets_per_s"), "bytes": idle.mean("sealed_bytes_per_s"),
            "busy": busy.mean("packets_per_s")}


def measure(sim, setting, effort, seed=1):
    more, values = tunes(setting), {}
    for part in (measure_speed, measure_mistakes, measure_cost):
        values.update(part(sim, more, seed, effort))
    return values


# Two members: all evidence is one's own, and nobody confirms.

PAIR_NUMBERS = {
    "p50": Number("p50", MS, "crash of one of two: p50, ms"),
    "p99": Number("p99", TAIL_MS, "... p99, ms"),
    "loss_p50": Number("p50", MS, "crash of one of two at 10 % loss: p50, ms"),
    "loss_p99": Number("p99", TAIL_MS, "... p99, ms"),
    "failed": Number("failed", FAILED, "10 % loss: called failed"),
    "suspected": Number("susp/h", Kind(3, 0.05), "... suspected, a member and hour"),
    "packets": Number("pkt/s", PACKETS, "... packets a second"),
    "bytes": Number("B/s", BYTES, "... sealed bytes a second"),
}
PAIR_GROUPS = (("crash", 2), ("crash, 10 %", 2), ("10 % loss", 4))


def measure_pair(sim, setting, effort, seed=1):
    more = tunes(setting)
    crash = sim.play(detector.crash(2, more=more), 2 * effort.crashes, seed)
    lossy = sim.play(detector.crash(2, more=more + LOSS), 2 * effort.crashes, seed)
    loss = sim.play(detector.quiet(2, f"{effort.loss * 48}m", more + LOSS), 2, seed)
    return {"p50": crash.last_ms("p50"), "p99": crash.last_ms("p99"),
            "loss_p50": lossy.last_ms("p50"), "loss_p99": lossy.last_ms("p99"),
            "failed": failed(loss), "suspected": told_rate(loss),
            "packets": loss.mean("packets_per_s"), "bytes": loss.mean("sealed_bytes_per_s")}


# Settings.

def read_defaults():
    """By name, from gossip/detector/tuning.h: X(name, default, ..."""
    with open(os.path.join(detector.ROOT, "gossip", "tuning.h")) as file:
        found = re.findall(r"^ *X\((\w+), ([\d./ ]+),", file.read(), re.M)
    return {name: quotient(text) for name, text in found}


def quotient(text):
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


SINGLES = (  # one parameter, or two that belong together, at a time
    {"phi_own": (2, 3, 4)},
    {"phi_alone": (6, 10, 12, 14)},
    {"loss_min": (0.001, 0.01, 0.05)},
    {"spread_min_us": (4000, 12000, 24000)},
    {"reping_share": (1 / 60, 1 / 30, 1 / 15)},
    {"suspicion_min_share": (0.15, 0.3, 0.45, 0.6), "suspicion_max_share": (0.3, 0.6, 0.9, 1.2)},
    {"repings": (4, 8, 16)},
    {"repings_alone": (24, 48, 64, 96)},
    {"random_probes": (0, 2, 4, 8)},
    {"belief_doublings": (0, 2, 4, 8)},
)
GRIDS = (  # all combinations
    {"phi_pooled": (6, 8, 10, 12), "phi_cap": (4, 5, 6, 8)},
    {"ring_edges": (2, 3, 4, 5), "ping_share": (0.3, 0.45, 0.6, 0.9), "observers": (1, 2, 3)},
)
QUICK_GRIDS = ({"phi_pooled": (6, 10)}, {"ring_edges": (2, 3), "ping_share": (0.45, 0.9)})
PAIR_FIRST = ("phi_own", "phi_alone", "loss_min", "spread_min_us", "reping_share",
              "suspicion_min_share", "repings_alone")


def in_step(family):
    """The first value of each, the second of each..."""
    return [dict(zip(family, values)) for values in zip(*family.values())]


def combined(family):
    return [dict(zip(family, values)) for values in itertools.product(*family.values())]


def changed(setting, defaults):
    """Only what is not as it is by default."""
    return {name: value for name, value in setting.items()
            if abs(value - defaults[name]) > 1e-9 * abs(value)}


def settings_of(families, defaults):
    """The defaults first, each setting once."""
    unique = {(): {}}
    for setting in itertools.chain.from_iterable(families):
        setting = changed(setting, defaults)
        unique[tuple(sorted(setting.items()))] = setting
    return list(unique.values())


def label(setting):
    return " ".join(f"{name}={value:.3g}" for name, value in setting.items()) or "the defaults"


# Comparisons.

def noise_of(numbers, replicates):
    """By number, how far apart it can be by chance."""
    noise = {}
    for key, number in numbers.items():
        values = [values[key] for values in replicates]
        noise[key] = max(number.kind.floor, max(values) - min(values))
    return noise


def effects(numbers, noise, default, other):
    """What is worse and what is better than the defaults, beyond noise, as two lists of texts."""
    worse, better = [], []
    for key, number in numbers.items():
        if abs(other[key] - default[key]) > noise[key]:
            digits = number.kind.digits
            values = f"{other[key]:.{digits}f} (not {default[key]:.{digits}f})"
            texts = worse if other[key] > default[key] else better
            texts.append(f"{full_text(numbers, key)}: {values}")
    return worse, better


def full_text(numbers, key):
    """With the beginning that "..." stands for."""
    text, keys = numbers[key].text, list(numbers)
    at = keys.index(key)
    while numbers[keys[at]].text.startswith("... "):
        at -= 1
    begin = numbers[keys[at]].text
    return text if at == keys.index(key) else begin.partition(":")[0] + ":" + text[3:]


def dominates(a, b, axes):
    return all(a[key] <= b[key] for key in axes) and any(a[key] < b[key] for key in axes)


def clearly_dominates(a, b, axes, noise):
    """Not only by chance."""
    return dominates(a, b, axes) and any(a[key] < b[key] - noise[key] for key in axes)


def front_mark(values, everything, axes, noise):
    """"*": nothing dominates it; "~": only within the noise; else "."."""
    if not any(dominates(other, values, axes) for other in everything):
        return "*"
    clearly = any(clearly_dominates(other, values, axes, noise) for other in everything)
    return "." if clearly else "~"


# Printing.

WIDTH = 8
LABEL = 50


def print_headings(numbers, groups, last=""):
    line = "".join(f"{'| ' + text:<{WIDTH * count}}" for text, count in groups)
    print(f"{'':{LABEL}}{line}|")
    print(f"{'':{LABEL}}" + "".join(f"{n.heading:>{WIDTH}}" for n in numbers.values()) + last)


def print_values(numbers, name, values, last=""):
    row = "".join(f"{values[key]:>{WIDTH}.{number.kind.digits}f}"
                  for key, number in numbers.items())
    print(f"{name:{LABEL}}{row}{last}", flush=True)


def print_meanings(numbers):
    for key, number in numbers.items():
        print(f"  {number.heading:8}{full_text(numbers, key)}")
    print()


def print_noise(numbers, groups, replicates, noise):
    print("The defaults, several times, with other seeds; and what is called noise from here on")
    print_headings(numbers, groups)
    for i, values in enumerate(replicates):
        print_values(numbers, f"seeds from {1 + i * SEEDS_APART}", values)
    print_values(numbers, "noise", noise)
    print()


def print_table(numbers, groups, rows, noise):
    print("All settings. Marks: * on the front, ~ beaten within the noise only, . beaten; of:")
    for front in FRONTS:
        print(f"  {front}")
    print_headings(numbers, groups, "  fronts")
    everything = [values for _, values in rows]
    for setting, values in rows:
        marks = "  ".join(front_mark(values, everything, axes, noise) for axes in FRONTS.values())
        print_values(numbers, label(setting), values, f"  {marks}")
    print()


def print_default(numbers, rows, noise, axes, what):
    default, everything = rows[0][1], [values for _, values in rows]
    print(f"The defaults and the front of {what}: ", end="")
    print({"*": "they are on it", "~": "they are on it, but for noise", ".": "they are NOT on it"}[
        front_mark(default, everything, axes, noise)])
    for setting, values in rows[1:]:
        if not dominates(values, default, axes):
            continue
        clearly = clearly_dominates(values, default, axes, noise)
        by = ", ".join(f"{numbers[key].heading} {values[key]:.{numbers[key].kind.digits}f} "
                       f"(not {default[key]:.{numbers[key].kind.digits}f})" for key in axes)
        print(f"  beaten {'CLEARLY' if clearly else 'within the noise'} by {label(setting)}: {by}")
        for text in effects(numbers, noise, default, values)[0] if clearly else ():
            print(f"    but worse: {text}")
    print()


def print_effects(numbers, rows, noise):
    print("What each setting changes, beyond noise")
    nothing = []
    for setting, values in rows[1:]:
        worse, better = effects(numbers, noise, rows[0][1], values)
        if not worse + better:
            nothing.append(label(setting))
            continue
        print(f"  {label(setting)}")
        for word, texts in (("worse", worse), ("better", better)):
            for text in texts:
                print(f"    {word:7} {text}")
    print("Nothing is changed by:", "; ".join(nothing) or "none of them")
    print()


def progress(done, count):
    if sys.stderr.isatty():
        print(f"\r{done} of {count} ", end="\n" if done == count else "", file=sys.stderr)


def measure_rows(sim, settings, effort, measured):
    rows = []
    for setting in settings:
        rows.append((setting, measured(sim, setting, effort)))
        progress(len(rows), len(settings))
    return rows


def study(sim, numbers, groups, settings, effort, measured):
    """Measures and prints one set of settings. Returns the rows and the noise."""
    rows = measure_rows(sim, settings, effort, measured)
    replicates = [rows[0][1]] + [measured(sim, {}, effort, 1 + i * SEEDS_APART)
                                 for i in range(1, 1 + REPLICATES)]
    noise = noise_of(numbers, replicates)
    print_meanings(numbers)
    print_noise(numbers, groups, replicates, noise)
    return rows, noise


def main_study(sim, quick):
    defaults, effort = read_defaults(), QUICK if quick else FULL
    print("The defaults:", " ".join(f"{name}={value:.3g}" for name, value in defaults.items()))
    families = [in_step(family) for family in (SINGLES[:2] if quick else SINGLES)]
    families += [combined(family) for family in (QUICK_GRIDS if quick else GRIDS)]
    rows, noise = study(sim, NUMBERS, GROUPS, settings_of(families, defaults), effort, measure)
    print_table(NUMBERS, GROUPS, rows, noise)
    for front, axes in FRONTS.items():
        print_default(NUMBERS, rows, noise, axes, front)
    print_effects(NUMBERS, rows, noise)

    print("TWO MEMBERS")
    wanted = PAIR_FIRST[-1:] if quick else PAIR_FIRST
    families = [in_step(family) for family in SINGLES if next(iter(family)) in wanted]
    rows, noise = study(sim, PAIR_NUMBERS, PAIR_GROUPS, settings_of(families, defaults), effort,
                        measure_pair)
    print_headings(PAIR_NUMBERS, PAIR_GROUPS)
    for setting, values in rows:
        print_values(PAIR_NUMBERS, label(setting), values)
    print()
    print_effects(PAIR_NUMBERS, rows, noise)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a handful of settings, small runs")
    options = parser.parse_args()
    return detector.run_main(lambda sim: main_study(sim, options.quick), LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
