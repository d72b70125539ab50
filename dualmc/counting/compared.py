"""The modes of one call compared: counted, predicted and measured, and the advice that follows."""

from __future__ import annotations

import math
from collections.abc import Callable

from dualmc.calls.request import Request
from dualmc.counting import costs, predict
from dualmc.counting.chain import factors_of
from dualmc.counting.comparison import TIE, Comparison, Mode, counted
from dualmc.counting.measuring import measured_modes, recorded


def compared(request: Request, f: Callable, seconds: float) -> Comparison:
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
