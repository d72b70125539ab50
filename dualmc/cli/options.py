"""What the commands have in common: numbers, and a function of the user's at a point."""

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np

from dualmc.cli.expressions.point import given_names, read_point
from dualmc.cli.expressions.source import ExpressionError
from dualmc.cli.expressions.target import load


def positive_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}.")
    return value


def add_function(command: argparse.ArgumentParser) -> None:
    """The arguments that name a function, a point, and what to differentiate by."""
    command.add_argument(
        "expression",
        metavar="EXPR",
        help="an expression in NumPy's notation, or package.module:function",
    )
    command.add_argument(
        "--at",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="the point: a number or a list for every variable, e.g. x=1.2 or w=[1,2]",
    )
    command.add_argument(
        "--by",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="the variables to differentiate by (default: all)",
    )


def named_function(
    args: argparse.Namespace,
) -> tuple[Any, tuple, tuple[str, ...], tuple[int, ...]]:
    """The function, its point, the names of its arguments, and those to differentiate by."""
    parser: argparse.ArgumentParser = args.parser
    try:
        target = load(args.expression, given_names(args.at))
        point = read_point(args.at, target.names, target.defaults)
    except ExpressionError as error:
        parser.error(str(error))
    names = target.names[: len(point)]
    if not names:
        parser.error(f"{args.expression} has no variables to differentiate by.")
    chosen = names if args.by is None else args.by
    for name in chosen:
        if name not in names:
            known = ", ".join(names)
            parser.error(f"argument --by: {name!r} is no variable of it; there are: {known}.")
    return target.function, point, names, tuple(dict.fromkeys(map(names.index, chosen)))


@contextmanager
def quietly() -> Iterator[None]:
    """For the time that a function of the user's runs: what it prints goes to the standard error,
    what is shown stays whole; infinities and NaN are shown, not warned of."""
    with redirect_stdout(sys.stderr), np.errstate(all="ignore"):
        yield


# What a user's function is known to raise at a point that does not suit it.
_REFUSALS = (TypeError, ValueError, ArithmeticError, NotImplementedError, LookupError)


# What ends a command with a sentence; an interrupt does not.
ENDINGS = (Exception, SystemExit)


def refused(args: argparse.Namespace, error: BaseException) -> int:
    """Say in a sentence what went wrong; the exit status."""
    said = str(error)
    if isinstance(error, SystemExit):
        said = f"the function ends the program: sys.exit({said})."
    elif isinstance(error, MemoryError):
        said = f"this needs more memory than there is: {said or 'an array is too large'}."
    elif isinstance(error, RecursionError):
        said = f"the function calls itself without end, or too deep: {said}."
    elif not isinstance(error, _REFUSALS):
        said = f"{type(error).__name__}: {said}"
    print(f"{args.parser.prog}: error: {said}", file=sys.stderr)
    return 2
