"""``python -m dualmc examples``: every worked example against its closed form."""

import argparse
import sys
from typing import Any

import numpy as np

from dualmc.derivation.notation.blocks import Table, table_text
from dualmc.derivation.notation.text import Text
from dualmc.document.example import Example
from dualmc.document.examples import EXAMPLES

# Closed form and dual numbers round differently, by a few units in the last place at most.
TOLERANCE = 1e-12


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "examples",
        help="compute every worked example and compare it with its closed form",
        description="Compute the Jacobian of every worked example and compare it with its closed "
        f"form; the largest relative difference may be {TOLERANCE:g}.",
    )
    parser.add_argument(
        "--section", metavar="S", help="only this section and its subsections, e.g. 4.5"
    )
    parser.set_defaults(show=show, parser=parser)


def show(args: argparse.Namespace) -> int:
    """Print the worked examples, with the Jacobian computed and its closed form."""
    section = args.section
    chosen = [e for e in EXAMPLES if section is None or _is_within(e.section, section)]
    if not chosen:
        known = ", ".join(dict.fromkeys(e.section for e in EXAMPLES))
        args.parser.error(
            f"argument --section: no example is in section {section!r}; there are {known}."
        )
    header = ("section", "function", "by", "Jacobian computed", "closed form", "difference")
    rows = [_row(e) for e in chosen]
    print("Worked examples: the Jacobian by dual numbers against the closed form")
    print()
    print(table_text(Table(header, rows)))
    worst = max(e.difference() for e in chosen)
    wrong = [e for e in chosen if not e.difference() <= TOLERANCE]
    print()
    print(
        f"{len(chosen) - len(wrong)} of {len(chosen)} agree to {TOLERANCE:g}; the largest relative "
        f"difference is {worst:.1e}."
    )
    for e in wrong:
        print(f"DISAGREES: section {e.section}, {e.function} by {e.wrt}", file=sys.stderr)
    return 1 if wrong else 0


def _is_within(section: str, chosen: str) -> bool:
    return section == chosen or section.startswith(chosen + ".")


def _row(e: Example) -> tuple[str, ...]:
    computed = _written(e.jacobian())
    return (e.section, e.function, e.wrt, computed, e.formula, f"{e.difference():.1e}")


def _written(jacobian: Any) -> str:
    """A number, a row, or the rows of a matrix with their columns aligned."""
    J = np.asarray(jacobian) + 0.0  # -0. + 0. is 0.
    if J.ndim == 0:
        return f"{J:.6g}"
    return Text().matrix([[f"{entry:.5g}" for entry in row] for row in np.atleast_2d(J)])
