"""Machine code of loops over arrays: operands broadcast, an element of each at a time.

Written as instructions, not as functions that Numba would have to compile for every type; a
dimension of size 1 is walked with stride 0.  Elements are visited in the order in which Numba's own
loops do, so that operands which overlap with the result give what the function itself gives.
"""

from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.core.imputils import force_error_model
from numba.np import arrayobj

from dualmc.compiled.scalars.dual_type import is_dual

I64 = ir.IntType(64)
ZERO, ONE = ir.Constant(I64, 0), ir.Constant(I64, 1)


def bare(kind):
    """A type without Optional and without a literal's value."""
    if isinstance(kind, types.Optional):
        kind = kind.type
    return types.unliteral(kind)


def element(kind):
    """The type of the elements of an operand: a number or Dual is its own."""
    return kind.dtype if isinstance(kind, types.Array) else kind


def dimensions(kind):
    return kind.ndim if isinstance(kind, types.Array) else 0


def is_dual_array(kind):
    return isinstance(kind, types.Array) and is_dual(kind.dtype)


def layout_of(kinds):
    """The layout that NumPy's ufuncs give a new result."""
    layouts = [kind.layout for kind in kinds if isinstance(kind, types.Array)]
    return "F" if "F" in layouts and "C" not in layouts else "C"


class Operand:
    """One operand of a loop: a number, or an array with the strides of its dimensions."""

    def __init__(self, context, builder, kind, value):
        self.context, self.builder, self.kind, self.value = context, builder, kind, value
        self.ndim = dimensions(kind)
        if isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder, value)
            self.data = array.data
            self.shape = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
            self.strides = cgutils.unpack_tuple(builder, array.strides, kind.ndim)

    def spread(self):
        """Let dimensions of size 1 stand still."""
        for i in range(self.ndim):
            is_one = self.builder.icmp_signed("==", self.shape[i], ONE)
            self.strides[i] = self.builder.select(is_one, ZERO, self.strides[i])

    def load(self, indices):
        if not isinstance(self.kind, types.Array):
            return self.value
        at = cgutils.pointer_add(self.builder, self.data, self._offset(indices))
        return self.context.unpack_value(self.builder, self.kind.dtype, at)

    def store(self, indices, value):
        at = cgutils.pointer_add(self.builder, self.data, self._offset(indices))
        model = self.context.data_model_manager[self.kind.dtype]
        width = None if not is_dual(self.kind.dtype) else 1
        self.builder.store(model.as_data(self.builder, value), at, align=width)

    def _offset(self, indices):
        offset = ZERO
        for index, stride in zip(indices[len(indices) - self.ndim :], self.strides, strict=True):
            offset = self.builder.add(offset, self.builder.mul(index, stride))
        return offset


def extents(context, builder, operand):
    """The addresses between which the elements of an array lie."""
    array = context.make_array(operand.kind)(context, builder, operand.value)
    return arrayobj.get_array_memory_extents(
        context, builder, operand.kind, array, operand.shape, operand.strides, operand.data
    )


def fail(context, builder, message):
    """Raise a ValueError from the compiled function."""
    place = errors.loc_info.get("loc", None)
    if place is not None:
        message += f'\nFile "{place.filename}", line {place.line}, '
    context.call_conv.return_user_exc(builder, ValueError, (message,))


def common_shape(context, builder, operands):
    """The shape to which operands are broadcast."""
    ndim = max(operand.ndim for operand in operands)
    shape = [ONE] * ndim
    for operand in operands:
        for k, size in enumerate(operand.shape if operand.ndim else ()):
            at = ndim - operand.ndim + k
            known = shape[at]
            if known is ONE:
                shape[at] = size
                continue
            is_free = builder.icmp_signed("==", known, ONE)
            fits = builder.or_(is_free, builder.icmp_signed("==", size, ONE))
            fits = builder.or_(fits, builder.icmp_signed("==", size, known))
            with cgutils.if_unlikely(builder, builder.not_(fits)):
                fail(context, builder, "operands could not be broadcast together")
            shape[at] = builder.select(is_free, size, known)
    return shape


def check_fits(context, builder, operands, shape):
    """Raise unless operands can be broadcast to this shape."""
    for operand in operands:
        if operand.ndim > len(shape):
            raise errors.TypingError("dualmc: an operand has more dimensions than the result.")
        for k, size in enumerate(operand.shape if operand.ndim else ()):
            known = shape[len(shape) - operand.ndim + k]
            fits = builder.icmp_signed("==", size, ONE)
            fits = builder.or_(fits, builder.icmp_signed("==", size, known))
            with cgutils.if_unlikely(builder, builder.not_(fits)):
                fail(context, builder, "an operand could not be broadcast to the result's shape")


def loop(context, builder, operands, result, compute):
    """``result[i] = compute(elements of operands at i)`` for every i of result's shape."""
    for operand in operands:
        operand.spread()
    layouts = [o.kind.layout for o in operands if isinstance(o.kind, types.Array)]
    order = "F" if layouts.count("F") > layouts.count("C") else "C"
    shape = result.shape
    with cgutils.loop_nest(builder, shape, I64, order=order) as indices:
        value = compute([operand.load(indices) for operand in operands])
        result.store(indices, value)


def fill_new(context, builder, kind, operands, compute):
    """A new array of this `kind` and the operands' common shape, filled by `compute`."""
    shape = common_shape(context, builder, operands)
    array = arrayobj._empty_nd_impl(context, builder, kind, shape)
    value = array._getvalue()
    loop(context, builder, operands, Operand(context, builder, kind, value), compute)
    return value


def fill_given(context, builder, kind, value, operands, compute):
    """The array `value`, written over by `compute`; it counts as one more reference."""
    result = Operand(context, builder, kind, value)
    check_fits(context, builder, operands, result.shape)
    loop(context, builder, operands, result, compute)
    context.nrt.incref(builder, kind, value)
    return value


def typed_call(typing_context, function, kinds):
    """The signature of `function` for scalars of these kinds; None: it takes none such."""
    try:
        return typing_context.resolve_value_type(function).get_call_type(
            typing_context, tuple(kinds), {}
        )
    except errors.TypingError:
        return None


def call_scalar(context, builder, function, kinds, values):
    """``function(*values)`` for scalars, under NumPy's rules of division; and its type."""
    resolved = context.typing_context.resolve_value_type(function)
    return call_resolved(context, builder, resolved, kinds, values)


def call_resolved(context, builder, resolved, kinds, values):
    sig = resolved.get_call_type(context.typing_context, tuple(kinds), {})
    cast = [
        context.cast(builder, v, given, wanted)
        for v, given, wanted in zip(values, kinds, sig.args, strict=True)
    ]
    with force_error_model(context, "numpy"):
        code = context.get_function(resolved, sig)
        value = code(builder, cast)
    context.add_linking_libs(getattr(code, "libs", ()))
    return value, sig.return_type
