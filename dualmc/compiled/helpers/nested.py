"""Calls with Duals of Duals: the Jacobian by one level is itself a compiled function of the other.

Compiling Duals of Duals takes seconds.  A function runs as Python on them until that has taken as
long, or would by what the function itself takes; functions that write never come here, nor does
what is looked at for kinks, of which Python's rules know more.
"""

import math
import time

import numpy as np
from numba.core.errors import NumbaError

from dualmc.compiled.helpers import known, pushing
from dualmc.compiled.helpers.arguments import FLOATS, Unfit, check, frozen, kind_of
from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.levels import innermost
from dualmc.duals.operands import primal_at, tangent_at
from dualmc.kernels.payload import values
from dualmc.tangents import tape
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.unchanged.standins.compiled_functions import CompiledFunction

# Seconds of Python after which a function is compiled for Duals of Duals.
PATIENCE = 2.0
# How much longer, about, Python takes on Duals of Duals than compiled code on numbers.
RATIO = 5000
MOST_INPUTS = 512


def are_nested(given):
    return any(type(a) is Dual and type(a.primal) is Dual for a in given)


def in_python(info, function, given):
    """The Python function, timed."""
    start = time.perf_counter()
    y = function.function(*given)
    info.nested_seconds += time.perf_counter() - start
    return y


def call(info, function, given, stepped):
    """The call as one step, where it is worth it; `stepped` makes one of any call."""
    if not info.code.has_loops or choices.state.report is not None or choices.state.varied:
        raise Unfit
    level = innermost([a.level for a in given if type(a) is Dual], given)
    tangents = [tangent_at(a, level) for a in given]
    primals = [primal_at(a, level) for a in given]
    plain, roles, way = _plain(info, primals, tangents)
    sizes = [math.prod(t.shape) for t in tangents if t is not None]
    if not sizes or not 0 < sum(sizes) <= MOST_INPUTS or way.is_pythons:
        raise Unfit
    if info.nested_seconds <= PATIENCE and not _is_slow(info, function.dispatcher, plain):
        raise Unfit
    jacobian = _jacobian(way, function.dispatcher, roles, plain, sum(sizes))
    y = function(*primals)
    found = stepped(known.of(jacobian.dispatcher), jacobian, tuple(primals))
    active = [t for t in tangents if t is not None]
    if way.parts is None:
        return _dual(y, found[0], level, active, sizes) if way.is_wanted else y
    parts = list(y)
    for i, J in zip(way.parts, found, strict=True):
        parts[i] = _dual(parts[i], J, level, active, sizes)
    return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)


def _plain(info, primals, tangents):
    """The plain values, the roles of a sweep, and what is known of such calls."""
    plain, roles, key = [], "", []
    for p, t in zip(primals, tangents, strict=True):
        value = values(p)
        kind = kind_of(p)
        if type(p) is Dual or t is not None:
            if value.dtype != FLOATS[0]:
                raise Unfit
            is_number = type(p) is Dual and p.is_number or not value.ndim
            value = value[()] if is_number else value
            kind = (is_number, FLOATS[0], value.ndim, t is not None)
        else:
            check(p)
        plain.append(value)
        roles += "p" if t is None else "n" if np.ndim(value) == 0 else "t"
        key.append(kind)
    return plain, roles, info.way(("nested", *key), FLOATS[0])


def _is_slow(info, dispatcher, plain):
    """Whether even one call would take Python long."""
    if info.is_slow is None:
        copies = [a.copy(order="K") if type(a) is np.ndarray else frozen(a) for a in plain]
        try:
            dispatcher(*copies)  # compiled now
            start = time.perf_counter()
            dispatcher(*copies)
        except NumbaError:
            raise Unfit from None
        info.is_slow = (time.perf_counter() - start) * RATIO > PATIENCE
    return info.is_slow


def _jacobian(way, dispatcher, roles, plain, count):
    """The stand-in for the compiled Jacobian of the function."""
    if way.parts is None and not way.is_wanted:
        way.look(dispatcher(*[a.copy() if type(a) is np.ndarray else frozen(a) for a in plain]))
    lanes = pushing.lanes_for(count)
    found = way.jacobians.get((roles, lanes))
    if found is None:
        shape = pushing.Shape(roles, way.parts, way.is_wanted, False, lanes, True)
        inputs = [np.require(a, None, "CW") if type(a) is np.ndarray else a for a in plain]
        try:
            sweep = known.made(dispatcher, shape, way.dtype, inputs)
        except known.Unmade:  # it writes, or is not to be compiled
            way.leave()
        known.of(sweep).is_told = True  # Python may serve instead
        found = way.jacobians[roles, lanes] = CompiledFunction(sweep, sweep.py_func)
    return found


def _dual(y, J, level, active, sizes):
    """The part `y` of the result, with the Jacobian `J`, (*S, n), by the elements of inputs."""
    is_pythons = type(y) is float or hasattr(y, "pythons")
    shape = np.shape(y)
    J = np.reshape(J, (math.prod(shape), sum(sizes)))
    ends = np.cumsum([0, *sizes]).tolist()
    blocks = [J[:, i:j] for i, j in zip(ends, ends[1:], strict=False)]
    y = y if type(y) is Dual else np.asarray(y)
    if level.records:
        out = make(y, tape.local(active, [np.transpose(b) for b in blocks], y), level)
    else:
        total = 0.0
        for t, b, n in zip(active, blocks, sizes, strict=True):
            rows = t.to_dense().dense()
            total = total + np.matmul(np.reshape(rows, (level.n, n)), np.transpose(b))
        out = make(y, DenseTangent(level, np.reshape(total, (level.n, *shape))), level)
    if is_pythons:
        level.floats = out.pythons = True
    return out
