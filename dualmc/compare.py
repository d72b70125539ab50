"""Forward against reverse, for a given function: what each mode costs, measured and counted.

Five ways to one Jacobian: forward mode one column at a time (one dual number per call, as the
document introduces it), forward mode in chunks of dense columns, forward mode as `jacobian_fwd`
does it (structured), reverse mode, and finite differences as the everyday baseline.  Beside them
the document's two-column table: the chain rule's factors, read from x to y and from y to x.
"""

import html
import math
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualmc import forward
from dualmc.calls import seeds, watch
from dualmc.calls.request import Request, call_f
from dualmc.counting import costs, predict
from dualmc.counting.kinds import operation
from dualmc.counting.report import amount, html_table, table, time_text
from dualmc.duals.levels import guarded, open_level
from dualmc.kernels import buffers
from dualmc.reverse import Tape

# Columns per pass of the chunked mode, as ForwardDiff.jl and its kin take them.
CHUNK = 16
# Modes whose times differ by less are called equal.
TIE = 1.2
# Entries of a Jacobian that is compared whole; of a larger one, some rows and columns are.
WHOLE = 2**22
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


@dataclass(frozen=True)
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

    def __str__(self) -> str:
        head = f"{self.function}: {_count(self.n, 'input')}, {_count(self.m, 'output')}"
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


def compare(
    f: Callable, *args: Any, argnums: int | tuple[int, ...] = 0, seconds: float = 2.0
) -> Comparison:
    """Forward mode against reverse mode for `f` at `args`: cost, memory, agreement, advice.

    Parameters
    ----------
    f, args, argnums
        As for `jacobian_fwd`.
    seconds : float, optional
        About how long the measurements may take in all.  What would take longer is timed on some
        of its passes or sweeps and extrapolated, with a mark.

    Returns
    -------
    Comparison
        Prints as a table, and shows as one in a notebook.  ``modes`` holds for each mode the calls
        of f, the multiplications and additions of the chain rule, peak bytes, seconds, and the
        difference from the structured Jacobian; ``factors`` the chain rule's factors with their
        shapes and the cost of multiplying them in either order; ``advice`` says which mode to use.

    Raises
    ------
    As `jacobian_fwd`; TypeError also if the point is a Dual (compare outside of other calls).

    References
    ----------
    Parr and Howard (2018), arXiv:1802.01528, section 4.5.1.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> found = dm.compare(lambda x: np.sum(np.sin(x) ** 2), np.ones(50))
    >>> [mode.multiplications for mode in found.modes if mode.multiplications is not None]
    [5000, 5000, 100, 100]
    """
    request = Request("compare", f, args, argnums, None, False, "numerator", False)
    if not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ValueError(f"compare: seconds must be a positive number, got seconds={seconds!r}.")
    if not all(type(x) is np.ndarray for x in request.xs):
        raise TypeError(
            "compare measures at plain numbers; it was called inside another derivative call. "
            "Call it outside, at the values."
        )
    watch.look(request)
    tape = Tape(request)
    if tape.value.dtype.kind == "c":
        raise TypeError(
            "compare needs f to return real numbers; f returned complex ones. Compare its real "
            "and imaginary parts."
        )
    n, m = sum(request.sizes), math.prod(tape.value.shape)
    if not tape.order or n == 0 or m == 0:
        raise ValueError(
            f"compare needs an output that depends on the input; f's output of shape "
            f"{tape.value.shape} does not depend on its {n} inputs, so every Jacobian is zero."
        )
    pattern = costs.structured_work(tape.order, tape.inputs)
    modes = _modes(request, tape, n, m, pattern, seconds)
    times = predict.seconds(tape.order, tape.inputs)
    predicted = min(times, key=lambda mode: times[mode])
    fwd, rev = modes[2].seconds, modes[3].seconds
    measured = "either" if max(fwd, rev) < TIE * min(fwd, rev) else (
        "forward" if fwd < rev else "reverse"
    )  # fmt: skip
    nonzeros = None if pattern is None else pattern.nonzeros
    return Comparison(
        function=_name(f),
        n=n,
        m=m,
        nonzeros=nonzeros,
        steps=sum(node.pull is not None for node in tape.order),
        modes=modes,
        factors=factors_of(tape, n, m),
        predicted=predicted,
        measured=measured,
        advice=_advice(measured, predicted, n, m, nonzeros, modes),
    )


def _name(f: Callable) -> str:
    return getattr(f, "__name__", type(f).__name__)


# --- The modes -----------------------------------------------------------------------------------


def _modes(
    request: Request, tape: Tape, n: int, m: int, pattern: Any, seconds: float
) -> tuple[Mode, ...]:
    reference = _Reference(request, tape, n, m)
    one = costs.forward_work(tape.order)
    back = costs.reverse_work(tape.order)
    chunk = min(CHUNK, n)
    dense = "jacobian_fwd(f, x, chunk_size={})"
    rows = _rows_per_sweep(tape, m)

    def columns(start: int, stop: int) -> Any:
        return _pass(request, start, stop)

    def differences(start: int, stop: int) -> Any:
        return _difference_columns(request, tape.value, start, stop)

    def swept(start: int, stop: int) -> Any:
        return _swept(tape, m, start, stop)

    def recorded(start: int, stop: int) -> Any:
        return _swept(Tape(request), m, start, stop)

    share = seconds / 5
    structured = _timed(reference.structured, share)
    found = [
        Mode("forward, one column at a time", dense.format(1), n, 0, one.multiplications * n,
             one.additions * n, *_measured(columns, n, 1, share, reference.column_difference)),
        Mode(f"forward, {chunk} columns at a time", dense.format(chunk), -(-n // chunk), 0,
             one.multiplications * n, one.additions * n,
             *_measured(columns, n, chunk, share, reference.column_difference)),
        Mode("forward, structured", "jacobian_fwd(f, x)", reference.passes, 0,
             None if pattern is None else pattern.work.multiplications,
             None if pattern is None else pattern.work.additions,
             _peak(reference.structured), structured, False, 0.0),
    ]  # fmt: skip
    peak, swept_time, is_extrapolated, difference = _measured(
        swept, m, rows, share, reference.row_difference
    )
    recording = _timed(lambda: Tape(request), share / 2)
    peak = max(peak, _peak(lambda: recorded(0, rows)))
    found.append(
        Mode("reverse", "jacobian_rev(f, x)", 1, -(-m // rows), back.multiplications * m,
             back.additions * m, peak, recording + swept_time, is_extrapolated, difference)
    )  # fmt: skip
    found.append(
        Mode("finite differences", "(f(x + h e_j) - f(x)) / h", n + 1, 0, None, None,
             *_measured(differences, n, 1, share, reference.column_difference))
    )  # fmt: skip
    return tuple(found)


class _Reference:
    """The structured forward Jacobian that the others are compared with, (m, n)."""

    def __init__(self, request: Request, tape: Tape, n: int, m: int) -> None:
        self.request = request
        self.n, self.m = n, m
        self.is_sparse = n * m > WHOLE
        self.passes = 0
        self.J = self.structured()
        largest = abs(self.J).max() if self.J.shape[0] and self.J.shape[1] else 0.0
        self.scale = float(largest) or 1.0

    def structured(self) -> Any:
        """What `jacobian_fwd` computes; a large one as `sparse=True` returns it."""
        request = self.request
        whole = Request(
            "compare", request.f, request.args, request.numbers, None, self.is_sparse, "numerator",
            False,
        )  # fmt: skip
        _, pieces, _ = forward.passes(whole)
        self.passes = len(pieces)
        J = pieces[0] if len(pieces) == 1 else forward.joined(pieces, self.is_sparse)
        return J if self.is_sparse else J.reshape(self.m, self.n)

    def _dense(self, part: Any) -> Any:
        return part.toarray() if self.is_sparse else part

    def column_difference(self, columns: Any, start: int, stop: int) -> float:
        return self._difference(columns - self._dense(self.J[:, start:stop]))

    def row_difference(self, rows: Any, start: int, stop: int) -> float:
        return self._difference(rows - self._dense(self.J[start:stop]))

    def _difference(self, difference: Any) -> float:
        return float(np.max(np.abs(difference), initial=0.0)) / self.scale


def _pass(request: Request, start: int, stop: int) -> Any:
    """Columns ``start:stop`` of the Jacobian, (m, stop - start), by dense dual numbers."""
    with guarded(), open_level(stop - start) as level:
        ends = np.cumsum([0, *request.sizes]).tolist()
        inputs = [
            seeds.seed(x, level, offset - start, False)
            for x, offset in zip(request.xs, ends, strict=False)
        ]
        out, _ = request.call(inputs, level)
        columns = seeds.Piece(out, level, request.xs[0].dtype).columns()
        return columns.reshape(-1, stop - start)


def _rows_per_sweep(tape: Tape, m: int) -> int:
    return min(m, tape.rows_per_sweep())


def _swept(tape: Tape, m: int, start: int, stop: int) -> Any:
    """Rows ``start:stop`` of the Jacobian, (stop - start, n), by reverse sweeps."""
    k = stop - start
    y_bar = np.zeros((k, m), tape.value.dtype if tape.value.dtype.kind == "f" else np.float64)
    y_bar[np.arange(k), start + np.arange(k)] = 1
    found = tape.pull(y_bar.reshape((k, *tape.value.shape)), (k,))
    return np.concatenate([bar.reshape(k, math.prod(bar.shape[1:])) for bar in found], axis=1)


def _difference_columns(request: Request, y: Any, start: int, stop: int) -> Any:
    """Columns by the forward difference that SciPy's ``jac="2-point"`` takes by default."""
    xs = [x.astype(np.float64) for x in request.xs]
    ends = np.cumsum([0, *request.sizes]).tolist()
    columns = []
    for j in range(start, stop):
        a = next(i for i, end in enumerate(ends[1:]) if j < end)
        moved = [x.copy() for x in xs]
        flat = moved[a].reshape(-1)
        before = flat[j - ends[a]]
        flat[j - ends[a]] = before + 2**-26 * max(1.0, abs(before))
        step = flat[j - ends[a]] - before
        call = list(request.args)
        for i, x in zip(request.numbers, moved, strict=True):
            call[i] = x if x.ndim else x[()]
        out = seeds.as_output(call_f(request.f, call, None), "compare")
        columns.append((np.asarray(out, np.float64) - y).reshape(-1) / step)
    return np.stack(columns, axis=1)


def _measured(
    part: Callable, total: int, step: int, share: float, difference: Callable
) -> tuple[int, float, bool, float]:
    """Peak bytes, seconds, whether extrapolated, and the largest difference of what was computed.

    `part(start, stop)` computes that slice of `total` columns or rows, `step` at a time.
    """
    part(0, min(step, total))  # the first call compiles
    worst, spent, done = 0.0, 0.0, 0
    while done < total and (spent < share or not done):
        stop = min(done + step, total)
        start = time.perf_counter()
        values = part(done, stop)
        spent += time.perf_counter() - start
        worst = max(worst, difference(values, done, stop))
        done = stop
    one = spent * total / done
    if done == total:
        best = one
        while spent < share / 2:  # a short measurement is repeated, for its best
            again = _once(part, total, step)
            spent += again
            best = min(best, again)
        one = best
    return _peak(lambda: part(0, min(step, total))), one, done < total, worst


def _once(part: Callable, total: int, step: int) -> float:
    start = time.perf_counter()
    for first in range(0, total, step):
        part(first, min(first + step, total))
    return time.perf_counter() - start


def _timed(call: Callable, share: float) -> float:
    """Seconds of the fastest of several calls that fit `share` seconds."""
    best, spent = math.inf, 0.0
    while spent < share or best is math.inf:
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
        best, spent = min(best, once), spent + once
    return best


def _peak(call: Callable) -> int:
    """Bytes that `call` holds at its peak."""
    buffers.trim(0)
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        if not was_tracing:
            tracemalloc.stop()


# --- The chain of factors ------------------------------------------------------------------------


def factors_of(tape: Tape, n: int, m: int) -> tuple[Factor, ...]:
    """The chain rule's factors: between arrays that every path from x to y passes."""
    cuts = costs.cuts(tape.order, tape.inputs)
    names = [f"u{i + 1}" for i in range(len(cuts) - 1)] + ["y"]
    found = []
    before, name_before, columns = None, "x", n
    for node, name in zip(cuts, names, strict=True):
        rows = math.prod(node.shape)
        steps = costs.between(node, before)
        sources = tape.inputs if before is None else [before]
        pattern = costs.structured_work(steps, sources)
        entries = rows * columns if pattern is None else pattern.nonzeros
        operations = [operation(step) for step in reversed(steps) if step.pull is not None]
        found.append(
            Factor(
                f"d{name}/d{name_before}",
                _shortened(operations),
                rows,
                columns,
                None if pattern is None else entries,
                entries * n if before is not None else 0,
                entries * m if node is not cuts[-1] else 0,
            )
        )
        before, name_before, columns = node, name, rows
    return tuple(found)


def _shortened(operations: list[str]) -> str:
    if len(operations) > 4:
        return f"{operations[0]}, ... {len(operations)} steps ..., {operations[-1]}"
    return ", ".join(operations)


# --- Advice --------------------------------------------------------------------------------------


def _advice(
    measured: str, predicted: str, n: int, m: int, nonzeros: int | None, modes: tuple[Mode, ...]
) -> str:
    fwd, rev = modes[2], modes[3]
    ratio = max(fwd.seconds, rev.seconds) / min(fwd.seconds, rev.seconds)
    if measured == "either":
        text = "Use either: jacobian_fwd and jacobian_rev take about the same time"
    elif measured == "forward":
        text = f"Use forward mode, jacobian_fwd: {ratio:.3g} times faster than reverse mode"
    else:
        call = "gradient or jacobian_rev" if m == 1 else "jacobian_rev"
        text = f"Use reverse mode, {call}: {ratio:.3g} times faster than forward mode"
    text += f" for {_count(n, 'input')} and {_count(m, 'output')}."
    if measured != "either":
        text += " " + _reason(measured, n, m, nonzeros)
        if predicted != measured:
            text += (
                f" The counts alone would say {predicted}: at this size the time of single steps "
                f"decides, not their arithmetic."
            )
    return text


def _reason(measured: str, n: int, m: int, nonzeros: int | None) -> str:
    if measured == "reverse" and m < n:
        return (
            f"Reverse mode gets all {n:,} derivatives of an output at once and sweeps back from "
            f"{_count(m, 'output')}; forward mode carries {_count(n, 'column')}."
        )
    if measured == "forward" and nonzeros is not None and nonzeros <= n * m / 4:
        return (
            f"Only {nonzeros:,} of the Jacobian's {n * m:,} entries are not zero: structured "
            f"forward mode carries those alone, in one pass; reverse mode sweeps every row."
        )
    if measured == "forward" and m > n:
        return (
            f"Forward mode carries {_count(n, 'column')} through f once; reverse mode has "
            f"{_count(m, 'output')} to sweep back from."
        )
    if measured == "forward":
        return "Forward mode needs no tape: its arithmetic is done as f runs."
    return "A step recorded and swept back costs less here than one pushed forward."


def _count(k: int, noun: str) -> str:
    return f"{k:,} {noun}{'s' * (k != 1)}"
