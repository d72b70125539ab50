"""How exact are the partial derivatives?  Worst error per function and argument, against mpmath.

    python bench/exactness.py [--samples N] [--seed S] [--order K] [--markdown] [function ...]

With --order 2 or 3: the worst relative error of second or third derivatives, for every sequence of
arguments, beyond what the arguments' own rounding makes of them (`tests/oracles/higher_judge.py`).

Draws N arguments from every region of `tests/oracles/cases.py`, evaluates each partial as a NumPy
expression and in its compiled kernel, and counts the error in units in the last place.  Exits with
status 1 if an error is beyond what its case allows.
"""

import argparse
import sys

import numpy as np
from tools.checkout import ROOT

sys.path.insert(0, str(ROOT / "tests" / "oracles"))

import higher_judge
from cases import CASES
from ulps import by_array, by_kernel, errors_in_ulps, samples

from dualmc.kernels import stamped
from dualmc.rules.table import RULES

HEADER = ("function", "d/d", "array", "kernel", "allowed", "worst at", "samples", "note")
HIGHER = ("function", "by", "relative error", "worst at")


def measure(case, argnum, count, seed):
    """One row of the table, and whether it is within the allowance."""
    rule = RULES[case.function]
    known = samples(case.function, argnum, count, seed)
    forms = {"array": by_array(rule, case.function, argnum, known.arguments)}
    if rule.kernel and callable(rule.partials[argnum]):
        forms["kernel"] = by_kernel(rule, case.function, argnum, known.arguments, stamped)
    errors = {form: errors_in_ulps(got, known) for form, got in forms.items()}
    worst_form = max(errors, key=lambda form: errors[form].max())
    worst = errors[worst_form].max()
    i = int(np.argmax(errors[worst_form]))
    at = ", ".join(f"{column[i]:.17g}" for column in known.arguments) if worst > 0 else ""
    row = (
        case.name,
        case.argument_names[argnum],
        f"{errors['array'].max():.2f}",
        f"{errors['kernel'].max():.2f}" if "kernel" in errors else "-",
        f"{case.ulps:g}",
        at,
        str(len(known.exact)),
        case.reason,
    )
    return row, worst <= case.ulps


def measure_higher(case, order, count, seed):
    """Rows of the table of higher derivatives, and whether each is within 1e-12."""
    argnums = [i for i, d in enumerate(case.derivatives) if d is not None]
    found = {}
    for sequence in higher_judge.sequences(argnums, order):
        worst, at = higher_judge.worst(case, sequence, "f" * order, count, seed)
        key = "".join(case.argument_names[i] for i in sorted(sequence))
        if worst >= found.get(key, (-1.0, ""))[0]:
            found[key] = worst, at
    return [((case.name, key, f"{w:.1e}", at), w <= 1e-12) for key, (w, at) in found.items()]


def as_text(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("functions", nargs="*", metavar="function", help="all by default")
    parser.add_argument("--samples", type=int, default=1000, help="per region of a domain")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--order", type=int, choices=(2, 3), help="of higher derivatives")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    unknown = set(options.functions) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no case for {', '.join(sorted(unknown))}")
    rows, beyond = [HIGHER if options.order else HEADER], []
    for case in CASES:
        if options.functions and case.name not in options.functions:
            continue
        if options.order:
            count = min(options.samples, 20)  # the oracle takes hundreds of digits
            for row, is_within in measure_higher(case, options.order, count, options.seed):
                rows.append(row)
                beyond += [] if is_within else [f"{row[0]} d/d{row[1]}"]
            continue
        for argnum, derivative in enumerate(case.derivatives):
            if derivative is None:
                continue
            row, is_within = measure(case, argnum, options.samples, options.seed)
            rows.append(row)
            if not is_within:
                beyond.append(f"{row[0]} d/d{row[1]}")
    print((as_markdown if options.markdown else as_text)(rows))
    if beyond:
        sys.exit(f"Beyond the allowance: {', '.join(beyond)}.")


if __name__ == "__main__":
    main()
