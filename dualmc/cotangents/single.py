"""The cotangents of a quick sweep: one for each step, float64, by the serials of the tape."""

import numpy as np

from dualmc.cotangents.sweep import PLAIN, UNIFORM, NotQuick, Sweep, summed
from dualmc.kernels import buffers

FLOAT64 = np.dtype(np.float64)
ndarray = np.ndarray


class SingleSweep(Sweep):
    """The cotangents on the way back, by the serials of the Vars."""

    __slots__ = ("known", "nodes", "own")
    width, lead, is_careful = FLOAT64, (), False
    identity = first = None

    def __init__(self):
        self.known = {}  # the cotangents so far
        self.nodes = {}  # the Vars that have one, until they are swept
        self.own = set()  # those whose cotangent, an array, may be written in place

    def add(self, var, bar, owned):
        if not issubclass(type(bar), PLAIN):
            raise NotQuick  # a user's function gave Duals of an outer level for plain numbers
        bar = self.fit(bar, var.dtype)
        have = self.known.get(var.serial)
        if have is None:
            put(self, var, bar, owned)
        elif var.serial in self.own and self._fits(bar, have):
            np.add(have, bar, have)
        else:
            put(self, var, summed(have, bar), True)

    def has(self, var):
        return var.serial in self.known

    def buffer(self, var, dtype):
        have = self.known.get(var.serial)
        if have is None:
            have = buffers.zeros(var.shape, FLOAT64)
        elif var.serial in self.own and have.flags.c_contiguous:
            return have
        else:
            have = np.array(np.broadcast_to(have, var.shape), order="C")
        put(self, var, have, True)
        return have

    def in_place(self, var, bar):
        return issubclass(type(bar), PLAIN)


def put(sweep, var, bar, owned):
    """Let `bar` be the cotangent of `var`."""
    serial = var.serial
    sweep.known[serial] = bar
    sweep.nodes[serial] = var
    if owned and type(bar) is ndarray and bar.shape == var.shape:
        sweep.own.add(serial)
    else:
        sweep.own.discard(serial)


def add_to(sweep, parent, part):
    """Add `part` to the cotangent of `parent`."""
    known = sweep.known
    serial = parent.serial
    if serial in known:
        known[serial] = known[serial] + part
    else:
        known[serial] = part
        sweep.nodes[serial] = parent


def general(node, bar, sweep):
    """The pullback that serves every sweep."""
    is_owned = node.serial in sweep.own
    if type(bar) is not ndarray:
        bar, is_owned = np.float64(bar), False
        if node.shape and node.pull not in UNIFORM:
            bar, is_owned = sweep.full(bar, node), True
    node.pull(node, bar, is_owned, sweep)
