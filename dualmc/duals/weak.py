"""Python floats with a derivative: what `math` makes of NumPy's narrower numbers.

``math.sin(np.float32(0.5))`` is a Python float: computed in float64, and of that precision among
its like, but it takes the dtype of an array or a number of NumPy's that it meets.  Such a Dual is
told by the dtype of its value, float64 with a note; the short ways, which serve float64 itself,
pass it by.
"""

import numpy as np

from dualmc.cotangents.elementwise import pull_scaled
from dualmc.duals.dual import Dual, make
from dualmc.kernels.payload import values
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.tape import step

FLOAT64 = np.dtype(np.float64)
WEAK = np.dtype(np.float64, metadata={"dualmc": "a Python float"})


class _State:
    made = False  # whether there ever was one: else nobody need look


state = _State()


def is_weak(a):
    return type(a) is Dual and a.ndim == 0 and values(a).dtype.metadata is not None


def is_narrow(a):
    """Whether `math` reads another float than the one that is stored."""
    return type(a) is Dual and a.dtype is not FLOAT64 and a.dtype.kind == "f"


def widened(a):
    return np.astype(a, FLOAT64) if is_narrow(a) else a


def marked(y):
    """The float64 number `y` as a Python float."""
    if type(y) is not Dual:
        return y
    state.made = True
    inner = y.primal
    primal = marked(inner) if type(inner) is Dual else np.asarray(inner).astype(WEAK)
    t = y.own_tangent()
    if t is not None and t.is_recorded:
        t = step(pull_scaled, (t,), (1.0,), (), WEAK)
    return make(primal, _noted(t, WEAK), y.level)


def as_pythons(x):
    """The number `x`, a real Dual, as the float that Python makes of it."""
    if is_narrow(x):
        return marked(widened(x))
    y = x.as_number()
    y.level.floats = y.pythons = True
    return y


def _noted(t, dtype):
    """The tangent `t`, if there is one and not a recorded one, of `dtype`."""

    def noted(a):
        return a.astype(dtype) if type(a) is np.ndarray else a

    if t is None or t.is_recorded:
        return t
    if t.is_sparse:
        return SparseTangent(t.level, noted(t.coef), t.col)
    return DenseTangent(t.level, noted(t.dense()))


def strong(a):
    """`a`, a Python float as the float64 that NumPy's functions make of it."""
    if not state.made or not is_weak(a):
        return a
    t = _noted(a.own_tangent(), FLOAT64)
    inner = a.primal
    return make(strong(inner) if type(inner) is Dual else inner.astype(FLOAT64), t, a.level)


def settled(args):
    """`args` with Python floats in the dtype of what they meet, and whether they meet but numbers.

    None if there are no Python floats with a derivative among them.
    """
    if not any(map(is_weak, args)):
        return None
    met = [a.dtype for a in args if hasattr(a, "dtype") and not is_weak(a)]
    dtype = np.dtype(np.result_type(*met, 1.0)) if met else FLOAT64
    dtype = dtype if dtype.kind == "f" else np.empty(0, dtype).real.dtype
    if dtype == FLOAT64:
        return tuple(map(strong, args)), not met
    return tuple(np.astype(a, dtype) if is_weak(a) else a for a in args), not met


# What Python's operators do to floats; NumPy's other functions return numbers of NumPy's.
_OPERATORS = frozenset(
    {
        np.add, np.subtract, np.multiply, np.divide, np.power, np.negative, np.positive,
        np.absolute, np.remainder, np.floor_divide, np.square, np.sqrt, np.reciprocal,
    }
)  # fmt: skip


def applied(call, ufunc, args):
    """``call(ufunc, *args)`` with Python floats among `args`; None if there are none."""
    found = settled(args)
    if found is None:
        return None
    y = call(ufunc, *found[0])
    return marked(y) if found[1] and ufunc in _OPERATORS else y
