"""Sparse matrices that are made of Duals: SciPy's constructors and functions."""

import functools
import inspect
import sys

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.errors import missing_case, missing_rule
from dualmc.graph.traced import Traced
from dualmc.unchanged.scipy import sparse_products as constant
from dualmc.unchanged.scipy.sparse.places import (
    coo_kind,
    entries,
    filled,
    is_sparse,
    moved,
    numbers,
    of_entries,
    places,
    plain_kind,
    summed,
    varies,
    with_numbers,
)
from dualmc.unchanged.standins.table import is_carrier, operand, value_of


def any_varies(args, kwargs=None):
    """Whether a Dual with a derivative is among the arguments, or a sparse matrix of such."""
    found = (*args, *(kwargs or {}).values())
    return any(_varies_within(a) or constant.holds_number(a) for a in found)


def _varies_within(a):
    if issubclass(type(a), (list, tuple)):
        return any(_varies_within(item) for item in a)
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        return any(_varies_within(item) for item in a.flat)
    return varies(a)


# --- Constructors --------------------------------------------------------------------------------


def made(kind, arg1, shape=None, dtype=None, copy=False, **options):
    """What ``kind(arg1, ...)`` makes of Duals."""
    if is_sparse(arg1):
        y = arg1
    elif issubclass(type(arg1), tuple):
        y = _of_tuple(kind, arg1, shape, **options)
    else:
        y = from_dense(_coo_of(kind), _array(arg1))
    y = converted(y, kind)
    if shape is not None and tuple(shape) != y.shape:
        raise ValueError(f"inconsistent shapes: {tuple(shape)} and {y.shape}")
    return y if dtype is None else y.astype(dtype)


def _array(a):
    a = operand(a)
    return np.asarray(a) if issubclass(type(a), (list, tuple)) else a


def _coo_of(kind):
    sparse = sys.modules["scipy.sparse"]
    return sparse.coo_matrix if issubclass(kind, sparse.spmatrix) else sparse.coo_array


def _of_tuple(kind, parts, shape, **options):
    if any(constant.holds_number(part) for part in parts[1:]):
        raise TypeError("The indices of a sparse matrix must be constant whole numbers.")
    data = _array(parts[0])
    flat = np.reshape(data, (data.size,))
    counted = np.arange(1.0, data.size + 1.0).reshape(data.shape)
    is_coordinates = len(parts) == 2 and not kind.__name__.startswith("dia")
    maker = _coo_of(kind) if is_coordinates else kind
    with levels.outside():
        found = maker((counted, *parts[1:]), shape=shape, **options)
    return filled(found, flat)


def from_dense(kind, dense):
    """The matrix, in COO form, of the numbers of an array that are not 0, nor constantly 0."""
    value = np.asarray(value_of(dense))
    if value.ndim not in (1, 2):
        raise missing_case("scipy.sparse", f"a sparse matrix of an array of {value.ndim} axes")
    coords = np.nonzero(_is_stored(dense))
    data = dense[coords]
    with levels.outside():
        counted = kind((np.arange(1.0, len(coords[0]) + 1.0), coords), shape=value.shape)
    return with_numbers(counted, data)


def _is_stored(dense):
    """Where a number is not 0, or has a derivative."""
    if type(dense) is Traced:
        return np.ones(dense.shape, bool)
    if type(dense) is not Dual:
        return np.asarray(dense) != 0
    t = dense.own_tangent()
    mask = _is_stored(dense.primal)
    return mask if t is None else mask | ~np.broadcast_to(t.is_zero(), dense.shape)


def converted(a, kind):
    """`a` in the format and family of `kind`."""
    a = summed(a) if not kind.__name__.startswith("coo") else a
    if plain_kind(a) is kind:
        return a
    with levels.outside():
        sample = kind((1, 1))
        found = kind(getattr(places(a), f"to{sample.format}")())
    return filled(found, numbers(a))


def identity_like(a):
    eye = plain_kind(a)(sys.modules["scipy.sparse"].eye_array(a.shape[0]))
    return constant.view_of(eye)


def chosen(function, a, b):
    """The larger or smaller of two, element by element."""
    dense = [m.toarray() if is_sparse(m) else m for m in (a, b)]
    return from_dense(coo_kind(a), function(*dense)).asformat("csr")


# --- Functions of scipy.sparse -------------------------------------------------------------------


def _of_blocks(name):
    """A function that puts matrices beside each other, in lists or nested lists."""

    def handler(blocks, *args, **kwargs):
        found = []

        def collect(item):
            if issubclass(type(item), (list, tuple)) or (
                issubclass(type(item), np.ndarray) and item.dtype == object and not is_carrier(item)
            ):
                return [collect(part) for part in item]
            if item is None:
                return None
            found.append(item if is_sparse(item) else _sparse_block(item))
            return len(found) - 1

        tree = collect(blocks)

        def rebuilt(tree, made):
            if issubclass(type(tree), list):
                return [rebuilt(part, made) for part in tree]
            return None if tree is None else made[tree]

        original = getattr(sys.modules["scipy.sparse"], name)
        return moved(lambda *made: original(rebuilt(tree, made), *args, **kwargs), *found)

    return handler


def _sparse_block(item):
    item = _array(item)
    item = item if np.ndim(item) == 2 else np.reshape(item, (1, -1))
    return from_dense(sys.modules["scipy.sparse"].coo_matrix, item)


def _diagonals(name):
    def handler(diagonals, *args, **kwargs):
        original = getattr(sys.modules["scipy.sparse"], name)
        is_one = is_carrier(diagonals)
        parts = [_array(item) for item in ([diagonals] if is_one else diagonals)]
        counted, first = [], 1
        for part in parts:
            size = int(np.size(part))
            counted.append(np.arange(float(first), first + size).reshape(np.shape(part))[()])
            first += size
        flat = np.concatenate([np.reshape(part, (-1,)) for part in parts])
        kwargs.pop("dtype", None)
        with levels.outside():
            found = original(counted[0] if is_one else counted, *args, **kwargs)
        return filled(found, flat)

    return handler


def _kron(A, B, format=None):
    A, B = (a if is_sparse(a) else _sparse_block(a) for a in (A, B))
    (p, where), (q, there) = entries(A), entries(B)
    coords = tuple(
        np.ravel(i[:, None] * size + j)
        for i, j, size in zip(where, there, B.shape, strict=True)
    )  # fmt: skip
    data = np.ravel(p[:, None] * q)
    shape = tuple(m * n for m, n in zip(A.shape, B.shape, strict=True))
    sparse = sys.modules["scipy.sparse"]
    like = next((m for m in (A, B) if isinstance(m, sparse.sparray)), A)
    return of_entries(data, coords, shape, like).asformat(format or "csr")


def _kronsum(A, B, format=None):
    A, B = (a if is_sparse(a) else _sparse_block(a) for a in (A, B))
    left = _kron(constant.view_of(plain_kind(B)(np.eye(B.shape[0]))), A)
    right = _kron(B, constant.view_of(plain_kind(A)(np.eye(A.shape[0]))))
    return (left + right).asformat(format or "csr")


def _of_one(name):
    def handler(A, *args, **kwargs):
        original = getattr(sys.modules["scipy.sparse"], name)
        A = A if is_sparse(A) else _sparse_block(A)
        return moved(lambda m: original(m, *args, **kwargs), A)

    return handler


def _find(A):
    A = summed(A if is_sparse(A) else _sparse_block(A))
    data, (rows, columns) = entries(A.tocsr())
    return rows, columns, data


HANDLERS = {name: _of_blocks(name) for name in "hstack vstack bmat block_array block_diag".split()}
HANDLERS |= {name: _diagonals(name) for name in "diags diags_array spdiags".split()}
HANDLERS |= {name: _of_one(name) for name in "tril triu swapaxes permute_dims expand_dims".split()}
HANDLERS |= {"kron": _kron, "kronsum": _kronsum, "find": _find}
# What makes a matrix that nobody else holds.
_NEW = frozenset("eye identity eye_array diags diags_array spdiags random random_array".split())


def function(name, original):
    """A function of scipy.sparse that takes Duals, or refuses them by name."""
    handler = HANDLERS.get(name)
    asks = name.startswith(("iss", "get_index", "safely"))  # issparse, isspmatrix, ...

    @functools.wraps(original)
    def standin(*args, **kwargs):
        if not asks and any_varies(args, kwargs):
            if handler is None:
                raise missing_rule(f"scipy.sparse.{name}")
            bound = inspect.signature(handler).bind(*args, **kwargs)
            return handler(*bound.args, **bound.kwargs)
        with levels.outside():
            y = original(*args, **kwargs)
        if not is_sparse(y):
            return y
        y = constant.view_of(y)
        return constant.owned(y) if name in _NEW else y

    return standin
