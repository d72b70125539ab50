"""The right-hand side and its Jacobians as machine code, kept from one solution to the next."""

import threading

import numpy as np

from dualmc.replay.prepared import Prepared
from dualmc.solvers.odes.lifting import Lifted
from dualmc.solvers.odes.plain import right_hand_side

# Right-hand sides whose machine code is kept.
KEPT = 64
_kept: list = []  # the latest last
_lock = threading.Lock()


class Compiled:
    """``run(t, y, *leaves)`` is (f, J): J by the state and then by the leaves that are active.

    Parameters
    ----------
    lifted : Lifted
    options : tuple
        Of `right_hand_side`.
    t, y
        Where it is recorded.
    """

    def __init__(self, lifted, options, t, y):
        self.lifted, self.options = lifted, options
        self.free = threading.Lock()
        self.shape = np.shape(y)
        numbers = range(2, 2 + len(lifted.leaves))
        self.active = (1, *numbers)
        args = (float(t), np.array(y), *lifted.plain())
        self.prepared = Prepared(_function(lifted, options), args, self.active, False, "numerator")

    def fits(self, lifted, options, y):
        return self.options == options and self.shape == np.shape(y) and self.lifted.is_same(lifted)


def _function(lifted, options):
    """A function of t, y and the leaves, which is the user's: `prepare` looks into it."""

    def bound(t, y, leaves):
        function, args = lifted.bind(leaves)
        try:
            return right_hand_side(function, args, *options)(t, y)
        finally:
            lifted.release()

    target, _ = lifted.bind(lifted.plain())
    lifted.release()
    scope = {"__name__": "__ode__", "bound": bound, "target": target}
    exec(
        "def rhs(t, y, *leaves):\n"
        "    target  # what it is: `prepare` looks for changes of all that it names\n"
        "    return bound(t, y, leaves)\n",
        scope,
    )
    return scope["rhs"]


def compiled(lifted: Lifted, options, t, y):
    """Machine code that is kept of the same function, or new; not in use anywhere."""
    with _lock:
        for found in reversed(_kept):
            if found.fits(lifted, options, y) and found.free.acquire(blocking=False):
                return found
    made = Compiled(lifted, options, t, y)
    made.free.acquire()
    if made.prepared.reason is None:
        with _lock:
            _kept.append(made)
            del _kept[:-KEPT]
    return made


class Machine:
    """F pushed along the directions of one level by machine code; None where that does not hold."""

    def __init__(self, lifted, options, t, y, directions):
        self.n = y.size
        leaves = [
            np.reshape(directions.rows(leaf), (directions.size, np.size(leaf)))
            for leaf in lifted.leaves
        ]
        self.rows = np.concatenate([np.zeros((directions.size, 0)), *leaves], axis=1)
        self.whole = np.concatenate([np.zeros((directions.size, y.size)), self.rows], axis=1)
        self.kept = compiled(lifted, options, t, y)
        found = self.kept.prepared.machine((float(t), np.array(y), *lifted.plain()))
        self.is_good = found is not None
        if found is not None:
            self.run, self.check, (self.t, _, *self.leaves) = found

    def evaluated(self, t, y):
        """F and its Jacobian by the state and the leaves, at plain numbers."""
        self.t[0] = t
        found = self.run((self.t, y, *self.leaves))
        return found if found is None else (found[0], found[1].reshape(self.n, -1))

    def linear(self, t, y):
        """The Jacobian of F by y, and its derivatives at a fixed state."""
        found = self.evaluated(t, y)
        if found is None:
            return None
        J = found[1]
        return J[:, : self.n], self.rows @ J[:, self.n :].T

    def enlarged(self, t, z):
        """(F, derivatives along the directions) as one vector, of z = (y, S); the fastest way."""
        n, whole, given = self.n, self.t, self.whole
        whole[0] = t
        found = self.run((whole, z[:n], *self.leaves))
        if found is None:
            return None
        given[:, :n] = z[n:].reshape(-1, n)
        out = np.empty(z.size)
        out[:n] = found[0]
        np.matmul(given, found[1].reshape(n, -1).T, out=out[n:].reshape(-1, n))
        return out

    def release(self):
        self.kept.free.release()


def is_kept(lifted, options, y):
    with _lock:
        return any(found.fits(lifted, options, y) for found in _kept)
