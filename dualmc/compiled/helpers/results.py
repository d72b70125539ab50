"""What f gets of a compiled function: its result with tangents, or arguments that it gave back."""

import numpy as np

from dualmc.compiled.helpers.arguments import Unfit
from dualmc.duals import weak
from dualmc.duals.dual import Dual, make
from dualmc.unchanged.standins.compiled_functions import fresh


def results(y, found, way, given, values, rows):
    """The parts of `y` with the rows `found` as Duals."""
    if way.parts is None:
        return _result(y, found[0] if way.is_wanted else None, given, values, rows)
    parts = list(y)
    wanted = iter(found)
    for i, part in enumerate(parts):
        J = next(wanted) if i in way.parts else None
        parts[i] = _result(part, J, given, values, rows)
    return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)


def _result(y, J, given, values, rows):
    """One part, with the rows `J` (None: it has no derivative)."""
    if type(y) is np.ndarray:
        for a, p in zip(given, values, strict=True):
            if type(p) is np.ndarray and np.may_share_memory(p, y):
                return argument(a, p, y)
    if J is None:
        return fresh(y, ())
    level, value = rows.args.level, np.asarray(y)
    out = make(value, rows.tangent(J, value), level)
    if type(y) is np.ndarray:
        return out if y.ndim else out.as_array()
    if rows.args.dtype.itemsize < 8:
        return weak.marked(out)
    level.floats = out.pythons = True  # what Numba gives is a float of Python's
    return out


def argument(a, p, y):
    """The argument `a`, whose numbers are `p`, where f returned it."""
    if type(a) is not Dual:
        return y
    is_same = p.ctypes.data == y.ctypes.data and p.shape == y.shape and p.strides == y.strides
    if is_same and p.dtype == y.dtype:
        return a
    raise Unfit


def returned(y, given, values):
    """`y`, without derivatives, with an argument in the place of its numbers."""
    if issubclass(type(y), tuple):
        parts = [returned(part, given, values) for part in y]
        return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)
    return _result(y, None, given, values, None)
