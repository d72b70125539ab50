"""A compiled function of scalars, applied to arrays element by element: `each`, `applied`."""

from types import FunctionType

import numba
from numba.core import errors, types
from numba.extending import intrinsic

from dualmc.compiled.arrays import looping
from dualmc.compiled.arrays.looping import bare, dimensions, element
from dualmc.compiled.copying.creators import OPTIONS
from dualmc.compiled.scalars.dual_type import is_scalar


@intrinsic
def each(context, function, *args):
    """``function(*args)`` for numbers, Duals and arrays of either, which are broadcast."""
    kinds = [bare(kind) for kind in args]
    elements = tuple(element(kind) for kind in kinds)
    if not all(map(is_scalar, elements)):
        return None
    found = function.get_call_type(context, elements, {})
    if not is_scalar(found.return_type):
        raise errors.TypingError(f"dualmc: {function} must return a number for numbers.")
    ndim = max(map(dimensions, kinds))
    result = found.return_type
    if any(isinstance(kind, types.Array) for kind in kinds):
        result = types.Array(found.return_type, ndim, looping.layout_of(kinds))

    def code(context, builder, sig, args):
        given = [
            context.cast(builder, builder.extract_value(args[1], [i]), sig.args[1].types[i], kind)
            for i, kind in enumerate(kinds)
        ]

        def compute(values):
            return looping.call_resolved(context, builder, function, elements, values)[0]

        if result is found.return_type:
            return compute(given)
        pairs = zip(kinds, given, strict=True)
        operands = [looping.Operand(context, builder, kind, value) for kind, value in pairs]
        return looping.fill_new(context, builder, result, operands, compute)

    return result(function, types.StarArgTuple.from_types(args)), code


_TEXT = """
def over({names}):
    return each(scalar, {names})
"""


def applied(scalar, count):
    """What ``numba.vectorize`` makes of a compiled function of `count` numbers, for Duals."""
    names = ", ".join(f"a{i}" for i in range(count))
    scope = {"each": each, "scalar": scalar}
    exec(_TEXT.format(names=names), scope)
    made = FunctionType(scope["over"].__code__, scope, "over")
    return numba.njit(**OPTIONS)(made)
