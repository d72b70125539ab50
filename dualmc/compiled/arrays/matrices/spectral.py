"""Eigenvalues and eigenvectors of matrices of Duals.

Signs are those of Numba's own result.  A repeated eigenvalue has the mean of the derivatives of its
copies, exact in smooth functions that treat them alike, and NaN where it is derived again; its
vectors have NaN.
"""

import numpy as np
from numba.core.errors import TypingError
from numba.extending import overload, register_jitable

from dualmc.compiled.arrays.levels import held, settled, unknown
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.matrices.factors import rate
from dualmc.compiled.arrays.matrices.solving import is_dual_matrix
from dualmc.compiled.arrays.products import product
from dualmc.compiled.scalars.dual_type import base_of, is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


@register_jitable
def clusters(s, rounding):
    """Labels of sorted values: equal where neighbours differ by rounding only."""
    labels = np.zeros(s.size, np.intp)
    for i in range(1, s.size):
        apart = abs(primal_of(s[i]) - primal_of(s[i - 1])) > rounding
        labels[i] = labels[i - 1] + (1 if apart else 0)
    return labels


@register_jitable
def is_repeated(labels, i):
    """Whether value number i shares its label with a neighbour."""
    n = labels.size
    return (i > 0 and labels[i - 1] == labels[i]) or (i < n - 1 and labels[i + 1] == labels[i])


def eps_of(kind):
    """The rounding unit of the floats of an array of this kind."""
    return float(np.finfo(str(base_of(kind.dtype))).eps)


def share(s, labels, change):
    """Each repeated element of the vector `s` becomes the mean of its copies, in its own place."""
    raise NotImplementedError


@overload(share)
def _share(s, labels, change):
    T = s.dtype
    is_nested = is_dual(T.inner)

    def shared(s, labels, change):
        first = 0
        while first < s.size:
            last = first + 1
            while last < s.size and labels[last] == labels[first]:
                last += 1
            if last - first > 1:
                mean = as_dual(T, 0.0)
                for i in range(first, last):
                    mean = mean + s[i]
                mean = mean * (1.0 / (last - first))
                if is_nested:
                    mean = mean + unknown(change)
                for i in range(first, last):
                    s[i] = mean
            first = last

    return shared


@register_jitable
def _size(w):
    largest = 0.0
    for i in range(w.size):
        largest = max(largest, abs(primal_of(w[i])))
    return largest


def _in_basis(a, v):
    """``V^T A V``, of the lower triangle of A and its mirror image."""
    raise NotImplementedError


@overload(_in_basis)
def _turned(a, v):
    T = a.dtype

    def turned(a, v):
        n = a.shape[0]
        h = np.empty((n, n), T)
        for i in range(n):
            for j in range(n):
                h[i, j] = a[max(i, j), min(i, j)]
        return product(v.T, product(h, v))

    return turned


@overload(np.linalg.eigh, **FIRST)
def _eigh(a):
    if not is_dual_matrix(a):
        return None
    T = a.dtype
    eps = eps_of(a)

    def system(a):
        """``dw = diag(M)``, ``dV = V (F * M)``, M = V^T dA V and F the reciprocal gaps."""
        w, v = np.linalg.eigh(held(T, a))
        n = w.size
        m = _in_basis(a, v)
        labels = clusters(w, n * eps * _size(w))
        change = rate(a)
        w_dual = np.empty(n, T)
        for i in range(n):
            w_dual[i] = m[i, i]
        share(w_dual, labels, change)
        for i in range(n):
            for j in range(n):
                if labels[i] == labels[j]:
                    m[i, j] = as_dual(T, 0.0)
                else:
                    m[i, j] = m[i, j] / (w[j] - w[i])
        v_dual = product(v, m)
        for j in range(n):
            if is_repeated(labels, j):
                for i in range(n):
                    v_dual[i, j] = v_dual[i, j] + unknown(change)
        return settled(w_dual, w), settled(v_dual, v)

    return system


@overload(np.linalg.eigvalsh, **FIRST)
def _eigvalsh(a):
    if not is_dual_matrix(a):
        return None
    T = a.dtype
    eps = eps_of(a)

    def values(a):
        p = held(T, a)
        w = np.linalg.eigvalsh(p)
        _, v = np.linalg.eigh(p)
        n = w.size
        m = _in_basis(a, v)
        found = np.empty(n, T)
        for i in range(n):
            found[i] = m[i, i]
        share(found, clusters(w, n * eps * _size(w)), rate(a))
        return settled(found, w)

    return values


def _refused(function):
    @overload(function, **FIRST)
    def chosen(a):
        if is_dual_matrix(a):
            raise TypingError(
                f"dualmc: np.linalg.{function.__name__} has no compiled derivative. For a "
                f"symmetric matrix use np.linalg.eigh"
            )
        return None


for _function in (np.linalg.eig, np.linalg.eigvals):
    _refused(_function)
