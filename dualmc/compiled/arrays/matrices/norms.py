"""Norms and condition numbers of Duals.

Where a 2-norm or p-norm is 0 its derivative is 0: the subgradient of least length.
"""

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.arrays.levels import held, settled, unknown
from dualmc.compiled.arrays.lines import vector
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.matrices.factors import rate
from dualmc.compiled.arrays.matrices.singular import singular_values, thin
from dualmc.compiled.arrays.matrices.solving import is_dual_matrix
from dualmc.compiled.arrays.methods import is_dual_array
from dualmc.compiled.arrays.ordering.extrema import shared
from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, chained, primal_of, value_of


def euclidean(a):
    """The 2-norm of a vector of Duals; its value does not matter."""
    raise NotImplementedError


@overload(euclidean)
def _euclidean(a):
    T = a.dtype
    is_nested = is_dual(T.inner)

    def length(a):
        y = np.linalg.norm(held(T, a))
        s = as_dual(T, 0.0)
        if primal_of(y) == 0.0:
            return s + unknown(rate(a)) if is_nested else s
        for i in range(a.size):
            s = s + chained(T, y, value_of(a[i]) / y, a[i])
        return s

    return length


def powers(a, order):
    """``sum(|x|**p)**(1/p)``: d = sum sign(x) (|x| / y)**(p - 1) dx."""
    raise NotImplementedError


@overload(powers)
def _powers(a, order):
    T = a.dtype
    is_nested = is_dual(T.inner)

    def norm(a, order):
        y = np.linalg.norm(held(T, a), order)
        s = as_dual(T, 0.0)
        if primal_of(y) == 0.0:
            return s + unknown(rate(a)) if is_nested else s
        for i in range(a.size):
            v = value_of(a[i])
            d = np.sign(primal_of(v)) * (abs(v) / y) ** (order - 1.0)
            s = s + chained(T, y, d, a[i])
        return s

    return norm


def sizes(a):
    """The absolute values of a vector of Duals."""
    raise NotImplementedError


@overload(sizes)
def _sizes(a):
    T = a.dtype

    def absolute(a):
        out = np.empty(a.size, T)
        for i in range(a.size):
            out[i] = abs(a[i])
        return out

    return absolute


def line_sums(a):
    """The sums of the absolute values of each row."""
    raise NotImplementedError


@overload(line_sums)
def _line_sums(a):
    T = a.dtype

    def summed(a):
        out = np.empty(a.shape[0], T)
        for i in range(a.shape[0]):
            s = as_dual(T, 0.0)
            for j in range(a.shape[1]):
                s = s + abs(a[i, j])
            out[i] = s
        return out

    return summed


@overload(np.linalg.norm, **FIRST)
def _norm(x, ord=None):
    if not is_dual_array(x) or x.ndim not in (1, 2):
        return None
    T = x.dtype
    if is_nothing(ord):
        return lambda x, ord=None: settled(euclidean(vector(x)), np.linalg.norm(held(T, x)))
    if not isinstance(ord, (types.Float, types.Integer)):
        return None
    return _of_vector(T) if x.ndim == 1 else _of_matrix(T)


def _of_vector(T):
    def norm(x, ord=None):
        y = np.linalg.norm(held(T, x), ord)
        if x.size == 0 or ord == 0:
            return as_dual(T, y)
        if ord == 2:
            return settled(euclidean(x), y)
        if ord == np.inf or ord == -np.inf:
            return settled(shared(sizes(x), primal_of(y)), y)
        if ord == 1:
            return settled(np.sum(sizes(x)), y)
        return settled(powers(x, float(ord)), y)

    return norm


def _of_matrix(T):
    def norm(x, ord=None):
        y = np.linalg.norm(held(T, x), ord)  # raises for other orders
        if x.size == 0:
            return as_dual(T, y)
        if ord == 2 or ord == -2:
            u, s, v = thin(held(T, x))
            found = singular_values(x, u, s, v, False)
            return settled(found[0] if ord == 2 else found[-1], y)
        if ord == 1 or ord == -1:
            return settled(shared(line_sums(x.T), primal_of(y)), y)
        return settled(shared(line_sums(x), primal_of(y)), y)

    return norm


@overload(np.linalg.cond, **FIRST)
def _cond(x, p=None):
    if not is_dual_matrix(x):
        return None
    T = x.dtype
    if is_nothing(p):
        return lambda x, p=None: _ratio(x, 1.0)
    if not isinstance(p, (types.Float, types.Integer)):
        return None

    def condition(x, p=None):
        if p == 2:
            return _ratio(x, 1.0)
        if p == -2:
            return _ratio(x, -1.0)
        y = np.linalg.cond(held(T, x), p)
        return settled(np.linalg.norm(x, p) * np.linalg.norm(np.linalg.inv(x), p), y)

    return condition


def _ratio(x, sign):
    """The ratio of the extreme singular values, or its reciprocal; NaN where x is singular."""
    raise NotImplementedError


@overload(_ratio)
def _extreme_ratio(x, sign):
    T = x.dtype
    eps = float(np.finfo(str(T.base)).eps)

    def ratio(x, sign):
        p = held(T, x)
        y = np.linalg.cond(p) if sign > 0 else np.linalg.cond(p, -2)
        u, s, v = thin(p)
        found = settled(singular_values(x, u, s, v, False), s)
        large, small = found[0], found[s.size - 1]
        if primal_of(small) <= max(x.shape) * eps * primal_of(large):
            return settled(unknown(rate(x)), y)
        return settled(large / small if sign > 0 else small / large, y)

    return ratio
