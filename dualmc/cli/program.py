"""The command line: the document's examples, its neuron, derivations, comparisons, surveys.

``python -m dualmc --help`` describes it.  Each subcommand adds itself to the parser in a file of
its own and returns an exit status: 0 when what it shows is right, 1 when not, 2 for bad options.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import dualmc
from dualmc.cli import compare, examples, explain, survey, train


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
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
    for command in (examples, train, compare, explain, survey):
        command.add_to(commands)
    args = parser.parse_args(argv)
    if args.command is not None:
        status: int = args.show(args)
        return status
    status = main(["examples"])
    print()
    return max(status, main(["train"]))


def run(program: Callable[[], int]) -> int:
    """The exit status of `program`, which a shell may interrupt and whose reader may leave."""
    _limit_memory()
    try:
        status = program()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        # The reader of a pipe has left (| head); Python would report it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    return status


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
