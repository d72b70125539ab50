"""Functions that remember: what f returned on Duals may be what it kept of a plain call.

Where f found its input equal to numbers from elsewhere, its derivative along one direction is
compared with those to either side of x, where no memory holds.  If those two agree and that at x
does not, f is asked at x again: a memory of the latest point has lost x by now, and what f computes
is what counts.  Otherwise it is a branch of f's own, unless a call on plain numbers changes the
derivative at another point too.
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
# Relative steps to points that differ, and that no tolerance takes for the same.
CLOSER, BEYOND = 1e-9, 1e-4
SEED = 3


def settled(caller, along, f, args, argnums, has_aux, found, again):
    """`found`, or what ``again()`` finds if f returned there what it remembered.

    `along` is `dualmc.passes.forward_pass.along`.

    Raises
    ------
    TangentLostError
        If f remembers x for good.
    """
    if not is_due():
        return found
    is_close = equalities.thread.met == equalities.CLOSE
    with _busy():
        asked = _Asked(caller, f, args, argnums)
        slope = asked.slopes(along, has_aux)
        step = BEYOND if is_close else 0.0
        here = slope(asked.xs)
        below, above = (asked.beside(slope, towards, step) for towards in (0.0, np.inf))
        if any(d is None or _agree(here, d) for d in (below, above)) or not _agree(below, above):
            return found
        asked.forget()
        if _agree(slope(asked.xs), below):
            return asked.once_more(again)
        if asked.keeps(slope, BEYOND if is_close else CLOSER):
            raise _remembers(caller)
        return found


def is_due():
    """Whether what f met is to be looked into in the call that ends here."""
    thread = equalities.thread
    return thread.met > 0 and not thread.is_busy and not levels.is_inside()


def once_more(caller, f, args, argnums, again):
    """``again()``, where f met Duals that it kept of an earlier call and was refused."""
    with _busy():
        return _Asked(caller, f, args, argnums).once_more(again)


@contextlib.contextmanager
def _busy():
    thread = equalities.thread
    thread.met, thread.is_busy = 0, True
    try:
        yield
    finally:
        thread.met, thread.is_busy = 0, False


class _Asked:
    """f and the point at which it was differentiated: `xs` are the arguments that are varied."""

    def __init__(self, caller, f, args, argnums):
        self.caller, self.f, self.args = caller, f, args
        self.numbers, _ = check_argnums(argnums, len(args), caller)
        self.xs = [as_input(args[i], caller, f"argument {i}") for i in self.numbers]

    def _with(self, inner):
        outer = list(self.args)
        for i, x in zip(self.numbers, inner, strict=True):
            outer[i] = x
        return outer

    def slopes(self, along, has_aux):
        """The derivative of f along one direction, as a function of the point."""
        rng = np.random.default_rng(SEED)
        directions = [rng.normal(size=x.shape).astype(x.dtype) for x in self.xs]

        def varied(*inner):
            y = adapt.adapted(self.f)(*self._with(inner))
            return y[0] if has_aux else y

        return lambda points: along(self.caller, varied, points, directions, points)[1]

    def beside(self, slope, towards, step):
        """That derivative to one side of the point; None where f has no value."""
        self.forget()
        try:
            return slope([_beside(x, towards, step) for x in self.xs])
        except TangentLostError as lost:  # it met what it keeps of the other calls here
            raise _remembers(self.caller) from lost
        except Exception:
            return None

    def forget(self):
        """Give f other plain numbers to remember, elsewhere."""
        with contextlib.suppress(Exception):  # f has no value there
            self.f(*self._with([_beside(x, 0.0, 3 * BEYOND)[()] for x in self.xs]))

    def once_more(self, again):
        self.forget()
        found = again()
        self.forget()
        return found

    def keeps(self, slope, step):
        """Whether a call on plain numbers changes the derivative at their point."""
        elsewhere = [_beside(x, 0.0, 5 * step) for x in self.xs]
        before = slope(elsewhere)
        self.forget()
        try:
            self.f(*self._with([x.copy()[()] for x in elsewhere]))
            return not _agree(before, slope(elsewhere))
        except TangentLostError:  # it met what it keeps of the call before
            return True


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
