"""Signatures: what an operation need know of a Dual to choose its plan, looked at once.

A `Signature` stands for the kind of tangent, the shape and the layout of a Dual of plain float64
numbers, and holds the plans of operations on such (`steps/plans/`).  Signatures are
interned: equal ones are the same object as long as both are alive, so that plans are found by
identity.

A Dual keeps its own in `_signature`; None says that nobody has looked yet, or that its primal or
its tangent has changed since.  What has one does not own its tangent (`_owned` is False): results
may share arrays with it.
"""

import math
import os
import weakref

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.kernels import buffers
from dualmc.kernels.compiling import ENTERED
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import NumberTangent
from dualmc.tangents.slots import SparseTangent

FLOAT64 = np.dtype(np.float64)
ndarray = np.ndarray
# Kinds of tangents: a block with a factor for every element, slots, or the tuples of a number.
DENSE, SLOTS, NUMBER = "dense", "slots", "number"
# Plans of one signature, and signatures of dense tangents, beyond which all are made anew.
MOST = 512


class State:
    """Whether plans are made and used at all: without them the general handlers do everything."""

    enabled = os.environ.get("DUALMC_PLANS", "1") != "0"


class Signature:
    """Equal operands, as far as a plan may depend on them.

    `shape` is that of the primal, `width` the number of directions of a block, or of slots;
    `is_first` says that a block has the basis axis first in memory, of at most `dense.FEW`
    directions.  `is_c`: the primal is C-contiguous.  `is_view`: it is a view, of which `is_fresh`
    must be asked; `own` is the same of a C-contiguous array that is no view.  Slots are those of
    one array of columns, ``column()``, which the signature does not keep alive.
    """

    __slots__ = ("kind", "shape", "size", "width", "is_first", "is_c", "is_view", "own", "column",
                 "plans", "__weakref__")  # fmt: skip

    def __init__(self, kind, shape, width, is_first=False, column=None):
        self.kind = kind
        self.shape = shape
        self.size = math.prod(shape)
        self.width = width
        self.is_first = is_first
        self.column = column
        self.is_c, self.is_view, self.own = True, False, self
        self.plans = {}
        _all.add(self)

    def variant(self, is_c, is_view):
        """The same of a primal in other memory."""
        out = Signature(self.kind, self.shape, self.width, self.is_first, self.column)
        out.is_c, out.is_view, out.own = is_c, is_view, self
        return out

    def keep(self, key, plan):
        """Remember the `plan` for `key`."""
        if len(self.plans) >= MOST:
            self.plans.clear()
        self.plans[key] = plan
        return plan


_all: weakref.WeakSet = weakref.WeakSet()
# What plans do not serve.
UNSERVED = Signature(None, (), 0)
NUMBERS = Signature(NUMBER, (), 0)
_dense: dict = {}
TAPE: dict = {}


class _Plans:
    """All plans that there are."""

    @staticmethod
    def clear():
        for signature in list(_all):
            signature.plans.clear()


PLANS = _Plans()
ENTERED.append(PLANS)


def signature_of(x):
    """The signature of a Dual, looked at now."""
    level = x.level
    if not level.open or not (State.enabled or level.records):
        return UNSERVED
    p, t = x.primal, x.own_tangent()
    if level.records:
        return _of_recorded(x, p, t)
    x._signature = found = _signature(x, p, t)
    return found


def _signature(x, p, t):
    if type(p) is not ndarray or p.dtype is not FLOAT64 or t is None or hasattr(x, "pythons"):
        return UNSERVED
    kind = type(t)
    is_view = x._view is not None
    if kind is NumberTangent:
        return UNSERVED if is_view else NUMBERS
    is_c = p.flags.c_contiguous and p.flags.aligned
    if kind is SparseTangent:
        coef, structures = t.coef, t.level.structures
        if id(t.col) not in structures.held:
            return UNSERVED  # columns made in passing, whose plans would not be met again
        if type(coef) is not ndarray or coef.dtype is not FLOAT64 or not structures.budget:
            return UNSERVED
        if not coef.flags.carray:
            t.coef = buffers.copied(coef)
        return slots_signature(structures, t.col, is_c, is_view)
    if kind is not DenseTangent:
        return UNSERVED
    block, scale = t.block, t.scale
    if type(block) is not ndarray or block.dtype is not FLOAT64:
        return UNSERVED
    if type(scale) is not ndarray or scale.dtype is not FLOAT64:
        return UNSERVED
    elif not scale.flags.carray:
        t.scale = scale.copy()
    k = block.shape[0]
    is_first = k <= dense.FEW and block.flags.carray
    return dense_signature(p.shape, k, is_first, is_c, is_view)


def _of_recorded(x, p, t):
    if type(p) is not ndarray or p.dtype is not FLOAT64 or t is None or t.dtype is not FLOAT64:
        return UNSERVED
    found = tape_signature(p.shape, x._view is not None)
    if not hasattr(x, "pythons"):
        x._signature = found
    return found


def tape_signature(shape, is_view=False):
    """That of a Dual on a tape, of whose kind no other plans are made."""
    found = TAPE.get((shape, is_view))
    if found is None:
        if len(TAPE) >= MOST:
            TAPE.clear()
        found = tape_signature(shape).variant(True, True) if is_view else Signature(None, shape, 0)
        TAPE[shape, is_view] = found
    return found


def dense_signature(shape, k, is_first, is_c=True, is_view=False):
    """That of a block, (k, *shape), of float64 numbers with a factor, (1, *shape)."""
    key = (shape, k, is_first, is_c, is_view)
    found = _dense.get(key)
    if found is None:
        if len(_dense) >= MOST:
            _dense.clear()
        if is_c and not is_view:
            found = Signature(DENSE, shape, k, is_first)
        else:
            found = dense_signature(shape, k, is_first).variant(is_c, is_view)
        _dense[key] = found
    return found


def slots_signature(structures, col, is_c=True, is_view=False):
    """That of slots with the columns `col`, and float64 coefficients in C order."""
    signatures = structures.signatures
    key = (id(col), is_c, is_view)
    found = signatures.get(key)
    if found is None or found.column() is not col:
        if is_c and not is_view:
            column = weakref.ref(col, lambda _: signatures.pop(key, None))
            found = Signature(SLOTS, col.shape[1:], col.shape[0], False, column)
        else:
            found = slots_signature(structures, col).variant(is_c, is_view)
        signatures[key] = found
    return found


def is_fresh(x):
    """Whether a view is what it was when its signature was looked at."""
    view = x._view
    root = view.root
    return view.seen == root._writes and view.memory is root._primal


_new = Dual.__new__


def made(y, tangent, level, signature):
    """The Dual of the ndarray `y`, no view, with its signature where `y` lies as that says.

    NumPy chooses the memory order of a result, of operands in C order too: so of running sums.
    """
    if signature is not None and not y.flags.c_contiguous:
        signature = None
    out = _new(Dual)
    out._primal = y
    out.level = level
    out._tangent = tangent
    out._view = None
    out._writes = 0
    out._owned = out._kept = False
    out._signature = signature
    return out
