"""Which way a verb goes over the points of a batch, and what it refuses there."""

import functools

import numpy as np
from numba.core.registry import CPUDispatcher

from dualmc.batches import one_pass, tasks
from dualmc.calls import options, watch
from dualmc.calls.inputs import as_read
from dualmc.calls.request import check_callable
from dualmc.calls.structures.points import BROADCAST, Points, denominator, one_by_one
from dualmc.duals import levels
from dualmc.forward import jacobian_fwd, value_and_jacobian_fwd
from dualmc.replay import at_points
from dualmc.replay.prepared import Prepared
from dualmc.reverse import (
    gradient,
    jacobian_rev,
    value_and_gradient,
    value_and_jacobian_rev,
)
from dualmc.second import hessian

# Points from which on f is prepared: to record f and to compile it takes as long as some hundred
# calls of it (`bench/batches.py` measures that).
MANY = 256
# By the name of a verb: the verb, what `prepare` calls it, and whether it returns the value too.
VERBS = {
    "jacobian_fwd": (jacobian_fwd, "jacobian", False),
    "value_and_jacobian_fwd": (value_and_jacobian_fwd, "jacobian", True),
    "jacobian_rev": (jacobian_rev, "jacobian", False),
    "value_and_jacobian_rev": (value_and_jacobian_rev, "jacobian", True),
    "gradient": (gradient, "gradient", False),
    "value_and_gradient": (value_and_gradient, "gradient", True),
    "hessian": (hessian, "hessian", False),
}


def answered(
    caller, f, args, batch, argnums=0, chunk_size=None, sparse=False, layout="numerator",
    has_aux=False, spread=None,
):  # fmt: skip
    """What the verb `caller` returns for the points of `args`, handed out as `spread` says."""
    check_callable(f, caller)
    if not args:
        raise TypeError(f"{caller} needs the points: {caller}(f, X, batch=True).")
    _refuse(caller, sparse, has_aux)
    options.check_layout(layout, caller)
    options.check_chunk_size(chunk_size, caller)
    args = as_read(args)
    numbers, _ = options.check_argnums(argnums, len(args), caller)
    found = Points(caller, args, numbers, batch)
    given = {"argnums": argnums} | ({"layout": layout} if VERBS[caller][1] == "jacobian" else {})
    is_broadcast = type(batch) is str and batch == BROADCAST
    asked = Asked(caller, f, numbers, is_broadcast, chunk_size, given)
    if spread is not None and found.count and found.is_plain and not levels.stack.levels:
        return tasks.answered(asked, found, spread)
    return asked.at(found)


class Asked:
    """What a verb is asked for, at whatever points."""

    def __init__(self, caller, f, numbers, is_broadcast, chunk_size, given):
        self.caller, self.f, self.numbers = caller, f, numbers
        self.is_broadcast, self.chunk_size, self.given = is_broadcast, chunk_size, given

    def at(self, points):
        verb, of, has_value = VERBS[self.caller]
        if self.is_broadcast:
            return one_pass.answered(
                points, self.f, of, has_value, self.numbers, self.chunk_size, self.given
            )
        answer = _at_once(self.f, points, verb, of, has_value, self.given)
        if answer is not None:
            return answer
        return one_by_one(points, functools.partial(verb, self.f, **self.given))


def _refuse(caller, sparse, has_aux):
    if sparse is not False:
        raise ValueError(
            f"{caller}: batch= gives dense arrays, a block for each point; sparse= has no form for "
            f"them. scipy.sparse.block_diag(J) makes one matrix of the blocks; where each is large "
            f"and sparse, call a function that was prepared with sparse=True at each point."
        )
    if options.check_flag("has_aux", has_aux, caller):
        raise ValueError(
            f"{caller}: has_aux=True is not served under batch=, where f runs at a few points "
            f"alone. Call it at one point after the other, or return aux as one of the results."
        )


def _at_once(f, found, verb, of, has_value, given):
    """All points in native code; None: not here."""
    least = 1 if type(f) is CPUDispatcher else MANY
    if found.count < least or levels.stack.levels or not found.is_plain:
        return None
    if watch.watched and watch.is_due():
        return None
    try:
        first = _WITH_VALUE.get(of, verb)(f, *found.at(0), argnums=given["argnums"])
    except Exception:  # which the loop over fresh calls will meet again
        return None
    y_0, J_0 = (None, first) if of == "hessian" else first
    if type(f) is CPUDispatcher:
        answer = _compiled(f, found, of, has_value, given, y_0, J_0)
    else:
        layout = given.get("layout", "numerator")
        prepared = Prepared(f, found.at(0), given["argnums"], False, layout, None, of)
        answer = at_points.of_points(prepared, found, has_value)
    if answer is None:
        return None
    y, J = answer
    if not has_value:
        return J
    if type(y) is np.ndarray and getattr(y_0, "dtype", y.dtype).kind in "iub":
        y = y.astype(y_0.dtype)
    return y, J


_WITH_VALUE = {"jacobian": value_and_jacobian_fwd, "gradient": value_and_gradient}


def _compiled(f, found, of, has_value, given, y_0, J_0):
    """(value, derivative) of a function that Numba has compiled; None: not here.

    At point 0 these are `y_0` and `J_0`.
    """
    from dualmc.compiled import points as compiled

    argnums = given["argnums"]
    numbers, is_tuple = options.check_argnums(argnums, len(found.args), found.caller)
    J_0 = J_0[0] if is_tuple else J_0
    kinds = (np.ndarray, np.generic)
    if not isinstance(J_0, kinds) or not isinstance(y_0, (*kinds, type(None))):
        return None
    if of == "gradient" and y_0.shape:
        return None
    answer = compiled.answered(f, found, numbers, of, has_value, y_0, J_0.dtype)
    if answer is None:
        return None
    y, parts = answer
    if given.get("layout") == "denominator":
        parts = [denominator(J, np.ndim(y_0)) for J in parts]
    return y, tuple(parts) if is_tuple else parts[0]
