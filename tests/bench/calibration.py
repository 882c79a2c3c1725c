"""Is phi what it says? A phi of x means that a live member stays so silent once in 10^x times. Here
live members are watched on lossy links, and the silences that ended with an answer are counted by
the phi they had reached. Drawn as a picture, and printed.

usage: calibration.py [--quick] [-o FILE]      (default: gossip/detector/calibration.svg)
MUSTER_BUILD: the folder with muster-sim (default: build/gcc). The same seeds give the same output.

Where a curve lies above the diagonal, silences were taken for less likely than they are, and phi
accuses too soon; where it lies below, that costs time. Bursts are what the model behind phi does
not know of: it takes the losses on a link for independent of each other. Silences that ended with a
contradicted suspicion are not counted, and so the highest phi are rather too rare here.

A link is taken for a good one until its loss is known, and so the first minutes are told apart: the
same seed is the same run, and what was counted in a run that ends early is subtracted."""

import argparse
import collections
import math
import os
import sys

sys.dont_write_bytecode = True
import detector  # noqa: E402

LIMIT_S = 900          # of one call of muster-sim
A_UNIT = 4             # GOSSIP_SILENCES_A_UNIT
RUNS, MINUTES = 4, 33  # in full
EARLY_MINUTES = 3      # over 200 pings a link, of which loss remembers the last 32
BURST_MS = 100
BURST_LOSS = 0.5
ENOUGH = 10            # silences that reached a phi, to say anything of it
TOO_MANY = 3           # times as often as predicted

# By share lost: a colour (Okabe and Ito's, that the colour-blind tell apart).
LOSSES = {0.01: "#0072b2", 0.05: "#56b4e9", 0.1: "#009e73", 0.2: "#e69f00", 0.3: "#d55e00"}

Curve = collections.namedtuple("Curve", "loss bursty counts early")  # early: counts too


def statement(loss, bursty):
    """Of a scenario; both lose as much on average."""
    if not bursty:
        return f"link all -> all loss {loss * 100:g}%"
    gap_us = BURST_MS * 1000 * (BURST_LOSS / loss - 1)
    return f"link all -> all burst {BURST_LOSS * 100:g}% {BURST_MS}ms {gap_us:.0f}us"


def measure(sim, quick):
    runs, minutes = (2, 2 * EARLY_MINUTES) if quick else (RUNS, MINUTES)
    for loss in LOSSES:
        for bursty in (False, True):
            links = statement(loss, bursty)
            early, all_of_it = (sim.play(detector.quiet(64, f"{length}m", links), runs).calibration()
                                for length in (EARLY_MINUTES, minutes))
            counts = [count - before for count, before in zip(all_of_it, early)]
            yield Curve(loss, bursty, counts, early)


def name(curve):
    return f"{curve.loss * 100:g} %{' in bursts' if curve.bursty else ''}"


def reached(curve):
    """(phi, how many silences reached it), while there were any."""
    left = sum(curve.counts)
    for i, count in enumerate(curve.counts):
        if not left:
            return
        yield i / A_UNIT, left
        left -= count


def log_shares(curve):
    """{phi: log10 of the share that reached it}, of those that enough did."""
    total = sum(curve.counts)
    return {phi: math.log10(left / total) for phi, left in reached(curve) if left >= ENOUGH}


# As text.

PHIS = (0.25, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8)


def print_table(curves):
    print("log10 of the share of silences that reached a phi; -phi is right, more is too many")
    print(f"{'phi':16}{'silences':>10}" + "".join(f"{phi:>7g}" for phi in PHIS))
    for curve in curves:
        shares = log_shares(curve)
        print(f"{name(curve):16}{sum(curve.counts):>10}" + "".join(
            f"{shares[phi]:>7.2f}" if phi in shares else f"{'-':>7}" for phi in PHIS))
    print()


def stretches(phis):
    """Phis in their order, as (first, last) of those that follow upon each other."""
    found = []
    for phi in phis:
        if found and phi - found[-1][1] <= 1 / A_UNIT:
            found[-1][1] = phi
        else:
            found.append([phi, phi])
    return found


def print_excess(curve):
    """Where there are more than there should be."""
    times = {phi: 10 ** (share + phi) for phi, share in log_shares(curve).items()}
    excess = [phi for phi in times if times[phi] > TOO_MANY]
    if not excess:
        last = max(times)
        print(f"{name(curve):16}never more than {TOO_MANY} times as often as predicted, up to the "
              f"phi of {last:g} that {ENOUGH} reached")
        return
    for first, last in stretches(excess):
        worst = max((phi for phi in excess if first <= phi <= last), key=times.get)
        print(f"{name(curve):16}MORE than {TOO_MANY} times as often as predicted at a phi of "
              f"{first:g} to {last:g}: {times[worst]:.0f} times at {worst:g}")


# As a picture.

WIDTH, HEIGHT = 760, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 600, 50, 460  # of the plot
PHI_MOST = 10
LOG_LEAST = -7


def x_of(phi):
    return LEFT + (RIGHT - LEFT) * phi / PHI_MOST


def y_of(log_share):
    return TOP + (BOTTOM - TOP) * log_share / LOG_LEAST


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def text(x, y, words, style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{words}</text>'


def draw_axes():
    grid, centre, end = 'stroke="#e0e0e0"', 'text-anchor="middle"', 'text-anchor="end"'
    for phi in range(PHI_MOST + 1):
        yield line(x_of(phi), TOP, x_of(phi), BOTTOM, grid)
        yield text(x_of(phi), BOTTOM + 18, phi, centre)
    for log_share in range(LOG_LEAST, 1):
        yield line(LEFT, y_of(log_share), RIGHT, y_of(log_share), grid)
        yield text(LEFT - 8, y_of(log_share) + 4, str(log_share).replace("-", "&#8722;"), end)
    yield f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#000"/>'
    yield text((LEFT + RIGHT) / 2, HEIGHT - 18, "phi reached (predicted: one silence in 10^phi)",
               centre)
    middle = (TOP + BOTTOM) / 2
    yield text(24, middle, "log10 of the share of silences that reached it",
               f'{centre} transform="rotate(-90 24 {middle:.1f})"')
    yield text((LEFT + RIGHT) / 2, 28, "How far phi is right: silences of live members",
               f'{centre} font-size="15"')


def draw_diagonal():
    yield line(x_of(0), y_of(0), x_of(-LOG_LEAST), y_of(LOG_LEAST),
               'stroke="#000" stroke-width="1.5" stroke-dasharray="2 3"')


def stroke(curve):
    dashes = ' stroke-dasharray="6 4"' if curve.bursty else ""
    return f'fill="none" stroke="{LOSSES[curve.loss]}" stroke-width="2"{dashes}'


def draw_curve(curve):
    points = " ".join(f"{x_of(phi):.1f},{y_of(share):.1f}"
                      for phi, share in log_shares(curve).items()
                      if phi <= PHI_MOST and share >= LOG_LEAST)
    yield f'<polyline points="{points}" {stroke(curve)}/>'


def draw_legend(curves):
    x, y = RIGHT + 16, TOP + 6
    yield text(x, y, "lost on each link")
    for curve in sorted(curves, key=lambda c: c.bursty):
        y += 22
        yield line(x, y - 4, x + 34, y - 4, stroke(curve))
        yield text(x + 42, y, name(curve))
    y += 22
    yield line(x, y - 4, x + 34, y - 4,
               'stroke="#000" stroke-width="1.5" stroke-dasharray="2 3"')
    yield text(x + 42, y, "as predicted")
    y += 14
    for words in ("above: taken for", "less likely than", "they are"):
        y += 20
        yield text(x, y, words, 'fill="#555"')


def draw(curves):
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">')
    yield '<rect width="100%" height="100%" fill="#fff"/>'
    yield from draw_axes()
    yield from draw_diagonal()
    for curve in curves:
        yield from draw_curve(curve)
    yield from draw_legend(curves)
    yield "</svg>"


def print_text(title, curves):
    print(title)
    print_table(curves)
    for curve in curves:
        print_excess(curve)
    print()


def main_calibration(sim, options):
    curves = list(measure(sim, options.quick))
    print_text("ONCE THE LINKS ARE KNOWN", curves)
    print_text(f"THE FIRST {EARLY_MINUTES} MINUTES",
               [curve._replace(counts=curve.early) for curve in curves])
    with open(options.output, "w") as file:
        file.write("\n".join(draw(curves)) + "\n")
    print(f"written: {options.output}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small runs")
    parser.add_argument("-o", "--output", metavar="FILE", default=os.path.join(
        detector.ROOT, "gossip", "detector", "calibration.svg"))
    options = parser.parse_args()
    return detector.run_main(lambda sim: main_calibration(sim, options), LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
