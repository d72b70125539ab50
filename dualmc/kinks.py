"""`kinks`: the block in which every differentiation says where a convention decided."""

from dualmc.calls import watch

MODES = ("ignore", "warn", "raise")


class kinks:
    """Report where conventions decide derivatives, in the calls of this thread inside the block.

    A kink is a point where the derivative is a matter of choice, or infinite, or that of a branch
    which equal values decided: ``abs`` at 0, equal operands of ``maximum``, ``norm`` of zeros,
    ``x > 0`` at 0; the page on conventions has the table.  Only elements that depend on the inputs
    count.  f is called once more per differentiation.

    Parameters
    ----------
    mode : {"warn", "raise", "ignore"}
        ``"warn"`` gives a `KinkWarning` per line of f, function and differentiation; ``"raise"``
        raises `KinkError` instead of differentiating.  ``"ignore"`` is what holds outside.

    Raises
    ------
    ValueError
        If `mode` is none of these.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> with dm.kinks("raise"):
    ...     dm.gradient(lambda x: np.sum(np.abs(x)), [0.0, 0.0, 1.0])
    Traceback (most recent call last):
        ...
    dualmc.errors.KinkError: gradient: numpy.absolute is at a kink in 2 elements (derivative 0 at 0)
    """

    def __init__(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f'kinks: mode must be "warn", "raise" or "ignore", got mode={mode!r}.')
        self.mode = mode

    def __repr__(self) -> str:
        return f"kinks({self.mode!r})"

    def __enter__(self) -> "kinks":
        watch.begin(self.mode)
        return self

    def __exit__(self, kind, error, traceback) -> None:
        watch.end()
