"""Calls of compiled functions while f is recorded as a graph: one node each, named after them.

Only of such as write into none of their arguments; others run as Python, step by step.  So do,
where f is recorded to be replayed as machine code, functions without loops, and calls that come to
few steps and decide nothing by values: their steps become machine code with the others.
"""

import numpy as np

from dualmc.compiled.helpers.arguments import FLOATS, Unfit, check, frozen, kind_of
from dualmc.duals.dual import Dual
from dualmc.duals.levels import running
from dualmc.graph.events import Handling
from dualmc.graph.nodes import Recorder, called
from dualmc.graph.record import record
from dualmc.graph.traced import Traced


class Step:
    """A compiled function as what a node calls."""

    def __init__(self, function):
        self.function = function
        self.__name__ = function.__name__

    def __call__(self, *args):
        if any(type(a) is Dual for a in args):
            return self.function(*args)
        return self.function.dispatcher(*args)


def call(info, function, given):
    """The call as one node."""
    recorder = next((a._recorder for a in given if type(a) is Traced), None)
    if recorder is None or recorder.whole and not info.code.has_loops:
        raise Unfit
    values, roles, key = [], "", []
    for a in given:
        role = "p"
        if type(a) is Traced:
            role, kind, a = _taken(a)
        else:
            check(a)
            kind = kind_of(a)
        values.append(a)
        roles += role
        key.append(kind)
    dtypes = {np.asarray(a).dtype for a, role in zip(values, roles, strict=True) if role != "p"}
    if len(dtypes) > 1:
        raise Unfit
    if dtypes:
        way = info.way(tuple(key), dtypes.pop())
        if way.is_pythons or recorder.whole and _is_short(way, function, given):
            raise Unfit
        _settle(way, function.dispatcher, values, roles)
    if function.step is None:
        function.step = Step(function)
    return record(function.step, given, {})


def _taken(a):
    """The role of a Traced, its kind and its value: see `Arguments`."""
    value = a.value
    is_number = a.is_number
    given = value[()] if is_number else value
    if value.dtype not in FLOATS:
        if value.dtype.kind not in "biu":
            raise Unfit
        return "p", kind_of(given), given
    is_active = not a.is_constant
    role = ("n" if is_number else "t") if is_active else "p" if is_number else "b"
    return role, (is_number, value.dtype, value.ndim, is_active), given


def _settle(way, dispatcher, values, roles):
    """See that calls of this kind can be differentiated, and write nowhere."""
    if way.writes is None:
        copies = [a.copy(order="K") if type(a) is np.ndarray else frozen(a) for a in values]
        way.look(dispatcher(*copies))
        sizes = [np.size(a) for a, role in zip(values, roles, strict=True) if role in "tn"]
        rows = [np.zeros((n, sum(sizes)), way.dtype) for n in sizes]
        inputs = [np.require(a, None, "CW") if type(a) is np.ndarray else frozen(a) for a in values]
        way.settle(dispatcher, roles, sum(sizes), [sum(sizes), *inputs, *rows])
    if way.writes:
        raise Unfit


# Steps of a call up to which they are better machine code than a call of compiled functions.
SHORT = 300


class _Long(BaseException):
    """Ends a recording that is only made to count its steps."""


def _is_short(way, function, given):
    """Whether the call comes to few steps, whatever the values."""
    shapes = tuple(np.shape(a.value) if type(a) is Traced else a for a in given)
    try:
        if shapes not in way.short:
            way.short[shapes] = _comes_to_little(function, given)
        return way.short[shapes]
    except TypeError:  # no hash: plain arrays
        return _comes_to_little(function, given)


def _comes_to_little(function, given):
    """Record the call by itself, for so many steps."""
    count = 0

    def counted(step, args, options):
        nonlocal count
        count += 1
        if count > SHORT:
            raise _Long
        return called(step, args, options)

    recorder = Recorder(True, counted)
    recorder.handling = Handling()
    inputs = []
    for a in given:
        if type(a) is Traced:
            node = recorder.input(a.value.copy())
            node.name = "" if a.is_constant else "x"
            a = Traced(recorder, node, not a.is_number)
        inputs.append(a)
    try:
        with running(recorder):
            function.function(*inputs)
    except (_Long, Exception):
        return False
    finally:
        recorder.open = False
    return not recorder.guards and recorder.refusal is None
