"""A call of a solver: run on plain numbers, then posed as a problem to be differentiated."""

import functools

from dualmc.errors import TangentLostError, forget
from dualmc.solvers.odes.compiled import Machine, is_kept
from dualmc.solvers.odes.lifting import Lifted, NotLiftable
from dualmc.solvers.odes.plain import Watched, levels_in, outside, plain, right_hand_side
from dualmc.solvers.odes.problems import Problem

# Evaluations of the plain solution from which on machine code is made for one solution.
WORTH_COMPILING = 100


class Solved:
    """The right-hand side `fun` with its `args`, and `options` of `right_hand_side`."""

    def __init__(self, fun, args, options):
        self.fun, self.args, self.options = fun, args, options
        self.watched = Watched()
        self.note(args)
        try:
            self.lifted = Lifted(fun, args)
        except NotLiftable:
            self.lifted = None
        else:
            self.note(self.lifted.leaves)

    def note(self, given):
        levels_in(given, self.watched.levels)

    def run(self, solve):
        """``solve(fun, args)`` on plain numbers, of the right-hand side itself if need be."""
        if self.lifted is None:
            fun, args = self.watched(self.fun), plain(self.args)
            with outside():
                return solve(fun, args)
        watched = Watched()
        try:
            fun, args = self.lifted.bind(self.lifted.plain())
            with outside():
                out = solve(watched(fun, True), plain(args))
        except (ValueError, TangentLostError) as error:
            if not isinstance(error, TangentLostError) and "read-only" not in str(error):
                raise
            forget(error)
            self.lifted = None  # it writes to what it takes from elsewhere, or holds Duals
            return self.run(solve)
        finally:
            if self.lifted is not None:
                self.lifted.release()
        if not self.lifted.is_as_it_was():
            raise TangentLostError(
                "A variable that the right-hand side of an ODE reads is assigned to while the "
                "equation is solved (by an event?): the derivative would be lost. Stop at a "
                "terminal event, and solve on from there in a call of its own."
            )
        if watched.levels:  # it takes more from elsewhere than can be seen
            self.watched.levels |= watched.levels
            self.lifted = None
        return out

    def posed(self, t0, y0, ts, ys, method, options, count):
        """The `Problem`; the plain solution took `count` evaluations."""
        F = right_hand_side(self.fun, self.args, *self.options)
        machine = None
        lifted = self.lifted
        if lifted is not None and (count >= WORTH_COMPILING or is_kept(lifted, self.options, y0)):
            machine = functools.partial(Machine, lifted, self.options)
        return Problem(F, t0, y0, ts, ys, method, options, self.watched.levels, machine)
