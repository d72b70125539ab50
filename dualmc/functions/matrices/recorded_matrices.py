"""The short way of recording matrix functions: one step each, for plain float64 matrices.

The general way writes a differential as an expression of many steps (`differentials.py`), which
serves every mode, stacks, and Duals of outer levels.  Here the adjoints are written down:

    x = inv(A) b        b_bar = inv(A)^T x_bar,  A_bar = -b_bar x^T
    L = cholesky(A)     A_bar = lower(W^T phi(L^T L_bar) W),  W = inv(L)
    log|det A|          A_bar = inv(A)^T

where phi takes the lower triangle with half of the diagonal, and lower() adds the upper triangle to
the lower one, the only one that NumPy reads.
"""

import functools

import numpy as np

from dualmc.cotangents.elementwise import pull_times
from dualmc.cotangents.sums import product, pull_sum
from dualmc.duals.dual import Dual, make
from dualmc.duals.recorded import is_float64, kept, parts, parts_at, recorded
from dualmc.functions.matrices.differentials import solve_rows
from dualmc.kernels.payload import times
from dualmc.tangents.tape import keep, step


def _matrix(a):
    """The primal and the tangent of a Dual that is a plain float64 matrix on a tape, or None."""
    if not a.level.records or not a.level.open:
        return None
    p, t = parts(a)
    return (p, t) if t is not None and is_float64(p) and p.ndim == 2 else None


# --- Linear systems ------------------------------------------------------------------------------


def record_solve(a, b):
    """`np.linalg.solve` of a matrix and a vector or a matrix; None: not here."""
    level = (a if type(a) is Dual else b).level
    if not level.records or not level.open:
        return None
    p, t = parts_at(a, level)
    q, u = parts_at(b, level)
    if not is_float64(p) or not is_float64(q) or p.ndim != 2 or not 1 <= q.ndim <= 2:
        return None
    if t is None and u is None:
        return None
    x = np.linalg.solve(p, q)
    data = (kept(a, p) if type(a) is Dual else keep(p, level), x)
    return recorded(x, level, pull_solved, (t, u), data, is_kept=True)


def pull_solved(node, bar, owned, sweep):
    sweep.judge(bar)
    p, x = node.data
    a, b = node.parents
    is_vector = x.ndim == 1
    w = solve_rows(p.T, bar[..., None] if is_vector else bar, 2)
    if a is not None:
        if is_vector:  # an outer product
            part = times(-w, x, False) if sweep.is_careful else -w * x
        else:
            part = product(-w, x.T, False, sweep)
        sweep.add(a, part, True)
    if b is not None:
        sweep.add(b, w[..., 0] if is_vector else w, a is None)


# --- Cholesky's factor ---------------------------------------------------------------------------


def record_cholesky(a):
    """`np.linalg.cholesky` of a matrix; None: not here."""
    found = _matrix(a)
    if found is None:
        return None
    p, t = found
    y = np.linalg.cholesky(p)
    return recorded(y, a.level, pull_cholesky, (t,), y, is_kept=True)


@functools.lru_cache(maxsize=16)
def _half_lower(n):
    """The lower triangle of ones, halves on the diagonal."""
    found = np.tril(np.ones((n, n))) - np.eye(n) / 2
    found.flags.writeable = False
    return found


def pull_cholesky(node, bar, owned, sweep):
    sweep.judge(bar)
    low = node.data
    half = _half_lower(low.shape[0])
    w = np.linalg.inv(low)
    inner = np.matmul(low.T, bar) * half
    part = np.matmul(np.matmul(w.T, inner), w)
    sweep.add(node.parents[0], (part + part.swapaxes(-1, -2)) * half, True)


# --- Determinants --------------------------------------------------------------------------------


def record_slogdet(a):
    """`np.linalg.slogdet` of a regular matrix; None: not here."""
    found = _matrix(a)
    if found is None:
        return None
    p, t = found
    y = np.linalg.slogdet(p)
    if y.sign == 0 or np.isnan(y.sign):
        return None
    scaled = step(pull_times, (t,), ((np.linalg.inv(p).T,), True), p.shape)
    log = recorded(y.logabsdet, a.level, pull_sum, (scaled,), (-2, -1))
    return type(y)(make(y.sign, None, a.level), log)
