"""Arrays of floats that the user hands in, as arrays of Duals: f may write Duals into them."""

from numba.core import types
from numba.extending import intrinsic
from numba.np import arrayobj

from dualmc.compiled.arrays import looping
from dualmc.compiled.scalars.intrinsics import instance


@intrinsic
def all_in_duals(context, like, values):
    """A tuple with copies in Duals of the arrays of floats in it.

    Two that share memory in any other way than by being the same are refused at run time, for the
    copies would not.
    """
    dual = instance(like)
    kinds = [_promoted(kind, dual) for kind in values.types]

    def code(context, builder, sig, args):
        given = [builder.extract_value(args[1], [i]) for i in range(len(kinds))]
        found, sources = [], []
        for kind, old, value in zip(kinds, values.types, given, strict=True):
            if kind == old:
                context.nrt.incref(builder, kind, value)
                found.append(value)
                continue
            source = looping.Operand(context, builder, old, value)
            for other in sources:
                _check_apart(context, builder, source, other)
            sources.append(source)
            found.append(_copied(context, builder, kind, source))
        return context.make_tuple(builder, sig.return_type, found)

    return types.Tuple(kinds)(like, values), code


def _promoted(kind, dual):
    if isinstance(kind, types.Array) and isinstance(kind.dtype, types.Float):
        return types.Array(dual.with_base(kind.dtype), kind.ndim, "C")
    return kind


def _copied(context, builder, kind, source):
    array = arrayobj._empty_nd_impl(context, builder, kind, source.shape)
    target = looping.Operand(context, builder, kind, array._getvalue())
    given = source.kind.dtype

    def compute(values):
        return context.cast(builder, values[0], given, kind.dtype)

    looping.loop(context, builder, [source], target, compute)
    return array._getvalue()


def _check_apart(context, builder, a, b):
    theirs, ours = (looping.extents(context, builder, o) for o in (a, b))
    overlap = arrayobj.extents_may_overlap(context, builder, *theirs, *ours)
    with builder.if_then(overlap, likely=False):
        looping.fail(context, builder, "arrays that are given to f share memory: give f copies")
