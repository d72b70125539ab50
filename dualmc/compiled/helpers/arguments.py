"""What a compiled function is called with: values, tangents, and what a sweep is made for.

Only arrays and numbers of float64 or float32 with derivatives of one level are taken, beside plain
arrays, numbers, strings, None, and tuples of such.  Everything else is Python's.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.levels import innermost
from dualmc.unchanged.standins.compiled_functions import CompiledFunction

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
_NUMBERS = frozenset({int, float, bool, complex, str, type(None), np.float64, np.int64, np.bool_})


class Unfit(Exception):
    """Arguments that a step cannot take."""


class Arguments:
    """The arguments of one call, in their order.

    Attributes
    ----------
    given : tuple
        As f gave them.
    values : list
        What the function itself is called with.
    duals : list of int
        Those that are Duals of `level`.
    tangents : list of tangents or None, one per argument
    key : tuple
        What tells calls apart for which other sweeps are made.
    dtype : the dtype of all Duals
    has_arrays : bool
        Whether some are arrays.
    """

    __slots__ = ("given", "values", "duals", "tangents", "level", "key", "dtype", "has_arrays")

    def __init__(self, given):
        self.given = given
        met = [a.level for a in given if type(a) is Dual]
        if not met:  # they are in structures
            raise Unfit
        self.level = level = met[0] if len(met) == 1 else innermost(met, given)
        if not level.open:
            raise Unfit
        self.values, self.duals, self.tangents, key = [], [], [], []
        self.dtype = None
        self.has_arrays = False
        for i, a in enumerate(given):
            t = None
            if type(a) is Dual:
                a, t, kind = self._taken(a)
                self.duals.append(i)
            else:
                check(a)
                kind = kind_of(a)
            self.values.append(a)
            self.tangents.append(t)
            key.append(kind)
        self.key = tuple(key)

    def _taken(self, a):
        if a.level is not self.level:
            raise Unfit
        p = a.primal
        if type(p) is not np.ndarray or p.dtype not in FLOATS:
            raise Unfit
        if self.dtype is None:
            self.dtype = FLOATS[FLOATS.index(p.dtype)]
        elif p.dtype != self.dtype:
            raise Unfit
        t = a.own_tangent()
        is_number = not p.ndim and a.is_number
        kind = (is_number, self.dtype, p.ndim, t is not None)
        self.has_arrays = self.has_arrays or not is_number
        if is_number:
            p = p.item() if hasattr(a, "pythons") or p.dtype.metadata else p[()]
        return p, t, kind

    def are_contiguous(self):
        """Whether all arrays with derivatives lie in memory as a sweep has them."""
        return all(np.asarray(self.values[i]).flags.c_contiguous for i in self.duals)


def check(a):
    """Refuse what is no plain array, number, string, None or tuple of such."""
    kind = type(a)
    if kind in _NUMBERS:
        return
    if kind is np.ndarray:
        if a.dtype.kind in "biufc":
            return
    elif issubclass(kind, tuple):
        for item in a:
            check(item)
        return
    elif issubclass(kind, np.generic) and a.dtype.kind in "biufc":
        return
    raise Unfit


def kind_of(a):
    """What tells the argument `a`, which has no derivative, from others for which Numba compiles
    anew.
    """
    if type(a) is np.ndarray:
        return a.dtype, a.ndim, a.flags.writeable
    return (type(a), *map(kind_of, a)) if issubclass(type(a), tuple) else type(a)


def is_native(a):
    """Whether Numba may be given `a`, which holds no derivative."""
    try:
        check(a)
    except Unfit:
        kind = type(a)
        return kind is CompiledFunction or kind.__module__.startswith("numba.")
    return True


def frozen(a):
    """Arrays in tuples as such that may not be written to."""
    if type(a) is np.ndarray:
        a = a.view()
        a.flags.writeable = False
    elif issubclass(type(a), tuple):
        items = map(frozen, a)
        return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
    return a
