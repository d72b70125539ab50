"""Matrix equations: Sylvester's, Lyapunov's and Riccati's.

At a solution X of F(X, ...) = 0 the derivative solves the equation that is linear in dX, with the
matrices held and the differential of F for X held as right-hand side: of all of them Sylvester's or
Stein's, which SciPy solves again.
"""

import math

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, level_of
from dualmc.functions.matrices.differentials import held, is_active, quiet, turned
from dualmc.functions.results import applied, with_primal
from dualmc.unchanged.scipy.linalg.table import call, handles


def _each(solve, rows, ndim=2):
    """``solve`` for every matrix of `rows`, (..., m, n)."""
    shape = np.shape(rows)
    flat = np.reshape(rows, (math.prod(shape[:-ndim]), *shape[-ndim:]))
    if not flat.shape[0]:
        return np.zeros(shape)
    return np.reshape(np.stack([solve(flat[i]) for i in range(flat.shape[0])]), shape)


def sylvester(p, q, r):
    """A Dual with the tangent of the X of ``p X + X q = r``; p and q are held."""
    back_p, back_q = np.swapaxes(p, 0, 1), np.swapaxes(q, 0, 1)
    return applied(
        lambda rows: _each(lambda m: call("solve_sylvester", p, q, m), rows),
        lambda rows: _each(lambda m: call("solve_sylvester", back_p, back_q, m), rows),
        r,
        r.primal,
    )


def stein(p, r):
    """A Dual with the tangent of the X of ``p X p^H - X + r = 0``; p is held."""
    back = np.swapaxes(p, 0, 1)
    return applied(
        lambda rows: _each(lambda m: call("solve_discrete_lyapunov", p, m), rows),
        lambda rows: _each(lambda m: call("solve_discrete_lyapunov", back, m), rows),
        r,
        r.primal,
    )


@quiet
def _differential(level, q, *products):
    """``q - sum(products)`` as far as it varies; a product is (left, right) matrices."""
    r = q if is_active(q, level) else None
    for left, right in products:
        if not (is_active(left, level) or is_active(right, level)):
            continue
        part = np.matmul(left, right)
        r = -part if r is None else r - part
    return r


@handles("solve_sylvester")
def solve_sylvester(a, b, q):
    a, b, q = as_operand(a), as_operand(b), as_operand(q)
    level = level_of(a, b, q)
    p, s = held(a, level), held(b, level)
    x = call("solve_sylvester", p, s, held(q, level))
    h = held(x, level)
    return _solved(x, _differential(level, q, (a, h), (h, b)), lambda r: sylvester(p, s, r))


def _solved(x, r, solve):
    if type(r) is not Dual:
        return x
    r = r if r.dtype.kind == np.asarray(x).dtype.kind or type(x) is Dual else r.astype(x.dtype)
    return with_primal(x, solve(r))


def _continuous_lyapunov(a, q):
    a, q = as_operand(a), as_operand(q)
    level = level_of(a, q)
    p = held(a, level)
    x = call("solve_continuous_lyapunov", p, held(q, level))
    h = held(x, level)
    r = _differential(level, q, (a, h), (h, turned(a)))
    return _solved(x, r, lambda r: sylvester(p, turned(p), r))


# Two names of one function.
handles("solve_lyapunov")(_continuous_lyapunov)
handles("solve_continuous_lyapunov")(_continuous_lyapunov)


@handles("solve_discrete_lyapunov")
def solve_discrete_lyapunov(a, q, method=None):
    """``a X a^H - X + q = 0``."""
    a, q = as_operand(a), as_operand(q)
    level = level_of(a, q)
    p = held(a, level)
    x = call("solve_discrete_lyapunov", p, held(q, level), method=method)
    h = held(x, level)
    r = q if is_active(q, level) else None
    if is_active(a, level):
        part = np.matmul(np.matmul(a, h), turned(a))
        r = part if r is None else r + part
    return _solved(x, r, lambda r: stein(p, r))


def _given(*args):
    return [None if a is None else as_operand(a) for a in args]


@handles("solve_continuous_are")
def solve_continuous_are(a, b, q, r, e=None, s=None, balanced=True):
    """``e^H X a + a^H X e - (e^H X b + s) inv(r) (b^H X e + s^H) + q = 0``."""
    return _riccati("solve_continuous_are", balanced, *_given(a, b, q, r, e, s))


@handles("solve_discrete_are")
def solve_discrete_are(a, b, q, r, e=None, s=None, balanced=True):
    """``a^H X a - e^H X e - (a^H X b + s) inv(r + b^H X b) (b^H X a + s^H) + q = 0``."""
    return _riccati("solve_discrete_are", balanced, *_given(a, b, q, r, e, s))


def _riccati(name, balanced, *args):
    level = level_of(*args)
    inner = [None if a is None else held(a, level) for a in args]
    x = call(name, *inner, balanced=balanced)
    h = held(x, level)
    is_discrete = name == "solve_discrete_are"
    residual = _residual(is_discrete, h, *args)
    if not is_active(residual, level):
        return x
    closed = _closed_loop(is_discrete, h, *inner)
    e = inner[4]
    inverse = None if e is None else np.linalg.inv(e)
    if not is_discrete:
        if e is not None:
            closed = np.matmul(closed, inverse)
            residual = np.matmul(np.matmul(turned(inverse), residual), inverse)
        return with_primal(x, sylvester(turned(closed), closed, -residual))
    if e is not None:  # for e^H dX e
        closed = np.matmul(inverse, closed)
    found = stein(turned(closed), residual)
    if e is not None:
        found = np.matmul(np.matmul(turned(inverse), found), inverse)
    return with_primal(x, found)


def _gain(is_discrete, x, a, b, r, e, s):
    """The feedback K, and ``(...)`` of the equation that it is solved from."""
    left = a if is_discrete or e is None else e
    cross = np.matmul(turned(b), np.matmul(x, left if is_discrete or e is not None else _eye(x)))
    if s is not None:
        cross = cross + turned(s)
    weight = r + np.matmul(turned(b), np.matmul(x, b)) if is_discrete else r
    return np.linalg.solve(weight, cross), cross


def _eye(x):
    return np.eye(x.shape[0])


def _closed_loop(is_discrete, x, a, b, q, r, e, s):
    return a - np.matmul(b, _gain(is_discrete, x, a, b, r, e, s)[0])


@quiet
def _residual(is_discrete, x, a, b, q, r, e, s):
    """The equation's left side, for X held."""
    gain, cross = _gain(is_discrete, x, a, b, r, e, s)
    f = q - np.matmul(turned(cross), gain)
    if is_discrete:
        f = f + np.matmul(turned(a), np.matmul(x, a))
        return f if e is None else f - np.matmul(turned(e), np.matmul(x, e))
    part = np.matmul(x, a) if e is None else np.matmul(turned(e), np.matmul(x, a))
    return f + part + turned(part)
