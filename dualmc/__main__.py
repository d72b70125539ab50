"""The command line: the document's examples, its neuron, derivations, forward against reverse.

``python -m dualmc --help`` describes it.  Each subcommand adds itself to the parser in a function
of its own and returns an exit status: 0 when what it shows is right, 1 when not, 2 for bad options.
"""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import dualmc
from dualmc.cli import expressions
from dualmc.compare import compare
from dualmc.document import neuron
from dualmc.document.examples import EXAMPLES, Example
from dualmc.explain import explain

# Closed form and dual numbers round differently, by a few units in the last place at most.
TOLERANCE = 1e-12


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    parser, train, derive = _parser()
    args = parser.parse_args(argv)
    if args.command == "explain":
        return show_explanation(derive, args)
    if args.command == "compare":
        return show_comparison(args)
    if args.command == "examples":
        return show_examples(args.section)
    if args.command == "train":
        return show_training(train, args.steps, args.rate, args.data)
    status = show_examples(None)
    print()
    defaults = train.parse_args([])
    return max(status, show_training(train, defaults.steps, defaults.rate, defaults.data))


# --- Options -------------------------------------------------------------------------------------


def _parser() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parser, that of ``train``, whose defaults the bare command takes, and ``explain``'s."""
    parser = argparse.ArgumentParser(
        prog="python -m dualmc",
        description="Exact Jacobians by dual numbers, shown on the worked examples of Parr and "
        'Howard, "The Matrix Calculus You Need For Deep Learning". Without a command: examples, '
        "then train.",
        epilog="Exit status: 0 if everything agrees, 1 if an example disagrees with its closed "
        "form or the loss rises, 2 for bad options or data.",
    )
    parser.add_argument("--version", action="version", version=f"dualmc {dualmc.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    examples = commands.add_parser(
        "examples",
        help="compute every worked example and compare it with its closed form",
        description="Compute the Jacobian of every worked example and compare it with its closed "
        f"form; the largest relative difference may be {TOLERANCE:g}.",
    )
    examples.add_argument(
        "--section", metavar="S", help="only this section and its subsections, e.g. 4.5"
    )
    train = commands.add_parser(
        "train",
        help="train the neuron max(0, w.x + b) by gradient descent",
        description="Train the neuron max(0, w.x + b) by gradient descent on its mean squared "
        "error (sections 5 and 6). The features are brought to mean 0 and standard deviation 1 "
        "first; the weights are printed in the original units.",
    )
    train.add_argument(
        "--steps", type=_steps, default=250, help="gradient steps (default: %(default)s)"
    )
    train.add_argument(
        "--rate", type=_rate, default=0.1, help="learning rate (default: %(default)s)"
    )
    train.add_argument(
        "--data",
        metavar="CSV",
        help="a comma-separated table: a line of names, then numbers; the last column is the "
        "target, which should not be negative (default: Brownlee's stack loss data)",
    )
    _add_compare(commands)
    return parser, train, _add_explain(commands)


def _add_function(command: argparse.ArgumentParser) -> None:
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


def _add_compare(commands: Any) -> None:
    compare: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="set forward mode against reverse mode for a function",
        description="Count, time and compare the modes for a function at a point: calls, "
        "multiplications and additions of the chain rule, memory, seconds, agreement; the chain "
        "rule in both orders; and which mode to use.",
        epilog='For example: python -m dualmc compare "sum(sin(x)**2)" --at "x=linspace(0,1,500)"',
    )
    _add_function(compare)
    compare.add_argument(
        "--seconds",
        type=_seconds,
        default=2.0,
        help="about how long to measure (default: %(default)s)",
    )
    compare.set_defaults(parser=compare)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}.")
    return seconds


def _add_explain(commands: Any) -> argparse.ArgumentParser:
    derive: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="derive the Jacobian of an expression step by step",
        description="Derive the Jacobian of an expression in the four steps of section 4.5.1: "
        "intermediate variables, their partials, the products along the paths from x to y and "
        "from y to x, and the intermediates substituted back.",
        epilog='For example: python -m dualmc explain "sin(x**2)" --at x=1.2',
    )
    _add_function(derive)
    derive.add_argument(
        "--format",
        choices=("text", "latex", "html"),
        help="default: by the suffix of FILE, else text",
    )
    derive.add_argument("--output", metavar="FILE", help="write there instead of the terminal")
    return derive


def _steps(text: str) -> int:
    try:
        steps = int(text)
    except ValueError:
        steps = 0
    if steps < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, got {text!r}.")
    return steps


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}.")
    return rate


# --- examples ------------------------------------------------------------------------------------


def show_examples(section: str | None) -> int:
    """Print the worked examples, with the Jacobian computed and its closed form."""
    chosen = [e for e in EXAMPLES if section is None or _is_within(e.section, section)]
    if not chosen:
        known = ", ".join(dict.fromkeys(e.section for e in EXAMPLES))
        print(
            f"python -m dualmc examples: error: argument --section: no example is in section "
            f"{section!r}; there are {known}.",
            file=sys.stderr,
        )
        return 2
    header = ("section", "function", "by", "Jacobian computed", "closed form", "difference")
    rows = [_row(e) for e in chosen]
    print("Worked examples: the Jacobian by dual numbers against the closed form")
    print()
    _print_table(header, rows)
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


def _row(e: Example) -> tuple[str, str, str, list[str], str, str]:
    return (
        e.section,
        e.function,
        e.wrt,
        _lines(e.jacobian()),
        e.formula,
        f"{e.difference():.1e}",
    )


def _lines(jacobian: Any) -> list[str]:
    """A number, a row, or the rows of a matrix with their columns aligned."""
    J = np.asarray(jacobian) + 0.0  # -0. + 0. is 0.
    if J.ndim == 0:
        return [f"{J:.6g}"]
    rows = [[f"{entry:.5g}" for entry in row] for row in np.atleast_2d(J)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "[" + "  ".join(entry.rjust(w) for entry, w in zip(row, widths, strict=True)) + "]"
        for row in rows
    ]


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str | list[str]]]) -> None:
    """Print rows whose cells may have several lines, in columns of equal width."""
    cells = [[[c] if isinstance(c, str) else c for c in row] for row in [header, *rows]]
    widths = [max(len(line) for row in cells for line in row[i]) for i in range(len(header))]
    cells.insert(1, [["-" * width] for width in widths])
    for row in cells:
        for i in range(max(len(cell) for cell in row)):
            parts = [cell[i] if i < len(cell) else "" for cell in row]
            print("  ".join(p.ljust(w) for p, w in zip(parts, widths, strict=True)).rstrip())


# --- train ---------------------------------------------------------------------------------------


def show_training(
    parser: argparse.ArgumentParser, steps: int, rate: float, data: str | None
) -> int:
    """Train the neuron and print the loss as it falls, and the weights in original units."""
    try:
        table = neuron.load_table(data)
        scaling = neuron.Scaling.of(table.X)
    except (OSError, ValueError) as error:
        parser.error(f"argument --data: {error}")
    negative = int(np.count_nonzero(table.y < 0))
    if negative:
        print(
            f"{negative} of the {table.y.size} targets are negative; max(0, w.x + b) never is, and "
            f"cannot reach them.",
            file=sys.stderr,
        )
    Z = scaling.standard(table.X)
    with np.errstate(all="ignore"):
        training = neuron.train_neuron(Z, table.y, rate=rate, steps=steps)
    source = "Brownlee's stack loss data" if data is None else data
    print(f"The neuron max(0, w.x + b) trained on {source}: {table.y.size} samples")
    print()
    marks = sorted({0, *np.geomspace(1, steps, 9).round().astype(int).tolist()})
    active = (Z @ training.path[:, :-1].T + training.path[:, -1] > 0).sum(axis=0)
    rows = [(str(t), f"{training.losses[t]:.10g}", str(active[t])) for t in marks]
    _print_table(("step", "loss", "active samples"), rows)
    rise = training.first_rise
    if rise is not None:
        print(
            f"The loss rises at step {rise}: the rate {rate:g} is too large. Choose a smaller "
            f"--rate.",
            file=sys.stderr,
        )
        return 1
    w, b = scaling.original(training.w, training.b)
    w_line, b_line = neuron.least_squares(table.X, table.y)
    print()
    print("Weights in original units, beside those of the least-squares line (all samples active):")
    print()
    features = zip(table.names, w, w_line, strict=False)
    weights = [(name, f"{trained:.6g}", f"{line:.6g}") for name, trained, line in features]
    weights.append(("bias", f"{b:.6g}", f"{b_line:.6g}"))
    _print_table((f"weight for {table.names[-1]}", "neuron", "least squares"), weights)
    return 0


# --- Functions named on the command line ---------------------------------------------------------


def _named_function(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> tuple[Any, tuple, tuple[str, ...], tuple[int, ...]]:
    """The function, its point, the names of its arguments, and those to differentiate by."""
    try:
        target = expressions.load(args.expression, expressions.given_names(args.at))
        point = expressions.read_point(args.at, target.names, target.defaults)
    except expressions.ExpressionError as error:
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


# What a user's function is known to raise at a point that does not suit it.
_REFUSALS = (TypeError, ValueError, ArithmeticError, NotImplementedError, LookupError)


def _refused(parser: argparse.ArgumentParser, error: Exception) -> int:
    """Say in a sentence what went wrong; the exit status."""
    said = str(error)
    if isinstance(error, MemoryError):
        said = f"this needs more memory than there is: {said or 'an array is too large'}."
    elif isinstance(error, RecursionError):
        said = f"the function calls itself without end, or too deep: {said}."
    elif not isinstance(error, _REFUSALS):
        said = f"{type(error).__name__}: {said}"
    print(f"{parser.prog}: error: {said}", file=sys.stderr)
    return 2


def show_comparison(args: argparse.Namespace) -> int:
    """Print forward mode against reverse mode for an expression or a function."""
    function, point, _, argnums = _named_function(args.parser, args)
    try:
        found = compare(function, *point, argnums=argnums, seconds=args.seconds)
    except Exception as error:
        return _refused(args.parser, error)
    print(found)
    return 0


# --- explain -------------------------------------------------------------------------------------

_FORMATS = {".html": "html", ".htm": "html", ".tex": "latex"}


def show_explanation(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Print or write the derivation of an expression."""
    function, point, names, argnums = _named_function(parser, args)
    suffix = os.path.splitext(args.output or "")[1]
    kind = args.format or _FORMATS.get(suffix, "text")
    try:
        with np.errstate(all="ignore"):
            explanation = explain(function, *point, argnums=argnums, names=names)
            content = {
                "text": explanation.text,
                "latex": explanation.latex,
                "html": explanation.html,
            }[kind]()
    except Exception as error:
        return _refused(parser, error)
    if args.output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a terminal without the sign for partials
        print(content, end="")
        return 0
    try:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        parser.error(f"argument --output: {error}")
    return 0


def _limit_memory() -> None:
    """What would not fit into this machine fails at once, instead of stopping the machine."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        there_is = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if soft == resource.RLIM_INFINITY or soft > there_is:
            resource.setrlimit(resource.RLIMIT_AS, (there_is, hard))
    except (ImportError, ValueError, OSError, AttributeError):  # another system
        pass


if __name__ == "__main__":
    _limit_memory()
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        # The reader of a pipe has left (| head); Python would report it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
