"""A carrier whose call has ended reads as its value, wherever no derivative call is under way.

Functions keep what they compute in objects (``self.residual = r``).  Once the call that
differentiated them has ended, what they kept is to everybody else the plain array that they would
have kept on plain numbers.  Inside another derivative call it is refused: there it would be a
constant where f, as its author reads it, has a function of x.

Steps do not ask for this beforehand: they refuse, and what was refused is done `again` on values.
"""

import numpy as np

from dualmc.duals import levels
from dualmc.duals.elements import CARRIERS, Number, opened
from dualmc.errors import MissingRuleError, TangentLostError

# What a step raises that met a carrier which has ended, or a plain array beside it.
REFUSALS = (TangentLostError, MissingRuleError)


def again(error, function, args, options=None):
    """``function(*args)``, which raised `error`, of the values of the ended carriers in `args`."""
    given = (args, {} if options is None else options)
    plain = given if levels.is_inside() else plain_of(given)
    if plain is given or _has_running(plain):
        try:
            raise error
        finally:
            del error  # which holds this frame
    return function(*plain[0], **plain[1])


def _has_running(a):
    """Whether `a`, a nest of lists, tuples and dicts, holds a carrier of a call that still runs."""
    if type(a) in CARRIERS:
        return a.is_running
    if issubclass(type(a), dict):
        a = a.values()
    elif not issubclass(type(a), (list, tuple)):
        return False
    return any(map(_has_running, a))


def called(function, args, options):
    """``function(*args)`` of the values of the ended carriers in `args`."""
    given = (args, options)
    plain = plain_of(given)
    if _has_running(plain):
        raise levels.finished()
    return function(*plain[0], **plain[1])


def method(carrier, name, args=(), options=None):
    """``carrier.name(*args)`` of the ended `carrier`, as of the array or number that it is."""
    value = carrier.ended_value()
    value = np.float64(value) if type(value) is float else value
    return getattr(value, name)(*plain_of(args), **plain_of(options or {}))


def plain_of(a):
    """`a`, a nest of lists, tuples and dicts, with values for the ended carriers; else itself."""
    if type(a) is Number:
        a = opened(a)
    if type(a) in CARRIERS:
        return a.ended_value() if a.has_ended else a
    if issubclass(type(a), dict):
        found = {key: plain_of(item) for key, item in a.items()}
        return found if any(found[key] is not a[key] for key in a) else a
    if issubclass(type(a), (list, tuple)):
        items = [plain_of(item) for item in a]
        if all(new is old for new, old in zip(items, a, strict=True)):
            return a
        return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        items = [plain_of(item) for item in a.flat]
        if any(new is not old for new, old in zip(items, a.flat, strict=True)):
            found = np.empty(len(items), object)
            found[:] = items
            return found.reshape(a.shape)
    return a


def value_of(dual):
    """The array or number that the ended `dual` is: the memory itself, which may be written to."""
    check_readable(dual)
    a = dual
    while type(a) is type(dual) and not a.level.open:
        a.release()
        a = a.primal
    if not dual.is_number or type(a) is not np.ndarray:
        return a
    is_pythons = hasattr(dual, "pythons") or a.dtype.metadata is not None
    return a.item() if is_pythons else a[()]


def reduced(carrier):
    """What `pickle` takes for the array or number that the ended `carrier` is."""
    value = carrier.ended_value()
    return (float, (value,)) if type(value) is float else value.__reduce__()


def check_readable(a):
    """The ended carrier `a` is not met inside a derivative call."""
    if levels.is_inside():
        raise levels.finished(a)
