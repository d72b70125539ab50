"""What a sweep through compiled code needs: seeded inputs, and the rows of a Jacobian.

Loops over elements are machine code written here, not functions that Numba would have to compile
for every type.
"""

from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.extending import intrinsic, register_jitable
from numba.np import arrayobj

from dualmc.compiled import arena
from dualmc.compiled.scalars import intrinsics, partials
from dualmc.compiled.scalars.dual_type import base_of, is_dual, promoted
from dualmc.compiled.scalars.partials import I32, pack

I64 = ir.IntType(64)
# A column that no chunk holds: further back than any array is long.
NOWHERE = -(2**60)


def new_array(context, builder, kind, shape):
    return arrayobj._empty_nd_impl(context, builder, kind, shape)


def integer(value):
    return ir.Constant(I64, value)


def elements(context, builder, kind, value):
    """For each element of an array in C order: its position and its address, as a generator whose
    body is the loop's.
    """
    array = context.make_array(kind)(context, builder, value)
    count = cgutils.alloca_once_value(builder, integer(0))
    shape = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
    strides = cgutils.unpack_tuple(builder, array.strides, kind.ndim)
    with cgutils.loop_nest(builder, shape, I64) as indices:
        at = cgutils.get_item_pointer2(
            context, builder, array.data, shape, strides, kind.layout, indices
        )
        position = builder.load(count)
        yield position, at
        builder.store(builder.add(position, integer(1)), count)


def shape_of(context, builder, kind, value):
    array = context.make_array(kind)(context, builder, value)
    return cgutils.unpack_tuple(builder, array.shape, kind.ndim)


# --- Inputs --------------------------------------------------------------------------------------


def seeded_type(kind, like):
    """The type of an input with seeds, of its own precision, and that of its elements."""
    element = kind.dtype if isinstance(kind, types.Array) else kind
    dual = intrinsics.instance(like).with_base(base_of(element))
    return (types.Array(dual, kind.ndim, "C") if isinstance(kind, types.Array) else dual), dual


def room_for_seeds(context, builder, kind, shape):
    """An array of Duals for the time of one call of f, with room for what f makes."""
    return arena.new_array(context, builder, kind, shape, arena.opened(context, builder))


def _write_seeds(context, builder, kind, value, seeded_kind, seeded, first, step):
    dual = seeded_kind.dtype
    target = context.make_array(seeded_kind)(context, builder, seeded)
    model = context.data_model_manager[dual]
    for position, at in elements(context, builder, kind, value):
        x = context.unpack_value(builder, kind.dtype, at)
        primal = context.cast(builder, x, kind.dtype, dual.inner)
        parts = intrinsics.basis(context, builder, dual, step(builder, position, first))
        to = builder.gep(target.data, [position])
        data = model.as_data(builder, pack(context, builder, dual, primal, parts))
        builder.store(data, to, align=1)


def _column(builder, position, first):
    return builder.add(position, first)


@intrinsic
def seeded(context, like, x, first):
    """A copy of x in Duals; element i has the column ``first + i``, if that is in the chunk."""
    kind, dual = seeded_type(x, like)

    def code(context, builder, sig, args):
        _, x, first = args
        if kind is dual:
            primal = context.cast(builder, x, sig.args[1], dual.inner)
            parts = intrinsics.basis(context, builder, dual, first)
            return pack(context, builder, dual, primal, parts)
        shape = shape_of(context, builder, sig.args[1], x)
        array = room_for_seeds(context, builder, kind, shape)
        value = array._getvalue()
        _write_seeds(context, builder, sig.args[1], x, kind, value, first, _column)
        return arrayobj.impl_ret_new_ref(context, builder, kind, value)

    return kind(like, x, types.intp), code


@intrinsic
def directed(context, like, x, x_dot):
    """A copy of x in Duals of one partial, that of the direction."""
    kind, dual = seeded_type(x, like)

    def one(context, builder, x, x_kind, t, t_kind):
        primal = context.cast(builder, x, x_kind, dual.inner)
        t = context.cast(builder, t, t_kind, dual.inner)
        parts = partials.zeros(context, dual)
        if is_dual(dual.inner):
            parts = builder.insert_value(parts, t, [0])
        else:
            parts = builder.insert_element(parts, t, ir.Constant(I32, 0))
        return pack(context, builder, dual, primal, parts)

    def code(context, builder, sig, args):
        _, x, x_dot = args
        _, x_kind, t_kind = sig.args
        if kind is dual:
            return one(context, builder, x, x_kind, x_dot, t_kind)
        array = room_for_seeds(context, builder, kind, shape_of(context, builder, x_kind, x))
        model = context.data_model_manager[dual]
        source = context.make_array(t_kind)(context, builder, x_dot)
        for position, at in elements(context, builder, x_kind, x):
            value = context.unpack_value(builder, x_kind.dtype, at)
            t = context.unpack_value(builder, t_kind.dtype, builder.gep(source.data, [position]))
            d = one(context, builder, value, x_kind.dtype, t, t_kind.dtype)
            builder.store(model.as_data(builder, d), builder.gep(array.data, [position]), align=1)
        return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

    return kind(like, x, x_dot), code


@intrinsic
def size_of(context, x):
    """How many elements an array has; 1 for a number."""

    def code(context, builder, sig, args):
        if not isinstance(x, types.Array):
            return integer(1)
        size = integer(1)
        for n in shape_of(context, builder, x, args[0]):
            size = builder.mul(size, n)
        return size

    return types.intp(x), code


# --- Outputs -------------------------------------------------------------------------------------


class Output:
    """How the type of what f returned is laid out: its dimensions, its parts, its dtype.

    A tuple of numbers, or of arrays of equal dimensions, is stacked as ``np.array`` would.
    """

    def __init__(self, kind):
        self.kind = kind
        self.is_tuple = isinstance(kind, types.BaseTuple)
        self.parts = tuple(kind.types) if self.is_tuple else (kind,)
        kinds = [p.dtype if isinstance(p, types.Array) else p for p in self.parts]
        self.ndims = [p.ndim if isinstance(p, types.Array) else 0 for p in self.parts]
        self.is_known = bool(kinds) and len(set(self.ndims)) == 1
        self.is_known = self.is_known and not isinstance(kind, types.BaseNamedTuple)
        self.is_known = self.is_known and all(is_dual(k) or _is_number(k) for k in kinds)
        self.ndim = self.ndims[0] + self.is_tuple if self.is_known else 0
        self.is_varied = not all(map(is_dual, kinds))
        self.dual = None  # the widest of them
        for kind in filter(is_dual, kinds):
            self.dual = kind if self.dual is None else promoted(self.dual, kind)
        if not self.is_known:
            raise errors.TypingError(
                f"dualmc: the function returns {kind_name(self.kind)}; what can be differentiated "
                f"is a number, an array of numbers, or a tuple of those of equal dimensions"
            )

    def base(self, default):
        """The type of the primals and partials."""
        return default if self.dual is None else self.dual.inner

    def shape(self, context, builder, value):
        """The shape as integers; raises in the compiled function where parts differ in theirs."""
        if not self.is_tuple:
            return list(shape_of(context, builder, self.kind, value)) if self.ndims[0] else []
        shape = None
        for i, part in enumerate(self.parts):
            if not self.ndims[0]:
                return [integer(len(self.parts))]
            own = shape_of(context, builder, part, builder.extract_value(value, [i]))
            if shape is None:
                shape = own
                continue
            for m, n in zip(shape, own, strict=True):
                with builder.if_then(builder.icmp_signed("!=", m, n), likely=False):
                    context.call_conv.return_user_exc(builder, ValueError, (_RAGGED,))
        return [integer(len(self.parts)), *shape]

    def duals(self, context, builder, value):
        """Each Dual (or number) and the position of its row: a generator, like `elements`."""
        row = integer(0)
        for i, part in enumerate(self.parts):
            one = builder.extract_value(value, [i]) if self.is_tuple else value
            if not isinstance(part, types.Array):
                yield row, one, part
                row = builder.add(row, integer(1))
                continue
            for position, at in elements(context, builder, part, one):
                element = context.unpack_value(builder, part.dtype, at)
                yield builder.add(row, position), element, part.dtype
            size = integer(1)
            for n in shape_of(context, builder, part, one):
                size = builder.mul(size, n)
            row = builder.add(row, size)


_RAGGED = (
    "A function whose Jacobian is asked for returned arrays of different shapes. Return one array, "
    "or differentiate its parts."
)


def kind_name(kind):
    return "nothing" if isinstance(kind, types.NoneType) else f"a {kind}"


def _is_number(kind):
    return isinstance(kind, (types.Float, types.Integer, types.Boolean))


@intrinsic
def rows_for(context, like, y, columns):
    """An array of shape ``(*y.shape, columns)``, of zeros where parts of y are constant."""
    output = Output(y)
    kind = types.Array(output.base(intrinsics.instance(like)), output.ndim + 1, "C")

    def code(context, builder, sig, args):
        _, y, columns = args
        shape = [*output.shape(context, builder, y), columns]
        array = new_array(context, builder, kind, shape)
        if output.is_varied:
            size = array.itemsize
            for n in shape:
                size = builder.mul(size, n)
            cgutils.memset(builder, array.data, size, 0)
        return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

    return kind(like, y, types.intp), code


@intrinsic
def store_rows(context, J, y, first, columns):
    """``J[i, first : first + n] = `` the partials of element i of y, as many as there are."""
    output = Output(y)
    if J.layout != "C" or J.dtype != output.base(J.dtype) or not J.mutable:
        raise errors.TypingError(
            f"dualmc: J must be a writable array of {output.base(J.dtype)}, C-contiguous, not {J}"
        )

    def code(context, builder, sig, args):
        J, y, first, columns = args
        array = context.make_array(sig.args[0])(context, builder, J)
        room = builder.sub(columns, first)
        for row, value, kind in output.duals(context, builder, y):
            if is_dual(kind):
                value, kind = context.cast(builder, value, kind, output.dual), output.dual
                at = builder.add(builder.mul(row, columns), first)
                parts = builder.extract_value(value, [1])
                _store(context, builder, kind, builder.gep(array.data, [at]), parts, room)
        return context.get_dummy_value()

    return types.void(J, y, types.intp, types.intp), code


def _store(context, builder, kind, at, parts, room):
    """Store the first `room` of the partials."""
    is_full = builder.icmp_signed(">=", room, integer(kind.n))
    if is_dual(kind.inner):
        data = context.data_model_manager[kind.partials].as_data(builder, parts)
        for i in range(kind.n):
            with builder.if_then(builder.icmp_signed(">", room, integer(i))):
                to = builder.gep(at, [integer(i)])
                builder.store(builder.extract_value(data, [i]), to, align=1)
        return
    width = kind.inner.bitwidth // 8
    to = builder.bitcast(at, parts.type.as_pointer())
    if kind.n == 1:
        builder.store(parts, to, align=width)
        return
    with builder.if_else(is_full, likely=True) as (whole, part):
        with whole:
            builder.store(parts, to, align=width)
        with part:
            indices = ir.VectorType(I64, kind.n)
            numbers = ir.Constant(indices, [integer(i) for i in range(kind.n)])
            mask = builder.icmp_signed("<", numbers, partials.splat(builder, indices, room))
            args = [parts.type, to.type, I32, mask.type]
            name = f"llvm.masked.store.v{kind.n}f{kind.inner.bitwidth}.p0"
            kind_of = ir.FunctionType(ir.VoidType(), args)
            function = cgutils.get_or_insert_function(builder.module, kind_of, name)
            builder.call(function, [parts, to, ir.Constant(I32, width), mask])


@intrinsic
def write_values(context, a, y):
    """``a[...] =`` the primals of y, an array of the same shape."""

    def code(context, builder, sig, args):
        to, given = args
        source = context.make_array(y)(context, builder, given)
        for position, at in elements(context, builder, a, to):
            dual = context.unpack_value(builder, y.dtype, builder.gep(source.data, [position]))
            value = builder.extract_value(dual, [0])
            value = context.cast(builder, value, y.dtype.inner, a.dtype)
            context.pack_value(builder, a.dtype, value, at)
        return context.get_dummy_value()

    return types.void(a, y), code


@intrinsic
def values_of(context, like, y):
    """The primals of y as an array of its shape; of a number a number."""
    output = Output(y)
    inner = output.base(intrinsics.instance(like))
    kind = types.Array(inner, output.ndim, "C") if output.ndim else inner

    def code(context, builder, sig, args):
        _, y = args
        if not output.ndim:
            value, from_kind = y, output.kind
            if isinstance(from_kind, types.Array):  # without dimensions
                array = context.make_array(from_kind)(context, builder, y)
                from_kind = from_kind.dtype
                value = context.unpack_value(builder, from_kind, array.data)
            if is_dual(from_kind):
                value, from_kind = builder.extract_value(value, [0]), from_kind.inner
            return context.cast(builder, value, from_kind, inner)
        array = new_array(context, builder, kind, output.shape(context, builder, y))
        for row, value, part in output.duals(context, builder, y):
            from_kind = part
            if is_dual(part):
                value, from_kind = builder.extract_value(value, [0]), part.inner
            value = context.cast(builder, value, from_kind, inner)
            context.pack_value(builder, inner, value, builder.gep(array.data, [row]))
        return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

    return kind(like, y), code


@intrinsic
def rows_of(context, y):
    """How many rows y has."""
    output = Output(y)

    def code(context, builder, sig, args):
        size = integer(1)
        for n in output.shape(context, builder, args[0]):
            size = builder.mul(size, n)
        return size

    return types.intp(y), code


@register_jitable
def columns(J, first, count):
    """A copy of ``J[..., first : first + count]``, contiguous."""
    return J[..., first : first + count].copy()
