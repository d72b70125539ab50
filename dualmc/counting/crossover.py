"""`crossover`: for which numbers of inputs and outputs which mode is faster, for a given model."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualmc.calls.request import Request, opened
from dualmc.calls.structures import structured
from dualmc.counting import predict
from dualmc.counting.comparison import TIE
from dualmc.counting.measuring import contest, recorded
from dualmc.counting.report import html_table, table
from dualmc.pictures import crossover_map
from dualmc.pictures.figures import axes_for


@dataclass(frozen=True)
class Cell:
    """The model at one size; times in seconds."""

    n: int
    """Inputs that it has, which may be others than were asked for."""
    m: int
    forward: float
    """Of `jacobian_fwd`."""
    reverse: float
    """Of `jacobian_rev`."""
    is_extrapolated: bool
    """Whether only some of the reverse sweeps were timed."""
    predicted_forward: float
    predicted_reverse: float

    @property
    def ratio(self) -> float:
        """How many times longer reverse mode takes."""
        return self.reverse / self.forward

    @property
    def predicted_ratio(self) -> float:
        return self.predicted_reverse / self.predicted_forward

    @property
    def measured(self) -> str:
        """The faster mode, "forward", "reverse" or "either"."""
        return _winner(self.ratio, TIE)

    @property
    def predicted(self) -> str:
        """The mode that the counts predict to win, "forward" or "reverse"."""
        return _winner(self.predicted_ratio, 1.0)


def _winner(ratio: float, tie: float) -> str:
    if max(ratio, 1 / ratio) < tie:
        return "either"
    return "forward" if ratio > 1 else "reverse"


@dataclass(frozen=True)
class Crossover:
    """What `crossover` found; print it, show it in a notebook, or plot it.

    Attributes
    ----------
    ns, ms : tuple of int
    cells : tuple of tuple of Cell
        ``cells[i][j]`` is the model for ms[i] outputs and ns[j] inputs.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> found = dm.crossover(lambda n, m: (lambda x: np.ones((m, n)) @ x, np.ones(n)), [2], [3])
    >>> found.cells[0][0].n, found.cells[0][0].m
    (2, 3)
    """

    function: str
    ns: tuple[int, ...]
    ms: tuple[int, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def __repr__(self) -> str:
        return f"<Crossover of {self.function}: n in {_range(self.ns)}, m in {_range(self.ms)}>"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        header = ["outputs m", *(f"n = {n:,}" for n in self.ns)]
        rows = [
            [f"{m:,}", *map(_text, row)]
            for m, row in zip(reversed(self.ms), reversed(self.cells), strict=True)
        ]
        return header, rows

    def _note(self) -> str:
        return (
            f"{self.function}: the faster mode for n inputs and m outputs, and how many times "
            f"faster. *: the counts alone predict the other one."
        )

    def __str__(self) -> str:
        return f"{self._note()}\n\n{table(*self._table())}"

    def _repr_html_(self) -> str:
        return f"<div><p>{html.escape(self._note())}</p>{html_table(*self._table())}</div>"

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the map: measured ratios of times, and the predicted boundary.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure of pyplot's.

        Returns
        -------
        ax : matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed (``pip install dualmc[plot]``).
        TypeError, ValueError
            If `ax` is no Axes of a figure.
        """
        ax = axes_for(crossover_map.CALLER, ax)

        def grid(name: str) -> Any:
            return np.array([[getattr(cell, name) for cell in row] for row in self.cells])

        image = crossover_map.draw(
            ax, self.ns, self.ms, grid("ratio"), grid("predicted_ratio"), TIE,
            grid("is_extrapolated"),
        )  # fmt: skip
        crossover_map.finish(ax, image, self.function)
        return ax


def _range(sizes: Sequence[int]) -> str:
    shown = [f"{k:,}" for k in sizes]
    return ", ".join(shown if len(shown) < 4 else [shown[0], "...", shown[-1]])


def _text(cell: Cell) -> str:
    if cell.measured == "either":
        return "either"
    times = max(cell.ratio, 1 / cell.ratio)
    mark = "" if cell.predicted == cell.measured else " *"
    return f"{cell.measured} {'~' * cell.is_extrapolated}{times:.3g}{mark}"


def crossover(
    problem: Callable[[int, int], Any],
    ns: Sequence[int],
    ms: Sequence[int],
    *,
    seconds: float = 10.0,
) -> Crossover:
    """Measure for which numbers of inputs and outputs which mode is faster, for your model.

    Parameters
    ----------
    problem : callable
        ``problem(n, m)`` returns ``(f, x)`` or ``(f, x, *args)``: the function with about n inputs
        and m outputs, and the point; f as `jacobian_fwd` takes it.
    ns, ms : sequence of int
        Numbers of inputs and of outputs; every pair is measured.
    seconds : float, optional
        About how long the measurements may take in all, beside what calling each function once in
        either mode takes, and beside what `compare` too measures once on every machine.

    Returns
    -------
    Crossover
        Prints as a table; ``.plot()`` draws the map, with the boundary that the counts of
        arithmetic predict.

    Raises
    ------
    As `compare`, with a note of n and m; TypeError, ValueError also if sizes are no positive whole
    numbers, or `problem` returns no function with its point.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> def layer(n, m):
    ...     W = np.ones((m, n)) / n
    ...     return lambda x: np.tanh(W @ x), np.ones(n)
    >>> found = dm.crossover(layer, ns=[2, 20], ms=[1, 10], seconds=0.1)  # found.plot()
    >>> [[(cell.n, cell.m) for cell in row] for row in found.cells]
    [[(2, 1), (20, 1)], [(2, 10), (20, 10)]]
    """
    if not callable(problem):
        raise TypeError(
            f"crossover needs a function of sizes, problem(n, m) -> (f, x); got {problem!r:.60}."
        )
    if not issubclass(type(seconds), (int, float)) or not seconds > 0:
        raise ValueError(f"crossover: seconds must be a positive number, got seconds={seconds!r}.")
    columns, rows = _sizes("ns", ns), _sizes("ms", ms)
    share = seconds / (len(columns) * len(rows))
    cells = tuple(tuple(_cell(problem, n, m, share) for n in columns) for m in rows)
    name = getattr(problem, "__name__", type(problem).__name__)
    return Crossover(name, columns, rows, cells)


def _sizes(name: str, given: Any) -> tuple[int, ...]:
    sizes = list(given) if hasattr(given, "__iter__") and not isinstance(given, str) else []
    is_whole = all(
        issubclass(type(k), (int, np.integer)) and not issubclass(type(k), bool) and k > 0
        for k in sizes
    )
    if not sizes or not is_whole:
        raise ValueError(
            f"crossover: {name} must be positive whole numbers, such as [1, 10, 100]; got "
            f"{given!r:.60}."
        )
    return tuple(map(int, sizes))


def _cell(problem: Callable, n: int, m: int, seconds: float) -> Cell:
    try:
        found = problem(n, m)
        if type(found) is not tuple or len(found) < 2 or not callable(found[0]):
            raise TypeError(
                f"crossover: problem(n, m) must return (f, x) or (f, x, *args), a function and its "
                f"point; it returned {found!r:.60}."
            )
        f, *args = found
        return structured.with_request(
            lambda request: _measured(request, seconds), "crossover", opened(f), args, 0
        )
    except Exception as error:
        error.add_note(f"crossover: at n={n}, m={m}")
        raise


def _measured(request: Request, seconds: float) -> Cell:
    tape = recorded(request)
    n, m = sum(request.sizes), math.prod(tape.value.shape)
    forward, reverse, is_extrapolated = contest(request, tape, n, m, seconds)
    times = predict.seconds(tape.order, tape.inputs, predict.measured_costs())
    return Cell(n, m, forward, reverse, is_extrapolated, times["forward"], times["reverse"])
