"""Functions that remember: what f returned on Duals may be what it kept of a plain call.

Where f found its input equal to numbers from elsewhere, its derivative along one direction is
compared with those one rounding to either side of x, where no memory holds.  If those two agree and
that at x does not, f is asked at x again: a memory of the latest point has lost x by now, and what
f computes is what counts.
"""

import contextlib

import numpy as np

from dualmc.calls.inputs import as_input
from dualmc.calls.options import check_argnums
from dualmc.duals import equalities, levels
from dualmc.errors import TangentLostError
from dualmc.unchanged import adapt

# Relative difference of derivatives that no step to beside x makes; what is 0 but for rounding.
LARGE, SMALL = 0.03, 1e-12
STEP = 1e-4  # relative, of what lies beyond the tolerance of a comparison
SEED = 3


def settled(caller, along, f, args, argnums, has_aux, found, again):
    """`found`, or what ``again()`` finds if f returned there what it remembered.

    `along` is `dualmc.passes.forward_pass.along`.

    Raises
    ------
    TangentLostError
        If f remembers x for good.
    """
    thread = equalities.thread
    if thread.is_busy or levels.is_inside():
        return found
    met, thread.met, thread.is_busy = thread.met, 0, True
    try:
        numbers, xs = _varied(caller, args, argnums)
        rng = np.random.default_rng(SEED)
        directions = [rng.normal(size=x.shape).astype(x.dtype) for x in xs]

        def varied(*inner):
            y = adapt.adapted(f)(*_with(args, numbers, inner))
            return y[0] if has_aux else y

        def slope(points):
            return along(caller, varied, points, directions, points)[1]

        def beside(towards):
            _forget(f, args, numbers, xs)
            try:
                step = STEP if met == equalities.CLOSE else 0.0
                return slope([_beside(x, towards, step) for x in xs])
            except TangentLostError as lost:  # it met what it keeps of the other calls here
                raise _remembers(caller) from lost
            except Exception:  # f has no value there
                return None

        here, below, above = slope(xs), beside(0.0), beside(np.inf)
        if any(d is None or _agree(here, d) for d in (below, above)) or not _agree(below, above):
            return found
        _forget(f, args, numbers, xs)
        if _agree(slope(xs), below):
            return _once_more(f, args, numbers, xs, again)
        if met != equalities.WRITTEN:
            raise _remembers(caller)
        return found
    finally:
        thread.met, thread.is_busy = 0, False


def retried(lost, caller, f, args, argnums, again):
    """``again()``, where f met Duals that it kept of an earlier call; else `lost` is raised."""
    thread = equalities.thread
    if not thread.met or thread.is_busy or levels.is_inside():
        raise lost
    thread.met, thread.is_busy = 0, True
    try:
        return _once_more(f, args, *_varied(caller, args, argnums), again)
    finally:
        thread.met, thread.is_busy = 0, False


def _once_more(f, args, numbers, xs, again):
    _forget(f, args, numbers, xs)
    found = again()
    _forget(f, args, numbers, xs)
    return found


def _forget(f, args, numbers, xs):
    """Give f other plain numbers to remember, elsewhere."""
    with contextlib.suppress(Exception):  # f has no value there
        f(*_with(args, numbers, [_beside(x, 0.0, 3 * STEP)[()] for x in xs]))


def _varied(caller, args, argnums):
    numbers, _ = check_argnums(argnums, len(args), caller)
    return numbers, [as_input(args[i], caller, f"argument {i}") for i in numbers]


def _with(args, numbers, inner):
    outer = list(args)
    for i, x in zip(numbers, inner, strict=True):
        outer[i] = x
    return outer


def _remembers(caller):
    return TangentLostError(
        f"{caller}: f found its argument equal to numbers that it keeps, and its derivative there "
        f"is another than beside: it seems to return what it remembers of a call on plain numbers. "
        f"Take that memory out, or differentiate the function behind it."
    )


def _beside(x, towards, part):
    """A point beside `x`, towards 0 or away from it: by a part of it, or else by one rounding."""
    end = np.zeros_like(x) if towards == 0.0 else np.copysign(np.full_like(x, np.inf), x)
    step = np.nextafter(x, end) - x
    tiny = part or np.finfo(x.dtype).tiny
    if part:
        step = np.copysign(part * x, step)
    return np.where(x == 0, -tiny if towards == 0.0 else tiny, x + step).astype(x.dtype)


def _agree(a, b):
    """Whether two derivatives are the same but for rounding."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    size = np.abs(b)
    least = SMALL * np.max(size, initial=0.0, where=np.isfinite(size))
    return bool(np.allclose(a, b, rtol=LARGE, atol=least, equal_nan=True))
