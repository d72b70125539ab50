"""What `compare` found: the modes, the chain rule's factors, and the tables of both."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dualmc.counting.report import amount, html_table, table, time_text
from dualmc.pictures import bars

# Modes whose times differ by less are called equal.
TIE = 1.2
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

    def plot(self, *, figure: Any = None) -> Any:
        """Draw time, multiplications and memory of every mode, and the chain rule's factors.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, optional
            Where to draw; by default on a new figure of pyplot's.

        Returns
        -------
        axes : ndarray of matplotlib.axes.Axes, shape (3,) or (4,)
            Time, multiplications, memory; and the factors, if there are several: what it takes to
            multiply each into the product, read from x to y and from y to x.

        Raises
        ------
        ImportError
            If matplotlib is not installed (``pip install dualmc[plot]``).
        TypeError
            If `figure` is no figure.

        Notes
        -----
        Scales are logarithmic.  Hatched bars and "~": from some of the passes or sweeps.
        """
        return bars.draw(
            figure, self._head(), [m.name for m in self.modes], self._panels(), self._bars()
        )

    def _panels(self) -> list[bars.Panel]:
        def panel(title: str, values: list, labels: list) -> bars.Panel:
            return bars.Panel(title, values, labels, [False] * len(values))

        estimated = [mode.is_extrapolated for mode in self.modes]
        times = ["~" * m.is_extrapolated + time_text(m.seconds) for m in self.modes]
        counts = [mode.multiplications for mode in self.modes]
        title = "time (~: extrapolated)" if any(estimated) else "time"
        return [
            bars.Panel(title, [mode.seconds for mode in self.modes], times, estimated),
            panel("multiplications", counts, ["-" if k is None else f"{k:,}" for k in counts]),
            panel("peak memory", [m.bytes for m in self.modes],
                  [amount(m.bytes) for m in self.modes]),
        ]  # fmt: skip

    def _bars(self) -> bars.Chain | None:
        if len(self.factors) < 2:
            return None
        shown = shortened(self.factors)
        return bars.Chain(
            [None if f is None else f"{f.name}, {f.operation}" for f in shown],
            [None if f is None else f.forward for f in shown],
            [None if f is None else f.reverse for f in shown],
            self._totals(),
        )

    def _totals(self) -> tuple[int, int]:
        return sum(f.forward for f in self.factors), sum(f.reverse for f in self.factors)

    def _head(self) -> str:
        head = f"{self.function}: {counted(self.n, 'input')}, {counted(self.m, 'output')}"
        if self.nonzeros is not None:
            head += f", {self.nonzeros:,} of {self.m * self.n:,} entries not zero"
        return head

    def __str__(self) -> str:
        parts = [
            self._head(),
            "",
            table(*self._modes()),
            "",
            self._note(),
            "",
            *self._chain(),
            self.advice,
        ]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        factors = html_table(*self._factors()) if len(self.factors) > 1 else ""
        return (
            f"<div><p><b>{html.escape(self._head())}</b></p>{html_table(*self._modes())}"
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
        names = ["..." if factor is None else factor.name for factor in shortened(self.factors)]
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
        rows: list = []
        for factor in shortened(self.factors):
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
        totals = self._totals()
        rows.append(("together", "", "", "", "", f"{totals[0]:,}", "", f"{totals[1]:,}"))
        return header, rows


def shortened(factors: Sequence[Factor]) -> list[Factor | None]:
    """The factors at either end of a long chain, and None between them."""
    if len(factors) <= 2 * SHOWN:
        return list(factors)
    return [*factors[:SHOWN], None, *factors[-SHOWN:]]


def counted(k: int, noun: str) -> str:
    return f"{k:,} {noun}{'s' * (k != 1)}"
