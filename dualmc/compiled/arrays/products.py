"""Products of vectors and matrices, of Duals and of numbers: ``@``, ``np.dot``, ``np.vdot``.

The value is that of Numba's own product of the values, which is BLAS's; the partials are summed in
a loop over Duals.
"""

import operator

import numpy as np
from numba.core import types
from numba.extending import intrinsic, overload, register_jitable

from dualmc.compiled.arrays.levels import held_factors, settled
from dualmc.compiled.arrays.making import FIRST, common
from dualmc.compiled.arrays.methods import method
from dualmc.compiled.scalars import partials
from dualmc.compiled.scalars.dual_type import depth_of
from dualmc.compiled.scalars.intrinsics import as_dual, factor_of


def promoted_arrays(*kinds):
    """The Dual type of a combination of arrays, or None if it is none of ours."""
    if not all(isinstance(kind, types.Array) for kind in kinds):
        return None
    return common([kind.dtype for kind in kinds])


def product(a, b):
    """The product of vectors or matrices of which the values do not matter."""
    raise NotImplementedError


@overload(product)
def _product(a, b):
    T = promoted_arrays(a, b)
    if T is None or a.ndim > 2 or b.ndim > 2:
        return None
    return _BY_DIMENSIONS.get((a.ndim, b.ndim), lambda T: None)(T)


def _inner(T):
    def inner(a, b):
        s = as_dual(T, 0.0)
        for i in range(a.size):
            s = s + a[i] * b[i]
        return s

    return inner


def _on_vector(T):
    def on_vector(a, b):
        m, n = a.shape
        out = np.empty(m, T)
        for i in range(m):
            s = as_dual(T, 0.0)
            for j in range(n):
                s = s + a[i, j] * b[j]
            out[i] = s
        return out

    return on_vector


def _from_left(T):
    def from_left(a, b):
        n, m = b.shape
        out = np.empty(m, T)
        for j in range(m):
            s = as_dual(T, 0.0)
            for i in range(n):
                s = s + a[i] * b[i, j]
            out[j] = s
        return out

    return from_left


def _of_matrices(T):
    def of_matrices(a, b):
        m, k = a.shape
        n = b.shape[1]
        out = np.empty((m, n), T)
        whole = n - n % 4 if _all_finite(a) and _all_finite(b) else 0
        for i in range(m):
            for j in range(0, whole, 4):  # four sums at a time, none of which waits for another
                s = t = u = v = as_dual(T, 0.0)
                for p in range(k):
                    x = a[i, p]
                    s = accumulated(s, x, b[p, j])
                    t = accumulated(t, x, b[p, j + 1])
                    u = accumulated(u, x, b[p, j + 2])
                    v = accumulated(v, x, b[p, j + 3])
                out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = s, t, u, v
            for j in range(whole, n):
                s = as_dual(T, 0.0)
                for p in range(k):
                    s = s + a[i, p] * b[p, j]
                out[i, j] = s
        return out

    return of_matrices


@register_jitable
def _all_finite(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if not np.isfinite(factor_of(a[i, j])):
                return False
    return True


@intrinsic
def accumulated(context, s, a, b):
    """``s + a * b`` for finite a and b, but for the value, which stays that of s."""

    def code(context, builder, sig, args):
        parts = builder.extract_value(args[0], [1])
        kinds = sig.args[1:]
        for factor, varies in ((1, 0), (0, 1)):
            if depth_of(kinds[varies]) < s.depth:
                continue
            dual = context.cast(builder, args[1 + varies], kinds[varies], s)
            value, kind = args[1 + factor], kinds[factor]
            if depth_of(kind) == s.depth:
                value, kind = builder.extract_value(value, [0]), kind.inner
            value = context.cast(builder, value, kind, s.inner)
            own = builder.extract_value(dual, [1])
            more = partials.scaled(context, builder, s, value, own)
            parts = partials.each(context, builder, s, operator.add, parts, more)
        return builder.insert_value(args[0], parts, [1])

    return s(s, a, b), code


_BY_DIMENSIONS = {(1, 1): _inner, (2, 1): _on_vector, (1, 2): _from_left, (2, 2): _of_matrices}


def _product_by(function):
    def chosen(a, b):
        T = promoted_arrays(a, b)
        if T is None or a.ndim > 2 or b.ndim > 2 or not a.ndim or not b.ndim:
            return None

        def multiplied(a, b):
            y = function(
                held_factors(T, a), held_factors(T, b)
            )  # raises if the shapes do not agree
            return settled(product(a, b), y)

        return multiplied

    return chosen


for _function in (np.dot, operator.matmul):
    overload(_function, **FIRST)(_product_by(_function))
method("dot")(_product_by(np.dot))


@overload(np.dot, **FIRST)
def _dot_into(a, b, out):
    T = promoted_arrays(a, b)
    if T is None or not isinstance(out, types.Array) or out.dtype != T:
        return None

    def written(a, b, out):
        y = np.dot(a, b)
        if y.shape != out.shape:
            raise ValueError("incompatible output array size for np.dot(a, b, out)")
        for index in np.ndindex(y.shape):
            out[index] = y[index]
        return out

    return written


@overload(np.vdot, **FIRST)
def _vdot(a, b):
    T = promoted_arrays(a, b)
    if T is None or a.ndim != 1 or b.ndim != 1:
        return None
    return lambda a, b: settled(product(a, b), np.vdot(held_factors(T, a), held_factors(T, b)))
