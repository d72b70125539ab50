"""Where forward mode beats reverse mode: n inputs by m outputs, measured and predicted.

Three ways to one Jacobian: `jacobian_fwd` (structured dual numbers), the classic forward mode in
chunks of dense columns, and `jacobian_rev`.  Each is checked before it is timed: `jacobian_fwd`
against a central difference along a random direction, the others against `jacobian_fwd`.

The functions are those of `problems/sized.py`: a neuron, two layers, a stencil, bundle adjustment,
a sparse map.

A mode that would take longer than 0.8 s (--quick: 0.2 s) is timed on some of its rows or columns
and extrapolated: the table marks it by ~, the CSV by the share that was timed.  What a unit of the
prediction costs is measured first, on other functions (`dualmc.counting.calibration`), whatever
`compare` has kept of earlier runs.  Prints the table with a progress bar (on stderr if that is a
terminal, by tqdm where it is installed), writes the CSV and a figure (by matplotlib), and ends with
how often the prediction is right; exits with an error where that is below the target.

    python bench/forward_vs_reverse.py [--quick] [--output bench/results] [--functions mlp ...]
"""

import argparse
import csv
import math
import pathlib
import sys
import time
from dataclasses import dataclass, fields

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
from problems.sized import FUNCTIONS

import dualmc as dm
from dualmc.calls import seeds
from dualmc.calls.calling import called
from dualmc.calls.outputs import Piece
from dualmc.calls.request import Request
from dualmc.counting import calibration, predict
from dualmc.counting.comparison import TIE
from dualmc.counting.probes import probes
from dualmc.duals.levels import open_level
from dualmc.passes import forward_pass
from dualmc.passes.reverse_pass import Tape
from dualmc.pictures import crossover_map

SIZES = (1, 4, 16, 64, 256, 1024, 4096)
QUICK_SIZES = (1, 16, 256, 4096)
# Columns per pass of the classic forward mode, as ForwardDiff.jl and its kin take them.
CHUNK = 16
TARGET = 0.9


# --- Modes ---------------------------------------------------------------------------------------


class Dense:
    """The classic forward mode: `CHUNK` dense columns per call of f."""

    axis = 1

    def __init__(self, f, x, m):
        self.request = Request("bench", f, (x,), 0, CHUNK, False, "numerator", False)
        self.total = x.size
        self.step = min(CHUNK, self.total)

    def whole(self):
        _, pieces, _ = forward_pass.passes(self.request, is_sparse=False)
        return forward_pass.joined(pieces, False)

    def part(self, count):
        """The first `count` columns."""
        found = [self._columns(i, min(i + self.step, count)) for i in range(0, count, self.step)]
        return np.concatenate(found, axis=1)

    def _columns(self, start, stop):
        (x,) = self.request.xs
        with open_level(stop - start) as level:
            out, _ = called(self.request, [seeds.seed(x, level, -start, False)], level)
            return Piece(out, level, x.dtype).columns()


class Reverse:
    """`jacobian_rev`."""

    axis = 0

    def __init__(self, f, x, m):
        self.f, self.x = f, x
        self.total = m
        self.tape = record(f, x)
        self.step = min(m, self.tape.rows_per_sweep())

    def whole(self):
        return dm.jacobian_rev(self.f, self.x)

    def part(self, count):
        """The first `count` rows."""
        found = []
        for start in range(0, count, self.step):
            k = min(self.step, count - start)
            y_bar = np.zeros((k, self.total))
            y_bar[np.arange(k), start + np.arange(k)] = 1
            found += self.tape.pull(y_bar, (k,))
        return np.concatenate(found)


def record(f, x):
    return Tape(Request("bench", f, (x,), 0, None, False, "numerator", False))


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# --- Cells ---------------------------------------------------------------------------------------


@dataclass
class Cell:
    """One function at one size; times in seconds."""

    function: str
    n: int
    m: int
    steps: int
    structured: float
    dense: float
    reverse: float
    dense_share: float
    """Which part of the columns was timed; the rest is extrapolated."""
    reverse_share: float
    predicted_structured: float
    predicted_dense: float
    predicted_reverse: float
    finite_difference_error: float
    """Of the structured Jacobian times a random vector, relative."""
    mode_difference: float
    """Largest difference of the other modes' entries, relative to the largest entry."""

    @property
    def ratio(self):
        return self.reverse / self.structured

    @property
    def is_decided(self):
        return max(self.ratio, 1 / self.ratio) > TIE

    @property
    def is_right(self):
        """Whether the predicted winner is the measured one."""
        return (self.predicted_reverse > self.predicted_structured) == (self.ratio > 1)

    @property
    def is_correct(self):
        return self.finite_difference_error < 1e-6 and self.mode_difference < 1e-11

    def line(self):
        def timed(value, share=1.0):
            return f"{'~' if share < 1 else ''}{value * 1e3:.3g}"

        winner = "structured" if self.ratio > 1 else "reverse"
        verdict = "" if not self.is_decided else winner if self.is_right else f"{winner}, not so"
        return (
            f"{self.function:11s}{self.n:6d}{self.m:6d}{timed(self.structured):>12s}"
            f"{timed(self.dense, self.dense_share):>10s}"
            f"{timed(self.reverse, self.reverse_share):>10s}"
            f"{timed(self.predicted_structured):>12s}{timed(self.predicted_reverse):>10s}"
            f"  {verdict}"
        )


HEADER = (
    f"{'':11s}{'':6s}{'':6s}{'measured, ms':>24s}{'':8s}{'predicted, ms':>22s}\n"
    f"{'function':11s}{'n':>6s}{'m':>6s}{'structured':>12s}{'dense':>10s}{'reverse':>10s}"
    f"{'structured':>12s}{'reverse':>10s}  faster"
)


class Timing:
    """A mode that is timed whole, or on a part where the whole would pass the limit."""

    def __init__(self, mode, J, scale, limit):
        self.mode = mode
        self.least = math.inf
        probe = min(mode.total, mode.step, 16)
        mode.part(probe)
        taken = seconds(lambda: mode.part(probe))
        count = mode.total
        if taken * mode.total / probe > 2 * limit:
            count = max(probe, int(probe * limit / taken / 2))
            count = min(mode.total, count if count < mode.step else count - count % mode.step)
        self.share = count / mode.total
        self.call = mode.whole if count == mode.total else lambda: mode.part(count)
        found = self.call().reshape((-1, J.shape[1]) if mode.axis == 0 else (J.shape[0], -1))
        expected = J[:count] if mode.axis == 0 else J[:, :count]
        self.difference = worst(found, expected) / scale

    def run(self):
        taken = seconds(self.call)
        self.least = min(self.least, taken / self.share)
        return taken


def worst(a, b):
    """The largest difference, by blocks of rows to spare memory."""
    step = max(1, 2**20 // max(1, a.shape[1]))
    rows = range(0, a.shape[0], step)
    return max(float(np.max(np.abs(a[i : i + step] - b[i : i + step]))) for i in rows)


def measured(name, n, m, costs, budget, limit, seed=0):
    """The `Cell` of a function at n inputs and m outputs."""
    rng = np.random.default_rng(seed)
    f, x = FUNCTIONS[name](n, m, rng)
    J = np.atleast_2d(dm.jacobian_fwd(f, x))
    m, n = J.shape
    v = rng.standard_normal(n)
    h = 1e-5 / max(1.0, float(np.abs(v).max()))
    expected = (f(x + h * v) - f(x - h * v)) / (2 * h)
    scale = float(np.abs(J).max()) or 1.0
    error = float(np.max(np.abs(J @ v - expected))) / (scale * float(np.linalg.norm(v)))
    timings = [Timing(mode(f, x, m), J, scale, limit) for mode in (Dense, Reverse)]
    dense, reverse = timings
    del J
    structured, spent, rounds = math.inf, 0.0, 0
    # Interleaved, so that all meet the same machine; the least of each is the cost itself.
    while rounds < 2 or (spent < budget and rounds < 40):
        taken = seconds(lambda: dm.jacobian_fwd(f, x))
        structured = min(structured, taken)
        spent += taken + reverse.run()
        # The dense mode is no party to the contest: three times are enough.
        spent += dense.run() if rounds < 3 else 0.0
        rounds += 1
    tape = reverse.mode.tape
    predicted = predict.seconds(tape.order, tape.inputs, costs, reverse.mode.step)
    predicted_dense = predict.forward(tape.order, n, min(n, CHUNK), costs)
    return Cell(
        name, n, m, len(tape.order), structured, dense.least, reverse.least, dense.share,
        reverse.share, predicted["forward"], predicted_dense, predicted["reverse"],
        error, max(t.difference for t in timings),
    )  # fmt: skip


def effort(is_quick):
    """Seconds of measurements per cell, and seconds of one run before it is cut short."""
    return (0.1, 0.1) if is_quick else (0.4, 0.4)


def measured_costs():
    """What a unit costs, as `compare` finds it; prints it beside the costs it starts from."""
    start = time.perf_counter()
    found = calibration.fitted(*calibration.times(probes(), calibration.SECONDS))
    print(f"{'nanoseconds per unit':22s}{'before':>10s}{'here':>10s}")
    for name, known in predict.SECONDS.items():
        print(f"{name:22s}{known * 1e9:10.3g}{found[name] * 1e9:10.3g}")
    print(f"measured in {time.perf_counter() - start:.1f} s\n")
    return found


def sweep(names, sizes, budget, limit):
    """All cells, with a progress bar where tqdm is installed; prints a line for each."""
    costs = measured_costs()
    todo = [(name, n, m) for name in names for n in sizes for m in sizes]
    try:
        from tqdm import tqdm
    except ImportError:
        print("no progress bar: it needs tqdm (pip install dualmc[bench])", file=sys.stderr)
        bar, say = todo, print
    else:
        # None: silent where nobody watches, in a pipe or a file.
        bar = tqdm(todo, unit="cell", file=sys.stderr, dynamic_ncols=True, disable=None)
        say = tqdm.write
    say(HEADER)
    cells = {}
    for name, n, m in bar:
        cell = measured(name, n, m, costs, budget, limit)
        key = name, cell.n, cell.m
        if key not in cells:  # bundle adjustment has no smaller problem than 14 by 2
            cells[key] = cell
            say(cell.line())
    return list(cells.values())


# --- Results -------------------------------------------------------------------------------------


def write_csv(cells, path):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [field.name for field in fields(Cell)]
        writer.writerow(names)
        for cell in cells:
            values = [getattr(cell, name) for name in names]
            writer.writerow([f"{v:.4g}" if isinstance(v, float) else v for v in values])


def draw(cells, path):
    """The map of measured winners, the predicted boundary and where it is wrong on top."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from PIL import Image

    names = list(dict.fromkeys(cell.function for cell in cells))
    figure, rows = pyplot.subplots(
        2, len(names), figsize=(2.9 * len(names) + 1, 6.6), squeeze=False, layout="constrained"
    )
    image = None
    for mode, axes in zip(("structured", "dense"), rows, strict=True):
        for name, panel in zip(names, axes, strict=True):
            mine = [cell for cell in cells if cell.function == name]
            image = _panel(panel, mine, mode)
            panel.set_title(name if mode == "structured" else "", fontsize=11)
            panel.set_xlabel("inputs n" if mode == "dense" else "")
        what = "jacobian_fwd (structured)" if mode == "structured" else f"dense, {CHUNK} columns"
        axes[0].set_ylabel(f"{what}\noutputs m")
    bar = figure.colorbar(image, ax=rows, shrink=0.8, pad=0.01, extend="both")
    bar.set_label("time of jacobian_rev / time of forward mode")
    figure.suptitle("\n".join(crossover_map.LEGEND), fontsize=11)
    figure.savefig(path, dpi=75)
    pyplot.close(figure)
    # A palette: a third of the size.
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def _panel(panel, cells, mode):
    """One function, one forward mode against reverse mode."""
    ns, ms = sorted({cell.n for cell in cells}), sorted({cell.m for cell in cells})
    ratios = np.full((len(ms), len(ns)), np.nan)
    predicted = np.full_like(ratios, np.nan)
    for cell in cells:
        at = ms.index(cell.m), ns.index(cell.n)
        ratios[at] = cell.reverse / getattr(cell, mode)
        predicted[at] = cell.predicted_reverse / getattr(cell, f"predicted_{mode}")
    return crossover_map.draw(panel, ns, ms, ratios, predicted, TIE)


def summary(cells, took):
    """Prints how often the prediction is right; whether that meets the target."""
    decided = [cell for cell in cells if cell.is_decided]
    right = [cell for cell in decided if cell.is_right]
    share = len(right) / len(decided) if decided else 1.0
    print(
        f"\npredicted winner right in {len(right)} of {len(decided)} cells that differ by more "
        f"than {100 * (TIE - 1):.0f} %: {100 * share:.0f} % (target {100 * TARGET:.0f} %)"
    )
    for name in dict.fromkeys(cell.function for cell in cells):
        mine = [cell for cell in decided if cell.function == name]
        print(f"  {name:11s}{sum(cell.is_right for cell in mine):3d} of {len(mine):2d}")
    misses = [cell for cell in decided if not cell.is_right]
    misses.sort(key=lambda cell: -abs(math.log(cell.ratio)))
    for cell in misses[:8]:
        print(
            f"  miss: {cell.function} n={cell.n} m={cell.m}: reverse/structured "
            f"{cell.ratio:.2g}, predicted {cell.predicted_reverse / cell.predicted_structured:.2g}"
        )
    wrong = [cell for cell in cells if not cell.is_correct]
    for cell in wrong:
        print(
            f"  WRONG Jacobian: {cell.function} n={cell.n} m={cell.m}: off finite differences "
            f"by {cell.finite_difference_error:.1e}, between modes {cell.mode_difference:.1e}"
        )
    print(f"{len(cells)} cells in {took:.0f} s")
    return share >= TARGET and not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter measurements")
    parser.add_argument("--output", type=pathlib.Path, help="folder of the CSV and the figure")
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=list(FUNCTIONS))
    parser.add_argument("--sizes", nargs="+", type=int, help="values of n and of m")
    options = parser.parse_args()
    output = options.output or pathlib.Path(__file__).parent / "results"
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)
    start = time.perf_counter()
    cells = sweep(options.functions, sizes, *effort(options.quick))
    output.mkdir(parents=True, exist_ok=True)
    write_csv(cells, output / "forward_vs_reverse.csv")
    try:
        draw(cells, output / "forward_vs_reverse.png")
    except ImportError:
        print("no figure: it needs matplotlib (pip install dualmc[bench])", file=sys.stderr)
    return 0 if summary(cells, time.perf_counter() - start) else 1


if __name__ == "__main__":
    sys.exit(main())
