"""Room on the stack for the small arrays of Duals that one call of f makes.

An allocation on the heap costs as much as a small f does, and its Duals cost f no other memory: all
of them are gone when the sweep that called f has read what it returned.  So the sweep lends f some
room of its own.  The address of the room lies in the `parent` of the input's array, which says to
NumPy whose memory an array shares and is otherwise unused in compiled code (an array of Duals is
never handed to Python); what `np.empty` makes of it hands it on.  Arrays in the room own nothing:
their `meminfo` is null, as of arrays over foreign memory.  What finds no room lies on the heap.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import instance

I64 = ir.IntType(64)
BYTES = 16384
_ROOM = ir.LiteralStructType([I64, ir.ArrayType(ir.IntType(8), BYTES)])
_ALIGNMENT = 16
# Sizes of more dimensions, each of which fits, might be too big for 64 bits together.
_MOST_DIMENSIONS = 3


def opened(context, builder):
    """The address of new room, nothing in it, in the frame of the function."""
    with builder.goto_entry_block():
        room = builder.alloca(_ROOM)
    builder.store(I64(0), cgutils.gep_inbounds(builder, room, 0, 0))
    return builder.bitcast(room, cgutils.voidptr_t)


def new_array(context, builder, kind, shape, room):
    """An array of Duals in `room`, which may be null, or on the heap."""
    if not 1 <= kind.ndim <= _MOST_DIMENSIONS:
        return arrayobj._empty_nd_impl(context, builder, kind, shape)
    element = context.get_data_type(kind.dtype)
    itemsize = context.get_abi_sizeof(element)
    size, strides = I64(itemsize), []
    is_small = builder.icmp_unsigned("!=", room, cgutils.get_null_value(room.type))
    for n in reversed(shape):
        strides.insert(0, size)
        size = builder.mul(size, n)
        is_small = builder.and_(is_small, builder.icmp_unsigned("<=", n, I64(BYTES)))
    data = cgutils.alloca_once(builder, element.as_pointer())
    owner = cgutils.alloca_once_value(builder, cgutils.get_null_value(cgutils.voidptr_t))
    builder.store(cgutils.get_null_value(element.as_pointer()), data)
    with builder.if_then(is_small):
        place = builder.bitcast(room, _ROOM.as_pointer())
        used_at = cgutils.gep_inbounds(builder, place, 0, 0)
        used = builder.load(used_at)
        rounded = builder.and_(builder.add(size, I64(_ALIGNMENT - 1)), I64(-_ALIGNMENT))
        end = builder.add(used, rounded)
        with builder.if_then(builder.icmp_unsigned("<=", end, I64(BYTES))):
            at = builder.gep(place, [I64(0), ir.IntType(32)(1), used], inbounds=True)
            builder.store(builder.bitcast(at, element.as_pointer()), data)
            builder.store(end, used_at)
    is_left_out = builder.icmp_unsigned("==", builder.load(data), data.type.pointee(None))
    with builder.if_then(is_left_out):
        heap = arrayobj._empty_nd_impl(context, builder, kind, shape)
        builder.store(heap.data, data)
        builder.store(heap.meminfo, owner)
    array = context.make_array(kind)(context, builder)
    arrayobj.populate_array(
        array,
        data=builder.load(data),
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, strides),
        itemsize=I64(itemsize),
        meminfo=builder.load(owner),
        parent=room,
    )
    return array


def has_room(near):
    """Whether an argument of this type may lead to room."""
    return isinstance(near, types.Array) and is_dual(near.dtype)


def _near(is_zero):
    def typing(context, like, shape, near):
        ndim = shape.count if isinstance(shape, types.BaseTuple) else 1
        kind = types.Array(instance(like), ndim, "C")

        def code(context, builder, sig, args):
            shape = arrayobj._parse_shape(context, builder, sig.args[1], args[1])
            room = context.make_array(sig.args[2])(context, builder, args[2]).parent
            room = builder.bitcast(room, cgutils.voidptr_t)
            array = new_array(context, builder, kind, shape, room)
            if is_zero:
                size = builder.mul(array.itemsize, array.nitems)
                cgutils.memset(builder, array.data, size, 0)
            return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

        return kind(like, shape, near), code

    return typing


@intrinsic
def empty_near(context, like, shape, near):
    """``np.empty(shape, like)`` in the room that `near`, an array of Duals, leads to."""
    return _near(is_zero=False)(context, like, shape, near)


@intrinsic
def zeros_near(context, like, shape, near):
    """``np.zeros(shape, like)``, there as well."""
    return _near(is_zero=True)(context, like, shape, near)
