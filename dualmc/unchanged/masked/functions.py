"""Stand-ins for the functions of numpy.ma, which convert their arguments before a Dual could speak.

Element-wise functions of numpy.ma run as they are, on what `array.py` shows them; those that make
a masked array, reduce one or choose among elements are found here; the rest refuses Duals by name.
"""

import types

import numpy as np
from numpy import ma

from dualmc.duals import subclasses
from dualmc.duals.operands import has_tangent
from dualmc.errors import missing_rule
from dualmc.graph.traced import Traced
from dualmc.unchanged.masked.array import Masked, result, settled
from dualmc.unchanged.masked.methods import BY_METHOD, MOVES, moved
from dualmc.unchanged.standins.table import has_carrier, looked_at, operand

nomask = ma.nomask


def as_masked(a):
    """A carrier, or a nest of lists of them, as a masked array; the rest as numpy.ma has it."""
    if type(a) is Masked:
        return a
    if subclasses.is_foreign(a) and a.dtype == object:  # which numpy.ma made of Duals
        return Masked(operand(a), ma.getmask(a))
    return Masked(operand(a)) if has_carrier(a) else ma.asanyarray(a)


def masked_array(data=None, mask=nomask, dtype=None, copy=False, subok=True, ndmin=0,
                 fill_value=None, keep_mask=True, hard_mask=None, shrink=True,
                 order=None):  # fmt: skip
    """``numpy.ma.MaskedArray(data, mask, ...)``."""
    a = as_masked(data)
    numbers = a.data if dtype is None else a.data.astype(dtype)
    numbers = numbers.copy() if copy else numbers
    if np.ndim(numbers) < ndmin:
        numbers = np.reshape(numbers, (1,) * (ndmin - np.ndim(numbers)) + numbers.shape)
    kept = ma.getmask(a) if keep_mask or mask is nomask else nomask
    if mask is not nomask:
        mask = np.broadcast_to(np.asarray(looked_at(mask), bool), numbers.shape).copy()
    made = Masked(numbers, ma.mask_or(kept, mask), a)
    if fill_value is not None:
        made.fill_value = fill_value
    return made


def array(data, dtype=None, copy=False, order=None, mask=nomask, fill_value=None, keep_mask=True,
          hard_mask=False, shrink=True, subok=True, ndmin=0):  # fmt: skip
    """``numpy.ma.array``."""
    return masked_array(data, mask, dtype, copy, subok, ndmin, fill_value, keep_mask)


def asarray(a, dtype=None, order=None):
    """``numpy.ma.asarray`` and ``numpy.ma.asanyarray``."""
    return masked_array(a, dtype=dtype)


def masked_where(condition, a, copy=True):
    """``numpy.ma.masked_where``."""
    a = as_masked(a)
    condition = ma.filled(looked_at(condition), True)
    if np.shape(condition) not in ((), a.shape):
        raise IndexError(
            f"Inconsistent shape between the condition and the input (got {np.shape(condition)} "
            f"and {a.shape})"
        )
    mask = ma.mask_or(ma.getmaskarray(a), np.broadcast_to(condition, a.shape))
    return result(a.data.copy() if copy else a.data, mask, a)


def _comparing(compare):
    def masked_by(x, value, copy=True):
        x = as_masked(x)
        y = masked_where(looked_at(compare(x.data, value)), x, copy)
        if compare is np.equal and type(y) is Masked:  # as numpy.ma has it
            y.fill_value = looked_at(value)
        return y

    return masked_by


def masked_invalid(a, copy=True):
    """``numpy.ma.masked_invalid``."""
    return masked_where(~looked_at(np.isfinite(as_masked(a).data)), a, copy)


def masked_inside(x, v1, v2, copy=True):
    """``numpy.ma.masked_inside``."""
    low, high = sorted((v1, v2))
    data = as_masked(x).data
    return masked_where(looked_at(data >= low) & looked_at(data <= high), x, copy)


def masked_outside(x, v1, v2, copy=True):
    """``numpy.ma.masked_outside``."""
    low, high = sorted((v1, v2))
    data = as_masked(x).data
    return masked_where(looked_at(data < low) | looked_at(data > high), x, copy)


def fix_invalid(a, mask=nomask, copy=True, fill_value=None):
    """``numpy.ma.fix_invalid``."""
    a = masked_array(a, mask, copy=True)
    invalid = ~looked_at(np.isfinite(a.data))
    data = np.where(invalid, a.fill_value if fill_value is None else fill_value, a.data)
    return Masked(data, ma.getmaskarray(a) | invalid, a)


def filled(a, fill_value=None):
    """``numpy.ma.filled``."""
    return as_masked(a).filled(fill_value)


def where(condition, x=None, y=None):
    """``numpy.ma.where``."""
    if x is None or y is None:
        raise missing_rule("numpy.ma.where without x and y")
    chosen, unknown = looked_at(ma.filled(condition, False)), ma.getmaskarray(condition)
    parts = [(0.0, True) if a is ma.masked else _parts(a) for a in (x, y)]
    data = np.where(chosen, *(data for data, _ in parts))
    return Masked(data, np.where(chosen, *(mask for _, mask in parts)) | unknown)


def _parts(a):
    if has_carrier(a) or subclasses.is_masked(a):
        a = as_masked(a)
    return ma.getdata(a), ma.getmaskarray(a)


def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """``numpy.ma.average``."""
    a = as_masked(a)
    if weights is None:
        average = a.mean(axis, keepdims=keepdims)
        total = a.count(axis, keepdims=keepdims)
    else:
        weights = operand(weights) if has_carrier(weights) else np.asanyarray(weights)
        if weights.shape != a.shape:
            if weights.ndim != 1 or type(axis) is not int:
                raise missing_rule("numpy.ma.average with weights of another shape")
            shape = [1] * a.ndim
            shape[axis] = -1
            weights = np.broadcast_to(np.reshape(weights, shape), a.shape)
        present = np.where(ma.getmaskarray(a) | ma.getmaskarray(weights), 0.0, ma.getdata(weights))
        total = present.sum(axis, keepdims=keepdims)
        sums = np.multiply(np.where(ma.getmaskarray(a), 0.0, a.data), present)
        average = settled(ma.true_divide(sums.sum(axis, keepdims=keepdims), total))
    return (average, total) if returned else average


def _compared(ufunc):
    """A comparison or a logical function: masked where an operand is."""

    def standin(*args):
        parts = [_parts(a) for a in args]
        mask = nomask
        for _, m in parts:
            mask = ma.mask_or(mask, m)
        return ma.array(looked_at(ufunc(*(data for data, _ in parts))), mask=mask)

    return standin


def _choosing(compare):
    compared = _compared(compare)

    def extremum(a, b):
        return where(compared(a, b), a, b)

    return extremum


def _by_method(name):
    def standin(a, *args, **options):
        return getattr(as_masked(a), name)(*args, **options)

    return standin


def _elementwise(function):
    def standin(*args, **options):
        args = [operand(a) if has_carrier(a) and type(a) is not Masked else a for a in args]
        return settled(function(*args, **options))

    return standin


_OWN = {
    "array": array, "asarray": asarray, "asanyarray": asarray, "masked_where": masked_where,
    "masked_invalid": masked_invalid, "masked_inside": masked_inside,
    "masked_outside": masked_outside, "fix_invalid": fix_invalid, "filled": filled,
    "where": where, "average": average, "maximum": _choosing(np.greater),
    "minimum": _choosing(np.less),
    "masked_greater": _comparing(np.greater), "masked_greater_equal": _comparing(np.greater_equal),
    "masked_less": _comparing(np.less), "masked_less_equal": _comparing(np.less_equal),
    "masked_equal": _comparing(np.equal), "masked_not_equal": _comparing(np.not_equal),
    "isMaskedArray": lambda x: type(x) is Masked,
    "power": lambda a, b, third=None: settled(ma.power(_number(a), _number(b), third)),
}  # fmt: skip
_COMPARISONS = frozenset(
    """
    equal not_equal less less_equal greater greater_equal
    logical_and logical_or logical_xor logical_not
    """.split()
)
_OWN["isMA"] = _OWN["isarray"] = _OWN["isMaskedArray"]
# Which read `_data` and `_mask`, shapes, or masks alone.
_AS_THEY_ARE = frozenset(
    """
    getmask getmaskarray getdata is_masked mask_or make_mask make_mask_none is_mask shape ndim size
    count_masked default_fill_value
    """.split()
)


def _number(a):
    return operand(a) if has_carrier(a) and type(a) is not Masked else a


def _standin(name, function):
    """What is found in place of numpy.ma's `function`."""
    if name in _OWN:
        own = _OWN[name]
    elif isinstance(function, ma.core._MaskedUFunc):
        is_flat = name in _COMPARISONS
        own = _compared(function.f) if is_flat else _elementwise(function)
    elif name in BY_METHOD:
        own = _by_method(BY_METHOD[name])
    elif name in MOVES:
        own = _moving(getattr(np, name))
    else:
        own = _of_numbers(name, function)

    def standin(*args, **options):
        given = (*args, *options.values())
        if not has_carrier(given):
            return function(*args, **options)
        return own(*args, **options)

    standin.__name__ = name
    standin.__doc__ = function.__doc__
    return standin


def _moving(function):
    def standin(a, *args, **options):
        return moved(function, (as_masked(a), *args), options)

    return standin


def _of_numbers(name, function):
    """A function without a rule: of what has no derivative, as it is."""

    def standin(*args, **options):
        return function(*map(plain, args), **{key: plain(a) for key, a in options.items()})

    def plain(a):
        if issubclass(type(a), (list, tuple)):
            return type(a)(map(plain, a))
        data = a.data if type(a) is Masked else a
        if has_tangent(data) or type(data) is Traced and not data.is_flat:
            raise missing_rule(f"numpy.ma.{name}")
        return ma.array(looked_at(data), mask=a.mask) if type(a) is Masked else looked_at(a)

    return standin


class _MaskedType(type):
    """So that ``isinstance(y, numpy.ma.MaskedArray)`` is as true as it was of the array."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, (ma.MaskedArray, Masked))

    def __subclasscheck__(cls, subclass):
        return subclass is Masked or issubclass(subclass, ma.MaskedArray)

    def __call__(cls, *args, **options):
        if has_carrier((*args, *options.values())):
            return masked_array(*args, **options)
        return ma.MaskedArray(*args, **options)

    def __getattr__(cls, name):
        return getattr(ma.MaskedArray, name)

    def __eq__(cls, other):
        return other is cls or other is ma.MaskedArray

    def __hash__(cls):
        return hash(ma.MaskedArray)


class MaskedArray(metaclass=_MaskedType):
    """``numpy.ma.MaskedArray`` as user code names it."""


def handlers():
    found = {"numpy.ma.MaskedArray": MaskedArray}
    for name in ma.__all__:
        function = getattr(ma, name)
        is_own = type(function) is types.FunctionType and name not in _AS_THEY_ARE
        if is_own or isinstance(function, ma.core._MaskedUFunc):
            found[f"numpy.ma.{name}"] = _standin(name, function)
    return found
