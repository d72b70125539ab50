"""`auto_prepare`: plain calls answered by machine code where f is closed; `last_call` says how."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dualmc.calls import repeats

if TYPE_CHECKING:
    from dualmc.automatic.repeated import Call


class auto_prepare:
    """Prepare functions that are differentiated again and again, without being asked: on or off.

    It is off where dualmc is imported, unless ``DUALMC_AUTO_PREPARE=1`` stands in the environment.
    It holds from now on, in all threads; as a block (``with dm.auto_prepare():``) until that ends.

    While it is on, calls of `jacobian_fwd`, `jacobian_rev`, `gradient`, `derivative`, `hessian` and
    the verbs that give the value too are counted by the code of f: functions made anew by the same
    lines count.  When fresh calls have cost as much as recording and compiling f does, by a fixed
    model of the steps that f takes, and f is closed, that is done, as by `prepare`, and later calls
    are replays: the same calls in every run of a program.  f is closed if its code, with all
    functions that it calls, reads nothing but its arguments, constants, functions of NumPy and
    `math`, and numbers, texts and arrays in global names and in the functions around it: these are
    compared at every call.  Attributes of objects, items of lists and dicts from outside, random
    numbers, ``try``, ``with``, ``import`` and other packages are not closed.  With
    ``prepare=False`` a call is fresh.

    A replay gives the derivative to rounding; a value is f's own, to the bit.  Where anything has
    changed, f goes another way, an entry is not finite, a number underflows, or NumPy would warn,
    the call is fresh.

    Parameters
    ----------
    is_on : bool, optional

    Raises
    ------
    TypeError
        If `is_on` is no bool.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> with dm.auto_prepare():
    ...     J = dm.jacobian_fwd(lambda x: np.sin(x), [1.0, 2.0])
    ...     print(dm.last_call())
    a fresh call: it is called for the first times
    """

    def __init__(self, is_on: bool = True) -> None:
        if type(is_on) is not bool:
            raise TypeError(f"auto_prepare: is_on must be True or False, got {is_on!r}.")
        self.is_on = is_on
        self._before = repeats.answer is not None
        _switch(is_on)

    def __repr__(self) -> str:
        return f"auto_prepare({self.is_on})"

    def __enter__(self) -> auto_prepare:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        _switch(self._before)


def last_call() -> Call | None:
    """How the latest call of a verb in this thread was answered, while `auto_prepare` is on.

    Returns
    -------
    call : Call or None
        ``call.is_replay``, and ``call.reason``: how often, or why it was fresh; as a text, a
        sentence of both.

    Examples
    --------
    >>> import dualmc as dm
    >>> with dm.auto_prepare():
    ...     slope = dm.derivative(lambda x: x**2, 3.0)
    ...     dm.last_call().is_replay
    False
    """
    from dualmc.automatic import repeated

    return repeated.last_call()


def _switch(is_on: bool) -> None:
    from dualmc.automatic import repeated

    repeated.switch(is_on)


if os.environ.get("DUALMC_AUTO_PREPARE", "0") not in ("", "0"):
    _switch(True)
