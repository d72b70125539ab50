"""A problem that the plain solver has solved, to be differentiated."""

import numpy as np

from dualmc.duals import levels
from dualmc.kernels.payload import values
from dualmc.solvers.odes.directions import Grown, directions_of
from dualmc.solvers.odes.flow import Flow
from dualmc.solvers.odes.integration import integrated
from dualmc.solvers.odes.plain import inside, levels_in, outside, plain, running_levels

# How often more may turn out to matter, each time beginning anew.
MOST_STARTS = 1000


class Problem:
    """y' = F(t, y) from `y0` at `t0`, any of which may hold or depend on Duals.

    Parameters
    ----------
    F, t0, y0
    ts, ys : arrays, (times,) and (n, times)
        The plain solution.
    method, options
        Of `scipy.integrate.solve_ivp`, plain.
    found : set
        The levels on which something was seen to depend.
    machine : callable, optional
        ``machine(t, y, directions)`` is the `Machine` of F, which need not be worth its while.
    """

    def __init__(self, F, t0, y0, ts, ys, method, options, found, machine=None):
        self.F, self.t0, self.y0 = F, t0, y0
        self.ts, self.ys = ts, ys
        self.method, self.options = method, options
        self.machine = machine
        found = found | running_levels()
        self.directions = [directions_of(level) for level in _inward(found)]

    @property
    def depth(self):
        return len(self.directions)

    def flow(self, ts):
        """The differentiated solution, good at the plain times `ts`, or, of a number, up to it."""
        for _ in range(MOST_STARTS):
            try:
                return self._integrated(ts)
            except Grown:
                continue
        raise RuntimeError("The right-hand side depends on ever more inputs.")

    def _integrated(self, ts):
        flow = Flow(self.F, self.t0, self.y0, self.directions)
        if self.machine is None or self.depth != 1:
            return self._filled(flow, ts)
        stage = flow.stages[0]
        machine = self.machine(plain(self.t0), values(self.y0), stage.directions)
        try:
            stage.machine = machine if machine.is_good else None
            self._filled(flow, ts)
            if machine.is_good and not machine.check():  # F changes what it reads
                self.machine = None
                raise Grown
            return flow
        finally:
            stage.machine = None
            machine.release()

    def _filled(self, flow, ts):
        """`flow` with its solution at `ts`."""
        rtol, atol = self.options.get("rtol", 1e-3), self.options.get("atol", 1e-6)
        n = flow.n
        atol = np.broadcast_to(np.asarray(atol, float), n)
        scales = flow.scales(self.ts, self.ys, atol / np.maximum(rtol, np.finfo(float).eps))
        options = {**self.options, "rtol": rtol, "atol": np.kron(scales, atol)}
        if np.ndim(rtol):
            options["rtol"] = np.tile(rtol, scales.size)
        staggered = flow.staggered()
        if staggered is not None:
            for name in ("value", "linear"):
                staggered[name] = inside(staggered[name])
        rhs, slopes = inside(self._checked(flow.rhs)), inside(flow.slopes)
        with outside():
            flow.base = integrated(
                rhs, plain(self.t0), plain(flow.z0), ts, self.method, options, n, slopes, staggered
            )
        return flow

    def _checked(self, rhs):
        """`rhs`, of which nothing may depend on a level that is not known."""

        def checked(t, z):
            f = rhs(t, z)
            if type(f) is not np.ndarray or f.dtype == object:
                self._meet(f)
                f = plain(f)
            return f

        return checked

    def _meet(self, f):
        """`Grown` if `f` has a tangent: of a level that was not known."""
        found = set()
        levels_in(f, found)
        if found:
            known = {d.level: d for d in self.directions}
            self.directions = [
                known.get(level) or directions_of(level) for level in _inward(found | set(known))
            ]
            raise Grown


def _inward(found):
    """Levels, the innermost first."""
    for level in found:
        levels.innermost([level])  # which is open
    return sorted(found, key=lambda level: level.serial, reverse=True)
