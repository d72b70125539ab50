"""Derivatives of plain NumPy code that share nothing with dualmc: the judge of every Jacobian.

Along a direction, by the complex step (exact to rounding) where f takes complex numbers, by
extrapolated central differences elsewhere.  A Jacobian is judged by its products with random
directions: a wrong entry shows in them with probability one, at the price of two calls of f.
"""

import numpy as np

STEP = 1e-30
ANALYTIC_TOLERANCE = 1e-9
DIFFERENCE_TOLERANCE = 1e-6


def flat(y):
    """Whatever f returned, as a vector."""
    return np.ravel(np.asarray(y))


def along(case, direction):
    """The derivative of a case's f along `direction`."""
    if case.is_analytic:
        z = case.x.astype(complex)
        z += 1j * STEP * direction
        return flat(case.f(z)).imag / STEP
    return _extrapolated(lambda h: flat(case.f(case.x + h * direction)))


def _extrapolated(at, h=1e-2, levels=5):
    """Richardson's extrapolation of central differences of `at` at 0."""
    row = []
    for level in range(levels):
        step = h / 2**level
        new = [(at(step) - at(-step)) / (2 * step)]
        for power, old in enumerate(row, 1):
            new.append(new[-1] + (new[-1] - old) / (4**power - 1))
        row = new
    return row[-1]


def jacobian(case):
    """The whole Jacobian, column by column."""
    return np.stack([along(case, e) for e in np.eye(case.x.size)], axis=1)


class Judge:
    """Says how wrong a Jacobian of `case` is."""

    def __init__(self, case, directions=2):
        rng = np.random.default_rng(1)
        self.V = rng.standard_normal((case.x.size, directions))
        self.expected = np.stack([along(case, v) for v in self.V.T], axis=1)
        self.tolerance = ANALYTIC_TOLERANCE if case.is_analytic else DIFFERENCE_TOLERANCE

    def error(self, J):
        """Largest error of J @ V, row by row in units of the row's largest sum of products."""
        if not hasattr(J, "tocsr"):
            J = np.asarray(J, float).reshape(len(self.expected), len(self.V))
        found = J @ self.V
        size = abs(J) @ np.abs(self.V)
        # A row of zeros has no size of its own: its error counts absolutely.
        size = np.maximum(np.where(size == 0, 1.0, size), np.abs(self.expected))
        return float(np.max(np.abs(found - self.expected) / size))

    def is_right(self, J, tolerance=None):
        return self.error(J) < (tolerance or self.tolerance)
