"""Prints what is demanded of the failure detector beside what it does, one table a demand, measured
by muster-sim. See detector.sh. Also how the other studies of this folder run muster-sim.

Nothing here asserts: a bench shows numbers, and whether they are good enough is for who reads them.
The exit status is 1 only if a run broke an invariant or could not run. The same seeds give the same
numbers, but for wall time and memory."""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
LIMIT_S = 4 * 3600  # of one call of muster-sim; the longest takes half of it
LOOK_S = 2          # between two looks at a call that is watched
KB = 1024
GIB = 1 << 30


# Running muster-sim.

class CannotRun(Exception):
    """muster-sim is missing, refused a scenario, or took too long."""


class Result:
    """What muster-sim said of one scenario: numbers of each run, by the names of report.h."""

    def __init__(self, document):
        self.trace = document["trace"]  # of a single run
        self.runs = document["runs"]
        self.detection = document["detection"]
        self.nodes = document["nodes"]
        self.hours = document["run_s"] / 3600
        self.broken = document["invariants"]["broken"]

    def total(self, *names):
        return round(sum(run[name] for run in self.runs for name in names))

    def mean(self, name):
        return sum(run[name] for run in self.runs) / len(self.runs)

    def most(self, name):
        return max(run[name] for run in self.runs)

    def last_ms(self, percentile):
        """When the last survivor knew: over all crashes, "p50", "p99" or "max"."""
        return self.detection["last"][f"{percentile}_ms"]

    def member_hours(self):
        return self.nodes * self.hours * len(self.runs)

    def told(self, *words):
        """How often a member told one of these of another, in a single run."""
        return sum(line.split()[2] in words for line in self.trace)

    def calibration(self):
        return [sum(counts) for counts in zip(*(run["calibration"] for run in self.runs))]


class Simulator:
    """muster-sim, one call at a time: with several runs a call takes all cores as it is."""

    def __init__(self, limit_s=LIMIT_S, name="muster-sim"):
        """limit_s: of one call; name: of the program."""
        build = os.environ.get("MUSTER_BUILD", os.path.join(ROOT, "build", "gcc"))
        self.program = os.path.join(build, name)
        if not os.access(self.program, os.X_OK):
            raise CannotRun(f"{self.program} is missing; make -C {build} {name} builds it")
        self.limit_s = limit_s
        self.broken = 0  # runs that broke an invariant

    def play(self, scenario, runs=1, seed=1, prefix=(), env=None, watch=None):
        """Plays the text of a scenario with `runs` seeds from `seed` on. prefix: what the command
        begins with; env: what is added to its environment; watch: called with its process id now
        and then."""
        command = [*prefix, self.program, "-o", "json", "--seed", str(seed), "--runs", str(runs),
                   "-"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True,
                                   env={**os.environ, **(env or {})})
        try:
            out, err = self.wait(process, scenario.encode(), watch)
        finally:
            if process.returncode is None:  # interrupted: its own children too
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode not in (0, 1):
            raise CannotRun(err.decode(errors="replace").strip() or f"{command}: no reason given")
        result = Result(json.loads(out))
        for broken in result.broken:
            print(f"BROKEN: seed {broken['seed']}: {broken['what']}, in:\n{scenario}", flush=True)
        self.broken += len(result.broken)
        return result

    def wait(self, process, text, watch):
        begun, look_s = time.monotonic(), LOOK_S if watch else self.limit_s
        while True:
            try:
                return process.communicate(text, timeout=look_s)
            except subprocess.TimeoutExpired:
                text = None  # it is written in part; what is left of it is remembered
            if time.monotonic() - begun >= self.limit_s:
                raise CannotRun(f"a call of muster-sim took longer than {self.limit_s} s")
            watch(process.pid)


def end_by_signal(number, _):
    """By an exception, so that children are ended too."""
    sys.exit(128 + number)


def run_main(main, limit_s=LIMIT_S, name="muster-sim"):
    """The exit status of main(simulator)."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end_by_signal)
    try:
        simulator = Simulator(limit_s, name)
        main(simulator)
        return 1 if simulator.broken else 0
    except CannotRun as reason:
        print(f"{os.path.basename(sys.argv[0])}: {reason}", file=sys.stderr)
        return 1


# Scenarios. `more`: further statements, such as `tune` and `link`.

def crash(nodes, who="any 1", more="", within_ms=4000):
    """Some crash at once. What takes longer than within_ms counts as missed."""
    return f"nodes {nodes}\n{more}\nat 500ms crash {who}\nrun {500 + within_ms}ms\n"


def pauses(cell, more="", seconds=120):
    """A cell of Lifeguard's grid (Dadgar et al., section V): C of 128 members are stopped for D ms
    and awake for I ms, all in step, over and over; then time to wake, and to be heard of."""
    c, d, i = cell
    return (f"nodes 128\n{more}\ngroup paused = any {c}\n"
            f"every {d + i}ms from 1s until {seconds}s pause paused for {d}ms\n"
            f"run {(seconds + 5) * 1000 + d}ms\n")


def starved(least_ms, most_ms, seconds_run, more="", lost=False, then=""):
    """Half of 64 members are stopped, each at its own times, twice in one to three seconds: hosts
    starved of CPU. lost: what comes meanwhile is lost, as with a virtual machine that is moved;
    else it waits in the socket. then: what happens besides."""
    draw, lines = random.Random(1), []
    for node in (node for node in range(32) for _ in range(2)):
        when = f"every {draw.randint(1000, 3000)}ms from {draw.randint(500, 3500)}ms"
        length = f"for {draw.randint(least_ms, most_ms)}ms"
        lines.append(f"{when} pause n{node} {length}")
        if lost:
            lines.append(f"{when} cut all -> n{node} {length}")
    return "\n".join(["nodes 64", more, *lines, then, f"run {seconds_run}s\n"])


def quiet(nodes, run, more=""):
    """Nothing happens."""
    return f"nodes {nodes}\n{more}\nrun {run}\n"


def split(nodes, seconds):
    """Two halves, and one again: they have a minute to agree, and it is measured how long."""
    return (f"nodes {nodes}\nat 10s split n0..n{nodes // 2 - 1} | rest for {seconds}s\n"
            f"at {10 + seconds}s agree within 60s\nrun {71 + seconds}s\n")


def example(name, nodes=None, more=None):
    """One of examples/scenarios; nodes: instead of its own number; more: instead of its limits."""
    with open(os.path.join(ROOT, "examples", "scenarios", f"{name}.sim")) as file:
        lines = file.read().splitlines()
    if nodes:
        lines = [f"nodes {nodes}" if line.startswith("nodes ") else line for line in lines]
    if more is not None:
        lines = [line for line in lines if not line.startswith("limit ")] + [more]
    return "\n".join(lines) + "\n"


# Tables.

class Row(collections.namedtuple("Row", "what must seeds holds measured")):
    """holds: None where nothing is demanded."""
    __slots__ = ()


def show(row):
    what, must, seeds, holds, measured = row
    word = {True: "yes", False: "NO", None: "-"}.get(holds, holds)
    print(f"  {what:<22}  {must:<30}  {seeds:>7}  {word:<4} {measured}", flush=True)


def seeds_text(runs):
    return f"1..{runs}" if runs > 1 else "1"


def seconds(ms):
    return f"{ms / 1000:.2f} s"


def tree_bytes(session):
    """Memory of a session's processes: what they share is counted once (proportional set size)."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) != session:
                continue
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass  # it has ended
    return total * KB


CRASHES = (  # nodes, p50 and p99 in s, seeds in short and in long
    (128, 1.2, 2.0, 40, 200),
    (1000, 1.5, 2.5, 10, 200),
    (10000, 1.8, 3.0, 0, 200),
)
CRASH_LARGE = 10000
CRASH_LARGE_WITHIN_MS = 2000  # less than what p99 may be: who does not know by then is missed
CRASH_MEMORY_MAX = 20 * GIB


def table_crash(sim, long):
    """How soon the last survivor knows of a crash of one. The largest cluster has 10 GB of tables;
    its memory is that of all processes together, two runs at a time included."""
    peak = 0

    def watch(pid):
        nonlocal peak
        peak = max(peak, tree_bytes(pid))

    for nodes, p50, p99, short_runs, long_runs in CRASHES:
        runs = long_runs if long else short_runs
        if not runs:
            continue
        large = nodes >= CRASH_LARGE
        text = crash(nodes, within_ms=CRASH_LARGE_WITHIN_MS) if large else crash(nodes)
        result = sim.play(text, runs, watch=watch if large else None)
        got50, got99, missed = result.last_ms("p50"), result.last_ms("p99"), result.total("missed")
        yield Row(f"N = {nodes}", f"p50 <= {p50} s, p99 <= {p99} s", seeds_text(runs),
                  not missed and 0 <= got50 <= p50 * 1000 and got99 <= p99 * 1000,
                  f"p50 {seconds(got50)}, p99 {seconds(got99)}, missed {missed}")
        if large:
            yield Row("  memory of all", f"<= {CRASH_MEMORY_MAX / GIB:.0f} GiB", seeds_text(runs),
                      peak <= CRASH_MEMORY_MAX, f"{peak / GIB:.1f} GiB at the most")


GRID_PAUSED = (1, 4, 8, 16, 32)
GRID_PAUSE_MS = (128, 512, 2048, 8192, 32768)
GRID_AWAKE_MS = (1, 4, 16, 64, 256, 1024, 4096, 16384)
GRID_SHORT = (  # some of each C, of short and long pauses
    (1, 2048, 1024), (1, 8192, 64), (4, 2048, 256), (4, 32768, 16384), (8, 512, 1), (8, 2048, 1024),
    (16, 2048, 4096), (16, 8192, 1024), (16, 32768, 1), (32, 2048, 1024), (32, 8192, 4),
    (32, 32768, 4096))
GRID_BAD = ("false_failures", "false_failures_by_troubled")


def table_grid(sim, long):
    """Members never paused that were called failed by anyone, in Lifeguard's grid."""
    cells = GRID_SHORT if not long else [
        (c, d, i) for c in GRID_PAUSED for d in GRID_PAUSE_MS for i in GRID_AWAKE_MS]
    runs, worst = 10 if long else 1, None
    for paused in GRID_PAUSED:
        bad = unreachable = suspicions = count = 0
        for cell in (cell for cell in cells if cell[0] == paused):
            result = sim.play(pauses(cell), runs)
            counts = (result.total(*GRID_BAD), result.total("false_unreachable"),
                      result.total("false_suspicions"))
            bad, unreachable, suspicions = (
                a + b for a, b in zip((bad, unreachable, suspicions), counts))
            count += 1
            worst = max(worst or (counts, cell), (counts, cell))
        yield Row(f"C = {paused}, {count} cells", "none called failed", seeds_text(runs), bad == 0,
                  f"failed {bad}, unreachable {unreachable}, suspected {suspicions}")
    (bad, unreachable, suspicions), (c, d, i) = worst
    yield Row("the worst cell", "", seeds_text(runs), None,
              f"C = {c}, D = {d} ms, I = {i} ms: "
              f"failed {bad}, unreachable {unreachable}, suspected {suspicions}")


TEN = ("lossy_in", "lossy_out", "lossy_both", "flipflop_in", "flipflop_out")


def table_ten(sim, long):
    """Ten with bad links: no other is called failed, and each of the ten is noticed, by being shown
    once and not again and again. What the ten say of others is shown and not judged: who hears
    nobody for 20 s cannot know better."""
    runs, nodes = (10, None) if long else (1, 200)
    for name in TEN:
        result = sim.play(example(name, nodes), runs)
        others = [result.total(number) for number in (*GRID_BAD, "false_unreachable")]
        ten = [result.total(number) for number in (
            "troubled_failures", "troubled_unreachable", "troubled_unnoticed")]
        shown = round(result.most("shown_most"))
        yield Row(name, "others 0; unnoticed 0; shown 1", seeds_text(runs),
                  others[0] == 0 and ten[2] == 0 and shown <= 1,
                  f"others: failed {others[0]}, in the eyes of the ten {others[1]}, "
                  f"unreachable {others[2]}; the ten: failed {ten[0]}, unreachable {ten[1]}, "
                  f"unnoticed {ten[2]}, shown {shown} times at most")


LOSSES = ((1, True), (5, True), (10, True), (20, False), (30, False))  # %, and is it demanded?


def table_loss(sim, long):
    """Packets lost at random, on all links and each way. A suspicion counts once for each member
    that is told of it, and so is, a member and hour, about the number of suspicions an hour."""
    hours = 24 if long else 1
    for percent, demanded in LOSSES:
        result = sim.play(quiet(64, f"{hours}h", f"link all -> all loss {percent}%"))
        failed = result.total(*GRID_BAD)
        yield Row(f"{percent} %, {hours} h", "none called failed" if demanded else "", "1",
                  failed == 0 if demanded else None,
                  f"failed {failed}, unreachable {result.total('false_unreachable')}, "
                  f"suspected {result.total('false_suspicions') / result.member_hours():.4f} /h, "
                  f"{result.mean('packets_per_s'):.1f} packets/s, "
                  f"{result.mean('sealed_bytes_per_s'):.0f} B/s")


def table_mass(sim, long):
    """A share of a thousand crashes at once."""
    runs = 20 if long else 2
    for percent in (10, 30, 50):
        result = sim.play(crash(1000, f"any {percent}%", within_ms=10000), runs)
        missed, failed = result.total("missed"), result.total(*GRID_BAD)
        last_ms = result.last_ms("max")
        yield Row(f"{percent} % of 1,000", "last <= 5 s, all, no other", seeds_text(runs),
                  missed == 0 and failed == 0 and 0 <= last_ms <= 5000,
                  f"last {seconds(last_ms)}, missed {missed}, others failed {failed}")


SMALL = (  # nodes, how many crash, loss each way in percent
    (2, 1, 0), (2, 1, 10), (2, 1, 30), (3, 1, 0), (3, 1, 10), (3, 1, 30), (5, 1, 0),
    (5, 4, 0), (32, 30, 0), (128, 126, 0),
)


def table_small(sim, long):
    """Few observers, or few that are left; where packets are lost, after a minute of it."""
    runs = 200 if long else 40
    for nodes, dead, percent in SMALL:
        link = f"link all -> all loss {percent}%\n" if percent else ""
        result = sim.play(f"nodes {nodes}\n{link}at 60s crash any {dead}\nrun 90s\n", runs)
        what = f"{dead} of {nodes}" + (f", {percent} % loss" if percent else "")
        yield Row(what, "", seeds_text(runs), None,
                  f"p50 {seconds(result.last_ms('p50'))}, p99 {seconds(result.last_ms('p99'))}, "
                  f"missed {result.total('missed')}, others failed {result.total(*GRID_BAD)}")


def table_split(sim, long):
    """Two halves that held each other for dead become one cluster again."""
    runs, seconds_split = (5, 600) if long else (1, 60)
    result = sim.play(split(1000, seconds_split), runs)
    agreed_ms = result.most("agreed_ms")
    yield Row(f"500 | 500, {seconds_split} s", "one view <= 5 s", seeds_text(runs),
              not result.broken and agreed_ms <= 5000, f"one view after {seconds(agreed_ms)}")


IDLE_PACKETS_MAX = 12
IDLE_BYTES_MAX = 1.0 * KB
IDLE_APART_MAX = 1.2


def table_idle(sim, long):
    """What a member sends while nothing happens, on average; and the most that one sends or
    receives. Bytes are those of the datagrams' payload with what sealing adds. Without large pages
    the kernel would be busy with little but page faults in the largest cluster."""
    sizes = (32, 128, 1000, 10000) if long else (32, 128, 1000)
    packets, sent = [], []
    for nodes in sizes:
        env = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} if nodes >= CRASH_LARGE else None
        result = sim.play(quiet(nodes, "60s"), env=env)
        packets.append(result.mean("packets_per_s"))
        sent.append(result.mean("sealed_bytes_per_s"))
        yield Row(f"N = {nodes}", f"<= {IDLE_PACKETS_MAX} packets/s, <= {IDLE_BYTES_MAX:.0f} B/s",
                  "1", packets[-1] <= IDLE_PACKETS_MAX and sent[-1] <= IDLE_BYTES_MAX,
                  f"{packets[-1]:.1f} packets/s, {sent[-1]:.0f} B/s; busiest "
                  f"{result.most('packets_per_s_most'):.1f} packets/s, "
                  f"{result.most('sealed_bytes_per_s_most'):.0f} B/s")
    apart = [max(numbers) / min(numbers) for numbers in (packets, sent)]
    yield Row("over all N", "within 20 %", "1", max(apart) <= IDLE_APART_MAX,
              f"apart by {(apart[0] - 1) * 100:.0f} % in packets, {(apart[1] - 1) * 100:.0f} % "
              "in bytes")


def table_speed(sim, long):
    """Wall time of a thousand nodes for two minutes, on one core."""
    del long  # the same in both
    prefix = ("taskset", "-c", "0") if shutil.which("taskset") else ()
    begun = time.monotonic()
    sim.play(quiet(1000, "120s"), prefix=prefix)
    took = time.monotonic() - begun
    yield Row("N = 1000, 120 s", "<= 60 s", "1", took <= 60, f"{took:.1f} s")


TABLES = {
    "crash": ("one crashes, detect 1.5 s: `failed` at the last survivor", table_crash),
    "grid": ("128 members, C of them paused for D, awake for I (Lifeguard, section V)", table_grid),
    "ten": ("ten in trouble", table_ten),
    "loss": ("64 members, uniform loss each way", table_loss),
    "mass": ("many crash at once", table_mass),
    "small": ("small and dying clusters: `failed` at the last survivor", table_small),
    "split": ("a split of 1,000, healed", table_split),
    "idle": ("what an idle member sends, sealed", table_idle),
    "speed": ("wall time", table_speed),
}


def print_table(sim, name, long):
    title, rows = TABLES[name]
    print(f"[{name}] {title}")
    show(Row("", "must be", "seeds", "", "measured"))
    for row in rows(sim, long):
        show(row)
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(prog="detector.sh")
    parser.add_argument("--long", action="store_true", help="many seeds, all sizes: hours")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=" ".join(TABLES))
    options = parser.parse_args()
    unknown = [name for name in options.tables if name not in TABLES]
    if unknown:
        parser.error(f"no table {unknown[0]!r}; these are: {' '.join(TABLES)}")

    def tables(sim):
        for name in options.tables or TABLES:
            print_table(sim, name, options.long)
    return run_main(tables)


if __name__ == "__main__":
    sys.exit(main())
