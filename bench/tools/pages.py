"""Writes what `peers.py` measured: a CSV, a page, a figure."""

import csv

import numpy as np

from tools import goals, threads
from tools.adapters import PEERS, WAYS
from tools.timing import Ratio, geometric_mean, time_text

PANELS = (
    ("local structure, n >= 100", goals.is_local, "sparse"),
    ("dense, n >= 100", goals.is_dense, "dense"),
    ("n <= 20", goals.is_small, "dense"),
)


def write(rows, run, missing, folder):
    """peers.csv, peers.md and, where matplotlib is installed, peers.png."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(rows, folder / "peers.csv")
    (folder / "peers.md").write_text(page(rows, run, missing), encoding="utf-8")
    try:
        draw(rows, folder / "peers.png")
    except ImportError:
        print("no figure: it needs matplotlib (pip install dualmc[bench])")


def write_csv(rows, path):
    """One line per problem, size and way: seconds, multiples of f with quartiles, first call."""
    names = ("problem", "kind", "n", "m", "way", "seconds", "over_f", "over_f_low", "over_f_high")
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow((*names, "first_seconds", "form", "note"))
        for row in rows:
            who = row.name, row.kind, row.n, row.m
            for way in ("f", *WAYS):
                if way in row.samples:
                    ratio = row.over_f(way)
                    times = np.median(row.samples[way]), ratio.median, ratio.low, ratio.high
                    first = f"{row.first[way]:.3g}" if way in row.first else ""
                    figures = [f"{value:.4g}" for value in times]
                    out.writerow((*who, way, *figures, first, row.forms.get(way, ""), ""))
                elif way in row.notes:
                    form = row.forms.get(way, "")
                    out.writerow((*who, way, "", "", "", "", "", form, row.notes[way]))


# --- The page ------------------------------------------------------------------------------------


def page(rows, run, missing):
    parts = [
        "# dualmc beside its peers",
        "Written by `python bench/peers.py`. All ways run interleaved in one process, each "
        "Jacobian is checked before it is timed, and ratios are medians within rounds; what is "
        "traced, compiled or built once is not in them (see peers.csv, `first_seconds`). "
        + threads.conditions()
        + ".",
    ]
    if missing:
        parts.append("Not installed, hence skipped: " + ", ".join(missing) + ".")
    parts += [
        "![How many times longer peers take](peers.png)",
        "## Goals",
        _table(("", "goal", "ratio", "bound", "geometric mean", "furthest"), _goal_rows(rows)),
        "## Time of a Jacobian, in multiples of the time of f",
        "dualmc gets f as it is, and works anew at each call unless the column says prepared. "
        "JAX, asdex and CasADi are prepared; asdex and CasADi's nonzeros return values without "
        "a matrix. Autograd, PyTorch, num-dual, hyperjet and SciPy work anew at each call.",
        _times(rows, run.ways),
        "## Who runs f unchanged",
        "With only the import of `np` swapped; PyTorch and CasADi through a few lines that give "
        "their functions NumPy's names. A twin is f without assignment into arrays and lists.",
        _forms(rows, run.ways),
    ]
    return "\n\n".join(parts) + "\n"


def _goal_rows(rows):
    for verdict in goals.verdicts(rows):
        yield (
            verdict.status,
            verdict.goal.text,
            verdict.compared,
            verdict.bound,
            f"{verdict.mean:.3g}",
            verdict.worst(2),
        )


def _times(rows, ways):
    shown = [way for way in WAYS if way in ways]
    lines = []
    for row in rows:
        times = [f"{row.over_f(way).median:.3g}" if way in row.samples else "-" for way in shown]
        f = time_text(float(np.median(row.samples["f"])))
        lines.append((row.name, f"{row.m} x {row.n}", f, *times))
    return _table(("problem", "m x n", "f", *shown), lines)


def _forms(rows, ways):
    """One line per problem: what every peer needed at the first size where it was tried."""
    peers = [way for way in PEERS if way in ways and way not in ("casadi dense", "autograd grad")]
    lines = {}
    for row in rows:
        line = lines.setdefault(row.name, dict.fromkeys(peers, "-"))
        for peer in peers:
            if line[peer] == "-" and peer in row.forms:
                line[peer] = _form(row, peer)
    return _table(
        ("problem", "dualmc", *peers),
        ((name, "unchanged", *line.values()) for name, line in lines.items()),
    )


def _form(row, peer):
    if row.forms[peer] == "unchanged" and peer not in row.notes:
        return "unchanged"
    return "twin" if peer in row.samples else "no"


def _table(head, lines):
    lines = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


# --- The figure ----------------------------------------------------------------------------------


def draw(rows, path):
    """Each peer's time over dualmc's, a dot per problem and size, a bar at the geometric mean."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(PANELS), figsize=(15, 5), layout="constrained")
    for panel, (title, belongs, mine) in zip(panels, PANELS, strict=True):
        own = [f"prepared {mine}"]
        shown = [way for way in (*own, *PEERS, "f") if way != "casadi dense" or mine == "dense"]
        dots = {way: _ratios(rows, belongs, way, mine) for way in shown}
        dots = {way: ratios for way, ratios in dots.items() if ratios}
        for height, (way, ratios) in enumerate(dots.items()):
            color = "tab:blue" if way in own else "tab:gray" if way == "f" else "tab:red"
            panel.plot(ratios, [height] * len(ratios), "o", ms=4, alpha=0.45, color=color)
            panel.plot([geometric_mean(ratios)] * 2, [height - 0.35, height + 0.35], color=color)
        panel.set_xscale("log")
        panel.axvline(1.0, color="k", lw=0.8)
        panel.set_yticks(range(len(dots)), dots)
        panel.invert_yaxis()
        panel.set_title(title)
        panel.set_xlabel(f"time / time of jacobian_fwd, fresh, {mine}")
    figure.savefig(path, dpi=75, pil_kwargs={"optimize": True})
    pyplot.close(figure)


def _ratios(rows, belongs, way, mine):
    both = [row for row in rows if belongs(row) and {way, mine} <= row.samples.keys()]
    return [Ratio.of(row.samples[way], row.samples[mine]).median for row in both]
