"""The command line: the document's examples, its neuron, derivations, comparisons, surveys.

``python -m dualmc --help`` describes it.  Each subcommand adds itself to the parser in a file of
its own and returns an exit status: 0 when what it shows is right, 1 when not, 2 for bad options.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata

import dualmc
from dualmc.cli import compare, examples, explain, survey, train


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    parser = argparse.ArgumentParser(
        prog=_called(),
        description="Exact Jacobians by dual numbers, shown on the worked examples of Parr and "
        'Howard, "The Matrix Calculus You Need For Deep Learning". Without a command: examples, '
        "then train.",
        epilog="Exit status: 0 if everything agrees, 1 if an example disagrees with its closed "
        "form or the loss rises, 2 for bad options or data.",
    )
    parser.add_argument("--version", action="version", version=_versions())
    commands = parser.add_subparsers(dest="command", metavar="command")
    for command in (examples, train, compare, explain, survey):
        command.add_to(commands)
    args = parser.parse_args(argv)
    if args.command is not None:
        status: int = args.show(args)
        return status
    status = main(["examples"])
    print()
    return max(status, main(["train"]))


def _called() -> str:
    """How the command line was called."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    return "dualmc" if name == "dualmc" else "python -m dualmc"


def _versions() -> str:
    """What to say in a report of a fault."""
    parts = [f"Python {platform.python_version()}"]
    for package, name in (("numpy", "NumPy"), ("numba", "Numba"), ("scipy", "SciPy")):
        try:
            parts.append(f"{name} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            parts.append(f"no {name}")
    return f"dualmc {dualmc.__version__} ({', '.join(parts)})"


def run(program: Callable[[], int]) -> int:
    """The exit status of `program`, which a shell may interrupt and whose reader may leave."""
    _limit_memory()
    try:
        try:
            status = program()
        except SystemExit as left:  # of argparse, which has printed why
            status = left.code if isinstance(left.code, int) else 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # the reader of a pipe has left (| head)
        _leave_stdout()
        status = 1
    except OSError as error:  # of the terminal, or of the file that stands for it: a full disk
        _leave_stdout()
        print(f"{_called()}: error: printing failed: {error.strerror or error}.", file=sys.stderr)
        status = 2
    return status


def _leave_stdout() -> None:
    """What is left to be printed would be tried once more, and reported, when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
