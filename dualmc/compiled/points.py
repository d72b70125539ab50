"""Derivatives of a compiled function at many points: a compiled loop that calls its sweep.

To compile the loop takes about as long as to compile the sweep, so that it is made once a function
has been asked for many points; before that, the verbs call the sweep from Python.
"""

import weakref

import numba
import numpy as np

from dualmc.compiled import calling
from dualmc.compiled.verbs import made

# Points of a function, of all calls together, from which on its loop is compiled.
MANY = 2**13
# Points between two looks for Ctrl-C.
STEP = 2**12
_seen: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_loops: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

_LOOP = """
def loop(first, stop, Y, J, {names}):
    for p in range(first, stop):
        {step}
"""
_INTO = "sweep(J[p], {args})"
_WITH_VALUE = """y, J_p = sweep({args})
        if J_p.size != J[p].size:
            raise ValueError("f returns other shapes at other points")
        Y[p] = y
        J[p] = J_p"""


def answered(f, points, numbers, of, with_value, y, dtype):
    """(value, derivatives by each of `numbers`) of `f`; None: not here.

    At point 0 the value is `y`, which is not told for a Hessian, and derivatives have the `dtype`.
    """
    _seen[f] = _seen.get(f, 0) + points.count
    xs = [np.asarray(points.at(0)[i]) for i in numbers]
    if _seen[f] < MANY or not calling.is_answered(f, xs):
        return None
    n = sum(x.size for x in xs)
    if of == "hessian" and (n > calling.FEW_INPUTS or len(numbers) > 1):
        return None
    args = list(points.args)
    for i in points.positions:
        args[i] = args[i] if args[i].flags.carray else np.array(args[i], order="C")
    with_value = with_value or np.ndim(y) > 1  # which tells shapes of one size apart
    rows = (n,) if of == "hessian" else np.shape(y)
    Y = np.empty((points.count, *np.shape(y)), np.result_type(0.0 if y is None else y))
    J = np.zeros((points.count, *rows, n), dtype)
    try:
        sweep = _sweep(f, tuple(sorted(numbers)), n, of == "hessian", with_value)
        loop = _loop(f, sweep, points.positions, len(args), with_value)
        for start in range(0, points.count, STEP):
            loop(start, min(start + STEP, points.count), Y, J, *args)
    except Exception:  # a loop in Python says what, and at which point
        return None
    if of == "hessian":  # NaN is what calls at one point go on from: see `calling.hessian`
        return None if np.isnan(J).any() else (None, [J.reshape(points.count, *xs[0].shape * 2)])
    return Y, _by_argument(J, numbers, xs)


def _by_argument(J, numbers, xs):
    """The derivative by each argument; columns are in the order of the arguments of f."""
    order = np.argsort(numbers)
    ends = np.cumsum([xs[k].size for k in order])
    parts = {}
    for k, end in zip(order, ends, strict=True):
        x = xs[k]
        parts[k] = J[..., end - x.size : end].reshape(*J.shape[:-1], *x.shape)
    return [parts[k] for k in range(len(xs))]


def _sweep(f, positions, n, is_second, with_value):
    chunk = min(calling.chunk_for(n), calling.MOST_LANES)
    if is_second:
        f = made(f, positions, min(chunk, calling.INNER_LANES), "raw")
    return made(f, positions, chunk, "value and raw" if with_value else "into")


def _loop(f, sweep, with_axis, count, with_value):
    """The compiled ``loop(first, stop, Y, J, *args)``; arguments `with_axis` have one of points."""
    known = _loops.setdefault(f, {})
    key = id(sweep), with_axis, count
    if key not in known:
        args = ", ".join(f"a{i}" + "[p]" * (i in with_axis) for i in range(count))
        names = ", ".join(f"a{i}" for i in range(count))
        step = (_WITH_VALUE if with_value else _INTO).format(args=args)
        scope = {"sweep": sweep}
        exec(_LOOP.format(names=names, step=step), scope)
        known[key] = numba.njit(nogil=True)(scope["loop"])
    return known[key]
