"""Derivatives of derivatives where a convention chose the first: exact where no choice matters, NaN
elsewhere.

At a kink the rules choose a slope (abs at 0: 0), and a constant one.  What an outer call derives
from it again is right only if it does not depend on that choice: ``np.max`` in a stable logsumexp
cancels whatever it shares out; ``norm(x)**2`` does not.  So a differentiation in which an inner one
met a kink is looked at twice: once by the convention, and once with another smooth function of the
same value in the place of the kink.  Where the two agree the derivative is that; where they do not,
it does not exist or no rule knows it, and it is NaN.

Some are known: the square of a root of a sum of squares is the sum.  A Dual that is such a root
remembers it (`Dual._square`), and even functions of it are functions of the sum.

Only Duals whose primal is a Dual come here, so that first derivatives pay nothing.
"""

import threading
import warnings
from contextlib import contextmanager

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, has_dual
from dualmc.errors import KinkWarning
from dualmc.kernels.payload import values
from dualmc.rules.kink_table import KINKS
from dualmc.rules.registry import name_of
from dualmc.tangents.dense_tangent import DenseTangent, need_block

# Of the largest entry of the same column: what rounding may make of a choice that cancels.
ROUNDING = 1e-11


class _State(threading.local):
    varied = False  # whether this is the second look
    report = None  # called with (function, elements, gap) where kinks are reported


class _Meetings(threading.local):
    """Eigenvalues that met, and what is done about it: `functions/matrices/splitting.py`."""

    def __init__(self):
        self.met = 0  # how many levels were open where values met, since it was looked at last
        self.split = None  # the `Split` that is on
        self.is_hidden = False  # whether what was met may not show as a NaN


state = _State()
meetings = _Meetings()
# Whether any Dual ever remembered a root: else none is looked for.
rooted = False
# How many threads report kinks just now.
reporting = 0


def passed(function, args, options=None):
    """A function that looks at values alone is called: report where that is at a jump."""
    kink = KINKS.get(function)
    if state.report is None or kink is None:
        return
    args = tuple(as_operand(a) if has_dual(a) else a for a in args)
    plain = [_plain(a) for a in args]
    if any(np.result_type(np.asarray(a)).kind not in "biufc" for a in plain):
        return  # a comparison with None, or a string
    at = np.asarray(kink.at(*plain, **(options or {})))
    if at.any():
        state.report(function, at, kink.gap(*args))


@contextmanager
def looking(is_varied):
    """The second look, in which other functions of the same value stand at the kinks; or not."""
    before, state.varied = state.varied, is_varied
    try:
        yield
    finally:
        state.varied = before


def again(level):
    """How a call of `level` is to be looked at again: True for the second look, False for the
    value, which is the same in both; None if it need not be.
    """
    if level.kinked and not state.varied:
        return True
    return False if level.chosen and state.varied else None


def is_nested(y):
    return type(y) is Dual and type(y._primal) is Dual


# --- At a kink ------------------------------------------------------------------------------------


def through(gap):
    """A smooth function of the gap, 0 at 0, no derivative of which is 0 there."""
    return 0.37 * np.expm1(0.81 * gap)


def settled(function, y, args, options=None):
    """``y = function(*args, **options)``, settled where that is at a kink."""
    kink = KINKS.get(function)
    if kink is None or type(y) is not Dual or type(y._primal) is not Dual:
        return y
    options = options or {}
    args = tuple(as_operand(a) if has_dual(a) else a for a in args)
    at = kink.at(*map(_plain, args), **options)
    if not at.any():
        return y
    at = np.broadcast_to(at, y.shape)
    if kink.is_jump:
        if state.report is not None:
            state.report(function, at, kink.gap(*args, **options))
        return y
    if kink.gap is None:
        y = _steep(function, y, at, args[0])
    else:
        safe = _guarded(args, at)
        y = settled_by(function, y, at, lambda: kink.gap(*safe, **options), sign=kink.sign)
    square = None if kink.square is None else kink.square(*args, **options)
    if square is not None:
        remember(y, square)
    return y


def settled_by(function, y, at, gap, change=through, sign=1.0):
    """The nested Dual `y`, settled where `at` holds.

    ``gap()`` tells the sides of the kink apart; `change` of it, of value 0, is what another choice
    would add to `y`.
    """
    if not at.any():
        return y
    gap = gap()
    at = at & _moves(gap)
    if not _noted(function, y, at, gap) or not state.varied:
        return y
    primal = y._primal
    z = np.where(at, sign * change(gap), np.zeros((), y.dtype))
    y = y + (z if z.dtype == y.dtype else z.astype(y.dtype))
    if type(primal._primal) is Dual:  # which has been here as the result of its own level
        y.replace_primal(primal)
    return y


def _steep(function, y, at, x):
    """`y`, whose slope is infinite where `at` holds.

    If `x` stands still there, the outer derivative of `y` is 0 by the strong zero, and not for
    certain: in the second look it is 1.
    """
    if not _noted(function, y, at & _moves(x), x) or not state.varied:
        return y
    outer = y._primal.level
    if not outer.records:
        shape = (outer.n, *y.shape)
        need_block(outer, shape, y.dtype)
        slope = DenseTangent(outer, np.where(at, np.ones(shape, y.dtype), 0))
        y.replace_primal(y._primal + make(np.zeros(y.shape, y.dtype), slope, outer))
    return y


def _moves(gap):
    """The elements of `gap` that depend on the inputs of the inner call."""
    t = gap.own_tangent() if type(gap) is Dual else None
    return np.False_ if t is None else ~t.is_zero()


def _noted(function, y, at, gap):
    """Whether there is a kink; then the calls around it are told."""
    if not at.any():
        return False
    outer = y._primal.level
    y.level.chosen = outer.kinked = True
    if outer.serial == 0:
        warnings.warn(
            f"{name_of(function)} is at a kink inside a derivative of a hand-made Dual, whose "
            f"tangent takes the slope chosen there to be constant. Use jvp, which looks twice.",
            KinkWarning,
            stacklevel=2,
        )
    if state.report is not None:
        state.report(function, at, gap)
    return True


def _plain(a):
    return values(a) if type(a) is Dual else a


def _guarded(args, at):
    """The operands with 0 in the place of elements that are not at a kink, if they are of its
    shape: there the gap may be infinite.
    """
    if len(args) != 2:
        return args
    return tuple(
        a
        if np.shape(a) == () and at.shape == ()
        else np.where(at, a, np.zeros((), np.result_type(_plain(a))))
        for a in args
    )


# --- Roots of what is smooth ----------------------------------------------------------------------


def remember(y, square):
    """Note that ``y**2`` is `square`, a smooth function where `y` is not."""
    global rooted
    if type(square) is Dual and square.level is y.level and square.shape == y.shape:
        rooted = True
        y._square = square, _writes(y)


def square_of(y):
    """The smooth square of `y`, or None; `y` has not been written to since."""
    square, seen = getattr(y, "_square", (None, 0)) if is_nested(y) else (None, 0)
    return square if square is not None and seen == _writes(y) else None


def _writes(y):
    return (y if y._view is None else y._view.root)._writes


def moved(y, x, move):
    """`y`, whose elements are some of nested `x` as ``move(x)`` has them, a root if `x` is."""
    square = square_of(x)
    if square is not None:
        remember(y, move(square))
    return y


# Even functions of a root r by the first terms of their series in r**2, exact in value and all
# derivatives up to order 9 where r is 0.
_EVEN = {
    np.cos: (-1 / 2, 1 / 24, -1 / 720, 1 / 40320),
    np.cosh: (1 / 2, 1 / 24, 1 / 720, 1 / 40320),
    np.sinc: (-(np.pi**2) / 6, np.pi**4 / 120, -(np.pi**6) / 5040, np.pi**8 / 362880),
}
_HELD = {np.positive: 1.0, np.negative: -1.0}
_SCALED = frozenset({np.multiply, np.divide})


def of_root(function, y, args):
    """``y = function(*args)`` for nested Duals, where an operand is a root of what is smooth."""
    square = square_of(args[0])
    if square is None:
        if function is np.multiply and (other := square_of(args[1])) is not None:
            remember(y, other * np.square(args[0]))
        return y
    if function is np.square or function is np.multiply and args[0] is args[1]:
        return _smooth(y, square)
    if function in _HELD:
        remember(y, square)
    elif function in _SCALED:
        remember(y, function(square, np.square(args[1])))
    elif function is np.power or function is np.float_power:
        p = args[1]
        if type(p) in (int, float) and p > 0 and p % 2 == 0:
            return _smooth(y, square ** (p / 2))
    elif function in _EVEN:
        series = 0.0
        for c in _EVEN[function][::-1]:
            series = (series + c) * square
        smooth, at = _smooth(y, series), np.equal(values(args[0]), 0)
        return smooth if at.all() else np.where(at, smooth, y)
    return y


def _smooth(y, z):
    """`z` with the value of `y` and, below, what its primal is made of."""
    return make(y._primal, z.own_tangent(), y.level) if type(z) is Dual else y


# --- Two looks at one derivative ------------------------------------------------------------------


def agreed(J, other, lead):
    """`J`, NaN where `other` is different: columns, (*S, k), if `lead` is -1, or else arrays after
    `lead` leading axes.
    """
    if hasattr(J, "tocoo"):
        return _agreed_sparse(J, other)
    a, b = np.asarray(values(J)), np.asarray(values(other))
    if a.shape != b.shape:
        return np.where(np.ones(a.shape, bool), np.nan, J)
    axes = range(a.ndim - 1) if lead < 0 else range(lead, a.ndim)
    parts = zip(_coefficients(J), _coefficients(other), strict=False)
    differs = np.logical_or.reduce([_differs(p, q, tuple(axes)) for p, q in parts])
    if not differs.any():
        return J
    return np.where(differs, np.full((), np.nan, a.dtype), J)


def _coefficients(a):
    """The numbers in `a`; of a series of `functions/matrices/splitting.py` all that is known."""

    if type(a) is not Dual:
        return [np.asarray(a)]
    found = _coefficients(a.primal)
    if meetings.split is None or a.level not in meetings.split.levels:
        return found
    t = a.own_tangent()
    zeros = [np.zeros_like(part) for part in found]
    return found + (zeros if t is None else _coefficients(t.to_dense().dense()[0]))


def _differs(a, b, axis):
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(a), np.abs(b))
        size = np.where(np.isfinite(size), size, 0)
        size = np.max(size, axis, keepdims=True, initial=0.0)
        is_same = np.abs(a - b) <= ROUNDING * size
    return ~(is_same | np.equal(a, b) | np.isnan(a))


def _agreed_sparse(J, other):
    finite = []
    for a in (J, other):  # of equal infinities the difference is NaN
        a = a.copy()
        a.data = np.nan_to_num(a.data, nan=np.nan)
        finite.append(a)
    difference = abs(finite[0] - finite[1]).tocoo()
    size = np.maximum(*(abs(a).max(axis=0).toarray().reshape(-1) for a in finite))
    row, column = difference.coords
    bad = ~(difference.data <= ROUNDING * size[column])
    if not bad.any():
        return J
    marks = np.full(int(bad.sum()), np.nan, J.dtype)
    return J + type(J)((marks, (row[bad], column[bad])), shape=J.shape)
