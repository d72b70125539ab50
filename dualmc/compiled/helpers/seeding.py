"""Inputs of a sweep with any tangents, and what may not be written: machine code for `pushing`."""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

from dualmc.compiled import blocks
from dualmc.compiled.blocks import I64
from dualmc.compiled.scalars import intrinsics, partials
from dualmc.compiled.scalars.partials import I32, pack


def _loaded(context, builder, dual, rows, row, first):
    """The partials at ``rows[row, first : first + n]``, 0 beyond the end; and at row -1."""
    n = dual.n
    columns = cgutils.unpack_tuple(builder, rows.shape, 2)[1]
    at = builder.add(builder.mul(row, columns), first)
    room = builder.sub(columns, first)
    out = partials.zeros(context, dual)
    base = out.type.element
    nothing = cgutils.alloca_once_value(builder, ir.Constant(base, 0.0))
    for lane in range(n):
        place = ir.Constant(I64, lane)
        is_there = builder.icmp_signed("<", place, room)
        to = builder.gep(rows.data, [builder.add(at, place)])
        value = builder.load(builder.select(is_there, to, nothing))
        out = builder.insert_element(out, value, ir.Constant(I32, lane))
    return out


@intrinsic
def pushed(context, like, x, rows, first):
    """A copy of x in Duals; the partials of element i are ``rows[i, first : first + n]``."""
    dual = intrinsics.instance(like)
    is_array = isinstance(x, types.Array)
    kind = types.Array(dual, x.ndim, "C") if is_array else dual

    def code(context, builder, sig, args):
        _, x, rows, first = args
        _, x_kind, rows_kind, _ = sig.args
        source = context.make_array(rows_kind)(context, builder, rows)
        if not is_array:
            primal = context.cast(builder, x, x_kind, dual.inner)
            parts = _loaded(context, builder, dual, source, ir.Constant(I64, 0), first)
            return pack(context, builder, dual, primal, parts)
        shape = blocks.shape_of(context, builder, x_kind, x)
        array = blocks.new_array(context, builder, kind, shape)
        model = context.data_model_manager[dual]
        for position, at in blocks.elements(context, builder, x_kind, x):
            value = context.unpack_value(builder, x_kind.dtype, at)
            primal = context.cast(builder, value, x_kind.dtype, dual.inner)
            parts = _loaded(context, builder, dual, source, position, first)
            data = model.as_data(builder, pack(context, builder, dual, primal, parts))
            builder.store(data, builder.gep(array.data, [position]), align=1)
        return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

    return kind(like, x, rows, types.intp), code


@intrinsic
def fixed(context, x):
    """An array as one that may not be written to; anything else as it is."""
    kind = x.copy(readonly=True) if isinstance(x, types.Array) else x

    def code(context, builder, sig, args):
        return arrayobj.impl_ret_borrowed(context, builder, kind, args[0])

    return kind(x), code


@intrinsic
def own(context, x):
    """A copy of an array of numbers; anything else as it is."""
    if not isinstance(x, types.Array):

        def same(context, builder, sig, args):
            return arrayobj.impl_ret_borrowed(context, builder, x, args[0])

        return x(x), same
    kind = types.Array(x.dtype, x.ndim, "C")

    def code(context, builder, sig, args):
        shape = blocks.shape_of(context, builder, x, args[0])
        array = blocks.new_array(context, builder, kind, shape)
        for position, at in blocks.elements(context, builder, x, args[0]):
            value = context.unpack_value(builder, x.dtype, at)
            context.pack_value(builder, x.dtype, value, builder.gep(array.data, [position]))
        return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

    return kind(x), code
