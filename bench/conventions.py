"""What other libraries give at the awkward points, and the page that sets them beside dualmc.

The points are the rows of `tests/oracles/conventions.py`, whose text every library runs with `np`
bound to its own NumPy: `jax.numpy`, `autograd.numpy`, and for PyTorch its functions of the same
name.  What they gave is kept in `docs/conventions_peers.csv`, so that the page needs none of them.

    python bench/conventions.py > docs/conventions.md
    python bench/conventions.py --measure   # those installed here; the others keep their column

Only NumPy is needed beside the libraries measured.
"""

import argparse
import csv
import datetime
import importlib.util
import sys
import textwrap
import warnings

import numpy as np
from tools.checkout import ROOT
from tools.libraries import LIBRARIES, NotOffered

sys.path.insert(0, str(ROOT / "tests" / "oracles"))

from conventions import ROWS, SECOND, TABLE, compiled, point
from recipes import HEAD, RECIPES

MEASURED = ROOT / "docs" / "conventions_peers.csv"
PEERS = ("JAX", "PyTorch", "autograd")
VERSION = "version"
DATE = "date"

# Read in its rules (DiffRules.jl, src/rules.jl: max, min, abs, sqrt, cbrt, log, log1p, mod, rem;
# ForwardDiff.jl, src/dual.jl: hypot), not run; the other cases are left blank.
FORWARDDIFF = {
    "np.maximum(0, x) at 0.0": "1",
    "np.maximum(x, 0) at 0.0": "0",
    "np.minimum(x, 1.0) at 1.0": "1",
    "np.maximum(x[0], x[1]) at [1.0, 1.0]": "[0, 1]",
    "np.minimum(x[0], x[1]) at [1.0, 1.0]": "[1, 0]",
    "np.abs(x) at 0.0": "1",
    "abs(x) at 0.0": "1",
    "np.sqrt(x) at 0.0": "inf",
    "np.cbrt(x) at 0.0": "inf",
    "np.log(x) at 0.0": "inf",
    "np.log1p(x) at -1.0": "inf",
    "np.hypot(x[0], x[1]) at [0.0, 0.0]": "all nan",
    "x % 1.0 at 2.0": "nan",
    "x[0] % x[1] at [6.0, 3.0]": "all nan",
    "np.fmod(x[0], x[1]) at [-6.0, 3.0]": "all nan",
}

INTRODUCTION = """\
# Conventions

Where the derivative of a function is a matter of choice, or infinite, or does not exist, this is
what dualmc gives, and why. Each row is a case of the tests: dense and sparse, forward and reverse,
in chunks and nested, the value is the one below. The reasons in short:

- A constant is not an input: at a tie between a constant and a value that varies, the constant
  wins. Among values that vary, all that reach the maximum share its derivative equally.
- At a kink the slope is one of the slopes beside it or between them, the least in size where 0 is
  among them.
- Where the slope is infinite the derivative is infinite, not NaN and not a large number.
- A derivative that is exactly 0, since nothing depends on the input there, stays 0 whatever it is
  multiplied by. So `np.where` protects: what is not taken leaves no NaN behind.
- Comparisons, branches and the order of a sort look at the value only.
- What is derived again from a derivative that a convention chose is exact where a rule knows it or
  where no choice matters, else NaN: never a plausible 0.

`with dm.kinks("warn")` names the lines of a function at which a convention decides; the table of
what it reports, the second derivatives and recipes for functions that are smooth although their
code is not are at the end of the page.

"""
LEGEND = """\
The dualmc column has the Jacobian by forward mode, and by reverse mode where that differs: an
infinite derivative that meets a factor which happens to be 0 is NaN in one order of the products
and may be 0 in the other. Such steps have a better form, which is named. The other columns say
"same" where the library gives the same Jacobian in its forward and its reverse mode (PyTorch, JAX
and autograd in double precision). "error" is what the library raised for this text; "not offered"
means that it has no function of that name.

"""


# --- Results as text -----------------------------------------------------------------------------


def shown(J):
    """A Jacobian as the page shows it."""
    a = np.asarray(J)
    a = a.real if a.dtype.kind == "c" and not a.imag.any() else a
    a = np.round(a if a.dtype.kind == "c" else a.astype(float), 12) + 0.0
    if a.size == 0:
        return f"empty, {a.shape}".replace(",)", ")")
    if a.ndim == 0:
        return f"{a.item():.6g}"
    if a.size > 1 and not a.any():
        return "zeros"
    if np.isnan(a).all():
        return "all nan"
    if (
        a.ndim == 2
        and len(a) > 1
        and a.shape[0] == a.shape[1]
        and np.array_equal(a, np.eye(len(a)))
    ):
        return "identity"
    return "[" + ", ".join(shown_part(part) for part in a) + "]"


def shown_part(a):
    if np.ndim(a) == 0:
        return f"{a.item():.6g}"
    return "[" + ", ".join(shown_part(part) for part in a) + "]"


def both(forward, reverse):
    return forward if forward == reverse else f"forward {forward}; reverse {reverse}"


def expected(row):
    """The dualmc column."""
    if row.raises is not None:
        return f"error: {row.raises}"
    return both(shown(row.J), shown(row.J if row.reverse is None else row.reverse))


def attempt(jacobian, f, x):
    try:
        return shown(jacobian(f, x))
    except NotOffered:
        return "not offered"
    except AttributeError as error:
        is_name = getattr(error.obj, "__name__", "").split(".")[0] in ("jax", "autograd")
        return "not offered" if is_name else f"error: {type(error).__name__.lstrip('_')}"
    except Exception as error:
        return f"error: {type(error).__name__.lstrip('_')}"


# --- Measuring -----------------------------------------------------------------------------------


def read():
    """``{case: {library: text}}``, with the rows of versions and dates."""
    if not MEASURED.exists():
        return {}
    with MEASURED.open(newline="") as file:
        return {row.pop("case"): row for row in csv.DictReader(file)}


def measure():
    found = read()
    table = {name: {} for name in (VERSION, DATE, *(row.name for row in ROWS))}
    for peer in PEERS:
        for name, row in table.items():
            row[peer] = found.get(name, {}).get(peer, "")
    for peer, library in LIBRARIES.items():
        try:
            version, module, forward, reverse = library()
        except ImportError:
            print(f"{peer} is not installed: its column stays", file=sys.stderr)
            continue
        table[VERSION][peer] = version
        table[DATE][peer] = datetime.date.today().isoformat()
        for row in ROWS:
            f = compiled(row.code, module)
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                by_forward, by_reverse = (
                    attempt(jacobian, f, np.array(row.x)) for jacobian in (forward, reverse)
                )
            table[row.name][peer] = both(by_forward, by_reverse)
    with MEASURED.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["case", *PEERS], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"case": name} | row for name, row in table.items())


# --- The page ------------------------------------------------------------------------------------


SECOND_HEAD = """
## Second derivatives at kinks

A convention chooses a slope at a point and says nothing of how the slope changes there. So a
differentiation in which an inner one met a kink is looked at twice, the second time with another
smooth function of the same value in the place of the kink. Entries on which the two agree are the
derivative: the `np.max` of a stable logsumexp cancels whatever it shares out. Entries on which they
do not are NaN. Some are known by a rule: norm, hypot, std and abs at 0, and square roots of 0,
remember what they are the root of, also once scaled, indexed or reshaped, so that their squares,
even powers, cos, cosh and sinc are smooth. Branches that the value decides (`np.where`, `floor`,
`%`) are differentiated as they stand, again and again. All modes and nestings agree. f is called
once more, or a few times, at such points only.

| case | at | first derivative | second derivative | reason |
|---|---|---|---|---|
"""

KINKS_HEAD = """
## Kinks that are reported

Within `with dm.kinks("warn")` every differentiation of the thread gives a `dm.KinkWarning` for each
line of the function at which elements that depend on its inputs stand at a kink; with `"raise"` it
raises `dm.KinkError` instead, and `"ignore"` is what holds elsewhere. f is called once more for it,
in forward mode along one direction; then the derivative is computed as without. A prepared function
runs afresh. `check_jacobian` names the kinks among its likely causes, whatever the mode.

| function | what is reported |
|---|---|
"""

RECIPES_HEAD = """
## Recipes

Smooth functions whose code is not: the conventions decide factors of a product, or terms of a sum,
one by one, and the result is not what the whole has. No differentiation of the code can know.
"""


def second_derivatives():
    """The rows of second derivatives: those of the tables that are NaN somewhere, and more."""
    for row in [
        row for row in ROWS if row.second is not None and np.isnan(row.second).any()
    ] + SECOND:
        reason = row.reason + (f"; {row.note}" if row.note else "")
        yield f"`{row.code}`", point(row.x), expected(row), shown(row.second), reason


def reported():
    """The functions of `rules/kink_table.py` and their conventions, the file read on its own."""
    path = ROOT / "dualmc" / "rules" / "kink_table.py"
    spec = importlib.util.spec_from_file_location("kink_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = {}
    for function, kink in module.KINKS.items():
        names.setdefault(kink.taken, []).append(f"`{name_of(function)}`")
    for taken, functions in names.items():
        yield ", ".join(dict.fromkeys(functions)), taken


def name_of(function):
    owner = getattr(function, "__self__", None)
    name = function.__name__
    if isinstance(owner, np.ufunc):
        return f"{owner.__name__}.{name}"
    return name if getattr(np, name, None) is function else f"linalg.{name}"


def table(head, rows):
    return head + "".join("| " + " | ".join(map(cell, row)) + " |\n" for row in rows)


def recipes():
    text = RECIPES_HEAD + f"\n```python\n{HEAD}\n```\n"
    for title, reason, session in RECIPES:
        text += f"\n### {title}\n\n{textwrap.fill(reason, 100)}\n\n```python\n{session}\n```\n"
    return text


def cell(text):
    return text.replace("|", "\\|")


def page():
    """The page, in Markdown."""
    measured = read()
    head = [f"{peer} {measured[VERSION][peer]}" for peer in PEERS] + ["ForwardDiff.jl"]
    dates = sorted({measured[DATE][peer] for peer in PEERS})
    text = INTRODUCTION + LEGEND
    text += (
        f"Measured on {' and '.join(dates)}; `bench/conventions.py` measures and makes the page.\n"
    )
    text += "What ForwardDiff.jl gives was read in its rules, not measured; blank is not known.\n"
    for title, rows in TABLE.items():
        text += f"\n## {title}\n\n"
        text += f"| case | at | dualmc | reason | {' | '.join(head)} |\n"
        text += "|---" * (4 + len(head)) + "|\n"
        for row in rows:
            own = expected(row)
            peers = [measured.get(row.name, {}).get(peer, "") for peer in PEERS]
            peers.append(FORWARDDIFF.get(row.name, ""))
            peers = ["same" if text == own else text for text in peers]
            reason = row.reason + (f"; {row.note}" if row.note else "")
            cells = [f"`{row.code}`", point(row.x), own, reason, *peers]
            text += "| " + " | ".join(cell(text) for text in cells) + " |\n"
    text += table(SECOND_HEAD, second_derivatives())
    text += table(KINKS_HEAD, reported())
    return text + recipes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run the libraries installed here")
    if parser.parse_args().measure:
        measure()
    else:
        print(page(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
