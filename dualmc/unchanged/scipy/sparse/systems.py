"""Every solve of a linear system by one rule, whatever the matrix is and whoever solves it.

Of ``A x = b`` the derivative is ``A dx = db - dA x``, solved as x was; the cotangents of the right-
hand side come by a solve with the transposed matrix.  The matrix and b may hold Duals of several
levels: at each, A is the matrix as that level sees it.

A matrix is one of `Stored` (sparse), `Dense`, and `Operator` (a LinearOperator of SciPy, known by
what it does to vectors, which may involve Duals).
"""

import math
import threading

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.errors import MissingRuleError
from dualmc.functions.matrices.differentials import held, is_active, quiet
from dualmc.functions.results import applied, with_primal
from dualmc.graph.record import has_traced, record
from dualmc.graph.traced import Traced
from dualmc.unchanged.scipy.sparse import algebra
from dualmc.unchanged.scipy.sparse.places import (
    is_sparse,
    level_among,
    numbers,
    plain,
    varies,
    with_numbers,
)
from dualmc.unchanged.standins.table import operand, value_of


class _ValuesOnly(threading.local):
    """Whether a preconditioner runs, of which the value alone is used."""

    depth = 0


values_only = _ValuesOnly()
# Columns of a LinearOperator that reverse mode writes out as a matrix.
LARGEST = 2000


class Stored:
    """A sparse matrix."""

    def __init__(self, a):
        a = a.tocsr() if varies(a) and a.format in ("lil", "dok") else a
        self.matrix, self.shape, self.plain = a, a.shape, plain(a)

    def numbers(self):
        return numbers(self.matrix) if varies(self.matrix) else None

    def at(self, level):
        if not varies(self.matrix):
            return self
        return Stored(with_numbers(self.matrix, held(self.matrix.data, level)))

    def times(self, x, trans):
        """``A @ x`` for vectors along the last axis of x."""
        a = self.matrix.T if trans == "T" else self.matrix
        rows = np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
        y = algebra.matmul(a, np.transpose(rows))
        return np.reshape(np.transpose(y), (*x.shape[:-1], a.shape[0]))


class Dense:
    """An array."""

    def __init__(self, a):
        self.matrix, self.shape, self.plain = a, a.shape, np.asarray(value_of(a))

    def numbers(self):
        return self.matrix

    def at(self, level):
        return Dense(held(self.matrix, level))

    def times(self, x, trans):
        return np.matmul(x, self.matrix if trans == "T" else np.transpose(self.matrix))


class Operator:
    """A LinearOperator, at the values of the Duals of some levels."""

    def __init__(self, a, levels=()):
        self.matrix, self.shape, self.levels = a, a.shape, levels
        self.plain = plain_operator(a)

    def numbers(self):
        """A vector of the levels that the matrix depends on."""
        return self._apply(self.matrix._matvec, np.ones(self.shape[1]))

    def at(self, level):
        return Operator(self.matrix, (*self.levels, level))

    def _apply(self, function, x):
        y = operand(function(x))
        for level in self.levels:
            y = held(y, level)
        return y

    def times(self, x, trans):
        function = self.matrix._rmatvec if trans == "T" else self.matrix._matvec
        rows = np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
        found = [self._apply(function, row) for row in rows]
        return np.reshape(np.stack(found), (*x.shape[:-1], -1))


def plain_operator(a):
    """A LinearOperator with plain numbers for the Duals in its results."""
    from scipy.sparse.linalg import LinearOperator

    def on_values(function):
        function = levels.resumed(function)

        def apply(x):
            values_only.depth += 1
            try:
                return np.asarray(value_of(operand(function(x))))
            finally:
                values_only.depth -= 1

        return apply

    return LinearOperator(
        a.shape, on_values(a._matvec), rmatvec=on_values(a._rmatvec), dtype=np.float64
    )


def _is_recorded(found):
    while type(found) is Dual:
        if found.level.records:
            return True
        found = found.primal
    return False


def _written_out(a):
    """An operator as a matrix: a sweep comes when its Duals are no more."""
    if a.shape[1] > LARGEST:
        raise MissingRuleError(
            f"dualmc differentiates a solve with a LinearOperator of {a.shape[1]} columns in "
            f"forward mode only. Call jacobian_fwd, or give the solver a sparse matrix."
        )
    rows = [a.times(row, "N") for row in np.eye(a.shape[1])]
    return Dense(np.transpose(np.stack(rows)))


def recorded(function, a, *args):
    """``function(a, *args)`` as one step of a graph, if it is recorded now; else NotImplemented."""
    if not has_traced([numbers(a) if varies(a) else None, *args]):
        return NotImplemented
    if not varies(a):
        return record(lambda *rest: function(a, *rest), args, {})
    a = a.tocsr() if a.format in ("lil", "dok") else a
    return record(lambda data, *rest: function(with_numbers(a, data), *rest), (a.data, *args), {})


def system_of(a):
    if is_sparse(a):
        return Stored(a)
    if hasattr(a, "_matvec"):
        a = Operator(a)
        return _written_out(a) if _is_recorded(a.numbers()) else a
    return Dense(operand(a) if issubclass(type(a), (list, tuple, np.ndarray)) else a)


def solution(a, b, method, trans="N"):
    """The x of ``a @ x = b`` for vectors along the last axis of `b`; `a` is one of the above.

    ``method(b, trans)`` solves with plain numbers.
    """
    found = a.numbers()
    if type(b) is Traced or type(found) is Traced:
        raise MissingRuleError(
            "dualmc cannot record a solve with a sparse matrix. Call jacobian_fwd or jacobian_rev "
            "instead of prepare or explain, or write the solve with a dense matrix."
        )
    level = level_among(b) if found is None else level_among(found, b)
    if level is None:
        return _plainly(method, b, trans)
    p = a.at(level)
    x = solution(p, held(b, level), method, trans)
    r = _residual(a, b, held(x, level), level, trans, is_active(found, level))
    if not is_active(r, level):
        return with_primal(x, r) if type(r) is Dual else x
    other = "T" if trans == "N" else "N"
    found = applied(
        lambda rows: solution(p, rows, method, trans),
        lambda rows: solution(p, rows, method, other),
        r,
        r.primal,
    )
    return with_primal(x, found)


@quiet
def _residual(a, b, x, level, trans, is_varying):
    """``b - a @ x`` as far as it varies."""
    r = b if is_active(b, level) else None
    if is_varying:
        ax = a.times(x, trans)
        r = -ax if r is None else r - ax
    return b if r is None else r


def _plainly(method, b, trans):
    rows = np.reshape(b, (math.prod(b.shape[:-1]), b.shape[-1]))
    if not rows.size:
        return np.zeros(b.shape)
    return np.reshape(method(rows, trans), b.shape)


def columns(a, b, method, trans="N"):
    """The solution for `b`, (n,) or (n, k), as SciPy takes right-hand sides."""
    b = operand(b) if issubclass(type(b), (list, tuple, np.ndarray)) else b
    b = np.asarray(b) if issubclass(type(b), (list, tuple)) else b
    if b.ndim == 1:
        return solution(a, b, method, trans)
    return np.transpose(solution(a, np.transpose(b), method, trans))


def of_value(y, found):
    """`found` with the solver's own number at the bottom of its levels."""
    if type(found) is not Dual:
        return np.asarray(y)
    return with_primal(of_value(y, found.primal), found)
