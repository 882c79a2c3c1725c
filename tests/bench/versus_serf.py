"""Measures N agents of Serf, then N of muster, through the protocol that both speak (Serf's RPC),
with one client. See versus_serf.sh."""

import glob
import os
import random
import re
import resource
import selectors
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

SETTLE_S = 10  # from all seeing all to the idle window
BETWEEN_KILLS_S = 4
DETECT_DEADLINE_S = 60
START_DEADLINE_S = 120


# msgpack, as much of it as Serf's RPC needs

def pack(value):
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xce" + struct.pack(">I", value)
    if isinstance(value, str):
        text = value.encode()
        return b"\xda" + struct.pack(">H", len(text)) + text
    items = b"".join(pack(part) for pair in value.items() for part in pair)
    return b"\xde" + struct.pack(">H", len(value)) + items


class Short(Exception):
    """The object is not all there yet."""


FIXED = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
           0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
STRINGS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
ARRAYS = {0xDC: ">H", 0xDD: ">I"}
MAPS = {0xDE: ">H", 0xDF: ">I"}


def unpack(data, at):
    """One object from data[at:]: (value, where it ends)."""
    def take(count):
        nonlocal at
        if at + count > len(data):
            raise Short
        at += count
        return bytes(data[at - count:at])

    def number(form):
        return struct.unpack(form, take(struct.calcsize(form)))[0]

    def several(count):
        nonlocal at
        values = []
        for _ in range(count):
            value, at = unpack(data, at)
            values.append(value)
        return values

    kind = take(1)[0]
    if kind in FIXED:
        return FIXED[kind], at
    if kind in NUMBERS:
        return number(NUMBERS[kind]), at
    if kind <= 0x7F or kind >= 0xE0:
        return struct.unpack("b", bytes([kind]))[0], at
    if kind in STRINGS or 0xA0 <= kind <= 0xBF:
        text = take(number(STRINGS[kind]) if kind in STRINGS else kind & 0x1F)
        return text.decode(errors="replace"), at
    if kind in ARRAYS or 0x90 <= kind <= 0x9F:
        values = several(number(ARRAYS[kind]) if kind in ARRAYS else kind & 0x0F)
        return values, at
    if kind in MAPS or 0x80 <= kind <= 0x8F:
        values = several(2 * (number(MAPS[kind]) if kind in MAPS else kind & 0x0F))
        return dict(zip(values[::2], values[1::2])), at
    raise ValueError(f"msgpack: unexpected byte {kind:#x}")


class Rpc:
    """A client of one agent."""

    def __init__(self, endpoint):
        family = socket.AF_UNIX if isinstance(endpoint, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(endpoint)
        self.data = bytearray()
        self.send("handshake", 1, {"Version": 1})
        self.receive()

    def send(self, command, sequence, body=None):
        request = pack({"Command": command, "Seq": sequence})
        self.socket.sendall(request + (pack(body) if body is not None else b""))

    def objects(self):
        """What has arrived in full."""
        at = 0
        try:
            while True:
                value, at = unpack(self.data, at)
                yield value
        except Short:
            del self.data[:at]

    def read(self):
        more = self.socket.recv(65536)
        self.data += more
        return bool(more)

    def receive(self):
        while True:
            try:
                value, end = unpack(self.data, 0)
                del self.data[:end]
                return value
            except Short:
                if not self.read():
                    raise ConnectionError("closed") from None

    def stats(self):
        self.send("stats", 2)
        self.receive()
        return self.receive()

    def close(self):
        self.socket.close()


# The two products: how each is started, and how its log says that a member failed.

class Serf:
    name = "serf"
    log_failed = re.compile(r"EventMemberFailed: (\S+)")

    def __init__(self, folder):
        self.folder = folder

    def command(self, i, addr, first):
        join = [f"-join={first}"] if addr != first else []
        return ["serf", "agent", f"-node=n{i}", f"-bind={addr}:7946", f"-rpc-addr={addr}:7373",
                "-profile=lan", "-log-level=info", *join]

    def endpoint(self, i, addr):
        return (addr, 7373)


class Muster:
    name = "muster"
    log_failed = re.compile(r"member-failed: (\S+)")

    def __init__(self, folder, musterd):
        self.folder = folder
        self.musterd = musterd

    def command(self, i, addr, first):
        join = ["-j", first] if addr != first else []
        return [self.musterd, "-n", f"n{i}", "-b", addr, "-r", f"{self.folder}/{i}/run",
                "-s", f"{self.folder}/{i}/state", *join]

    def endpoint(self, i, addr):
        return f"{self.folder}/{i}/run/control.sock"


def address(i):
    return f"127.0.{1 + i // 200}.{1 + i % 200}"


def cpu_ns(pid):
    """Time on a CPU, of all threads, by the scheduler's own count."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total


def memory_kb(pid):
    """(resident, private)"""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        rows = dict(re.findall(r"^(\w+): +(\d+) kB", file.read(), re.M))
    return int(rows["Rss"]), int(rows["Private_Clean"]) + int(rows["Private_Dirty"])


def loopback():
    """(bytes, packets) sent over lo so far"""
    with open("/proc/net/dev") as file:
        fields = re.search(r"lo:(.*)", file.read()).group(1).split()
    return int(fields[8]), int(fields[9])


class Cluster:
    def __init__(self, product, n):
        self.product = product
        self.n = n
        self.processes = {}
        self.killed = {}   # name: when
        self.told = {}     # name: {kind: {observer: when}}
        self.false = set() # (observer, name)
        self.selector = selectors.DefaultSelector()

    def start(self):
        for i in range(self.n):
            os.makedirs(f"{self.product.folder}/{i}")
            with open(f"{self.product.folder}/{i}/log", "wb") as log:
                command = self.product.command(i, address(i), address(0))
                self.processes[i] = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                                     stdout=log, stderr=log)
            if i == 0:
                self.wait_for_members({0: 1})
        begun = time.monotonic()
        self.wait_for_members({i: self.n for i in range(self.n)})
        return time.monotonic() - begun

    def wait_for_members(self, wanted):
        deadline = time.monotonic() + START_DEADLINE_S
        wanted = dict(wanted)
        while wanted:
            for i in list(wanted):
                if self.alive_at(i) == wanted[i]:
                    del wanted[i]
            if time.monotonic() > deadline:
                sys.exit(f"{self.product.name}: agents {sorted(wanted)} do not see everybody")
            if self.processes[0].poll() is not None:
                sys.exit(f"{self.product.name}: the first agent ended; see its log")
            time.sleep(0.1)

    def alive_at(self, i):
        try:
            client = Rpc(self.product.endpoint(i, address(i)))
            row = client.stats()["serf"]
            client.close()
            return int(row["members"]) - int(row["failed"]) - int(row["left"])
        except (OSError, ConnectionError):
            return -1

    def idle(self, seconds):
        pids = [p.pid for p in self.processes.values()]
        cpu, net, begun = [cpu_ns(p) for p in pids], loopback(), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begun
        net = [after - before for before, after in zip(net, loopback())]
        cpu = [cpu_ns(p) - before for p, before in zip(pids, cpu)]
        memory = [memory_kb(p) for p in pids]
        return {
            "cpu": statistics.mean(cpu) / took / 1e7,
            "bytes": net[0] / took / self.n,
            "packets": net[1] / took / self.n,
            "resident": statistics.median(m[0] for m in memory),
            "private": statistics.median(m[1] for m in memory),
        }

    def follow(self):
        """Every agent's log and event stream, from now on."""
        for i in self.processes:
            client = Rpc(self.product.endpoint(i, address(i)))
            client.send("monitor", 2, {"LogLevel": "INFO"})
            client.send("stream", 3, {"Type": "member-failed"})
            self.selector.register(client.socket, selectors.EVENT_READ, (i, client))

    def pump(self, until, done=lambda: False):
        while not done() and time.monotonic() < until:
            for key, _ in self.selector.select(max(0, min(0.2, until - time.monotonic()))):
                now = time.monotonic()
                i, client = key.data
                try:
                    open_still = client.read()
                except OSError:
                    open_still = False
                for value in client.objects():
                    self.note(i, value, now)
                if not open_still:
                    self.selector.unregister(client.socket)
                    client.close()

    def note(self, i, value, now):
        if "Log" in value:
            found = self.product.log_failed.search(value["Log"])
            if found:
                self.failed(i, "log", found.group(1), now)
        elif value.get("Event") == "member-failed":
            for member in value["Members"]:
                self.failed(i, "stream", member["Name"], now)

    def failed(self, i, kind, name, now):
        if name not in self.killed:
            self.false.add((i, name))
        else:
            self.told[name][kind].setdefault(i, now)

    def kill(self, i):
        """kill -9; seconds until each survivor's log, and its event stream, said so."""
        name, survivors = f"n{i}", len(self.processes) - 1
        told = self.told[name] = {"log": {}, "stream": {}}
        process = self.processes.pop(i)
        begun = self.killed[name] = time.monotonic()
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.pump(begun + DETECT_DEADLINE_S,
                  lambda: all(len(told[kind]) == survivors for kind in told))
        missing = survivors - len(told["log"])
        if missing:
            print(f"{self.product.name}: {missing} survivors never said that {name} failed")
        return {kind: sorted(when - begun for when in told[kind].values()) for kind in told}

    def end(self):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


def measure(product, n, kills, idle_s):
    cluster = Cluster(product, n)
    try:
        result = {"all see all": cluster.start()}
        time.sleep(SETTLE_S)
        result.update(cluster.idle(idle_s))
        cluster.follow()
        cluster.pump(time.monotonic() + 1)
        runs = []
        # Not the first: everybody joined through it, and its end could be a special case.
        for i in random.Random(n).sample(range(1, n), min(kills, n - 2)):
            runs.append(cluster.kill(i))
            cluster.pump(time.monotonic() + BETWEEN_KILLS_S)
            print(f"{product.name}: killed n{i}: failed at survivors after", *(
                f"{kind} {times[0]:.3f} {statistics.median(times):.3f} {times[-1]:.3f} s;"
                for kind, times in runs[-1].items() if times), flush=True)
        for kind in ("log", "stream"):
            for row, pick in (("first", min), ("median", statistics.median), ("last", max)):
                result[f"{kind} {row}"] = statistics.median(pick(run[kind]) for run in runs)
        result["false"] = len(cluster.false)
        return result
    finally:
        cluster.end()


ROWS = (
    ("kill -9 to failed, first survivor, ms", "log first", 1000),
    ("kill -9 to failed, median survivor, ms", "log median", 1000),
    ("kill -9 to failed, last survivor, ms", "log last", 1000),
    ("  to the event stream, first, ms", "stream first", 1000),
    ("  to the event stream, median, ms", "stream median", 1000),
    ("  to the event stream, last, ms", "stream last", 1000),
    ("false failures", "false", 1),
    ("resident memory per agent, kB", "resident", 1),
    ("private memory per agent, kB", "private", 1),
    ("CPU per agent, idle, % of a core", "cpu", 1),
    ("bytes per agent and second, idle", "bytes", 1),
    ("packets per agent and second, idle", "packets", 1),
    ("last start to all seeing all, ms", "all see all", 1000),
)


def main():
    musterd, n, kills, idle_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    results = {}
    for make in (Serf, lambda folder: Muster(folder, musterd)):
        folder = tempfile.mkdtemp(prefix="muster-bench.")
        try:
            product = make(folder)
            results[product.name] = measure(product, n, kills, idle_s)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    serf, muster = results["serf"], results["muster"]
    print(f"\n{n} agents, {min(kills, n - 2)} kills (medians over them), {idle_s:g} s idle")
    print(f"{'':40}{'serf':>12}{'muster':>12}{'muster/serf':>14}")
    for label, key, scale in ROWS:
        a, b = serf[key] * scale, muster[key] * scale
        form = ".3f" if key == "cpu" else ".0f"
        ratio = f"{b / a:.2f}" if a else "-"
        print(f"{label:40}{a:12{form}}{b:12{form}}{ratio:>14}")


if __name__ == "__main__":
    main()
