"""Where what a command shows goes, and in which format: the options --format and --output."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from dualmc import files

ENDINGS = {".txt": "text", ".html": "html", ".htm": "html", ".tex": "latex", ".json": "json"}


def add_output(command: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """The options of a command that can show what it finds in `formats`."""
    known = [ending for ending, kind in ENDINGS.items() if kind in formats]
    command.add_argument(
        "--format",
        choices=formats,
        help="default: by the ending of FILE, else text",
    )
    command.add_argument(
        "--output",
        metavar="FILE",
        help=f"write there instead of the terminal; ends in {', '.join(known)}, unless --format "
        f"is given",
    )
    command.set_defaults(endings=known)


def chosen_format(args: argparse.Namespace) -> str:
    """The format that is asked for; what cannot be written to is refused before all the work."""
    path, parser = args.output, args.parser
    if path is None:
        return args.format or "text"
    ending = os.path.splitext(path)[1].lower()
    kind = ENDINGS.get(ending) if ending in args.endings else None
    if args.format is None and kind is None:
        parser.error(
            f"argument --output: {path!r} ends in none of {', '.join(args.endings)}; give the "
            f"format with --format."
        )
    if args.format is not None and kind not in (None, args.format):
        parser.error(
            f"argument --output: {path!r} ends as {kind} does, but --format is {args.format}."
        )
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        parser.error(f"argument --output: there is no folder {folder!r}.")
    if os.path.isdir(path):
        parser.error(f"argument --output: {path!r} is a folder.")
    return str(args.format or kind)


def deliver(args: argparse.Namespace, content: str) -> int:
    """Print or write `content`; the exit status."""
    if not content.endswith("\n"):
        content += "\n"
    if args.output is None:
        reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal without the sign for partials
        print(content, end="")
        return 0
    try:
        files.write(args.output, content)
    except OSError as error:
        said = error.strerror or error
        print(
            f"{args.parser.prog}: error: argument --output: {args.output!r} cannot be written: "
            f"{said}.",
            file=sys.stderr,
        )
        return 2
    return 0
