"""Writing into arrays: slices of arrays of Duals, and what arrays of plain numbers cannot hold.

``out[1:-1] = x`` is a loop here, over a copy of x where the two overlap; Numba's own has its error
messages compiled, which takes seconds.  A Dual that is written into an array of floats is refused
with a sentence: no Dual ever becomes a number.
"""

import operator

import numpy as np
from numba.core import cgutils, errors, types
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer, infer_global
from numba.extending import lower_builtin, overload
from numba.np import arrayobj

from dualmc.compiled.arrays import looping
from dualmc.compiled.arrays.elementwise import cannot_hold, fits
from dualmc.compiled.arrays.looping import bare, dimensions, element, is_dual_array
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.scalars.dual_type import is_dual, is_scalar

_NAME = "dualmc.write_slice"


class _WriteSlice(AbstractTemplate):
    """``a[i] = v`` where i is made of slices, numbers, ``...`` and new axes."""

    key = operator.setitem
    metadata = FIRST

    def get_impl_key(self, sig):
        return _NAME

    def generic(self, args, kws):
        array, index, value = args
        value = bare(value)
        if not isinstance(array, types.Array) or not is_scalar(element(value)):
            return None
        if is_dual(element(value)) and not fits(element(value), array.dtype):
            raise errors.TypingError(cannot_hold(array, "what is written"))
        if not is_dual(array.dtype) or not array.mutable or not _is_basic(index):
            return None
        view = _of_view(self.context, array, index)[1]
        if not is_dual_array(view.return_type) or not fits(element(value), array.dtype):
            return None
        if dimensions(value) > view.return_type.ndim:
            return None
        return signature(types.none, array, view.args[1], value)


def _of_view(typing_context, array, index):
    """The function that takes ``array[index]``, and its signature."""
    getitem = typing_context.resolve_value_type(operator.getitem)
    return getitem, getitem.get_call_type(typing_context, (array, index), {})


def _is_basic(index):
    parts = index.types if isinstance(index, types.BaseTuple) else (index,)
    basic = (types.SliceType, types.Integer, types.EllipsisType, types.NoneType)
    return all(isinstance(part, basic) for part in parts)


infer(_WriteSlice)
infer_global(operator.setitem, types.Function(_WriteSlice))


@lower_builtin(_NAME, types.Array, types.Any, types.Any)
def _write_slice(context, builder, sig, args):
    array_kind, index_kind, value_kind = sig.args
    if isinstance(index_kind, types.EllipsisType):
        assign(context, builder, array_kind, args[0], value_kind, args[2])
        return context.get_dummy_value()
    getitem, found = _of_view(context.typing_context, array_kind, index_kind)
    index = context.cast(builder, args[1], index_kind, found.args[1])
    view = context.get_function(getitem, found)(builder, (args[0], index))
    assign(context, builder, found.return_type, view, value_kind, args[2])
    context.nrt.decref(builder, found.return_type, view)
    return context.get_dummy_value()


def assign(context, builder, kind, array, value_kind, value):
    """``array[...] = value``, which is broadcast."""
    result = looping.Operand(context, builder, kind, array)
    source, release = value, None
    if isinstance(value_kind, types.Array):
        value_kind, source, release = _apart(context, builder, result, value_kind, value)
    operand = looping.Operand(context, builder, value_kind, source)
    looping.check_fits(context, builder, [operand], result.shape)
    given = element(value_kind)

    def compute(values):
        return context.cast(builder, values[0], given, kind.dtype)

    looping.loop(context, builder, [operand], result, compute)
    if release is not None:
        release()


def _apart(context, builder, result, kind, value):
    """`value`, or a copy of it if its memory may overlap that of the result."""
    source = looping.Operand(context, builder, kind, value)
    theirs, ours = (looping.extents(context, builder, o) for o in (result, source))
    overlaps = arrayobj.extents_may_overlap(context, builder, *theirs, *ours)
    any_kind = kind.copy(layout="A")
    copy_kind = kind.copy(layout="C", readonly=False)
    chosen = cgutils.alloca_once_value(builder, value)
    with builder.if_then(overlaps, likely=False):
        copy = arrayobj._empty_nd_impl(context, builder, copy_kind, source.shape)._getvalue()
        target = looping.Operand(context, builder, copy_kind, copy)
        looping.loop(context, builder, [source], target, lambda values: values[0])
        builder.store(copy, chosen)

    def release():
        with builder.if_then(overlaps, likely=False):
            context.nrt.decref(builder, any_kind, builder.load(chosen))

    return any_kind, builder.load(chosen), release


@overload(np.fill_diagonal, **FIRST)
def _fill_diagonal(a, val, wrap=False):
    if not isinstance(a, types.Array) or not is_scalar(element(val)):
        return None
    if is_dual(element(val)) and not fits(element(val), a.dtype):
        raise errors.TypingError(cannot_hold(a, "what np.fill_diagonal writes"))
    if not is_dual(a.dtype) or a.ndim != 2 or dimensions(val):
        return None

    def of_matrix(a, val, wrap=False):
        n, k = a.shape
        for i in range(n):
            if i < k:
                a[i, i] = val
            elif wrap and k and i % (k + 1) < k and i > k:
                a[i, i % (k + 1)] = val

    return of_matrix
