"""The method of `scipy.integrate.Radau`, of order 5, the state first and then S.

The stages of S are those of a linear system, whose Jacobians are taken at the stages of the state;
the iteration for it needs no further evaluation of F, and the same two factorisations.

References
----------
Hairer and Wanner (1996), Solving Ordinary Differential Equations II, IV.8.
"""

import numpy as np
from scipy.integrate import DenseOutput

from dualmc.solvers.odes.staggered import Staggered, factors, is_slow, rms, solved

NEWTON_MAXITER = 10
MIN_FACTOR, MAX_FACTOR = 0.2, 10
S6 = 6**0.5
C = np.array([(4 - S6) / 10, (4 + S6) / 10, 1.0])
E = np.array([-13 - 7 * S6, -13 + 7 * S6, -1]) / 3
# Of the polynomial through 0 and the stages, the coefficients of x, x^2 and x^3.
P = np.linalg.inv(C[:, None] ** np.arange(1, 4))
# The stages are Z = h A F, where A integrates the polynomial through the F.
A = (C[:, None] ** np.arange(1, 4) / np.arange(1, 4)) @ np.linalg.inv(C[:, None] ** np.arange(3))


def _diagonal():
    """The eigenvalues of 1 / A and both kinds of eigenvectors, of the real and a complex one."""
    values, right = np.linalg.eig(np.linalg.inv(A))
    left = np.linalg.inv(right)
    real, pair = int(np.argmin(np.abs(values.imag))), int(np.argmax(values.imag))
    return (values[real].real, right[:, real].real, left[real].real), (
        values[pair],
        right[:, pair],
        left[pair],
    )


REAL, COMPLEX = _diagonal()


class StaggeredRadau(Staggered):
    """Radau for z = (y, S)."""

    error_order = 3

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.J = self.linear(self.t, self.y[: self.columns])[0]
        self.is_current = True
        self.LU = self.Q = self.before = None  # before: the last step's length and error

    def _step_impl(self):
        t, z = self.t, self.y
        min_step = 10 * abs(np.nextafter(t, self.direction * np.inf) - t)
        h_abs = min(max(self.h_abs, min_step), self.max_step)
        if h_abs != self.h_abs:
            self.LU = self.before = None
        rejected = False
        while True:
            if h_abs < min_step:
                return False, self.TOO_SMALL_STEP
            t_new = t + h_abs * self.direction
            if self.direction * (t_new - self.t_bound) > 0:
                t_new, self.LU = self.t_bound, None
            h = t_new - t
            h_abs = abs(h)
            if self.LU is None:
                self._factorise(h)
            found = self._stages(t, z, h)
            if found is None:
                if self.is_current:
                    h_abs *= 0.5
                else:
                    self.J, self.is_current = self.linear(t, z[: self.columns])[0], True
                self.LU = None
                continue
            Z, count, rate = found
            z_new = z + Z[-1]
            error, scale = self._error(t, z, z_new, Z, h, rejected)
            safety = 0.9 * (2 * NEWTON_MAXITER + 1) / (2 * NEWTON_MAXITER + count)
            factor = safety * self._factor(h_abs, error)
            if error <= 1:
                break
            h_abs *= max(MIN_FACTOR, factor)
            self.LU, rejected = None, True
        self.before = h_abs, error
        self.Q, self.step_done = P @ Z, (t, h, z)
        self.t, self.y, self.f = t_new, z_new, self.fun(t_new, z_new)
        factor = min(MAX_FACTOR, factor)
        is_slow_now = count > 2 and rate is not None and rate > 1e-3
        if is_slow_now or factor >= 1.2:
            self.J = self.linear(t_new, z_new[: self.columns])[0]
            self.LU = None
            self.h_abs = h_abs * (factor if factor >= 1.2 or factor < 1 else 1.0)
        else:
            self.h_abs = h_abs
        self.is_current = self.LU is None
        return True, None

    def _factorise(self, h):
        self.nlu += 2
        self.LU = [factors(value / h * self.identity - self.J) for value, _, _ in (REAL, COMPLEX)]

    def _solve(self, number, b):
        """The system of one eigenvalue, for `b` of one column or of several."""
        n = self.columns
        return solved(self.LU[number], b.reshape(-1, n).T).T.reshape(-1)

    def _stages(self, t, z, h):
        """The stages of y and S beside z, the iterations they took and their rate; or None."""
        n = self.columns
        Z = np.zeros((3, z.size))
        if self.Q is not None:
            Z = self._interpolated(t + h * C) - z
        scale = self.atol + self.rtol * np.abs(z)
        times = t + h * C

        def state(Z):
            return np.stack([self.value(times[i], z[:n] + Z[i]) for i in range(3)])

        found = self._collocated(state, Z[:, :n], h, scale[:n])
        if found is None or z.size == n:
            return found
        Y, count, rate = found
        linear = [self.linear(times[i], z[:n] + Y[i]) for i in range(3)]
        J = np.stack([J.T for J, _ in linear])
        B = np.stack([B for _, B in linear])
        S = z[n:].reshape(-1, n)

        def columns(Z):
            return (np.matmul(S + Z.reshape(3, *S.shape), J) + B).reshape(3, -1)

        found = self._collocated(columns, Z[:, n:], h, scale[n:])
        if found is None:
            return None
        return np.concatenate([Y, found[0]], axis=1), max(count, found[1]), rate

    def _collocated(self, F, Z, h, scale):
        """Solve Z = h A F(Z) from `Z` on, by Newton's iteration with one Jacobian."""
        before = rate = None
        Z = Z.copy()
        for k in range(NEWTON_MAXITER):
            f = F(Z)
            change = 0.0
            for number, (value, right, left) in enumerate((REAL, COMPLEX)):
                dW = self._solve(number, left @ f - value / h * (left @ Z))
                part = right[:, None] * dW
                change = change + (2 * part.real if number else part)
            size = rms((change / scale).reshape(-1))
            rate = None if before is None else size / before
            if is_slow(rate, size, NEWTON_MAXITER - k, self.newton_tol):
                return None
            Z += change
            if size == 0 or rate is not None and rate / (1 - rate) * size < self.newton_tol:
                return Z, k + 1, rate
            before = size
        return None

    def _error(self, t, z, z_new, Z, h, rejected):
        rest = E @ Z / h
        scale = self.atol + self.rtol * np.maximum(np.abs(z), np.abs(z_new))
        error = self._solve(0, self.f + rest)
        size = self._norm(error, scale)
        if rejected and size > 1:
            error = self._solve(0, self.fun(t, z + error) + rest)
            size = self._norm(error, scale)
        return size, scale

    def _factor(self, h_abs, error):
        """By which factor the step may be longer: of two steps, where there are."""
        if error == 0:
            return MAX_FACTOR
        multiplier = 1.0
        if self.before is not None and self.before[1] > 0:
            multiplier = h_abs / self.before[0] * (self.before[1] / error) ** 0.25
        return min(1.0, multiplier) * error**-0.25

    def _interpolated(self, times):
        """z at `times`, by the polynomial of the last step."""
        t, h, z = self.step_done
        x = (times - t) / h
        return z + np.stack([x, x**2, x**3], axis=1) @ self.Q

    def _dense_output_impl(self):
        return Interpolant(self.t_old, self.t, self.step_done[2], self.Q)


class Interpolant(DenseOutput):
    """The polynomial of degree 3 through the stages of a step."""

    def __init__(self, t_old, t, z, Q):
        super().__init__(t_old, t)
        self.z, self.Q = z, Q

    def _call_impl(self, t):
        x = (np.reshape(t, (-1, 1)) - self.t_old) / (self.t - self.t_old)
        y = self.z[:, None] + (x ** np.arange(1, 4) @ self.Q).T
        return y[:, 0] if t.ndim == 0 else y
