"""A call of a compiled function with Duals, as one step.

The value is what the user's function gives, bit for bit.  Its rows are pushed through a copy for
Duals: where there are fewer columns than elements of the inputs the tangents themselves, else the
inputs' own directions, which give the Jacobian; on a tape always that.  What a sweep cannot serve,
or finds not to be finite, is left to the Python function, the rules of which know conventions.
"""

import inspect

import numpy as np
from numba.core.errors import NumbaError

from dualmc.compiled.helpers import known, nested, patterns, quick, traced
from dualmc.compiled.helpers.arguments import Arguments, Unfit, frozen, is_native
from dualmc.compiled.helpers.results import results
from dualmc.compiled.helpers.rows import Rows
from dualmc.compiled.helpers.writes import without_derivative, written
from dualmc.graph.record import has_traced
from dualmc.kernels.compiling import unwatched
from dualmc.unchanged.code.bytecode import REWRITTEN


def runs_natively(function, args):
    """Whether a call without derivatives is the compiled function's own."""
    return not _info(function).code.is_random and all(map(is_native, args))


def _info(function):
    info = function.known
    if info is None:
        info = function.known = known.of(function.dispatcher)
    return info


def call(function, given, kwargs):
    """``function(*given, **kwargs)``, some of which carry derivatives, for a stand-in."""
    info = _info(function)
    if info.is_refused:
        return function.function(*given, **kwargs)
    if info.is_patient and not has_traced(given):
        info.run_as_python()
        return function.function(*given, **kwargs)
    try:
        if kwargs:
            given, kwargs = _by_position(function, given, kwargs), {}
        if info.quick:
            y = quick.called(info, function.dispatcher, given)
            if y is not None:
                return y
        return _stepped(info, function, given)
    except Unfit:
        pass
    if nested.are_nested(given) and not kwargs:
        return nested.in_python(info, function, given)
    return function.function(*given, **kwargs)


def _by_position(function, given, kwargs):
    """All arguments by position; the defaults of those that are left away."""
    bound = inspect.signature(function.function).bind(*given, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise Unfit
    return bound.args


@unwatched  # Numba's compiler may be at work
def _stepped(info, function, given):
    if info.code.is_random or id(function.dispatcher.py_func.__code__) in REWRITTEN:
        raise Unfit
    if has_traced(given):
        return traced.call(info, function, given)
    if nested.are_nested(given):
        return nested.call(info, function, given, _stepped)
    dispatcher = function.dispatcher
    args = Arguments(given)
    way = info.way(args.key, args.dtype)
    if way.is_pythons:
        raise Unfit
    if info.code.asks_layout and not args.are_contiguous():
        raise Unfit
    if all(t is None for t in args.tangents):
        return without_derivative(dispatcher, args)
    if way.writes is None:
        _begin(way, dispatcher, args)
    if way.writes:
        return written(way, dispatcher, args)
    y = dispatcher(*args.values)
    rows = Rows(way, dispatcher, args)
    t = patterns.tangent_of(rows, y)
    found = rows.of(way.shapes_of(y)) if t is None else [t]
    y = results(y, found, way, given, args.values, rows)
    quick.learn(info, dispatcher, args, way, y)
    return y


def _begin(way, dispatcher, args):
    """The first call of its kind, on copies, to learn what it gives and whether it writes."""
    values = [a.copy(order="K") if type(a) is np.ndarray else frozen(a) for a in args.values]
    try:
        y = dispatcher(*values)
    except NumbaError:  # nor does f without derivatives
        way.leave()
    way.look(y)
    Rows(way, dispatcher, args).settle()
