"""Derivatives where eigenvalues or singular values meet: split by a formal infinitesimal.

The vectors of a repeated eigenvalue have no derivative, and the values only one that depends on the
direction; what is smooth in the matrix all the same (f(eigvalsh(A)) summed, ``(v * f(w)) @ v.T``)
has the limit of its derivatives at A + e D as e goes to 0, with D diagonal in V and of distinct
entries.  There every eigenvalue is simple, and what grows as 1/e cancels in the end.

So that nothing has to grow, x is stretched about itself by the same e: for f'(x + e (t - x)), a
function of t, every derivative is a power series in e that starts where the finite numbers stand.
e is a sum of formal variables, levels of their own around the call: Duals carry the series, exact
but for rounding, and a quotient of two series that both start with e is lowered by one order.

The basis V within a repeated eigenvalue and the entries of D are a choice, and so are coefficients
beyond the last one known.  What depends on a choice is not smooth, or not known: a number is used
only where two choices agree, and only in place of a NaN.
"""

import contextlib

import numpy as np

from dualmc.duals import levels
from dualmc.duals.choices import meetings
from dualmc.duals.dual import Dual
from dualmc.functions.matrices.series import Series
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.tangents.tape import keep

# Relative difference up to which two choices of the basis agree.
AGREEMENT = 1e-9
# Nested calls beyond which no series is tried: each doubles the work, and more.
DEEPEST = 3


def note(is_hidden=False):
    """Values have met: said by a factorization whose derivatives are not all known.

    `is_hidden` says that a product with an exact 0 may hide what is not known.
    """
    meetings.met = max(meetings.met, len(levels.stack.levels))
    meetings.is_hidden |= is_hidden


def is_nested():
    return len(levels.stack.levels) > 1


class Split:
    """One choice of basis and entries, and the levels that carry the series up to `order`."""

    def __init__(self, opened, depth, seed):
        self.levels = opened
        self.depth = depth  # how many calls are nested, this one included
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.sign_rng = np.random.default_rng(2)  # the same for both choices: see `signs`
        self.series = Series(opened, self.rng)
        self.step = self.series.step

    # --- around f ---------------------------------------------------------------------------------

    def stretched(self, f, numbers, adapted):
        """f at ``x + e (t - x)`` for every differentiated argument t."""

        def g(*args):
            args = [self._moved(a) if i in numbers else a for i, a in enumerate(args)]
            return adapted(f)(*args)

        return g

    def _moved(self, t):
        if type(t) is not Dual:
            return t
        x = keep(t, t.level) if t.level.records else t.primal
        return with_primal(x, self.step.astype(values(x).dtype) * t)

    def swept(self, f, numbers, has_aux, adapted):
        """The same for reverse mode, times a power of e, and how often that is to be undone.

        A sweep meets what inner calls have divided by e before it meets the e of its inputs.
        """
        running = sum(level not in self.levels for level in levels.stack.levels)
        power = max(0, self.depth - 1 - running)
        g = self.stretched(f, numbers, adapted)

        def times(*args):
            out = g(*args)
            if has_aux:
                return self._times(out[0], power), out[1]
            return self._times(out, power)

        return (times if power else g), power + 1

    def _times(self, out, power):
        if issubclass(type(out), (tuple, list)):
            return [self._times(part, power) for part in out]
        for _ in range(power):
            out = self.step * out
        return out

    def undone(self, found, count=1):
        """Derivatives by t as those by x: divided by e."""
        if issubclass(type(found), (tuple, list)):
            return type(found)(self.undone(part, count) for part in found)
        for _ in range(count):
            found = self.series.lowered(found)
        return found

    # --- around a factorization -------------------------------------------------------------------

    def entries(self, w, labels, is_zero=False):
        """The plain values `w`, those of one label made equal and moved apart by e; zeros too."""
        same = labels[..., :, None] == labels[..., None, :]
        count = same.sum(axis=-1)
        mean = np.where(count > 1, np.where(same, w[..., None, :], 0.0).sum(axis=-1) / count, w)
        mean = np.where(is_zero, 0.0, mean).astype(w.dtype)
        apart = np.where((count > 1) | is_zero, 1.0 + self.rng.random(w.shape), 0.0)
        return mean + self.step * apart.astype(w.dtype)

    def mixing(self, labels, dtype):
        """Unitary matrices (..., k, k) that mix the vectors of each label at random."""
        k = labels.shape[-1]
        same = labels[..., :, None] == labels[..., None, :]
        g = self.rng.standard_normal((*labels.shape, k))
        if dtype.kind == "c":
            g = g + 1j * self.rng.standard_normal(g.shape)
        q, _ = np.linalg.qr(np.where(same, g, 0.0))
        is_single = (same.sum(axis=-1) == 1)[..., None, :]
        return np.where(is_single, np.eye(k), q).astype(dtype)

    def signs(self, where, dtype):
        """Random signs, or phases, where `where` holds; else 1.  The second choice has the others.

        Two choices of a sign that are made at random are the same every other time.
        """
        angle = (self.sign_rng.random(where.shape) * 2.0 + self.seed) * np.pi
        sign = np.exp(1j * angle) if dtype.kind == "c" else np.sign(np.sin(angle))
        return np.where(where, sign, 1.0).astype(dtype)

    def quotient(self, m, gap, where):
        """``m / gap``, by series that both start with e where `where` says so; 0 for other 0s."""
        plain = values(gap)
        one, zero = np.ones((), plain.dtype), np.zeros((), plain.dtype)
        is_zero = plain == 0
        y = np.where(where | is_zero, zero, m / np.where(where | is_zero, one, gap))
        if not where.any():
            return y
        series = self.series.lowered(m) / np.where(where, self.series.lowered_gap(gap), one)
        return np.where(where, series, y)


def split_at(level):
    """The `Split` that is on, for a factorization at `level`; None at its own levels."""
    split = meetings.split
    return None if split is None or level in split.levels else split


@contextlib.contextmanager
def _splitting(order, depth, seed):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(levels.open_level(1)) for _ in range(order)]
        meetings.split = Split(opened, depth, seed)
        try:
            yield
        finally:
            meetings.split = None


# --- Calls ---------------------------------------------------------------------------------------


def numbers_of(argnums, args):
    """Which arguments are differentiated, as indices from 0."""
    numbers = argnums if issubclass(type(argnums), (tuple, list)) else (argnums,)
    return {int(i) % len(args) for i in numbers}


def resolved(found, y, again, is_turned=False):
    """`found`, derivatives of `y` that may be NaN because values met; ``again()`` computes them so.

    `is_turned` says that the axes of the inputs come first.
    """
    if levels.current() is not None:
        return found  # the outermost call sees to it
    met, is_hidden = meetings.met, meetings.is_hidden
    meetings.met, meetings.is_hidden = 0, False
    if met > DEEPEST or not (is_hidden or _any_nan(found)):
        return found
    # Every division by e takes the last coefficient; as many are made as calls are nested, and one.
    chosen = [_chosen(met + 1, met, seed, again) for seed in (0, 1)]
    if any(part is None for part in chosen):
        return found
    rows = np.size(y)
    return _map(lambda *parts: _filled(*parts, rows, is_turned, is_hidden), found, *chosen)


def _chosen(order, depth, seed, again):
    """The derivatives for one choice of basis; None where f does not take what is split."""
    try:
        with _splitting(order, depth, seed), np.errstate(all="ignore"):
            return _map(lambda a: np.array(values(a)), again())
    except Exception:
        return None
    finally:
        meetings.met = 0


def _map(function, first, *rest):
    if issubclass(type(first), (tuple, list)):
        return type(first)(_map(function, *parts) for parts in zip(first, *rest, strict=True))
    return function(first, *rest)


def _dense(a):
    return a.toarray() if hasattr(a, "toarray") else np.asarray(a)


def _any_nan(found):
    if issubclass(type(found), (tuple, list)):
        return any(map(_any_nan, found))
    data = getattr(found, "data", None) if hasattr(found, "toarray") else found
    return bool(np.isnan(data).any())


def _filled(found, first, second, rows, is_turned, is_hidden):
    """`found` with its NaNs replaced, of every output by all inputs, where two choices agree.

    Where one number of a row depends on the choice, the output is not smooth: NaN, if hidden.
    """
    old = _dense(found)
    a, b, c = (_dense(part).reshape((-1, rows) if is_turned else (rows, -1))
               for part in (old, first, second))  # fmt: skip
    size = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    is_open = np.isnan(a) | is_hidden
    differs = ~(np.abs(b - c) <= AGREEMENT * (np.abs(b) + size)) & is_open
    smooth = ~differs.any(axis=0 if is_turned else 1, keepdims=True)
    new = np.where(is_open, np.where(smooth, b, np.nan), a).astype(old.dtype).reshape(old.shape)
    if hasattr(found, "toarray"):
        return type(found)(new)
    return new if issubclass(type(found), np.ndarray) else new[()]
