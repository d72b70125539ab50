"""Linear maps given by functions on plain arrays, and systems that are solved by them.

Of ``y = A x`` the tangent is A of the tangent, the cotangent of x is A^T of that of y: a compiled
function serves every mode if it is linear in an argument and its transpose is known.  What a
solver finds is differentiated by its residual, see `refined`.
"""

import functools

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.errors import missing_case
from dualmc.functions.results import applied, with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.sparse_products import matmul_along_last


class Linear:
    """``y = A x`` for arrays x, (..., *S), by plain functions for A and its transpose.

    Both take plain arrays with any leading axes; a Dual is served by recursion over its levels.
    """

    def __init__(self, forward, transposed):
        self.forward = forward
        self.transposed = transposed

    def __call__(self, x):
        if type(x) is not Dual:
            return self.forward(x)
        return applied(self, self.T, x, self(x.primal))

    @property
    def T(self):
        return Linear(self.transposed, self.forward)


def sparse_along(A, x, axis):
    """``A @ x`` along one axis of x, for a sparse matrix A; sparse tangents stay sparse."""
    return np.moveaxis(matmul_along_last(A.tocsr(), np.moveaxis(x, axis, -1)), -1, axis)


def dense_along(A, x, axis):
    return np.moveaxis(np.matmul(np.moveaxis(x, axis, -1), A.T), -1, axis)


def mapped(function):
    """`function` of one array (*S) for arrays with any leading axes, one after the other."""

    def rows(x, ndim):
        lead = x.shape[: x.ndim - ndim]
        if not lead:
            return function(x)
        flat = x.reshape(-1, *x.shape[x.ndim - ndim :])
        found = [function(row) for row in flat] or [function(np.zeros(flat.shape[1:], x.dtype))]
        y = np.stack(found)[: len(flat)]
        return y.reshape(*lead, *y.shape[1:])

    return rows


def probed(function, n, columns=256):
    """The matrix of `function`, linear along the first axis of (n, columns), as a sparse one."""
    from scipy import sparse

    parts = []
    for start in range(0, n, columns):
        unit = np.eye(n, min(columns, n - start), -start)
        parts.append(sparse.csc_array(function(unit)))
    return sparse.hstack(parts, format="csr") if parts else sparse.csr_array((0, 0))


def solving(lu, ndim):
    """The inverse that a factorization is, along the first of `ndim` axes."""

    def along(trans):
        def solve(b):
            first = np.moveaxis(b, -ndim, 0)
            flat = np.ascontiguousarray(first.reshape(first.shape[0], -1))
            if flat.dtype.kind == "c":
                y = lu.solve(flat.real.copy(), trans) + 1j * lu.solve(flat.imag.copy(), trans)
            else:
                y = lu.solve(flat.astype(float), trans)
            return np.moveaxis(y.reshape(-1, *first.shape[1:]), 0, b.ndim - ndim)

        return solve

    return Linear(along("N"), along("T"))


# --- What a solver found -------------------------------------------------------------------------


def depth_of(y):
    """On how many derivative calls `y` depends."""
    depth = 0
    while type(y) is Dual:
        depth += y.own_tangent() is not None
        y = y.primal
    return depth


def refined(start, residual, inverse, name):
    """The root y of ``residual(y) = b - A y`` with its derivatives; `start` is its plain value.

    `inverse` is that of the plain A.  A and b may vary: y <- y + inverse(residual(y)) gains one
    order of exact derivatives per step, as I - inverse(A) A is nilpotent on Duals.
    """
    y, r = start, residual(start)
    for _ in range(depth_of(r)):
        step = inverse(r)
        if y is start:
            _check_small(values(step), start, name)
        y = y + step
        r = residual(y)
    return at_bottom(start, y)


def at_bottom(own, y):
    """`y` with the plain number `own`, SciPy's, under all of its levels."""
    if type(y) is not Dual:
        return np.asarray(own)
    return with_primal(at_bottom(own, y.primal), y)


def agreed(own, y, name, scale=0.0, tolerance=None):
    """`y`, a formula's result, with SciPy's own value `own`; refused where the two differ.

    `scale` is the size of what the result is computed from, whose rounding errors it may show.
    """
    own = np.asarray(own)
    _check_close(own, values(y), name, scale, tolerance)
    return at_bottom(own, y)


def size(a):
    """The largest magnitude in an array, its values alone."""
    a = np.abs(values(a))
    return float(np.max(a[np.isfinite(a)], initial=0.0))


def _check_small(step, start, name):
    if not np.all(np.isfinite(step)) and np.all(np.isfinite(start)):
        raise missing_case(name, "at such data: its equations have no unique solution there")
    scale = np.max(np.abs(start), initial=0.0) + np.finfo(float).tiny
    if np.max(np.abs(step), initial=0.0) > 1e-5 * scale:
        raise missing_case(name, "with these options: its result is not that of the rule")


def _check_close(own, y, name, scale, tolerance):
    if own.dtype.kind not in "fc":
        own = own.astype(float)
    finite = np.abs(own[np.isfinite(own)])
    scale = max(scale, np.max(finite, initial=0.0))
    tolerance = tolerance or max(1e-7, 3 * float(np.finfo(own.dtype).eps) ** 0.5)
    if own.shape != np.shape(y) or not np.allclose(
        y, own, rtol=tolerance, atol=tolerance * scale, equal_nan=True
    ):
        raise missing_case(name, "with these options: its result is not that of the rule")


@functools.lru_cache(maxsize=64)
def identity(n):
    found = np.eye(n)
    found.flags.writeable = False
    return found
