"""Calls of compiled functions that write into their arguments, or may.

The function runs on copies; the arrays of f's are then given what was written, with its tangents.
Arrays without derivatives are written to by the function itself.
"""

import numpy as np

from dualmc.compiled.helpers.arguments import Unfit
from dualmc.compiled.helpers.results import results, returned
from dualmc.compiled.helpers.rows import Rows
from dualmc.duals.dual import make


def without_derivative(dispatcher, args):
    """A call with Duals none of which has a tangent."""
    values = _copies(args)
    y = dispatcher(*values)
    found = returned(y, args.given, values)
    for i in args.duals:
        if _is_changed(values[i], args.values[i]):
            args.given[i][...] = values[i]
    return found


def written(way, dispatcher, args):
    """A call with tangents."""
    values = _copies(args)
    rows = Rows(way, dispatcher, args)
    outer = [i for i in args.duals if rows.roles[i] in "tb"]
    shapes = [values[i].shape for i in outer]
    found = rows.of(shapes)  # before the function itself writes
    inner, after = found[: len(found) - len(outer)], found[len(found) - len(outer) :]
    y = dispatcher(*values)
    rows.check([J.shape[:-1] for J in found])
    y = results(y, inner, way, args.given, values, rows)
    new = []
    for i, J in zip(outer, after, strict=True):
        if _is_changed(values[i], args.values[i]) or not rows.is_unchanged(i, J):
            new.append((i, make(values[i], rows.tangent(J, values[i]), args.level)))
    for i, dual in new:
        args.given[i][...] = dual
    return y


def _copies(args):
    """What the function is called with: copies of arrays that are Duals, which share no memory."""
    values = list(args.values)
    arrays = [i for i in args.duals if type(values[i]) is np.ndarray]
    for i in arrays:
        for j, other in enumerate(args.values):
            if j != i and type(other) is np.ndarray and np.may_share_memory(other, values[i]):
                raise Unfit
    for i in arrays:
        values[i] = values[i].copy(order="K")
    return values


def _is_changed(new, old):
    return type(new) is np.ndarray and new.tobytes() != old.tobytes()
