"""What `compare` found: the modes, the chain rule's factors, and the tables of both."""

from __future__ import annotations

import html
from dataclasses import dataclass

from dualmc.counting.report import amount, html_table, table, time_text

# Factors of the chain shown at either end of a long one.
SHOWN = 5


@dataclass(frozen=True)
class Mode:
    """One way to the Jacobian."""

    name: str
    call: str
    """How to ask for it."""
    passes: int
    """Calls of f."""
    sweeps: int
    """Reverse sweeps of the recorded tape."""
    multiplications: int | None
    """Of the chain rule, counted on the recorded graph; None where they cannot be counted."""
    additions: int | None
    bytes: int
    """Peak memory that the mode takes beside its arguments."""
    seconds: float
    is_extrapolated: bool
    """Whether only some of the passes or sweeps were timed."""
    difference: float
    """Largest difference from the structured forward Jacobian, relative to its largest entry."""


@dataclass(frozen=True)
class Factor:
    """One factor of the chain rule: the Jacobian of an array by the one before it."""

    name: str
    """As the document writes it, ``du2/du1``."""
    operation: str
    rows: int
    columns: int
    nonzeros: int | None
    forward: int
    """Multiplications that join it to the product read from x to y."""
    reverse: int
    """Multiplications that join it to the product read from y to x."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `compare` found; print it, or show it in a notebook.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> found = dm.compare(lambda x: np.log(np.sin(x**3) ** 2), 1.2)
    >>> [factor.name for factor in found.factors]
    ['du1/dx', 'du2/du1', 'du3/du2', 'dy/du3']
    """

    function: str
    n: int
    m: int
    nonzeros: int | None
    steps: int
    modes: tuple[Mode, ...]
    factors: tuple[Factor, ...]
    predicted: str
    """The mode that the counts predict to win, "forward" or "reverse"."""
    measured: str
    """The one that was faster, "forward", "reverse" or "either"."""
    advice: str

    def __repr__(self) -> str:
        return (
            f"<Comparison of {self.function}: {counted(self.n, 'input')}, "
            f"{counted(self.m, 'output')}; predicted {self.predicted}, measured {self.measured}>"
        )

    def __str__(self) -> str:
        head = f"{self.function}: {counted(self.n, 'input')}, {counted(self.m, 'output')}"
        if self.nonzeros is not None:
            head += f", {self.nonzeros:,} of {self.m * self.n:,} entries not zero"
        parts = [head, "", table(*self._modes()), "", self._note(), "", *self._chain(), self.advice]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        factors = html_table(*self._factors()) if len(self.factors) > 1 else ""
        text = str(self).split("\n", 1)[0]
        return (
            f"<div><p><b>{html.escape(text)}</b></p>{html_table(*self._modes())}"
            f"<p>{html.escape(self._note())}</p>{factors}<p>{html.escape(self.advice)}</p></div>"
        )

    def _modes(self) -> tuple[tuple, list]:
        header = (
            "mode", "calls of f", "sweeps", "multiplications", "additions", "peak memory", "time",
            "difference",
        )  # fmt: skip
        rows = []
        for mode in self.modes:
            mark = "~" if mode.is_extrapolated else ""
            rows.append(
                (
                    mode.name,
                    f"{mode.passes:,}",
                    f"{mode.sweeps:,}" if mode.sweeps else "-",
                    "-" if mode.multiplications is None else f"{mode.multiplications:,}",
                    "-" if mode.additions is None else f"{mode.additions:,}",
                    amount(mode.bytes),
                    mark + time_text(mode.seconds),
                    f"{mode.difference:.1e}",
                )
            )
        return header, rows

    def _note(self) -> str:
        note = (
            f"Multiplications and additions are those of the chain rule on the recorded graph of "
            f"{self.steps:,} steps; f and its partials come on top in every mode."
        )
        if any(mode.is_extrapolated for mode in self.modes):
            note += " ~: from some of the passes or sweeps."
        return note

    def _chain(self) -> list[str]:
        if not self.factors:
            return []
        names = [factor.name for factor in self.factors]
        if len(names) > 2 * SHOWN:
            names = [*names[:SHOWN], "...", *names[-SHOWN:]]
        if len(names) == 1:
            return ["dy/dx is a single factor: no one array lies on every path from x to y.", ""]
        lines = [
            f"forward, from x to y:  dy/dx = {' '.join(names)}",
            f"reverse, from y to x:  dy/dx = {' '.join(reversed(names))}",
            "",
            table(*self._factors()),
            "",
        ]
        return lines

    def _factors(self) -> tuple[tuple, list]:
        header = (
            "factor", "operation", "shape", "nonzeros", "forward: running", "multiplications",
            "reverse: running", "multiplications",
        )  # fmt: skip
        shown: list = list(self.factors)
        if len(shown) > 2 * SHOWN:
            shown = [*shown[:SHOWN], None, *shown[-SHOWN:]]
        rows = []
        for factor in shown:
            if factor is None:
                rows.append(("...",) * len(header))
                continue
            rows.append(
                (
                    factor.name,
                    factor.operation,
                    f"{factor.rows} x {factor.columns}",
                    "-" if factor.nonzeros is None else f"{factor.nonzeros:,}",
                    f"{factor.rows} x {self.n}",
                    f"{factor.forward:,}",
                    f"{self.m} x {factor.columns}",
                    f"{factor.reverse:,}",
                )
            )
        totals = [sum(f.forward for f in self.factors), sum(f.reverse for f in self.factors)]
        rows.append(("together", "", "", "", "", f"{totals[0]:,}", "", f"{totals[1]:,}"))
        return header, rows


def counted(k: int, noun: str) -> str:
    return f"{k:,} {noun}{'s' * (k != 1)}"
