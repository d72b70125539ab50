"""What the implicit methods for z = (y, S) share: the state is found first, and then S.

Newton's iteration finds the state, as SciPy's does.  S then solves a linear system with Jacobians
at the new state: one factorisation for the state and all columns, and no iteration that the
coupling to the state could slow down.  Both must pass the test of the error.

References
----------
Maly and Petzold (1996), Numerical methods and software for sensitivity analysis of
differential-algebraic systems, Appl. Numer. Math. 20.
"""

import numpy as np
from scipy.integrate import OdeSolver
from scipy.linalg import lapack


class Staggered(OdeSolver):
    """A method for z = (y, S).

    Parameters
    ----------
    fun, t0, z0, t_bound
        As of every `OdeSolver`.
    value, linear : callable
        ``value(t, y)`` is F; ``linear(t, y)`` its Jacobian J (n, n), and B, its derivatives at a
        fixed state.
    n : int
        How many of the numbers z are the state.
    """

    error_order = 1  # of the estimate that the first step is chosen by

    def __init__(
        self, fun, t0, z0, t_bound, vectorized, value, linear, n, rtol, atol, first_step=None,
        max_step=np.inf,
    ):  # fmt: skip
        super().__init__(fun, t0, z0, t_bound, vectorized)
        self.value, self.linear, self.columns = value, linear, n
        self.rtol, self.atol, self.max_step = rtol, atol, max_step
        self.f = self.fun(t0, self.y)
        self.h_abs = min(first_step or self._first_step(), max_step)
        least = np.min(rtol)
        self.newton_tol = max(10 * np.finfo(float).eps / least, min(0.03, least**0.5))
        self.identity = np.identity(n)

    def _first_step(self):
        """Hairer, Norsett and Wanner (1993), Solving Ordinary Differential Equations I, II.4."""
        t, z, f, span = self.t, self.y, self.f, abs(self.t_bound - self.t)
        if not span:
            return 0.0
        scale = self.atol + self.rtol * np.abs(z)
        size, slope = self._norm(z, scale), self._norm(f, scale)
        h = min(0.01 * size / slope if min(size, slope) >= 1e-5 else 1e-6, span)
        step = h * self.direction
        bend = self._norm(self.fun(t + step, z + step * f) - f, scale) / h
        steepest = max(slope, bend)
        second = max(1e-6, h * 1e-3)
        if steepest > 1e-15:
            second = (0.01 / steepest) ** (1 / (self.error_order + 1))
        return min(100 * h, second, span)

    def _norm(self, error, scale):
        """The larger of the norms of the state and of S."""
        weighted, n = error / scale, self.columns
        rest = weighted[n:]
        return max(rms(weighted[:n]), rms(rest) if rest.size else 0.0)


def rms(x):
    return (x @ x / x.size) ** 0.5


def is_slow(rate, size, left, tol):
    """Whether an iteration diverges, or will not reach `tol` in the `left` ones."""
    if not size < np.inf:
        return True
    return rate is not None and (rate >= 1 or rate**left / (1 - rate) * size > tol)


def factors(A):
    """The LU factors of A, by LAPACK itself: of small matrices SciPy's checks cost more."""
    factorise = lapack.dgetrf if A.dtype.kind == "f" else lapack.zgetrf
    return factorise(A, overwrite_a=True)[:2]


def solved(LU, b):
    solve = lapack.dgetrs if LU[0].dtype.kind == "f" else lapack.zgetrs
    return solve(*LU, b)[0]
