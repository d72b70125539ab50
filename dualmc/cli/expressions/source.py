"""The text of an expression: its syntax tree, of limited size, and refusals that name a piece."""

import ast
import difflib
import re
import warnings
from collections.abc import Iterable
from typing import Any, NoReturn

LENGTH = 10_000
DEPTH = 100  # Reading takes three Python frames per level, and 1000 are Python's own limit.

REFERENCE_HINT = " For a function of a module write package.module:function."


class ExpressionError(ValueError):
    """An expression, a point or the name of a function that cannot be used.

    The message names the piece, where it is and what to write instead.
    """


class Source:
    """A text to be read; `what` says in messages what it is."""

    def __init__(self, text: str, what: str) -> None:
        self.text = re.sub(r"\s", " ", text).strip()
        self.what = what

    def tree(self) -> ast.expr:
        """The syntax tree, of limited size: deeper ones would exhaust Python's stack."""
        text, what = self.text, self.what
        if not text:
            raise ExpressionError(f"{what}: it is empty. Write one such as sin(x**2).")
        if len(text) > LENGTH:
            raise ExpressionError(
                f"{what}: {len(text)} characters are more than {LENGTH}.{REFERENCE_HINT}"
            )
        for column, character in enumerate(text, 1):
            if character == "#" or not character.isprintable():
                raise ExpressionError(f"{what}: {character!r} at column {column} is not allowed.")
        deep = ExpressionError(
            f"{what}: it is nested more than {DEPTH} levels deep; every sign in a long sum is one."
            + REFERENCE_HINT
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text, mode="eval").body
        except SyntaxError as error:
            raise ExpressionError(self._syntax_message(error)) from None
        except (RecursionError, MemoryError):
            raise deep from None
        level: list[ast.AST] = [tree]
        for _ in range(DEPTH):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
        if level:
            raise deep
        return tree

    def _syntax_message(self, error: SyntaxError) -> str:
        text = self.text
        column = min(max(error.offset or 1, 1), len(text) + 1)
        # What follows the first sentence guesses at Python programs, not at formulas.
        message = re.split(r"[.;] ", error.msg)[0]
        if message == "invalid decimal literal":
            message = "write * for a product, as in 2*x; invalid number"
        start = max(0, column - 41)
        return (
            f"{self.what}: {message} at column {column}:\n"
            f"    {text[start : start + 80]}\n    {' ' * (column - 1 - start)}^"
        )

    def refuse(
        self, node: Any, message: str, kind: str = "", piece: str = "", offset: int = -1
    ) -> NoReturn:
        piece = piece or ast.get_source_segment(self.text, node) or ""
        piece = piece if len(piece) <= 40 else piece[:37] + "..."
        # Columns count characters from 1; the tree counts bytes.
        before = self.text.encode()[: node.col_offset if offset < 0 else offset].decode()
        raise ExpressionError(f"{self.what}: {kind}'{piece}' at column {len(before) + 1}{message}")

    def check_public(self, node: ast.AST, name: str) -> None:
        # The tree has names in their compatibility form: no other letters spell an underscore.
        if name.startswith("_"):
            self.refuse(
                node, " is not allowed: names may not start with an underscore.", piece=name
            )


def guess(name: str, known: Iterable[str], lead: str = "") -> str:
    """The known name that was meant, as a question; empty if none is close."""
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.65)
    return f"{lead} Did you mean '{close[0]}'?" if close else ""
