"""Stand-ins for the compiled sums of `scipy.stats.gaussian_kde`, which it picks by number type."""

import numpy as np
import scipy.stats  # noqa: F401  (which imports the module below)
from scipy.special import logsumexp
from scipy.stats import _stats

from dualmc.duals.operands import has_dual
from dualmc.functions.results import exact

HANDLERS: dict = {}


def _exponents(points, at, root):
    """``-|L^-1 (at - point)|^2 / 2`` less the logarithm of the norm, a row per place."""
    white = np.linalg.solve(root, (at[:, None, :] - points).reshape(-1, len(root)).T)
    square = np.sum(white**2, axis=0).reshape(len(at), len(points))
    return -0.5 * square - 0.5 * len(root) * np.log(2 * np.pi) - np.sum(np.log(np.diag(root)))


def _density(points, weights, at, root):
    return np.matmul(np.exp(_exponents(points, at, root)), weights)


def _log_density(points, weights, at, root):
    parts = [
        logsumexp(_exponents(points, at, root), axis=1, b=weights[:, i])
        for i in range(weights.shape[1])
    ]
    return np.stack(parts, axis=1)


class ByType:
    """``original[number type]``, a function of points, weights, places and a Cholesky factor."""

    def __init__(self, original, formula):
        self.original, self.formula = original, formula

    def __getitem__(self, kind):
        compiled = self.original[kind]

        def estimate(points, weights, at, root, dtype):
            arrays = points, weights, at, root
            if not has_dual(arrays):
                return compiled(*arrays, dtype)
            return exact(lambda *plain: estimate(*plain, dtype), self.formula, *arrays)

        return estimate


for _name, _formula in (
    ("gaussian_kernel_estimate", _density),
    ("gaussian_kernel_estimate_log", _log_density),
):
    HANDLERS[f"scipy.stats._stats.{_name}"] = ByType(getattr(_stats, _name), _formula)
