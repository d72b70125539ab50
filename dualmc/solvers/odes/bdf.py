"""The backward differentiation formulas of `scipy.integrate.BDF`, the state first and then S.

S solves ``(I - c J) d = c (J S + B) - psi``, with the Jacobian at the new state.

References
----------
Shampine and Reichelt (1997), The MATLAB ODE Suite, SIAM J. Sci. Comput. 18.
"""

import functools

import numpy as np
from scipy.integrate import DenseOutput

from dualmc.solvers.odes.staggered import Staggered, factors, is_slow, rms, solved

MAX_ORDER, NEWTON_MAXITER = 5, 4
MIN_FACTOR, MAX_FACTOR = 0.2, 10
KAPPA = np.array([0, -0.1850, -1 / 9, -0.0823, -0.0415, 0])
GAMMA = np.hstack((0, np.cumsum(1 / np.arange(1, MAX_ORDER + 1))))
ALPHA = (1 - KAPPA) * GAMMA
ERROR = KAPPA * GAMMA + 1 / np.arange(1, MAX_ORDER + 2)


class StaggeredBDF(Staggered):
    """BDF for z = (y, S)."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.D = np.zeros((MAX_ORDER + 3, self.n))
        self.D[0] = self.y
        self.D[1] = self.f * self.h_abs * self.direction
        self.J = self.linear(self.t, self.y[: self.columns])[0]
        self.order, self.equal_steps, self.LU = 1, 0, None

    def _change(self, factor):
        """The differences for steps `factor` times as long."""
        order = self.order
        self.D[: order + 1] = (_rescaling(order, factor) @ _rescaling(order, 1.0)).T @ self.D[
            : order + 1
        ]
        self.equal_steps, self.LU = 0, None

    def _step_impl(self):
        t, n, D = self.t, self.columns, self.D
        min_step = 10 * abs(np.nextafter(t, self.direction * np.inf) - t)
        wanted = min(max(self.h_abs, min_step), self.max_step)
        if wanted != self.h_abs:
            self._change(wanted / self.h_abs)
            self.h_abs = wanted
        is_current = False
        while True:
            if self.h_abs < min_step:
                return False, self.TOO_SMALL_STEP
            t_new = t + self.h_abs * self.direction
            if self.direction * (t_new - self.t_bound) > 0:
                t_new = self.t_bound
                self._change(abs(t_new - t) / self.h_abs)
            h = t_new - t
            self.h_abs = abs(h)
            order = self.order
            z = D[: order + 1].sum(axis=0)
            scale = self.atol + self.rtol * np.abs(z)
            psi = (GAMMA[1 : order + 1] @ D[1 : order + 1]) / ALPHA[order]
            c = h / ALPHA[order]
            if self.LU is None:
                self.LU = self._factors(c)
            count = self._newton(t_new, z, c, psi, scale)
            if count is None:
                if is_current:
                    self.h_abs *= 0.5
                    self._change(0.5)
                else:
                    self.J = self.linear(t_new, z[:n])[0]
                    is_current, self.LU = True, None
                continue
            d = self._found(t_new, z, c, psi, count)
            z_new = z + d
            safety = 0.9 * (2 * NEWTON_MAXITER + 1) / (2 * NEWTON_MAXITER + count[0])
            scale = self.atol + self.rtol * np.abs(z_new)
            error = self._norm(ERROR[order] * d, scale)
            if error <= 1:
                break
            factor = max(MIN_FACTOR, safety * error ** (-1 / (order + 1)))
            self.h_abs *= factor
            self._change(factor)
        self.t, self.y = t_new, z_new
        self._advance(d, scale, error, safety)
        return True, None

    def _factors(self, c):
        self.nlu += 1
        return factors(self.identity - c * self.J)

    def _newton(self, t, z, c, psi, scale):
        """The number of iterations, and by how much the state differs from `z`; None: diverged."""
        n = self.columns
        y, psi, scale = z[:n].copy(), psi[:n], scale[:n]
        d, before = np.zeros(n), None
        for k in range(NEWTON_MAXITER):
            f = self.value(t, y)
            dy = solved(self.LU, c * f - psi - d)
            size = rms(dy / scale)
            rate = None if before is None else size / before
            if is_slow(rate, size, NEWTON_MAXITER - k, self.newton_tol):
                return None
            y += dy
            d += dy
            if size == 0 or rate is not None and rate / (1 - rate) * size < self.newton_tol:
                return k + 1, y, d
            before = size
        return None

    def _found(self, t, z, c, psi, state):
        """By how much y and S differ from the predicted `z`."""
        n = self.columns
        _, y, d = state
        J, B = self.linear(t, y)
        S, rest = z[n:].reshape(-1, n), psi[n:].reshape(-1, n)
        self.J = J
        self.LU = self._factors(c)
        right = c * (S @ J.T + B) - rest
        return np.concatenate([d, solved(self.LU, right.T).T.reshape(-1)])

    def _advance(self, d, scale, error, safety):
        """The differences at the new time, and the order and length of the next step."""
        D, order = self.D, self.order
        D[order + 2] = d - D[order + 1]
        D[order + 1] = d
        for i in reversed(range(order + 1)):
            D[i] += D[i + 1]
        self.equal_steps += 1
        if self.equal_steps < order + 1:
            return
        below = self._norm(ERROR[order - 1] * D[order], scale) if order > 1 else np.inf
        above = np.inf
        if order < MAX_ORDER:
            above = self._norm(ERROR[order + 1] * D[order + 2], scale)
        with np.errstate(divide="ignore"):
            factors = np.array([below, error, above]) ** (-1 / np.arange(order, order + 3))
        self.order += int(np.argmax(factors)) - 1
        factor = min(MAX_FACTOR, safety * np.max(factors))
        self.h_abs *= factor
        self._change(factor)

    def _dense_output_impl(self):
        h = self.h_abs * self.direction
        return Interpolant(self.t_old, self.t, h, self.order, self.D[: self.order + 1].copy())


class Interpolant(DenseOutput):
    """The polynomial through the last steps, by its backward differences."""

    def __init__(self, t_old, t, h, order, D):
        super().__init__(t_old, t)
        self.shifts = self.t - h * np.arange(order)
        self.steps = h * (1 + np.arange(order))
        self.D = D

    def _call_impl(self, t):
        x = np.cumprod((np.reshape(t, (-1, 1)) - self.shifts) / self.steps, axis=1)
        y = self.D[0][:, None] + self.D[1:].T @ x.T
        return y[:, 0] if t.ndim == 0 else y


@functools.lru_cache(maxsize=256)
def _rescaling(order, factor):
    """The matrix that changes differences to those of steps `factor` times as long."""
    i, j = np.arange(1, order + 1)[:, None], np.arange(1, order + 1)
    M = np.zeros((order + 1, order + 1))
    M[1:, 1:] = (i - 1 - factor * j) / i
    M[0] = 1
    return np.cumprod(M, axis=0)
