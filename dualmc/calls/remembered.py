"""Functions that remember: what f returned on Duals may be what it kept of a plain call.

Where f found its input equal to other numbers, it is called on plain numbers elsewhere, and its
derivative along one direction is taken before and after that, at the very same x.  If they differ,
f has forgotten x by now, and what it computes is what counts.  If they do not, it is a branch of
f's own, unless a call on plain numbers changes the derivative at another point.
"""

import contextlib

import numpy as np

from dualmc.calls.inputs import as_input
from dualmc.calls.options import check_argnums
from dualmc.duals import equalities, levels
from dualmc.errors import TangentLostError
from dualmc.unchanged import adapt

# Relative steps to where f is given other numbers to remember, the first at which it has a value;
# and to another point.
AWAY, ELSEWHERE = (0.1, 3e-4), 0.04
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
    with _busy():
        asked = _Asked(caller, f, args, argnums)
        slope = asked.slopes(along, has_aux)
        try:
            before = slope(asked.xs)
        except TangentLostError:  # it met what it kept of this call
            return asked.once_more(again)
        asked.forget()
        if not _is_same(before, slope(asked.xs)):
            return asked.once_more(again)
        if asked.keeps(slope):
            raise _remembers(caller)
        return found


def is_due():
    """Whether what f met is to be looked into in the call that ends here."""
    thread, here = equalities.thread, levels.stack  # of this thread, whatever others do
    return thread.met and not thread.is_busy and not (here.levels or here.watchers)


def once_more(caller, f, args, argnums, again):
    """``again()``, where f met Duals that it kept of an earlier call and was refused."""
    with _busy():
        return _Asked(caller, f, args, argnums).once_more(again)


@contextlib.contextmanager
def _busy():
    thread = equalities.thread
    thread.met, thread.is_busy = False, True
    try:
        yield
    finally:
        thread.met, thread.is_busy = False, False


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

    def forget(self):
        """Give f other plain numbers to remember, elsewhere."""
        for step in AWAY:
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                self.f(*self._with([_beside(x, step)[()] for x in self.xs]))
                return

    def once_more(self, again):
        self.forget()
        found = again()
        self.forget()
        return found

    def keeps(self, slope):
        """Whether a call on plain numbers changes the derivative at their point, for good."""
        points = [_beside(x, ELSEWHERE) for x in self.xs]
        try:
            before = slope(points)
            self.forget()
            self.f(*self._with([x.copy()[()] for x in points]))
            self.forget()
            return not _is_same(before, slope(points))
        except TangentLostError:  # it met what it keeps of the call before
            return True
        except Exception:  # f has no value there
            return False


def _remembers(caller):
    return TangentLostError(
        f"{caller}: f found its argument equal to numbers that it keeps, and its derivative there "
        f"changes with calls on plain numbers: it seems to return what it remembers of them. "
        f"Take that memory out, or differentiate the function behind it."
    )


def _beside(x, step):
    """A point beside `x`, farther from 0."""
    return np.where(x == 0, step, x + step * x).astype(x.dtype)


def _is_same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
