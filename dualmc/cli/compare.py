"""``python -m dualmc compare``: forward mode against reverse mode for a function."""

import argparse
import dataclasses
import json
import math
from collections.abc import Callable
from html import escape
from typing import Any

from dualmc.cli.options import (
    ENDINGS,
    add_function,
    named_function,
    positive_number,
    quietly,
    refused,
)
from dualmc.cli.output import add_output, chosen_format, deliver
from dualmc.compare import compare
from dualmc.counting.comparison import Comparison
from dualmc.derivation.notation.page import PAGE


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="set forward mode against reverse mode for a function",
        description="Count, time and compare the modes for a function at a point: calls, "
        "multiplications and additions of the chain rule, memory, seconds, agreement; the chain "
        "rule in both orders; and which mode to use.",
        epilog='For example: %(prog)s "sum(sin(x)**2)" --at "x=linspace(0,1,500)"',
    )
    add_function(parser)
    parser.add_argument(
        "--seconds",
        type=positive_number,
        default=2.0,
        help="about how long to measure (default: %(default)s)",
    )
    add_output(parser, ("text", "html", "json"))
    parser.set_defaults(show=show, parser=parser)


def show(args: argparse.Namespace) -> int:
    """Print or write forward mode against reverse mode for an expression or a function."""
    kind = chosen_format(args)
    function, point, _, argnums = named_function(args)
    try:
        with quietly():
            found = compare(function, *point, argnums=argnums, seconds=args.seconds)
    except ENDINGS as error:
        return refused(args, error)
    return deliver(args, _WRITTEN[kind](found))


def _page(found: Comparison) -> str:
    title = f"Forward and reverse mode: {found.function}"
    return PAGE.format(title=escape(title), body=found._repr_html_())


def _json(found: Comparison) -> str:
    return json.dumps(_plain(dataclasses.asdict(found)), indent=1, allow_nan=False)


def _plain(a: Any) -> Any:
    """`a` with null for what JSON cannot say: infinities and NaN."""
    if isinstance(a, dict):
        return {key: _plain(value) for key, value in a.items()}
    if isinstance(a, (list, tuple)):
        return [_plain(item) for item in a]
    return None if isinstance(a, float) and not math.isfinite(a) else a


_WRITTEN: dict[str, Callable[[Comparison], str]] = {"text": str, "html": _page, "json": _json}
