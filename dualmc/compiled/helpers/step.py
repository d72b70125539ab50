"""A call of a compiled function with Duals, as one step.

The value is what the user's function gives, bit for bit.  Its rows are pushed through a copy for
Duals: where there are fewer columns than elements of the inputs the tangents themselves, else the
inputs' own directions, which give the Jacobian; on a tape always that.  What a sweep cannot serve,
or finds not to be finite, is left to the Python function, the rules of which know conventions.
"""

import inspect

import numpy as np

from dualmc.compiled.helpers import known
from dualmc.compiled.helpers.arguments import Arguments, Unfit, frozen, is_native
from dualmc.compiled.helpers.policy import PATIENCE
from dualmc.compiled.helpers.results import results
from dualmc.compiled.helpers.rows import Rows
from dualmc.compiled.helpers.writes import without_derivative, written
from dualmc.graph.record import has_traced
from dualmc.kernels.compiling import unwatched

__all__ = ["call", "is_native"]


def call(function, given, kwargs):
    """``function(*given, **kwargs)``, some of which carry derivatives, for a stand-in."""
    try:
        return _stepped(function, _by_position(function, given, kwargs) if kwargs else given)
    except Unfit:
        pass
    return function.function(*given, **kwargs)


def _by_position(function, given, kwargs):
    """All arguments by position; the defaults of those that are left away."""
    bound = inspect.signature(function.function).bind(*given, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise Unfit
    return bound.args


@unwatched  # Numba's compiler may be at work
def _stepped(function, given):
    dispatcher = function.dispatcher
    info = known.of(dispatcher)
    if info.code.is_random or has_traced(given):
        raise Unfit
    args = Arguments(given)
    way = info.way(args)
    if way.is_pythons:
        raise Unfit
    if not info.code.has_loops and (info.spent < PATIENCE or args.has_arrays):
        info.spent += info.code.weight
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
    return results(y, rows.of(way.shapes_of(y)), way, given, args.values, rows)


def _begin(way, dispatcher, args):
    """The first call of its kind, on copies, to learn what it gives and whether it writes."""
    values = [a.copy(order="K") if type(a) is np.ndarray else frozen(a) for a in args.values]
    way.look(dispatcher(*values))
    Rows(way, dispatcher, args).settle()
