"""Outer, Kronecker and cross products, traces, convolutions of Duals and numbers."""

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import overload, register_jitable
from numba.np import extensions

from dualmc.compiled.arrays.levels import element, held, settled
from dualmc.compiled.arrays.lines import flat
from dualmc.compiled.arrays.making import FIRST, common
from dualmc.compiled.arrays.methods import is_dual_array
from dualmc.compiled.arrays.products import promoted_arrays
from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual


def _promoted(a, b):
    """The Dual type of a combination of arrays and numbers, of which one is an array."""
    if not any(isinstance(kind, types.Array) for kind in (a, b)):
        return None
    return common([element(a), element(b)])


@overload(np.outer, **FIRST)
def _outer(a, b, out=None):
    T = _promoted(a, b)
    if T is None or not is_nothing(out):
        return None

    def products(a, b, out=None):
        u, v = as_vector(a), as_vector(b)
        y = np.empty((u.size, v.size), T)
        for i in range(u.size):
            for j in range(v.size):
                y[i, j] = u[i] * v[j]
        return y

    return products


def as_vector(a):
    """The elements of an array in the order of its indices; a number as a vector of one."""
    raise NotImplementedError


@overload(as_vector)
def _as_vector(a):
    if isinstance(a, types.Array):
        return lambda a: flat(a)
    if is_dual(a):

        def of_dual(a):
            out = np.empty(1, a)
            out[0] = a
            return out

        return of_dual
    return lambda a: np.array([a])


def as_matrix(a):
    """A vector as a row, a number as a matrix of one."""
    raise NotImplementedError


@overload(as_matrix)
def _as_matrix(a):
    if isinstance(a, types.Array) and a.ndim == 2:
        return lambda a: a

    def row(a):
        v = as_vector(a)
        return np.ascontiguousarray(v).reshape((1, v.size))

    return row


@overload(np.kron, **FIRST)
def _kron(a, b):
    T = _promoted(a, b)
    if T is None or any(isinstance(k, types.Array) and k.ndim not in (1, 2) for k in (a, b)):
        return None

    def blocks(a, b):
        u, v = as_matrix(a), as_matrix(b)
        m, n = v.shape
        out = np.empty((u.shape[0] * m, u.shape[1] * n), T)
        for i in range(u.shape[0]):
            for j in range(u.shape[1]):
                for k in range(m):
                    for p in range(n):
                        out[i * m + k, j * n + p] = u[i, j] * v[k, p]
        return out

    dimensions = [kind.ndim if isinstance(kind, types.Array) else 0 for kind in (a, b)]
    if max(dimensions) == 2:
        return blocks

    def line(a, b):
        out = np.outer(a, b)
        return out.reshape(out.size)

    return line


@overload(np.trace, **FIRST)
def _trace(a, offset=0):
    if not is_dual_array(a) or a.ndim != 2:
        return None
    T = a.dtype

    def diagonal_sum(a, offset=0):
        below, right = max(-offset, 0), max(offset, 0)
        s = as_dual(T, 0.0)
        for i in range(min(a.shape[0] - below, a.shape[1] - right)):
            s = s + a[below + i, right + i]
        return s

    return diagonal_sum


# --- Cross products ------------------------------------------------------------------------------


def _cross_into(out, a, b):
    """The cross product of vectors of 3 or 2 elements."""
    raise NotImplementedError


@overload(_cross_into)
def _of_vectors(out, a, b):
    def crossed(out, a, b):
        a2 = a[2] if a.size == 3 else a[0] * 0.0
        b2 = b[2] if b.size == 3 else b[0] * 0.0
        out[0] = a[1] * b2 - a2 * b[1]
        out[1] = a2 * b[0] - a[0] * b2
        out[2] = a[0] * b[1] - a[1] * b[0]

    return crossed


def _check_cross(name, a, b):
    if not all(kind.ndim in (1, 2) for kind in (a, b)):
        raise TypingError(f"dualmc: {name} of Duals takes vectors, or matrices of them as rows")


def _row(a, i):
    """Vector number i of the rows of a matrix; the one vector of a vector or of one row."""
    raise NotImplementedError


@overload(_row)
def _row_of(a, i):
    if a.ndim == 1:
        return lambda a, i: a
    return lambda a, i: a[i if a.shape[0] > 1 else 0]


@overload(np.cross, **FIRST)
def _cross(a, b):
    T = promoted_arrays(a, b)
    if T is None:
        return None
    _check_cross("np.cross", a, b)
    first, second = a.ndim, b.ndim

    def of_vectors(a, b):
        _check_sizes(a.size, b.size)
        out = np.empty(3, T)
        _cross_into(out, a, b)
        return out

    def of_rows(a, b):
        _check_sizes(a.shape[-1], b.shape[-1])
        m = a.shape[0] if first == 2 else 1
        n = b.shape[0] if second == 2 else 1
        if m != n and m != 1 and n != 1:
            raise ValueError("unable to broadcast argument shapes")
        count = n if m == 1 else m
        out = np.empty((count, 3), T)
        for i in range(count):
            _cross_into(out[i], _row(a, i), _row(b, i))
        return out

    return of_vectors if first == second == 1 else of_rows


@register_jitable
def _check_sizes(m, n):
    if min(m, n) < 2 or max(m, n) != 3:
        raise ValueError("np.cross takes vectors of 3 elements, or one of them of 2")


def _cross_of_two(a, b):
    T = promoted_arrays(a, b)
    if T is None:
        return None
    _check_cross("cross2d", a, b)
    if a.ndim != 1 or b.ndim != 1:
        raise TypingError("dualmc: cross2d of Duals takes two vectors")

    def crossed(a, b):
        if a.size != 2 or b.size != 2:
            raise ValueError("cross2d takes vectors of 2 elements")
        out = np.empty((), T)
        out[()] = a[0] * b[1] - a[1] * b[0]
        return out

    return crossed


if hasattr(extensions, "cross2d"):  # newer Numbas lack it
    overload(extensions.cross2d, **FIRST)(_cross_of_two)


# --- Convolutions --------------------------------------------------------------------------------


@register_jitable
def _offset(full, size, short):
    """Where in the full result one of another mode begins: 'valid' is the shortest."""
    if size == full:
        return 0
    return short - 1 if size == full - 2 * (short - 1) else (short - 1) // 2


@overload(np.convolve, **FIRST)
def _convolve(a, v, mode="full"):
    T = promoted_arrays(a, v)
    if T is None:
        return None

    def convolved(a, v, mode="full"):
        y = np.convolve(held(T, a), held(T, v), mode)
        start = _offset(a.size + v.size - 1, y.size, min(a.size, v.size))
        out = np.empty(y.size, T)
        for i in range(y.size):
            k = start + i
            s = as_dual(T, 0.0)
            for j in range(max(0, k - v.size + 1), min(k + 1, a.size)):
                s = s + a[j] * v[k - j]
            out[i] = s
        return settled(out, y)

    return convolved


@overload(np.correlate, **FIRST)
def _correlate(a, v, mode="valid"):
    T = promoted_arrays(a, v)
    if T is None:
        return None

    def correlated(a, v, mode="valid"):
        y = np.correlate(held(T, a), held(T, v), mode)
        full = a.size + v.size - 1
        start = _offset(full, y.size, min(a.size, v.size))
        if a.size < v.size:  # Numba exchanges the two and turns the result round
            start = full - y.size - start
        out = np.empty(y.size, T)
        for i in range(y.size):
            k = start + i
            s = as_dual(T, 0.0)
            for j in range(max(0, k - v.size + 1), min(k + 1, a.size)):
                s = s + a[j] * v[j - k + v.size - 1]
            out[i] = s
        return settled(out, y)

    return correlated
