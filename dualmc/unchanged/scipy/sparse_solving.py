"""Constant SciPy sparse matrices that are solved with Duals on the right-hand side.

A solve is linear in the right-hand side b, x = A^-1 b, so that the derivative of x is another solve
with the same factors, and the cotangent of b one with the transposed.
"""

import functools
import math
import sys

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.errors import MissingRuleError
from dualmc.functions.results import applied
from dualmc.unchanged.scipy.sparse_products import refuse_numbers
from dualmc.unchanged.standins.listed import holds_carrier, operand


def _along_last(solve, p, trans):
    """``solve`` for every vector along the last axis of `p`, (..., n)."""
    if type(p) is Dual:
        return applied(
            lambda t: _along_last(solve, t, trans),
            lambda t: _along_last(solve, t, "T" if trans == "N" else "N"),
            p,
            _along_last(solve, p.primal, trans),
        )
    rows = np.reshape(p, (math.prod(p.shape[:-1]), p.shape[-1]))
    if not rows.size:
        return np.zeros(p.shape, p.dtype)
    return np.ascontiguousarray(solve(np.ascontiguousarray(rows.T), trans).T).reshape(p.shape)


def _solved(solve, b, trans="N"):
    """The solution for `b`, (n,) or (n, k), by ``solve(plain b, trans)``."""
    b = operand(b)
    if type(b) is not Dual:  # recorded: no step of a program yet
        raise MissingRuleError(
            "dualmc cannot record a solve with a sparse matrix. Call jacobian_fwd or jacobian_rev "
            "instead of prepare or explain, or write the solve with a dense matrix."
        )
    return _along_last(solve, b, trans) if b.ndim == 1 else _along_last(solve, b.T, trans).T


class Factors:
    """What ``splu`` returns, its `solve` for Duals too."""

    def __init__(self, factors):
        self._factors = factors

    def solve(self, rhs, trans="N"):
        if not holds_carrier(rhs):
            return self._factors.solve(rhs, trans)
        if trans == "H":
            return np.conj(self.solve(np.conj(operand(rhs)), "T"))
        return _solved(self._factors.solve, rhs, trans)

    def __getattr__(self, name):
        return getattr(self._factors, name)


def _factoring(name):
    original = getattr(sys.modules["scipy.sparse.linalg"], name)

    @functools.wraps(original)
    def standin(A, *args, **kwargs):
        refuse_numbers(f"scipy.sparse.linalg.{name}", A)
        return Factors(original(A, *args, **kwargs))

    return standin


def _factorized(A):
    return Factors(_splu(A)).solve


def _splu(A):
    linalg = sys.modules["scipy.sparse.linalg"]
    return linalg.splu(A.tocsc())


def _spsolve(A, b, *args, **kwargs):
    refuse_numbers("scipy.sparse.linalg.spsolve", A)
    if hasattr(b, "tocsr") or not holds_carrier(b):
        return sys.modules["scipy.sparse.linalg"].spsolve(A, b, *args, **kwargs)
    b = operand(b)
    x = _solved(_splu(A).solve, b)
    return np.ravel(x) if b.ndim == 2 and b.shape[1] == 1 else x  # as SciPy's own


def handlers():
    """Stand-ins for functions of scipy.sparse.linalg, by dotted name."""
    found = {"splu": _factoring("splu"), "spilu": _factoring("spilu")}
    found |= {"factorized": _factorized, "spsolve": _spsolve}
    return {f"scipy.sparse.linalg.{name}": handler for name, handler in found.items()}
