"""Spherical Bessel functions: j, y, i, k of whole order, with every order of derivative.

    (2n + 1) f_n' = n f_{n-1} - (n + 1) f_{n+1}       for j and y (DLMF 10.51.1),
    with + for i and with both signs turned for k     (DLMF 10.51.4, 10.51.5).

Nothing is divided by z, and near 0 no large terms cancel.  There SciPy takes a root of 1/z times a
function of half-integer order, which underflows: j and i are summed as their power series.
"""

import numpy as np
import scipy.special as sc

from dualmc.duals.operands import has_dual
from dualmc.errors import missing_case
from dualmc.rules.table import Rule, select
from dualmc.steps.elementwise import push

# |z| below which the power series is summed; its first term left out is below 1e-17 of the sum.
SMALL = 1.0
TERMS = 10


class Spherical:
    """One of the four functions, on arrays and on Duals: ``(n, z) -> f_n(z)``."""

    def __init__(self, name, before, after, sign):
        self.name = name
        self.original = getattr(sc, name)
        self.before, self.after = before, after
        self.sign = sign  # of z^2 in the power series; None where there is none
        self.rule = Rule((0.0, self.slope), kernel=False)

    def __call__(self, n, z):
        if has_dual((n,)):
            raise missing_case(f"scipy.special.{self.name}", "with respect to n")
        if has_dual((z,)):
            n = np.asarray(n)
            return push(self.rule, self.value, (n, z))
        return self.value(n, z)

    def value(self, n, z):
        if has_dual((z,)):
            return self(n, z)
        y = self.original(n, z)
        if self.sign is None:
            return y
        near = (np.abs(z) < SMALL) & (y == y)
        return select(near, self.series(n, select(near, z, 0.0)), y) if np.any(near) else y

    def series(self, n, z):
        """``z^n / (2n+1)!! * sum_k (sign z^2 / 2)^k / (k! (2n+3) (2n+5) ... (2n+2k+1))``."""
        n = np.asarray(n, float)
        step = self.sign * 0.5 * z * z
        total = 1.0
        for k in range(TERMS, 0, -1):
            total = 1.0 + total * step / (k * (2.0 * n + 2 * k + 1.0))
        odd = np.exp2(n) * sc.poch(1.5, n)  # (2n + 1)!!
        return total * np.power(z, n) / odd

    def slope(self, n, z, y=None):
        """The derivative by z."""
        n = np.asarray(n)
        width = 2 * n + 1
        after = self.after * ((n + 1) / width) * self(n + 1, z)
        before = self.before * (n / width) * self(np.maximum(n - 1, 0), z)
        # At the pole z = 0 the two are infinite and the second is the larger.
        at_pole = self.sign is None and (z == 0)
        before = select((n == 0) | at_pole, 0.0, before)
        return before + after


FUNCTIONS = {
    "spherical_jn": Spherical("spherical_jn", 1.0, -1.0, -1.0),
    "spherical_yn": Spherical("spherical_yn", 1.0, -1.0, None),
    "spherical_in": Spherical("spherical_in", 1.0, 1.0, 1.0),
    "spherical_kn": Spherical("spherical_kn", -1.0, -1.0, None),
}
