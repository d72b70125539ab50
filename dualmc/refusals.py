"""`refusals`: the block in which a refusal that f catches is a warning, not an error."""

from dualmc.calls import refusals as calls

MODES = ("raise", "warn")


class refusals:
    """What becomes of refusals that f catches, in the calls of this thread inside the block.

    ``except TypeError`` around ``float(x)`` catches a `TangentLostError` too, and f goes on with
    what it takes instead, which it would not on plain numbers: value and derivative may be wrong.
    So a call that ends although f caught a refusal raises it.  Where the way that f takes instead
    is as good (it tries ``float(x)``, else computes with arrays), such a block lets it.

    Parameters
    ----------
    mode : {"warn", "raise"}
        ``"warn"`` gives a `RefusalSwallowedWarning` per call and refusal, and the call goes on;
        ``"raise"`` is what holds outside.

    Raises
    ------
    ValueError
        If `mode` is none of these.

    Examples
    --------
    >>> import warnings, numpy as np, dualmc as dm
    >>> def f(x):
    ...     try:
    ...         return np.nextafter(x, np.inf)  # has no rule
    ...     except NotImplementedError:
    ...         return 1.0 * x
    >>> with dm.refusals("warn"), warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", dm.RefusalSwallowedWarning)  # it is known to be right
    ...     print(dm.derivative(f, 2.0))
    1.0
    """

    def __init__(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f'refusals: mode must be "warn" or "raise", got mode={mode!r}.')
        self.mode = mode

    def __repr__(self) -> str:
        return f"refusals({self.mode!r})"

    def __enter__(self) -> "refusals":
        calls.begin(self.mode)
        return self

    def __exit__(self, kind, error, traceback) -> None:
        calls.end()
