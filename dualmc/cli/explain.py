"""``python -m dualmc explain``: the derivation of a Jacobian, as text, LaTeX or a page."""

import argparse
import os
import sys
from typing import Any

import numpy as np

from dualmc.cli.options import add_function, named_function, refused
from dualmc.explain import explain

_FORMATS = {".html": "html", ".htm": "html", ".tex": "latex"}


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="derive the Jacobian of an expression step by step",
        description="Derive the Jacobian of an expression in the four steps of section 4.5.1: "
        "intermediate variables, their partials, the products along the paths from x to y and "
        "from y to x, and the intermediates substituted back.",
        epilog='For example: python -m dualmc explain "sin(x**2)" --at x=1.2',
    )
    add_function(parser)
    parser.add_argument(
        "--format",
        choices=("text", "latex", "html"),
        help="default: by the suffix of FILE, else text",
    )
    parser.add_argument("--output", metavar="FILE", help="write there instead of the terminal")
    parser.set_defaults(show=show, parser=parser)


def show(args: argparse.Namespace) -> int:
    """Print or write the derivation of an expression."""
    function, point, names, argnums = named_function(args)
    suffix = os.path.splitext(args.output or "")[1]
    kind = args.format or _FORMATS.get(suffix, "text")
    try:
        with np.errstate(all="ignore"):
            explanation = explain(function, *point, argnums=argnums, names=names)
            content = getattr(explanation, kind)()
    except Exception as error:
        return refused(args, error)
    if args.output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a terminal without the sign for partials
        print(content, end="")
        return 0
    try:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        args.parser.error(f"argument --output: {error}")
    return 0
