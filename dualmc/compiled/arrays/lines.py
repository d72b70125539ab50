"""Arrays as vectors, and as stacks of lines along an axis, for functions that go through elements.

The order of the elements is that of Numba's own loops over floats, so that sums round as the
user's own do.
"""

import numpy as np
from numba.core import types
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from dualmc.compiled.arrays.levels import address, loop, shape_of
from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars import partials
from dualmc.compiled.scalars.dual_type import base_of, is_dual, is_scalar

AXIS_ERROR = np.exceptions.AxisError


def vector(a):
    """The elements of `a` as they lie in memory: a view where the array is contiguous."""
    raise NotImplementedError


def flat(a):
    """The elements of `a` in the order of its indices."""
    raise NotImplementedError


@overload(vector)
def _vector(a):
    if a.ndim == 1:
        return lambda a: a
    if a.layout == "F":
        return lambda a: a.T.reshape(a.size)
    return _in_order(a)


@overload(flat)
def _flat(a):
    return (lambda a: a) if a.ndim == 1 else _in_order(a)


def _in_order(a):
    if a.layout == "C":
        return lambda a: a.reshape(a.size)
    return lambda a: np.ascontiguousarray(a).reshape(a.size)


def counted(a, axis):
    """The axis counted from the front, after a look at its bounds."""
    raise NotImplementedError


@overload(counted)
def _counted(a, axis):
    def from_front(a, axis):
        if axis < -a.ndim or axis >= a.ndim:
            raise AXIS_ERROR("axis is out of bounds for the array")
        return axis + a.ndim if axis < 0 else axis

    return from_front


def lines(a, axis):
    """`a` as ``(before, n, after)``, n the length of the lines along `axis`, contiguous."""
    raise NotImplementedError


@overload(lines)
def _lines(a, axis):
    def stacked(a, axis):
        axis = counted(a, axis)
        before = after = 1
        for i in range(a.ndim):
            if i < axis:
                before *= a.shape[i]
            elif i > axis:
                after *= a.shape[i]
        return flat(a).reshape((before, a.shape[axis], after))

    return stacked


def without(a, axis):
    """The shape of `a` but for one axis."""
    raise NotImplementedError


@overload(without)
def _without(a, axis):
    if a.ndim == 2:
        return lambda a, axis: (a.shape[1 - counted(a, axis)],)
    if a.ndim == 3:

        def of_three(a, axis):
            axis = counted(a, axis)
            first = a.shape[1] if axis == 0 else a.shape[0]
            return first, a.shape[1] if axis == 2 else a.shape[2]

        return of_three
    if a.ndim == 4:

        def of_four(a, axis):
            axis = counted(a, axis)
            first = a.shape[1] if axis == 0 else a.shape[0]
            second = a.shape[2] if axis <= 1 else a.shape[1]
            return first, second, a.shape[2] if axis == 3 else a.shape[3]

        return of_four
    return None


def is_whole(a, axis):
    """Whether the lines of `a` along `axis` are one: a vector, or all of the array."""
    return is_nothing(axis) or a.ndim == 1 and isinstance(axis, types.Integer)


@intrinsic
def bare(context, a):
    """The floats at the bottom of the Duals of `a`: what decides an order or a comparison."""
    given = a.dtype if isinstance(a, types.Array) else a
    if not is_scalar(given):
        return None
    if not is_dual(given):
        return a(a), lambda context, builder, sig, args: arrayobj.impl_ret_borrowed(
            context, builder, a, args[0]
        )
    kind = base_of(given)

    def value(builder, x):
        return partials.innermost(builder, given, x)[0]

    if not isinstance(a, types.Array):
        return kind(a), lambda context, builder, sig, args: value(builder, args[0])
    result = types.Array(kind, a.ndim, "F" if a.layout == "F" else "C")

    def code(context, builder, sig, args):
        array = context.make_array(a)(context, builder, args[0])
        out = arrayobj._empty_nd_impl(context, builder, result, shape_of(builder, a, array))
        with loop(context, builder, a, array) as indices:
            x = context.unpack_value(builder, given, address(context, builder, a, array, indices))
            to = address(context, builder, result, out, indices)
            context.pack_value(builder, kind, value(builder, x), to)
        return arrayobj.impl_ret_new_ref(context, builder, result, out._getvalue())

    return result(a), code
