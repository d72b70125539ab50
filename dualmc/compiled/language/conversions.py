"""Numbers as another type, where they are Duals: what conversions are in the user's function."""

import functools

import numba
import numpy as np
from numba.core import errors, types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

from dualmc.compiled.scalars import partials
from dualmc.compiled.scalars.dual_type import is_dual, is_scalar
from dualmc.compiled.scalars.intrinsics import instance
from dualmc.compiled.scalars.operators import COMPLEX

# --- Numbers --------------------------------------------------------------------------------------


def stripped(kind):
    """The type that `kind` has in the user's function."""
    if is_dual(kind):
        return kind.base
    if isinstance(kind, types.Array) and is_dual(kind.dtype):
        return kind.copy(dtype=kind.dtype.base)
    if isinstance(kind, types.UniTuple):
        return types.UniTuple(stripped(kind.dtype), kind.count)
    if isinstance(kind, types.Tuple):
        return types.Tuple([stripped(part) for part in kind.types])
    return kind


@intrinsic
def converted(context, x, like):
    """The number x as one of the type `like`: a Dual keeps its partials as far as it is a float."""
    target = instance(like)
    if not is_scalar(x):
        return None
    kind = x.with_base(target) if is_dual(x) and isinstance(target, types.Float) else target

    def code(context, builder, sig, args):
        if is_dual(x) and not is_dual(kind):
            partials.decided(builder, x)
            value, base = partials.innermost(builder, x, args[0])
            return context.cast(builder, value, base, kind)
        return context.cast(builder, args[0], x, kind)

    return kind(x, like), code


def _calling(kind):
    """What stands for the class of a number's type, called."""

    def stand_in(x):
        raise NotImplementedError

    as_type = kind if isinstance(kind, types.Type) else numba.from_dtype(np.dtype(kind))

    @overload(stand_in)
    def chosen(x):
        if is_dual(x):
            return lambda x: converted(x, as_type)
        return lambda x: kind(x)

    return stand_in


@functools.cache
def _known():
    classes = [np.float64, np.float32, np.bool_, np.int8, np.int16, np.int32, np.int64]
    classes += [np.uint8, np.uint16, np.uint32, np.uint64]
    own = [numba.float64, numba.float32, numba.boolean, numba.int8, numba.int16, numba.int32]
    own += [numba.int64, numba.uint8, numba.uint16, numba.uint32, numba.uint64]
    return {kind: _calling(kind) for kind in (*classes, *own)}


def called(kind):
    """What stands for `kind`, the class or type of a number, where code calls it; or None."""
    try:
        return _known().get(kind)
    except TypeError:  # no hash
        return None


@overload(complex)
def _complex(real, imag=0.0):
    if is_dual(real) or is_dual(imag):
        raise errors.TypingError(COMPLEX)
    return None


@intrinsic
def shown(context, x):
    """The primal of a Dual, anything else as it is: what a message shows of it."""
    kind = x.base if is_dual(x) else x

    def code(context, builder, sig, args):
        if is_dual(x):
            return partials.innermost(builder, x, args[0])[0]
        return impl_ret_borrowed(context, builder, kind, args[0])

    return kind(x), code
