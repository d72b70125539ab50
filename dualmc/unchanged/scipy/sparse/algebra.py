"""Sums and products of sparse matrices of which at least one holds Duals: those of the entries."""

import operator
import sys

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import primal_at
from dualmc.errors import missing_case
from dualmc.functions.results import valued
from dualmc.unchanged.scipy.sparse.places import (
    at,
    entries,
    filled,
    flat_index,
    gathered,
    is_sparse,
    level_among,
    level_with,
    numbers,
    of_entries,
    places,
    plain_kind,
    summed,
    total,
    varies,
    with_numbers,
)
from dualmc.unchanged.standins.table import operand


def with_own_value(y, function, a, *others):
    """`y` with the value that SciPy's own ``function(a, *others)`` has."""
    if type(y) is not Dual:
        return y
    level = level_with(a, *others)
    if level is not y.level or type(y.primal) is Dual:
        return y
    others = [at(b, level) if is_sparse(b) else primal_at(b, level) for b in others]
    return valued(np.reshape(function(at(a, level), *others), y.shape), y)


# --- Products of matrices ------------------------------------------------------------------------


def matmul(a, x):
    """``a @ x`` for an array, a Dual, or a sparse matrix x."""
    if is_sparse(x):
        return _sparse_product(a, x)
    x = operand(x) if issubclass(type(x), (list, tuple, np.ndarray)) else x
    x = np.asarray(x) if issubclass(type(x), (list, tuple)) else x
    if np.ndim(x) == 0:
        raise ValueError("Scalar operands are not allowed, use '*' instead")
    if np.ndim(x) > 2 or x.shape[0] != a.shape[-1]:
        raise ValueError(f"matmul: dimension mismatch: {a.shape} @ {np.shape(x)}")
    data, coords = entries(a)
    picked = x[coords[-1]]
    part = data * picked if x.ndim == 1 else data[:, None] * picked
    if len(a.shape) == 1:
        return np.sum(part, axis=0)
    y = total(coords[0], a.shape[0], part)
    return with_own_value(y, operator.matmul, a, x)


def rmatmul(a, x):
    """``x @ a``."""
    x = operand(x) if issubclass(type(x), (list, tuple, np.ndarray)) else x
    if len(a.shape) == 1:
        return matmul(a, np.moveaxis(np.asarray(x) if not hasattr(x, "ndim") else x, -1, 0))
    return np.transpose(matmul(a.T, np.transpose(x)))


def _sparse_product(a, b):
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise missing_case("scipy.sparse", "the product of sparse arrays that are not of two axes")
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"matmul: dimension mismatch: {a.shape} @ {b.shape}")
    data, (rows, columns) = entries(a)
    right = places(summed(b)).tocsr()
    starts, lengths = right.indptr[columns], np.diff(right.indptr)[columns]
    left = np.repeat(np.arange(len(rows)), lengths)
    step = np.arange(len(left)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    slots = np.repeat(starts, lengths) + step
    part = data[left] * gathered(numbers(summed(b)), right.data[slots])
    coords = rows[left], right.indices[slots]
    y = of_entries(part, coords, (a.shape[0], b.shape[1]), a if varies(a) else b)
    return y.asformat("csc" if a.format == "csc" else "csr")


# --- Sums ----------------------------------------------------------------------------------------


def add(a, b, sign=1):
    """``a + sign * b``; b may be an array, which makes the sum one."""
    if not is_sparse(b):
        if np.ndim(b) == 0 and not isinstance(b, Dual) and b == 0:
            return a.copy()
        if np.ndim(b) == 0:
            raise NotImplementedError("adding a nonzero scalar to a sparse array is not supported")
        return in_family(a, a.toarray() + b if sign == 1 else a.toarray() - b)
    if a.shape != b.shape:
        raise ValueError(f"inconsistent shapes: {a.shape} and {b.shape}")
    (p, where), (q, there) = entries(a), entries(b)
    coords = tuple(np.concatenate(pair) for pair in zip(where, there, strict=True))
    y = of_entries(np.concatenate([p, sign * q]), coords, a.shape, a if varies(a) else b)
    y = summed(y)
    return y.asformat("csc" if a.format == b.format == "csc" else "csr") if y.ndim == 2 else y


def reduced(a, axis, dtype=None):
    """The sum over `axis`."""
    data, coords = entries(a)
    data = data if dtype is None else data.astype(dtype)
    axes = range(a.ndim) if axis is None else np.atleast_1d(axis)
    axes = {int(i) % a.ndim for i in axes}
    kept = [i for i in range(a.ndim) if i not in axes]
    if not kept:
        y = np.sum(data)
        return with_own_value(y, lambda m: m.sum(dtype=dtype), a)
    shape = [a.shape[i] for i in kept]
    y = total(flat_index([coords[i] for i in kept], shape), int(np.prod(shape)), data)
    y = with_own_value(np.reshape(y, shape), lambda m: m.sum(axis=axis, dtype=dtype), a)
    if not is_matrix(a):
        return y
    return in_family(a, np.expand_dims(y, tuple(axes)))


# --- Element by element --------------------------------------------------------------------------


def multiply(a, b):
    """``a * b`` element by element."""
    if is_sparse(b):
        return _intersected(a, b)
    b = operand(b) if issubclass(type(b), (list, tuple, np.ndarray)) else b
    b = np.asarray(b) if issubclass(type(b), (list, tuple)) else b
    if np.ndim(b) == 0:
        a = a if a.format not in ("lil", "dok") else a.tocsr()
        return with_numbers(a, a.data * b)
    return scaled(a, b, operator.mul)


def scaled(a, b, function):
    """`function` of the entries of `a` and those of an array that is broadcast to its shape."""
    shape = np.broadcast_shapes(a.shape, np.shape(b))
    if shape != a.shape:
        raise missing_case("scipy.sparse", f"{a.shape} broadcast to {shape} in a product")
    a = summed(a)
    data, coords = entries(a)
    flat = np.ravel(np.broadcast_to(b, shape))
    y = of_entries(function(data, flat[flat_index(coords, shape)]), coords, shape, a)
    return y.asformat(a.format if a.format in ("csr", "csc") else "coo")


def _intersected(a, b):
    if a.shape != b.shape:
        small, large = (a, b) if np.prod(a.shape) < np.prod(b.shape) else (b, a)
        return multiply(large, small.toarray())
    a, b = summed(a), summed(b)
    (p, where), (q, there) = entries(a), entries(b)
    if not varies(b):  # constants may share a place
        b = b.tocsr()
        b.sum_duplicates()
        q, there = entries(b)
    left, right = flat_index(where, a.shape), flat_index(there, b.shape)
    index, i, j = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    coords = np.unravel_index(index, a.shape)
    y = of_entries(p[i] * q[j], coords, a.shape, a if varies(a) else b)
    return y.asformat("csr") if len(a.shape) == 2 else y


def each(a, function):
    """`function`, which keeps 0, of every number; entries that share a place are added first."""
    a = summed(a)
    if a.format in ("lil", "dok"):
        a = a.tocsr()
    return with_numbers(a, function(a.data))


def divide(a, b):
    if is_sparse(b):
        return in_family(a, a.toarray() / b.toarray())
    b = operand(b) if issubclass(type(b), (list, tuple, np.ndarray)) else b
    if np.ndim(b) == 0:
        return each(a, lambda data: data / b)
    return scaled(a, np.asarray(b) if issubclass(type(b), (list, tuple)) else b, operator.truediv)


# --- Dense ---------------------------------------------------------------------------------------


def toarray(a):
    a = summed(a)
    found = filled(places(a).toarray(), numbers(a))
    return with_own_value(found, lambda m: m.toarray(), a)


def is_matrix(a):
    """Whether `a` is of the old family, whose dense results are instances of numpy.matrix."""
    return is_matrix_kind(plain_kind(a))


def is_matrix_kind(kind):
    return issubclass(kind, sys.modules["scipy.sparse"].spmatrix)


class MatrixOfDuals:
    """Where SciPy returns a numpy.matrix: an array is had of it by `A`, `A1` or numpy.asarray."""

    __array_ufunc__ = None

    def __init__(self, array):
        self.A = array

    A1 = property(lambda self: np.ravel(self.A))
    shape = property(lambda self: self.A.shape)

    def __array__(self, *args, **kwargs):
        raise self._refused("")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._refused("." + name)

    def _refused(self, what):
        return missing_case(
            f"the numpy.matrix that scipy.sparse makes of a csr_matrix and the like{what}",
            "holding Duals: use .toarray(), the attribute .A1, or sparse arrays (csr_array)",
        )


def in_family(a, dense):
    """A dense result, as the family of the sparse matrix `a` has it."""
    return MatrixOfDuals(dense) if is_matrix(a) and level_among(dense) is not None else dense


def unwrapped(value):
    return value.A if type(value) is MatrixOfDuals else value
