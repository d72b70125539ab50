"""``python -m dualmc explain``: the derivation of a Jacobian, as text, LaTeX or a page."""

import argparse
from typing import Any

from dualmc.cli.options import ENDINGS, add_function, named_function, quietly, refused
from dualmc.cli.output import add_output, chosen_format, deliver
from dualmc.explain import explain


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="derive the Jacobian of an expression step by step",
        description="Derive the Jacobian of an expression in the four steps of section 4.5.1: "
        "intermediate variables, their partials, the products along the paths from x to y and "
        "from y to x, and the intermediates substituted back.",
        epilog='For example: %(prog)s "sin(x**2)" --at x=1.2',
    )
    add_function(parser)
    parser.add_argument(
        "--layout",
        choices=("numerator", "denominator"),
        default="numerator",
        help="a row for each output, or for each input (default: %(default)s)",
    )
    add_output(parser, ("text", "latex", "html"))
    parser.set_defaults(show=show, parser=parser)


def show(args: argparse.Namespace) -> int:
    """Print or write the derivation of an expression."""
    kind = chosen_format(args)
    function, point, names, argnums = named_function(args)
    try:
        with quietly():
            explanation = explain(
                function, *point, argnums=argnums, names=names, layout=args.layout
            )
            content = getattr(explanation, kind)()
    except ENDINGS as error:
        return refused(args, error)
    return deliver(args, content)
