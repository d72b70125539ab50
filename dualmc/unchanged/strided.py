"""``np.lib.stride_tricks.as_strided``: a view by strides in bytes, as one by steps in elements."""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.errors import missing_case
from dualmc.functions.moving.selection import result
from dualmc.graph.record import record
from dualmc.graph.traced import Traced
from dualmc.unchanged.standins import PATCHED, has_carrier, operand, stands_for, value_of

PATCHED.update({"numpy.lib", "numpy.lib.stride_tricks"})

_as_strided = np.lib.stride_tricks.as_strided


@stands_for(_as_strided)
def as_strided(x, shape=None, strides=None, subok=False, writeable=True):
    if not has_carrier(x):
        return _as_strided(x, shape, strides, subok, writeable)
    x = operand(x).as_array()
    plain = value_of(x)
    shape = plain.shape if shape is None else _tuple(shape)
    strides = plain.strides if strides is None else _tuple(strides)
    if plain.ndim != 1:
        if not plain.flags.c_contiguous:
            raise missing_case("numpy.lib.stride_tricks.as_strided", "of an array with gaps")
        x = np.ravel(x)
    return by_steps(x, shape, _steps(shape, strides, value_of(x)), writeable)


def _tuple(n):
    return (int(n),) if np.ndim(n) == 0 else tuple(map(int, n))


def _steps(shape, strides, vector):
    """`strides`, in bytes, as steps along a `vector`, which they must not leave."""
    unit, size = vector.strides[0], vector.size
    if len(strides) != len(shape) or any(s % unit for s in strides):
        raise ValueError(
            f"as_strided: the strides {strides} must be {len(shape)} multiples of {unit} bytes, "
            f"the distance of one element from the next."
        )
    steps = [s // unit for s in strides]
    ends = [(n - 1) * k for n, k in zip(shape, steps, strict=True)]
    first, last = sum(min(e, 0) for e in ends), sum(max(e, 0) for e in ends)
    if 0 not in shape and (first < 0 or last >= size):
        raise ValueError(
            f"as_strided: shape {shape} with strides {strides} leaves the memory of the {size} "
            f"elements that it is given."
        )
    return tuple(steps)


def by_steps(vector, shape, steps, writeable):
    """The view of `vector` whose element (i, j, ...) is ``vector[i * steps[0] + ...]``."""
    if type(vector) is Traced:
        return record(by_steps, (vector, shape, steps, writeable), {})
    if type(vector) is Dual:
        y = by_steps(vector.primal, shape, steps, writeable)
        return result(y, vector, lambda p: by_steps(p, shape, steps, writeable))
    strides = [k * vector.strides[0] for k in steps]
    return _as_strided(vector, shape, strides, writeable=writeable)
