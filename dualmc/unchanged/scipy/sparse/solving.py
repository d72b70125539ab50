"""Solves by factors: spsolve, splu, factorized, spsolve_triangular; inverses and norms."""

import functools
import sys

import numpy as np

from dualmc.duals import levels
from dualmc.errors import missing_case
from dualmc.functions.results import with_primal
from dualmc.unchanged.scipy.sparse import making
from dualmc.unchanged.scipy.sparse.places import (
    coo_kind,
    is_sparse,
    moved,
    numbers,
    plain,
    summed,
    varies,
)
from dualmc.unchanged.scipy.sparse.systems import (
    Stored,
    columns,
    of_value,
    recorded,
    values_only,
)
from dualmc.unchanged.scipy.sparse_products import holds_number
from dualmc.unchanged.standins.listed import holds_carrier, operand
from dualmc.unchanged.standins.table import value_of


def _linalg():
    return sys.modules["scipy.sparse.linalg"]


def _by_factors(factors):
    """Solves with the factors of a plain matrix, for the rows of b."""

    dtype = factors.L.dtype  # SuperLU solves in the dtype that it has factored

    def method(rows, trans):
        if rows.dtype.kind == "c" and dtype.kind != "c":
            return method(rows.real, trans) + 1j * method(rows.imag, trans)
        return factors.solve(np.ascontiguousarray(rows.T, dtype), trans).T

    return method


def _factored(a):
    """The method of a sparse matrix that is factored once, when it is used."""
    a = plain(a)
    found = []

    def method(rows, trans):
        if not found:
            with levels.outside():
                found.append(_by_factors(_linalg().splu(a.tocsc())))
        return found[0](rows, trans)

    return method


class Factors:
    """What ``splu`` returns of the matrix `a`, its `solve` for Duals too.

    What `spilu` returns is no solution: of a matrix that varies its derivative is not known.
    """

    def __init__(self, factors, a, is_exact=True):
        self._factors, self._matrix, self._is_exact = factors, a, is_exact

    def solve(self, rhs, trans="N"):
        if values_only.depth:
            return self._factors.solve(value_of(rhs) if holds_carrier(rhs) else rhs, trans)
        y = recorded(self._again, self._matrix, rhs, trans)
        if y is not NotImplemented:
            return y
        is_varying = varies(self._matrix)
        if not holds_carrier(rhs) and not is_varying:
            return self._factors.solve(rhs, trans)
        if trans == "H":
            return np.conj(self.solve(np.conj(operand(rhs)), "T"))
        method = _by_factors(self._factors)
        if self._is_exact or not is_varying:
            a = Stored(self._matrix) if self._is_exact else _Constant(self._matrix)
            return columns(a, rhs, method, trans)
        y = columns(_Constant(self._matrix), rhs, method, trans)
        unknown = np.sum(numbers(self._matrix)) * np.full(np.shape(y), np.nan)
        return y + with_primal(np.zeros(np.shape(y)), unknown)

    def _again(self, a, rhs, trans):
        """The solve of a replay, at other numbers."""
        same = self if a is self._matrix else _factoring("splu" if self._is_exact else "spilu")(a)
        return same.solve(rhs, trans)

    def __getattr__(self, name):
        if varies(self._matrix) and name in ("L", "U"):
            raise missing_case(f"scipy.sparse.linalg.splu(A).{name}", "of a matrix of Duals")
        return getattr(self._factors, name)


class _Constant:
    """A matrix that is known by its approximate factors only."""

    def __init__(self, a):
        self.shape = a.shape

    def numbers(self):
        return None

    def at(self, level):
        return self


def _factoring(name):
    original = getattr(_linalg(), name)

    @functools.wraps(original)
    def standin(A, *args, **kwargs):
        with levels.outside():
            factors = original(plain(A), *args, **kwargs)
        return Factors(factors, A, name == "splu")

    return standin


def _factorized(A):
    with levels.outside():
        factors = _linalg().splu(plain(A).tocsc())
    return Factors(factors, A).solve


def spsolve(A, b, permc_spec=None, use_umfpack=True):
    y = recorded(spsolve, A, b) if not is_sparse(b) else NotImplemented
    if y is not NotImplemented:
        return y
    if not varies(A) and not varies(b) and not holds_carrier(b):
        return _linalg().spsolve(A, b, permc_spec, use_umfpack)
    A = A if is_sparse(A) else making.from_dense(sys.modules["scipy.sparse"].coo_array, A)
    is_sparse_b = is_sparse(b)
    right = b.toarray() if is_sparse_b else b
    x = columns(Stored(A), right, _factored(A))
    if A.format != "csc" or np.ndim(right) == 2:  # SciPy's own steps round differently
        right = np.asarray(value_of(operand(right)))
        with levels.outside():
            own = _linalg().spsolve(plain(A), right)
        x = of_value(np.reshape(own, np.shape(x)), x)
    if np.ndim(x) == 2 and x.shape[1] == 1:
        return np.ravel(x)  # as SciPy's own
    if is_sparse_b:
        return making.from_dense(coo_kind(b if varies(b) else A), x).asformat("csc")
    return x


def _spsolve_triangular(A, b, lower=True, overwrite_A=False, overwrite_b=False,
                        unit_diagonal=False):  # fmt: skip
    again = functools.partial(_spsolve_triangular, lower=lower, unit_diagonal=unit_diagonal)
    y = recorded(again, A, b)
    if y is not NotImplemented:
        return y
    original = _linalg().spsolve_triangular
    if not varies(A) and not holds_carrier(b):
        return original(A, b, lower, overwrite_A, overwrite_b, unit_diagonal)
    constant = plain(A)

    @levels.aside
    def method(rows, trans):
        a = constant if trans == "N" else constant.T
        is_lower = lower if trans == "N" else not lower
        return original(a.tocsr(), rows.T, is_lower, unit_diagonal=unit_diagonal).T

    name = "tril" if lower else "triu"
    k = (-1 if lower else 1) if unit_diagonal else 0
    part = moved(lambda m: getattr(sys.modules["scipy.sparse"], name)(m, k), A)
    return columns(Stored(part), b, method)


def _inv(A):
    if not varies(A):
        return _linalg().inv(A)
    x = columns(Stored(A), np.eye(A.shape[0]), _factored(A))
    return making.from_dense(coo_kind(A), x).asformat(A.format)


def _norm(x, ord=None, axis=None):
    if not varies(x):
        return _linalg().norm(x, ord, axis)
    if axis is None and ord in (None, "f", "fro"):
        return np.linalg.norm(numbers(summed(x)))
    return np.linalg.norm(x.toarray(), ord, axis)


def _matrix_power(A, power):
    if not varies(A):
        return _linalg().matrix_power(A, power)
    y = making.identity_like(A)
    for _ in range(power):
        y = y @ A
    return y


def _expm(A):
    if not varies(A):
        return _linalg().expm(A)
    from dualmc.unchanged.scipy.linalg.table import call  # which imports scipy.linalg

    return making.from_dense(coo_kind(A), call("expm", A.toarray())).asformat("csc")


def _refusing(name):
    """A function without rule: it refuses matrices and arrays that hold Duals."""
    original = getattr(_linalg(), name)

    @functools.wraps(original)
    def standin(*args, **kwargs):
        for a in (*args, *kwargs.values()):
            if varies(a) or holds_number(a):
                raise missing_case("scipy.sparse.linalg", f"{name} of Duals")
        return original(*args, **kwargs)

    return standin


def found():
    """Stand-ins by name."""
    handlers = {"splu": _factoring("splu"), "spilu": _factoring("spilu")}
    handlers |= {"factorized": _factorized, "spsolve": spsolve, "inv": _inv, "norm": _norm}
    handlers |= {"spsolve_triangular": _spsolve_triangular, "matrix_power": _matrix_power}
    handlers["expm"] = _expm
    for name in "funm_multiply_krylov lobpcg onenormest svds is_sptriangular spbandwidth".split():
        if hasattr(_linalg(), name):
            handlers[name] = _refusing(name)
    return handlers
