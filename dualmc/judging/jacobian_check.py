"""What `check_jacobian` found, as an object that is shown."""

from __future__ import annotations

import html
from dataclasses import dataclass

from dualmc.calls.structures import trees

# The method of a check that ended with the value of f.
VALUE = "plain value"


@dataclass(frozen=True, repr=False)
class JacobianCheck:
    """What `check_jacobian` found: true if the Jacobian is right, and printable.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> found = dm.check_jacobian(np.sin, [1.0, 2.0])
    >>> bool(found), found.method
    (True, 'complex step')
    """

    ok: bool
    method: str
    """The independent derivative, "complex step" or "differences"; or "plain value", where already
    the value of f on Duals is not that of f on plain numbers."""
    error: float
    """The worst difference, relative to the largest entry of its row or to 1."""
    tolerance: float
    """What was allowed there."""
    output: tuple
    """Index of the output of the worst entry."""
    argnum: int
    input: tuple
    """Index in the argument of the worst entry."""
    computed: float
    """The worst entry as dualmc computes it (a complex number where f returns such)."""
    expected: float
    """The same entry by the independent method."""
    cause: str
    """What is likely to be wrong there; empty if all is right."""

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        said = "right" if self.ok else "wrong"
        return f"<JacobianCheck: {said}, difference {self.error:.1e} from {self.method}>"

    def __str__(self) -> str:
        return "\n".join(f"{name:16}{text}" for name, text in self._rows())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left;padding:2px 10px">{html.escape(name)}</th>'
            f'<td style="text-align:left;padding:2px 10px;white-space:pre-wrap">'
            f"{html.escape(_unindented(text))}</td></tr>"
            for name, text in self._rows()
        )
        return f"<table><tbody>{rows}</tbody></table>"

    def _rows(self) -> list[tuple[str, str]]:
        where = f"y{trees.text_of_index(self.output)}"
        if self.method != VALUE:
            where = f"d {where} / d x{self.argnum or ''}{trees.text_of_index(self.input)}"
        rows = [
            (
                "check_jacobian",
                "the Jacobian is right" if self.ok else "the Jacobian is wrong, or f has none here",
            ),
            ("worst entry", where),
            ("dualmc", f"{self.computed:.16g}"),
            (self.method, f"{self.expected:.16g}"),
            ("difference", f"{self.error:.1e} (allowed: {self.tolerance:.1e})"),
        ]
        return [*rows, ("likely cause", self.cause)] if self.cause else rows


def _unindented(text: str) -> str:
    """A cause of several lines, whose further ones are indented for the terminal."""
    return "\n".join(line.strip() for line in text.splitlines())
