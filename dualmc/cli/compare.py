"""``python -m dualmc compare``: forward mode against reverse mode for a function."""

import argparse
from typing import Any

from dualmc.cli.options import add_function, named_function, positive_number, refused
from dualmc.compare import compare


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="set forward mode against reverse mode for a function",
        description="Count, time and compare the modes for a function at a point: calls, "
        "multiplications and additions of the chain rule, memory, seconds, agreement; the chain "
        "rule in both orders; and which mode to use.",
        epilog='For example: python -m dualmc compare "sum(sin(x)**2)" --at "x=linspace(0,1,500)"',
    )
    add_function(parser)
    parser.add_argument(
        "--seconds",
        type=positive_number,
        default=2.0,
        help="about how long to measure (default: %(default)s)",
    )
    parser.set_defaults(show=show, parser=parser)


def show(args: argparse.Namespace) -> int:
    """Print forward mode against reverse mode for an expression or a function."""
    function, point, _, argnums = named_function(args)
    try:
        found = compare(function, *point, argnums=argnums, seconds=args.seconds)
    except Exception as error:
        return refused(args, error)
    print(found)
    return 0
