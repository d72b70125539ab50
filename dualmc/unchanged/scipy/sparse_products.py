"""Constant SciPy sparse matrices times Duals: sparse stays sparse.

SciPy's matrices would convert a Dual to a plain array.  Adapted code finds them as objects of the
same state whose products look for Duals first (`adapt.py`).
Those that hold Duals: `sparse/`.
"""

import functools
import math
import sys
import types

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.duals.operands import has_tangent
from dualmc.errors import MissingRuleError
from dualmc.functions.results import applied, with_primal
from dualmc.graph.traced import Traced
from dualmc.unchanged.standins.listed import holds_carrier, operand


def matmul(A, x):
    """``A @ x`` for a sparse matrix A, (m, n), and a Dual or a Traced, (n,) or (n, k)."""
    x = operand(x)
    if x.ndim == 0:
        raise ValueError("Scalar operands are not allowed, use '*' instead")
    if x.shape[0] != A.shape[1]:
        raise ValueError(f"matmul: dimension mismatch with signature (n,k={A.shape[1]}),"
                         f"(k={x.shape[0]},m)->(n,m)")  # fmt: skip
    if type(x) is Traced:
        return _recorded(A.tocsr(), x)
    return matmul_along_last(A.tocsr(), x) if x.ndim == 1 else matmul_along_last(A.tocsr(), x.T).T


def rmatmul(x, A):
    """``x @ A`` for a Dual, (m,) or (k, m)."""
    return matmul(A.T, operand(x).T).T


def _recorded(A, x):
    """The product in a graph: of a derivation the matrix as it is, of a program its entries."""
    if not x._recorder.whole:
        return np.matmul(A.toarray(), x)
    return _picked(A, x) if x.ndim == 1 else _picked(A, x.T).T


def matmul_along_last(A, x):
    """``x @ A.T``, A in CSR form: every row of A picks from the last axis."""
    if type(x) is not Dual:
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        return (A @ rows.T).T.reshape(*x.shape[:-1], A.shape[0])
    y = matmul_along_last(A, x.primal)
    t = x.own_tangent()
    if t is not None and not t.is_sparse:
        return applied(
            lambda p: matmul_along_last(A, p), lambda p: matmul_along_last(A.T.tocsr(), p), x, y
        )  # fmt: skip
    return with_primal(y, _picked(A, x))


def _picked(A, x):
    """The product as sums of few picked elements, so that sparse tangents stay sparse.

    Rows are taken together by length, to within a factor 2, and padded with weights of 0.
    """
    lengths = np.diff(A.indptr)
    groups = np.ceil(np.log2(np.maximum(lengths, 1))).astype(int)
    parts, order = [], []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        slots = A.indptr[rows][:, None] + np.arange(2**group)
        used = np.arange(2**group) < lengths[rows][:, None]
        slots = np.where(used, slots, np.minimum(A.indptr[rows], max(A.nnz - 1, 0))[:, None])
        if A.nnz:
            index, weight = A.indices[slots], np.where(used, A.data[slots], 0)
            parts.append(np.sum(x[..., index] * weight, axis=-1))
        else:
            parts.append(np.zeros_like(x, shape=(*x.shape[:-1], rows.size)))
        order.append(rows)
    joined = np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
    return joined if len(parts) == 1 else joined[..., np.argsort(np.concatenate(order))]


# Methods and properties that return other sparse matrices, which look for Duals too.
_RETURN_SPARSE = """
transpose conj conjugate copy tocsr tocsc tocoo tobsr todia tolil todok astype getH power
multiply minimum maximum __neg__ __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__
__pow__ __getitem__ __abs__ __rtruediv__
""".split()
# Those that always make a matrix of memory of its own.
_COPIES = frozenset("copy tolil todok astype".split())
_views: dict = {}


def view_of(matrix):
    """`matrix` as an object of the same state whose products look for Duals."""
    kind = type(matrix)
    if kind.__name__ == "SuperLU":  # factors that f found made
        from dualmc.unchanged.scipy.sparse.solving import Factors  # which uses this file

        return Factors(matrix, matrix, False)
    if not hasattr(kind, "tocsr") or kind.__dict__.get("_looks_for_duals"):
        return matrix
    view = (dict if issubclass(kind, dict) else object).__new__(kind_of(kind))
    view.__dict__ = matrix.__dict__
    return view


def kind_of(kind):
    """The subclass of a SciPy class whose products look for Duals."""
    made = _views.get(kind)
    if made is None:
        like = _metaclass(type(kind))
        made = _views[kind] = like(kind.__name__, (kind,), _methods_of(kind))
    return made


@functools.cache
def _metaclass(base):
    """The metaclass of classes of which all instances of their base are instances."""

    class Like(base):
        def __instancecheck__(cls, instance):
            return cls.__bases__[0] in type(instance).__mro__

        def __subclasscheck__(cls, other):
            return cls.__bases__[0] in other.__mro__

    return Like


def handlers():
    """Stand-ins for the classes and functions of scipy.sparse, by dotted name."""
    from dualmc.unchanged.scipy.sparse import making, methods  # noqa: F401 (which use this file)

    sparse = sys.modules["scipy.sparse"]
    found = {}
    for name in sparse.__all__:
        original = getattr(sparse, name, None)
        if isinstance(original, type) and hasattr(original, "tocsr"):
            found[f"scipy.sparse.{name}"] = kind_of(original)
        elif isinstance(original, types.FunctionType):
            found[f"scipy.sparse.{name}"] = making.function(name, original)
    return found


def holds_number(a):
    """Whether a number with a derivative is in `a`, which is no sparse matrix."""
    if issubclass(type(a), (list, tuple)):
        return any(holds_number(item) for item in a)
    return has_tangent(a) or (type(a) is Traced and not a.is_flat)


def refuse_numbers(name, *args):
    """Raise if a number with a derivative is among the arguments of a method without rule."""
    if any(holds_number(a) for a in args):
        raise MissingRuleError(
            f"dualmc has no derivative rule for {name} of a Dual. Make the matrix of its entries, "
            f"e.g. csr_array((data, (rows, columns))), or write the step with dense arrays."
        )


def owned(y, source=None):
    """`y`, new and held by nobody else, as a matrix that f may write Duals to."""
    y = view_of(y) if hasattr(y, "tocsr") else y
    if y is not source and hasattr(y, "tocsr"):
        y.__dict__["_made_in"] = levels.current()
    return y


def _lent(a):
    """`a` with the memory of arrays without tangent, which may not be written a Dual after that.

    SciPy shares what is in a tuple, ``(data, indices, indptr)``, and copies a dense matrix alone:
    a Traced, which has no memory to share, is taken there.
    """
    if type(a) is Dual:
        return a.__array__()
    if type(a) is Traced and a.is_flat:
        return np.array(a.look())
    if type(a) is tuple and any(type(item) is Traced for item in a):
        return a
    return tuple(map(_lent, a)) if type(a) is tuple else a


def _methods_of(kind):
    from dualmc.unchanged.scipy.sparse import algebra, methods  # which use this file

    def product(name, ours):
        def method(self, other):
            if getattr(type(other), "_holds_duals", False):
                return algebra.matmul(self, other)
            if not (type(other) is Dual or type(other) is Traced or holds_carrier(other)):
                return view_of(getattr(kind, name)(self, other))
            if np.ndim(other) == 0 and name != "__matmul__":
                return algebra.multiply(self, other)
            return ours(self, other)

        return method

    def wrapped(name):
        def method(self, *args, **kwargs):
            refuse_numbers(f"{kind.__name__}.{name}", *args, *kwargs.values())
            with levels.outside():
                y = getattr(kind, name)(self, *args, **kwargs)
            is_new = name in _COPIES or name == "__getitem__" and self.format in ("lil", "dok")
            return owned(y, self) if is_new else view_of(y)

        return method

    found = {name: wrapped(name) for name in _RETURN_SPARSE if hasattr(kind, name)}

    def init(self, *args, **kwargs):
        args, kwargs = tuple(map(_lent, args)), {key: _lent(a) for key, a in kwargs.items()}
        with levels.outside():
            kind.__init__(self, *args, **kwargs)
        owned(self)

    found |= {
        "_looks_for_duals": True,
        "__init__": init,
        "T": property(lambda self: self.transpose()),
        "__array_ufunc__": None,  # so that a Dual lets the matrix answer ``dual @ matrix``
        "__matmul__": product("__matmul__", matmul),
        "__rmatmul__": product("__rmatmul__", lambda self, x: rmatmul(x, self)),
        "dot": product("dot", matmul),
    }
    if issubclass(kind, sys.modules["scipy.sparse"].spmatrix):
        # Its * is the matrix product; that of a sparse array is element-wise.
        found["__mul__"] = product("__mul__", matmul)
        found["__rmul__"] = product("__rmul__", lambda self, x: rmatmul(x, self))
    return found | methods.of_constants(kind)
