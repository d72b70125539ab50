"""What an array of Duals says of itself, and conversions: ``x.real``, ``x.astype``, ``x.imag``."""

import numpy as np
from numba.core import types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import lower_getattr, overload, overload_attribute, overload_method
from numba.np import arrayobj

from dualmc.compiled.arrays import looping
from dualmc.compiled.arrays.applying import each
from dualmc.compiled.arrays.looping import is_dual_array
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.methods import method
from dualmc.compiled.scalars import partials
from dualmc.compiled.scalars.dual_type import DualType, is_dual
from dualmc.compiled.scalars.intrinsics import in_precision, primal_of

# --- Real and imaginary parts --------------------------------------------------------------------


@infer_getattr
class _Parts(AttributeTemplate):
    key = types.Array
    metadata = FIRST

    def generic_resolve(self, array, attribute):
        if attribute in ("real", "imag") and is_dual_array(array):
            return array
        return None


def _part(name, of_numbers):
    @lower_getattr(types.Array, name)
    def lowered(context, builder, kind, value):
        if not is_dual_array(kind):
            return of_numbers(context, builder, kind, value)
        if name == "real":
            context.nrt.incref(builder, kind, value)
            return value
        source = looping.Operand(context, builder, kind, value)
        array = arrayobj._empty_nd_impl(context, builder, kind.copy(layout="C"), source.shape)
        zero = partials.constant(
            context, builder, kind.dtype, context.get_constant(kind.dtype.base, 0), kind.dtype.base
        )
        target = looping.Operand(context, builder, kind.copy(layout="C"), array._getvalue())
        looping.loop(context, builder, [], target, lambda values: zero)
        return array._getvalue()


_part("real", arrayobj.array_real_part)
_part("imag", arrayobj.array_imag_part)


@overload_attribute(DualType, "real")
def _real_of_number(x):
    return lambda x: x


@overload_attribute(DualType, "imag")
def _imag_of_number(x):
    return lambda x: 0.0 * primal_of(x)


@overload_method(DualType, "conjugate")
def _conjugate_of_number(x):
    return lambda x: x


@overload_method(DualType, "item")
def _item_of_number(x):
    return lambda x: x


@overload(np.real, **FIRST)
def _real(val):
    return (lambda val: val) if is_dual(val) or is_dual_array(val) else None


@overload(np.imag, **FIRST)
def _imag(val):
    return (lambda val: val.imag) if is_dual(val) or is_dual_array(val) else None


# --- Other dtypes --------------------------------------------------------------------------------


def in_single(x):
    raise NotImplementedError


def in_double(x):
    raise NotImplementedError


@overload(in_single)
def _in_single(x):
    return (lambda x: in_precision(x, np.float32)) if is_dual(x) else None


@overload(in_double)
def _in_double(x):
    return (lambda x: in_precision(x, np.float64)) if is_dual(x) else None


@method("astype")
def _astype(x, dtype):
    if isinstance(dtype, types.StringLiteral):
        wanted = np.dtype(dtype.literal_value).name
        wanted = getattr(types, wanted, None)
    else:
        wanted = getattr(dtype, "dtype", None) or getattr(dtype, "instance_type", None)
    if is_dual(wanted):
        return (lambda x, dtype: x.copy()) if wanted == x.dtype else None
    if isinstance(wanted, types.Float):
        if wanted == x.dtype.base:
            return lambda x, dtype: x.copy()
        convert = in_single if wanted == types.float32 else in_double
        return lambda x, dtype: each(convert, x)
    if isinstance(wanted, (types.Integer, types.Boolean)):
        return lambda x, dtype: each(primal_of, x).astype(wanted)
    return None
