"""Functions whose derivative is zero wherever it exists: comparisons, rounding, counts, shapes.

They look at the primal only.  Those that return floats still return a Dual, without tangent, so
that the result may be written to.
"""

import numpy as np

from dualmc.duals import choices, equalities, halving, levels
from dualmc.duals.dual import Dual, make
from dualmc.kernels.payload import values
from dualmc.rules import registry
from dualmc.rules.registry import register_one


def stripped(a):
    """`a` with every Dual in it replaced by its values."""
    if type(a) is Dual:
        return values(a)
    if issubclass(type(a), (list, tuple)):
        return type(a)(stripped(item) for item in a)
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        return np.array([stripped(item) for item in a.flat], dtype=float).reshape(a.shape)
    return a


def _first_level(args):
    for a in args:
        if type(a) is Dual:
            return a.level
        if issubclass(type(a), (list, tuple)):
            level = _first_level(a)
            if level is not None:
                return level
    return None


def flat_handler(function):
    """`function` on the values; float results become Duals without tangent."""

    def handler(*args, **kwargs):
        if choices.reporting:
            choices.passed(function, args, kwargs)
        out = kwargs.pop("out", None)
        y = function(*stripped(args), **{key: stripped(a) for key, a in kwargs.items()})
        if function in _ORDERS and len(args) == 2 and not kwargs and out is None:
            _look_at(args, y)
        elif function in equalities.FUNCTIONS and len(args) > 1:
            equalities.equal(args[0], args[1], y, function)
        if out is not None:
            out[...] = y
            return out
        level = _first_level((*args, *kwargs.values()))
        if level is None or not level.open and not levels.is_inside():
            return y
        return _carried(y, level)

    return handler


registry.flat_handler = flat_handler
_ORDERS = frozenset({np.less, np.less_equal, np.greater, np.greater_equal})


def _look_at(args, y):
    """Whether a comparison is one of a bisection: see `halving.py`."""
    a, b = args if type(args[0]) is Dual else args[::-1]
    if type(a) is Dual and a.level.open and type(b) in _PLAIN:
        halving.compared(a, b, y)


_PLAIN = frozenset({Dual, np.ndarray, float, int, np.float64})


def _carried(y, level):
    """`y` with every array of floats in it as a Dual without tangent, which may be written to."""
    if issubclass(type(y), (np.ndarray, np.inexact)) and y.dtype.kind in "fc":
        return make(np.asarray(y), None, level)
    if issubclass(type(y), (list, tuple)):
        parts = [_carried(part, level) for part in y]
        return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)
    return y


_NAMES = """
floor ceil trunc rint fix round around signbit spacing floor_divide
equal not_equal less less_equal greater greater_equal
logical_and logical_or logical_xor logical_not isnan isinf isfinite isnat isneginf isposinf
iscomplex isreal iscomplexobj isrealobj isclose allclose array_equal array_equiv
all any count_nonzero argmax argmin nanargmax nanargmin argsort lexsort argpartition argwhere
nonzero flatnonzero searchsorted digitize
shape ndim size common_type result_type can_cast min_scalar_type
diag_indices_from tril_indices_from triu_indices_from unravel_index ravel_multi_index einsum_path
may_share_memory shares_memory isin
array_repr array_str array2string format_float_positional format_float_scientific
""".split()


def _register():
    for name in _NAMES:
        function = getattr(np, name, None)
        if function is not None:
            register_one("flat", function, flat_handler(function))
    for name in ("logical_and", "logical_or", "logical_xor"):
        ufunc = getattr(np, name)
        register_one("flat", (ufunc, "reduce"), flat_handler(ufunc.reduce))


_register()
