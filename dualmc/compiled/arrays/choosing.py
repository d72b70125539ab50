"""Functions that choose between elements or replace them: ``np.where``, ``np.clip``, rounding."""

import numpy as np
from numba.core import types
from numba.extending import intrinsic, overload, register_jitable

from dualmc.compiled.arrays import looping
from dualmc.compiled.arrays.applying import each
from dualmc.compiled.arrays.looping import bare, dimensions, element, is_dual_array
from dualmc.compiled.arrays.making import FIRST, common
from dualmc.compiled.arrays.methods import method
from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars.dual_type import is_dual, is_scalar
from dualmc.compiled.scalars.intrinsics import as_dual, depending, factor_of, flat, primal_of

# --- np.where ------------------------------------------------------------------------------------


@intrinsic
def choose(context, condition, x, y):
    """Elements of x where the condition is true, else of y; always an array."""
    kinds = [bare(kind) for kind in (condition, x, y)]
    elements = [element(kind) for kind in kinds]
    dtype = common(elements[1:])
    if dtype is None:
        return None
    result = types.Array(dtype, max(map(dimensions, kinds)), looping.layout_of(kinds))

    def code(context, builder, sig, args):
        def compute(values):
            is_first = context.is_true(builder, elements[0], values[0])
            pairs = zip(values[1:], elements[1:], strict=True)
            taken = [context.cast(builder, value, kind, dtype) for value, kind in pairs]
            return builder.select(is_first, *taken)

        pairs = zip(kinds, args, strict=True)
        operands = [looping.Operand(context, builder, kind, value) for kind, value in pairs]
        return looping.fill_new(context, builder, result, operands, compute)

    return result(*kinds), code


@overload(np.where, **FIRST)
def _where(condition, x, y):
    kinds = [element(bare(kind)) for kind in (condition, x, y)]
    if not all(map(is_scalar, kinds)):
        return None
    if is_dual(kinds[1]) or is_dual(kinds[2]):
        return lambda condition, x, y: choose(condition, x, y)
    if is_dual(kinds[0]):
        return lambda condition, x, y: np.where(condition != 0, x, y)
    return None


# --- np.clip -------------------------------------------------------------------------------------


def at_least(a, low):
    raise NotImplementedError


def at_most(a, high):
    raise NotImplementedError


def _bounded(function, ufunc, choice):
    @overload(function)
    def chosen(a, bound):
        kind = common((a, bound))
        if kind is None:
            return None

        def of_numbers(a, bound):
            u, v = factor_of(a), factor_of(bound)
            y = choice(u, v)
            if y == y and (u != u or v != v):  # as Python's own function would
                first, second = as_dual(kind, a), as_dual(kind, bound)
                return depending(first, second) if y == u else depending(second, first)
            return as_dual(kind, ufunc(a, bound))

        return of_numbers


_bounded(at_least, np.maximum, max)
_bounded(at_most, np.minimum, min)


@overload(np.clip, **FIRST)
def _clip(a, a_min, a_max, out=None):
    given = [bare(kind) for kind in (a, a_min, a_max) if not is_nothing(kind)]
    if not isinstance(a, types.Array) or not any(is_dual(element(kind)) for kind in given):
        return None
    if len(given) == 1 or not all(is_scalar(element(kind)) for kind in given):
        return None
    if is_nothing(a_min):

        def bounded(a, a_min, a_max):
            return each(at_most, a, a_max)

    elif is_nothing(a_max):

        def bounded(a, a_min, a_max):
            return each(at_least, a, a_min)

    else:

        def bounded(a, a_min, a_max):
            return each(at_most, each(at_least, a, a_min), a_max)

    return _returned(_in_precision_of(a.dtype, bounded), out)


def _in_precision_of(dtype, bounded):
    """`bounded` with a result as precise as its first argument."""
    compiled = register_jitable(bounded)
    if getattr(dtype, "bitwidth", 64) == 64:
        return compiled
    return register_jitable(lambda a, a_min, a_max: compiled(a, a_min, a_max).astype(np.float32))


def _returned(function, out):
    """A function of three arguments that writes into its fourth, if there is one."""
    compiled = register_jitable(function)
    if is_nothing(out):
        return lambda a, a_min, a_max, out=None: compiled(a, a_min, a_max)

    def written(a, a_min, a_max, out=None):
        out[...] = compiled(a, a_min, a_max)
        return out

    return written


@method("clip")
def _method_clip(a, a_min=None, a_max=None, out=None):
    return lambda a, a_min=None, a_max=None, out=None: np.clip(a, a_min, a_max, out)


# --- Replacing and rounding ----------------------------------------------------------------------


def finite(x, nan, posinf, neginf):
    raise NotImplementedError


@overload(finite)
def _finite(x, nan, posinf, neginf):
    if not is_dual(x):
        return None

    if is_nothing(posinf) and is_nothing(neginf):  # the Numba before has no others

        def of_nan(x, nan, posinf, neginf):
            v = factor_of(x)
            return x if np.isfinite(v) else depending(as_dual(x, np.nan_to_num(v, True, nan)), x)

        return of_nan

    def of_number(x, nan, posinf, neginf):
        v = factor_of(x)
        if np.isfinite(v):
            return x
        return depending(as_dual(x, np.nan_to_num(v, True, nan, posinf, neginf)), x)

    return of_number


@overload(np.nan_to_num, **FIRST)
def _nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    if is_dual(x):
        return lambda x, copy=True, nan=0.0, posinf=None, neginf=None: finite(
            x, nan, posinf, neginf
        )
    if not is_dual_array(x):
        return None

    def of_array(x, copy=True, nan=0.0, posinf=None, neginf=None):
        out = x.copy() if copy else x
        for index in np.ndindex(out.shape):
            out[index] = finite(out[index], nan, posinf, neginf)
        return out

    return of_array


def rounded(x, decimals):
    raise NotImplementedError


@overload(rounded)
def _rounded(x, decimals):
    if not is_dual(x):
        return None
    return lambda x, decimals: as_dual(x, np.round(primal_of(x), decimals))


def _round(a, decimals=0, out=None):
    if is_dual(a):
        return lambda a, decimals=0, out=None: flat(a, np.round(primal_of(a), decimals))
    if not is_dual_array(a):
        return None
    if is_nothing(out):
        return lambda a, decimals=0, out=None: each(rounded, a, decimals)

    def written(a, decimals=0, out=None):
        out[...] = each(rounded, a, decimals)
        return out

    return written


for _function in (np.round, np.around):
    overload(_function, **FIRST)(_round)
