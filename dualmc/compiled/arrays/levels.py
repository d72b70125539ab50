"""The values of arrays of Duals at the level of a result, and results put together from such.

A function that Numba has for floats is called with the values, so that the value is that of the
user's function to the bit; an expression that is linear in the Duals, all else held constant,
carries the partials.  The values are Duals themselves where Duals are nested: the function is then
the one for arrays of Duals again, so that higher derivatives come by recursion.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

from dualmc.compiled.scalars import partials
from dualmc.compiled.scalars.dual_type import base_of, depth_of, is_dual, is_scalar
from dualmc.compiled.scalars.intrinsics import instance

LANES = types.intp


def element(kind):
    return kind.dtype if isinstance(kind, types.Array) else kind


def _held_kind(T, kind):
    """What the values of elements of this `kind` are, at the level of `T`."""
    inner = T.inner
    if depth_of(kind) < depth_of(T) and is_dual(inner) and base_of(kind) == base_of(inner):
        return kind
    return inner


def loop(context, builder, kind, array):
    shape = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
    return cgutils.loop_nest(builder, shape, context.get_value_type(types.intp))


def address(context, builder, kind, array, indices):
    shape = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
    strides = cgutils.unpack_tuple(builder, array.strides, kind.ndim)
    return cgutils.get_item_pointer2(
        context, builder, array.data, shape, strides, kind.layout, indices
    )


def shape_of(builder, kind, array):
    return cgutils.unpack_tuple(builder, array.shape, kind.ndim)


@intrinsic
def held(context, like, a):
    """The values of `a` one level below the Duals of `like`, in a contiguous array.

    Plain numbers and arrays of other precision are converted; what is constant at that level, and
    of the right kind, stays as it is.  What is decided by them is watched.
    """
    return _held(like, a, True)


@intrinsic
def held_factors(context, like, a):
    """The same, of values that are only multiplied and added up, whatever they are."""
    return _held(like, a, False)


def _held(like, a, tells):
    T = instance(like)
    given = element(a)
    if not is_scalar(given):
        return None
    kind = _held_kind(T, given)
    is_active = depth_of(given) == depth_of(T)

    def value(context, builder, x):
        from_kind = given
        if tells:
            partials.decided(builder, given)
        if is_active:
            x, from_kind = builder.extract_value(x, [0]), given.inner
        return context.cast(builder, x, from_kind, kind)

    if not isinstance(a, types.Array):
        return kind(like, a), lambda context, builder, sig, args: value(context, builder, args[1])
    if given == kind:
        same = lambda context, builder, sig, args: arrayobj.impl_ret_borrowed(  # noqa: E731
            context, builder, a, args[1]
        )
        return a(like, a), same
    result = types.Array(kind, a.ndim, "F" if a.layout == "F" else "C")

    def code(context, builder, sig, args):
        array = context.make_array(a)(context, builder, args[1])
        out = arrayobj._empty_nd_impl(context, builder, result, shape_of(builder, a, array))
        with loop(context, builder, a, array) as indices:
            at = address(context, builder, a, array, indices)
            to = address(context, builder, result, out, indices)
            x = value(context, builder, context.unpack_value(builder, given, at))
            context.pack_value(builder, kind, x, to)
        return arrayobj.impl_ret_new_ref(context, builder, result, out._getvalue())

    return result(like, a), code


@intrinsic
def settled(context, found, y):
    """`found` with the values `y`, which take the place of its own."""
    T = element(found)
    if not is_dual(T):
        return None
    if not isinstance(found, types.Array):

        def replaced(context, builder, sig, args):
            value = context.cast(builder, args[1], sig.args[1], T.inner)
            return builder.insert_value(args[0], value, [0])

        return T(found, y), replaced
    if found.ndim != y.ndim:
        return None
    is_new = y.layout == "F" and found.layout != "F"  # as f's own result is laid out
    result = types.Array(T, found.ndim, "F") if is_new else found

    def code(context, builder, sig, args):
        source = context.make_array(found)(context, builder, args[0])
        values = context.make_array(y)(context, builder, args[1])
        out = source
        if is_new:
            shape = shape_of(builder, found, source)
            out = arrayobj._empty_nd_impl(context, builder, result, shape)
        with loop(context, builder, found, source) as indices:
            x = context.unpack_value(
                builder, y.dtype, address(context, builder, y, values, indices)
            )
            x = context.cast(builder, x, y.dtype, T.inner)
            at = address(context, builder, found, source, indices)
            to = address(context, builder, result, out, indices)
            dual = context.unpack_value(builder, T, at)
            context.pack_value(builder, T, builder.insert_value(dual, x, [0]), to)
        if is_new:
            return arrayobj.impl_ret_new_ref(context, builder, result, out._getvalue())
        return arrayobj.impl_ret_borrowed(context, builder, result, args[0])

    return result(found, y), code


@intrinsic
def unknown(context, dual):
    """What is added to a result of which a convention chose the derivative, or which has none.

    Its value is 0, its partials are NaN where those of `dual` are not 0.
    """
    if not is_dual(dual):
        return None

    def code(context, builder, sig, args):
        parts = builder.extract_value(args[0], [1])
        zero = context.cast(builder, context.get_constant(dual.base, 0.0), dual.base, dual.inner)
        return partials.pack(context, builder, dual, zero, _spoiled(builder, dual, parts))

    return dual(dual), code


def _spoiled(builder, T, parts):
    """NaN in the place of all partials that are not 0."""
    if T.marks:
        lanes = _spoiled(builder, T.unmarked, partials.lanes_of(builder, T, parts))
        return builder.insert_value(parts, lanes, [0])
    if not is_dual(T.inner):
        return _nan_unless(builder, parts, ir.Constant(parts.type, None))
    for k in range(T.n):
        part = builder.extract_value(parts, [k])
        primal, _ = partials.innermost(builder, T.inner, part)
        inner = builder.extract_value(part, [1])
        kept = builder.insert_value(part, _spoiled(builder, T.inner, inner), [1])
        is_zero = builder.fcmp_ordered("==", primal, ir.Constant(primal.type, 0.0))
        part = builder.select(is_zero, kept, _all_nan(part.type))
        parts = builder.insert_value(parts, part, [k])
    return parts


def _nan_unless(builder, value, zero):
    return builder.select(builder.fcmp_ordered("==", value, zero), zero, _all_nan(value.type))


def _all_nan(kind):
    if isinstance(kind, ir.VectorType) and isinstance(kind.element, ir.IntType):
        raise NotImplementedError("derivatives of marked Duals that are not known")
    if isinstance(kind, ir.VectorType):
        return ir.Constant(kind, [_all_nan(kind.element)] * kind.count)
    if isinstance(kind, ir.ArrayType):
        return ir.Constant(kind, [_all_nan(kind.element)] * kind.count)
    if isinstance(kind, ir.BaseStructType):
        return ir.Constant(kind, [_all_nan(part) for part in kind.elements])
    return ir.Constant(kind, float("nan"))


@intrinsic
def columns_of(context, r):
    """The partials of a matrix of Duals as columns: entry (i, j) has columns from ``j * n`` on."""
    if not isinstance(r, types.Array) or r.ndim != 2 or not is_dual(r.dtype):
        return None
    T = r.dtype
    result = types.Array(T.inner, 2, "C")

    def code(context, builder, sig, args):
        array = context.make_array(r)(context, builder, args[0])
        rows, width = shape_of(builder, r, array)
        lanes = context.get_constant(LANES, T.n)
        out = arrayobj._empty_nd_impl(context, builder, result, (rows, builder.mul(width, lanes)))
        for i, j, k, dual in _lanes(context, builder, r, array):
            parts = partials.lanes_of(builder, T, builder.extract_value(dual, [1]))
            part = _part(builder, T, parts, k)
            column = builder.add(builder.mul(j, lanes), context.get_constant(LANES, k))
            to = address(context, builder, result, out, (i, column))
            context.pack_value(builder, T.inner, part, to)
        return arrayobj.impl_ret_new_ref(context, builder, result, out._getvalue())

    return result(r), code


def _lanes(context, builder, kind, array):
    """Each entry of a matrix of Duals and each of its lanes: a generator within the loop."""
    with loop(context, builder, kind, array) as (i, j):
        dual = context.unpack_value(
            builder, kind.dtype, address(context, builder, kind, array, (i, j))
        )
        for k in range(kind.dtype.n):
            yield i, j, k, dual


def _part(builder, T, parts, k):
    if is_dual(T.inner):
        return builder.extract_value(parts, [k])
    return builder.extract_element(parts, partials.I32(k))


@intrinsic
def from_columns(context, like, z, r):
    """A matrix of Duals, their values 0, from columns as `columns_of` gives them.

    They are combinations of the columns of r, so that each has the marks of a whole column.
    """
    T = instance(like)
    result = types.Array(T, 2, "C")

    def code(context, builder, sig, args):
        array = context.make_array(z)(context, builder, args[1])
        rows, width = shape_of(builder, z, array)
        lanes = context.get_constant(LANES, T.n)
        out = arrayobj._empty_nd_impl(context, builder, result, (rows, builder.sdiv(width, lanes)))
        with loop(context, builder, result, out) as (i, j):
            parts = partials.zeros(context, T.unmarked)
            for k in range(T.n):
                column = builder.add(builder.mul(j, lanes), context.get_constant(LANES, k))
                at = address(context, builder, z, array, (i, column))
                part = context.unpack_value(builder, z.dtype, at)
                part = context.cast(builder, part, z.dtype, T.inner)
                if is_dual(T.inner):
                    parts = builder.insert_value(parts, part, [k])
                else:
                    parts = builder.insert_element(parts, part, partials.I32(k))
            if T.marks:
                marks = _marks_of_column(context, builder, r, args[2], j)
                parts = partials.marked(context, builder, T, parts, marks)
            zero = context.cast(builder, context.get_constant(T.base, 0.0), T.base, T.inner)
            dual = partials.pack(context, builder, T, zero, parts)
            to = address(context, builder, result, out, (i, j))
            context.pack_value(builder, T, dual, to)
        return arrayobj.impl_ret_new_ref(context, builder, result, out._getvalue())

    return result(like, z, r), code


def _marks_of_column(context, builder, kind, value, j):
    """All marks of column j of a matrix of marked Duals."""
    array = context.make_array(kind)(context, builder, value)
    marks = context.get_value_type(kind.dtype.partials.words)
    found = cgutils.alloca_once(builder, marks)
    builder.store(ir.Constant(marks, None), found)
    with cgutils.for_range(builder, shape_of(builder, kind, array)[0]) as rows:
        at = address(context, builder, kind, array, (rows.index, j))
        dual = context.unpack_value(builder, kind.dtype, at)
        own = partials.marks_of(builder, builder.extract_value(dual, [1]))
        builder.store(builder.or_(builder.load(found), own), found)
    return builder.load(found)
