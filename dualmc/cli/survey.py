"""``python -m dualmc survey``: which functions of a code base dualmc differentiates as they are."""

import argparse
import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dualmc.cli.expressions.point import values
from dualmc.cli.expressions.source import ExpressionError
from dualmc.cli.options import positive_number
from dualmc.cli.surveying.processes import findings
from dualmc.cli.surveying.targets import Subject, subjects
from dualmc.cli.surveying.trial import (
    CRASHES,
    DIFFERS,
    FAILS,
    NOT_CALLED,
    REFUSED,
    SLOW,
    VERDICTS,
    WORKS,
    Finding,
)
from dualmc.derivation.notation.blocks import Table, table_text


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "survey",
        help="try a derivative of functions, or of all functions of a module",
        description="Call each function at sample arguments, differentiate it in forward and "
        "reverse mode, compare with an independent derivative, and say which work, and for the "
        "rest why not and what to do. Each runs in a process of its own, under a limit of time. "
        "Functions are called: name code that you would run.",
        epilog="Exit status: 0 if every function that could be called works, 1 if one does not, 2 "
        "for bad options, or where none could be called. For example: %(prog)s "
        "package.module package.other:function --at x=[1,2,3]",
    )
    parser.add_argument(
        "functions",
        nargs="+",
        metavar="FUNCTION",
        help="package.module:function, or package.module for all its public functions",
    )
    parser.add_argument(
        "--at",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="arguments by name, for every function that has one of that name; the others are "
        "taken from examples, annotations and docstrings, or tried",
    )
    parser.add_argument(
        "--seconds",
        type=positive_number,
        default=20.0,
        help="for each function (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(show=show, parser=parser)


def show(args: argparse.Namespace) -> int:
    """Print what works and what does not."""
    try:
        given = values(args.at)
        chosen = list(dict.fromkeys(s for text in args.functions for s in subjects(text)))
    except ExpressionError as error:
        args.parser.error(str(error))
    found = findings(chosen, given, args.seconds, min(4, os.cpu_count() or 1), _Progress(chosen))
    if args.json:
        print(json.dumps([dataclasses.asdict(finding) for finding in found], indent=1))
    else:
        print(report(found))
    called = [finding for finding in found if finding.verdict != NOT_CALLED]
    if not called:
        return 2
    return 0 if all(finding.verdict == WORKS for finding in called) else 1


# What stands above those of a verdict, and behind their number.
_HEADS = {
    REFUSED: "Refused by dualmc:",
    FAILS: "Ended with an error:",
    DIFFERS: "The derivative is not that of the independent method:",
    SLOW: "Over the limit of time:",
    CRASHES: "Ended the process:",
    NOT_CALLED: "Not called, for want of arguments or numbers (--at gives arguments by name):",
}
_COUNTED = {
    REFUSED: "refused",
    FAILS: "with an error",
    DIFFERS: "with another derivative",
    SLOW: "over the limit",
    CRASHES: "ended the process",
    NOT_CALLED: "more not called",
}


class _Progress:
    """A line on a terminal that says how far the survey is."""

    def __init__(self, chosen: Sequence[Subject]) -> None:
        self.count = len(chosen)

    def __call__(self, done: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == self.count else ""
            print(f"\r{done} of {self.count} functions tried", end=end, file=sys.stderr, flush=True)


def report(found: Sequence[Finding]) -> str:
    """The table, the reasons, and the summary in a line."""
    rows = [(_short(f), f.point, _result(f)) for f in found if f.verdict != NOT_CALLED]
    parts = [table_text(Table(("function", "called with", "derivative"), rows))] if rows else []
    for verdict in VERDICTS[1:]:
        those = [f for f in found if f.verdict == verdict]
        if those:
            parts.append("\n".join([_HEADS[verdict], *map(_explained, those)]))
    parts.append(summary(found))
    return "\n\n".join(parts)


def _short(finding: Finding) -> str:
    return ".".join(finding.name.split(".")[-2:])


def _result(finding: Finding) -> str:
    if finding.verdict != WORKS:
        return finding.verdict
    if finding.error is None:
        return f"{WORKS}, not compared"
    return f"{WORKS}, within {finding.error:.0e} of {finding.method}"


def _explained(finding: Finding) -> str:
    lines = [f"  {_short(finding)}: {finding.reason}"]
    more = [part for part in (finding.where and f"at {finding.where}", finding.advice) if part]
    return "\n".join([*lines, *(f"      {part}" for part in more)])


def summary(found: Sequence[Finding]) -> str:
    """``3 of 5 work; 2 refused; 4 more were not called.``"""
    counts = Counter(finding.verdict for finding in found)
    called = len(found) - counts[NOT_CALLED]
    parts = [f"{counts[WORKS]} of {called} work"]
    parts += [f"{counts[v]} {_COUNTED[v]}" for v in VERDICTS[1:] if counts[v]]
    return "; ".join(parts) + "."
