"""Places of values among others, and the linear interpolation between them."""

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import overload

from dualmc.compiled.arrays.levels import held, settled, unknown
from dualmc.compiled.arrays.lines import bare, flat
from dualmc.compiled.arrays.making import FIRST, common
from dualmc.compiled.arrays.methods import is_dual_array
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


def _is_ours(*kinds):
    return any(is_dual(kind) or is_dual_array(kind) for kind in kinds)


@overload(np.searchsorted, prefer_literal=True, **FIRST)
def _searchsorted(a, v, side="left"):
    if not _is_ours(a, v):
        return None
    if getattr(side, "literal_value", side) == "right":
        return lambda a, v, side="left": np.searchsorted(bare(a), bare(v), "right")
    if getattr(side, "literal_value", side) == "left":
        return lambda a, v, side="left": np.searchsorted(bare(a), bare(v))
    return None


@overload(np.digitize, **FIRST)
def _digitize(x, bins, right=False):
    if not _is_ours(x, bins):
        return None
    return lambda x, bins, right=False: np.digitize(bare(x), bare(bins), right)


def _between(x, xp, fp):
    """The line through the two points around `x`, to the right of a knot; the ends beyond them."""
    raise NotImplementedError


@overload(_between)
def _line(x, xp, fp):
    T = common([x, xp.dtype, fp.dtype])
    is_nested = is_dual(T.inner)

    def line(x, xp, fp):
        v, n = primal_of(x), xp.size
        if n == 1 or v < primal_of(xp[0]):
            return as_dual(T, fp[0])
        if v > primal_of(xp[n - 1]):
            return as_dual(T, fp[n - 1])
        low, high = 0, n - 1  # the last knot but one at most v
        while high - low > 1:
            middle = (low + high) // 2
            if primal_of(xp[middle]) <= v:
                low = middle
            else:
                high = middle
        slope = (fp[low + 1] - fp[low]) / (xp[low + 1] - xp[low])
        y = as_dual(T, fp[low] + slope * (x - xp[low]))
        if is_nested:
            for k in range(low, low + 2):
                if v == primal_of(xp[k]):
                    y = y + unknown(as_dual(T, x - xp[k]))
        return y

    return line


@overload(np.interp, **FIRST)
def _interp(x, xp, fp):
    kinds = [kind.dtype if isinstance(kind, types.Array) else kind for kind in (x, xp, fp)]
    found = common(kinds)
    if found is None:
        return None
    if not all(isinstance(kind, types.Array) and kind.ndim == 1 for kind in (xp, fp)):
        raise TypingError("dualmc: np.interp of Duals takes vectors xp and fp")
    T = found.with_base(types.float64)  # as Numba and NumPy
    if not isinstance(x, types.Array):

        def at_point(x, xp, fp):
            y = np.interp(held(T, x), held(T, xp), held(T, fp))  # raises for other sizes
            return settled(as_dual(T, _between(x, xp, fp)), y)

        return at_point

    def at_points(x, xp, fp):
        y = flat(np.interp(held(T, x), held(T, xp), held(T, fp)))
        points = flat(x)
        out = np.empty(x.size, T)
        for i in range(x.size):
            out[i] = settled(as_dual(T, _between(points[i], xp, fp)), y[i])
        return out.reshape(x.shape)

    return at_points
