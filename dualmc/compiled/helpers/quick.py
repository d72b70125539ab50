"""The short way of calls of numbers that give a number: slopes in place of rows.

Loops in plain Python that call a compiled function of a few numbers come here; everything that is
not float64 numbers of one level, with derivatives, beside plain ones goes the general way.
"""

from types import FunctionType

import numba
import numpy as np
from numba.core import types

from dualmc.compiled import blocks
from dualmc.compiled.copying.retargeting import retarget
from dualmc.compiled.helpers.known import Unmade
from dualmc.compiled.helpers.pushing import LANES
from dualmc.compiled.helpers.tangents import of_numbers
from dualmc.compiled.scalars import intrinsics
from dualmc.compiled.scalars.dual_type import DualType
from dualmc.cotangents.elementwise import pull_scaled
from dualmc.duals import levels
from dualmc.duals.dual import Dual, make
from dualmc.duals.recorded import recorded
from dualmc.tangents.dense import FEW as FEW_ROWS
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import NumberTangent

FLOAT64 = np.dtype(np.float64)
ndarray = np.ndarray
_LETTERS = {float: "p", int: "i", np.float64: "p"}


def called(info, dispatcher, given):
    """The result of the call, or None: it goes the general way."""
    level = None
    roles, values, tangents = "", [], []
    for a in given:
        letter = _LETTERS.get(type(a))
        if letter is None:
            if type(a) is not Dual or a._view is not None or a._writes:
                return None
            p, t = a._primal, a._tangent
            if type(p) is not ndarray or p.ndim or p.dtype is not FLOAT64:
                return None
            if level is None:
                level = a.level
                if not level.open:
                    return None
            elif level is not a.level:
                return None
            letter = "p"
            if t is not None:
                letter = "t"
                tangents.append(t)
            a = p.item()
        roles += letter
        values.append(a)
    found = info.quick.get(roles)
    if not found:
        return None
    y = dispatcher(*values)
    try:
        slopes = found(*values)
    except Exception:  # the function itself did not raise
        return None
    if type(y) is not float:
        return None
    for d in slopes:
        if d - d != 0.0:  # not finite
            return None
    return _number(y, slopes, tangents, level)


def _number(y, slopes, tangents, level):
    if level.records:
        out = recorded(y, level, pull_scaled, tuple(tangents), slopes)
    else:
        out = make(np.asarray(y), _tangent(level, slopes, tangents), level)
    level.floats = out.pythons = True
    return out


def _tangent(level, slopes, tangents):
    first = tangents[0]
    if type(first) is NumberTangent:
        if len(tangents) == 1:
            d = slopes[0]
            return NumberTangent(level, first.cols, tuple([d * v for v in first.values]))
        found = of_numbers(level, slopes, tangents)
        if found is not None:
            return found
    total = None
    for d, t in zip(slopes, tangents, strict=True):
        block = t.to_dense().dense()
        total = d * block if total is None else total + d * block
    if len(total) <= FEW_ROWS or total.flags.c_contiguous:
        return DenseTangent(level, total)
    return DenseTangent(level, np.ascontiguousarray(total))


def learn(info, dispatcher, args, way, y):
    """After a call that went the general way: whether the next may go the short one."""
    if type(y) is not Dual or not hasattr(y, "pythons") or way.writes or args.has_arrays:
        return
    roles = ""
    for a, t in zip(args.given, args.tangents, strict=True):
        letter = ("p" if t is None else "t") if type(a) is Dual else _LETTERS.get(type(a))
        if letter is None or type(a) is Dual and a._primal.dtype is not FLOAT64:
            return
        roles += letter
    if 0 < roles.count("t") <= LANES and roles not in info.quick:
        try:
            info.quick[roles] = _slopes(dispatcher, roles, args.values)
        except Unmade:
            info.quick[roles] = False


def _slopes(dispatcher, roles, values):
    """A compiled function of all arguments: the partial derivatives by those with tangents."""
    call, slopes = called_on_seeds(roles, "a{}")
    names = ", ".join(f"a{i}" for i in range(len(roles)))
    text = f"def slopes({names}):\n    y = {call}\n    return ({', '.join(slopes)},)\n"
    return made(dispatcher, text, "slopes", roles.count("t"), values)


def called_on_seeds(roles, name):
    """The call of f on arguments of this `name`, as text, and the partials of its result `y`."""
    given, count = [], 0
    for i, role in enumerate(roles):
        text = name.format(i)
        if role == "t":
            text = f"seeded(T, {text}, {count})"
            count += 1
        given.append(text)
    return f"as_dual(T, f({', '.join(given)}))", [f"partial_of(y, {j})" for j in range(count)]


def made(dispatcher, text, name, count, values):
    """The compiled function of this `text`, for `count` partials and arguments like `values`."""
    kind = DualType(types.float64, count)
    scope = {
        "f": retarget(kind, False).copy_of(dispatcher), "T": kind, "seeded": blocks.seeded,
        "partial_of": intrinsics.partial_of, "as_dual": intrinsics.as_dual, "np": np,
    }  # fmt: skip
    exec(compile(text, __file__, "exec"), scope)
    function = FunctionType(scope[name].__code__, scope, name)
    function.__module__ = __name__
    found = numba.njit(nogil=True)(function)
    try:
        with levels.outside():
            found.compile(tuple(map(numba.typeof, values)))
    except Exception as error:
        raise Unmade from error
    return found
