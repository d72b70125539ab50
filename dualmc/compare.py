"""Forward against reverse, for a given function: what each mode costs, measured and counted.

Five ways to one Jacobian: forward mode one column at a time (one dual number per call, as the
document introduces it), forward mode in chunks of dense columns, forward mode as `jacobian_fwd`
does it (structured), reverse mode, and finite differences as the everyday baseline.  Beside them
the document's two-column table: the chain rule's factors, read from x to y and from y to x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from dualmc.calls import names
from dualmc.calls.options import Argnums
from dualmc.calls.request import Request, opened
from dualmc.calls.structures import structured
from dualmc.counting import costs, predict
from dualmc.counting.chain import factors_of
from dualmc.counting.comparison import TIE, Comparison, Mode, counted
from dualmc.counting.measuring import measured_modes, recorded


def compare(
    f: Callable, *args: Any, argnums: Argnums = 0, seconds: float = 2.0, **unknown: Any
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

    Notes
    -----
    The prediction needs to know what steps and numbers cost here.  That is measured on functions of
    its own when `compare` is first called, in some seconds, and kept in a file of the user's cache
    folder until dualmc, NumPy, Numba or the machine are others.  The environment variable
    ``DUALMC_COSTS`` names another folder; ``off`` takes the costs of another machine.

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
    if unknown:
        names.refuse_keywords("compare", unknown)
    if not issubclass(type(seconds), (int, float)) or not seconds > 0:
        raise ValueError(f"compare: seconds must be a positive number, got seconds={seconds!r}.")
    f = opened(f)
    return structured.with_request(
        lambda request: _compared(request, f, seconds), "compare", f, args, argnums
    )


def _compared(request: Request, f: Callable, seconds: float) -> Comparison:
    tape = recorded(request)
    n, m = sum(request.sizes), math.prod(tape.value.shape)
    pattern = costs.structured_work(tape.order, tape.inputs)
    modes = measured_modes(request, tape, n, m, pattern, seconds)
    times = predict.seconds(tape.order, tape.inputs, predict.measured_costs())
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
    text += f" for {counted(n, 'input')} and {counted(m, 'output')}."
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
            f"{counted(m, 'output')}; forward mode carries {counted(n, 'column')}."
        )
    if measured == "forward" and nonzeros is not None and nonzeros <= n * m / 4:
        return (
            f"Only {nonzeros:,} of the Jacobian's {n * m:,} entries are not zero: structured "
            f"forward mode carries those alone, in one pass; reverse mode sweeps every row."
        )
    if measured == "forward" and m > n:
        return (
            f"Forward mode carries {counted(n, 'column')} through f once; reverse mode has "
            f"{counted(m, 'output')} to sweep back from."
        )
    if measured == "forward":
        return "Forward mode needs no tape: its arithmetic is done as f runs."
    return "A step recorded and swept back costs less here than one pushed forward."
