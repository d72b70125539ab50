"""Calls of ufuncs that Numba made (`@vectorize`): the ufunc's value, and slopes element by element.

The slopes are a loop, compiled, over the scalar function; the chain rule is that of any
element-wise function.  What does not fit is left to the loop in Python.
"""

import math

import numba
import numpy as np

from dualmc.compiled import everything  # noqa: F401
from dualmc.compiled.helpers import policy, quick
from dualmc.compiled.helpers.known import Unmade
from dualmc.duals.dual import Dual, make
from dualmc.duals.levels import innermost
from dualmc.kernels.compiling import unwatched
from dualmc.tangents import combining
from dualmc.unchanged.standins.compiled_functions import fresh

FLOAT64 = np.dtype(np.float64)
_PLAIN = frozenset({float, int, np.float64, np.int64, np.ndarray})


class Known:
    """What is known of one ufunc: its scalar function, and its kernels by `roles`."""

    def __init__(self, ufunc):
        function = ufunc._dispatcher.py_func
        self.scalar = numba.njit(function)
        self.code = policy.Code(function)
        self.left = policy.PATIENCE
        self.kernels = {}

    def is_patient(self, size):
        """Whether a call with `size` elements is short enough, so far, for Python."""
        if self.code.has_loops or self.left <= 0:
            return False
        self.left -= size * self.code.weight
        return self.left > 0


@unwatched  # Numba's compiler may be at work
def call(standin, ufunc, args):
    """The result of ``ufunc(*args)`` with its derivatives, or None."""
    level = _level(args)
    if level is None:
        return None
    info = standin.known
    if info is None:
        info = standin.known = Known(ufunc)
    roles, primals, tangents = _taken(args)
    shape = np.broadcast_shapes(*map(np.shape, primals))
    if not math.prod(shape):
        return fresh(ufunc(*primals), ())
    if info.code.is_random or not tangents:
        return None
    if info.is_patient(math.prod(shape)):
        return None
    flat = [np.ascontiguousarray(np.broadcast_to(p, shape)).reshape(-1) for p in primals]
    flat = [a if a.flags.writeable else a.copy() for a in flat]
    kernel = info.kernels.get(roles)
    if kernel is None:
        kernel = info.kernels[roles] = _kernel(info.scalar, roles, flat)
    y = ufunc(*primals) if kernel else None
    if getattr(y, "dtype", None) != FLOAT64:
        return None
    total = None
    for d, t in zip(kernel(*flat), tangents, strict=True):
        if not np.isfinite(d).all():
            return None
        part = t.broadcast(shape).times(d.reshape(shape))
        total = part if total is None else combining.add(total, part)
    return make(y, total, level)


def _level(args):
    """The one level of all Duals in `args`, of plain float64; None: they are not such."""
    found = []
    for a in args:
        if type(a) is Dual:
            if type(a.primal) is not np.ndarray or a.primal.dtype is not FLOAT64:
                return None
            found.append(a.level)
        elif type(a) not in _PLAIN or np.asarray(a).dtype.kind not in "biuf":
            return None
    level = innermost(found, args) if found else None
    return level if all(other is level for other in found) else None


def _taken(args):
    roles, primals, tangents = "", [], []
    for a in args:
        t = a.own_tangent() if type(a) is Dual else None
        kind = np.asarray(a.primal if type(a) is Dual else a).dtype.char
        roles += "t" if t is not None else kind
        primals.append(a.primal if type(a) is Dual else a)
        if t is not None:
            tangents.append(t)
    return roles, primals, tangents


def _kernel(scalar, roles, flat):
    """The slopes by the arguments with tangents, for vectors of one length; False: none."""
    roles = "".join("t" if role == "t" else "p" for role in roles)
    call, slopes = quick.called_on_seeds(roles, "a{}[i]")
    count = len(slopes)
    lines = [f"def kernel({', '.join(f'a{i}' for i in range(len(roles)))}):"]
    lines += [f"    d{j} = np.empty(a0.size)" for j in range(count)]
    lines += ["    for i in range(a0.size):", f"        y = {call}"]
    lines += [f"        d{j}[i] = {slopes[j]}" for j in range(count)]
    lines.append("    return (" + "".join(f"d{j}, " for j in range(count)) + ")")
    try:
        return quick.made(scalar, "\n".join(lines) + "\n", "kernel", count, flat)
    except Unmade:
        return False
