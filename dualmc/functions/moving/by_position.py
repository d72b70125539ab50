"""The one rule for functions that only move elements.

Run the function once more on the flat positions of its input to learn where each output element
came from, and gather the tangent there; -1 stands for an element that came from a constant.  Where
NumPy's result shares memory with its input, the result is a view that writes through.
"""

import numpy as np

from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.duals.views import plain_key, positions, view_of
from dualmc.kernels.payload import values
from dualmc.tangents.structure import key_of_call


def result(y, x, select, batched=None, key=None):
    """The Dual for `y`, taken from `x` by `select` (on S arrays) or `batched` (on (w, *S)).

    `y` is NumPy's own result on the primal.  Views stay views.  A `key` tells for `structure.py`
    what is done.
    """
    if not issubclass(type(y), (np.ndarray, Dual)):
        y = np.asarray(y)
    if np.may_share_memory(values(y), values(x.primal)):
        if not x.is_number:
            out = make(y, None, x.level, view_of(x, select, batched, None, key))
            if choices.rooted and type(y) is Dual:
                return choices.moved(out, x, select)
            return out
        y = y.copy()
    t = x.own_tangent() if x.size or not y.size else None  # what NumPy makes of nothing
    if t is None:
        return make(y, None, x.level)
    if batched is None:
        t = t.take_by(key, lambda: select(positions(x.shape)))
    else:
        t = t.map(batched, key)
    return make(y, t if t.dtype == y.dtype else t.astype(y.dtype), x.level)


def by_position(function, a, *args, **kwargs):
    """`function(a, ...)` for a function that copies elements of `a` to new places."""
    args = tuple(plain_key(arg) for arg in args)
    kwargs = {key: plain_key(arg) for key, arg in kwargs.items()}
    if type(a) is not Dual:
        return function(as_operand(a), *args, **kwargs)
    y = function(a.primal, *args, **kwargs)

    def select(p):
        return function(p, *args, **kwargs)

    if issubclass(type(y), (list, tuple)):
        return type(y)(result(part, a, lambda p, i=i: select(p)[i]) for i, part in enumerate(y))
    return result(y, a, select, None, key_of_call(function, args, kwargs))


def gathered(y, a, index):
    """The Dual for `y` whose elements are those of `a` at `index`, -1 for constants."""
    t = a.own_tangent()
    if t is not None:
        t = t.take(index)
        t = t if t.dtype == y.dtype else t.astype(y.dtype)
    return make(y, t, a.level)
