"""Which ways through f native code has, what it is given and gives, and what is frozen in it.

Guards on values are in the machine code.  All others (global names, closures, arguments that are
no floats) are looked at once, here: what native code is asked for later, it answers as of now.
"""

import ctypes
import inspect
import math
from typing import NamedTuple

import numpy as np

from dualmc.calls.inputs import as_read
from dualmc.replay.guards.arguments import arguments_of, inputs_of
from dualmc.replay.machine.alone import (
    COUNT,
    NO_MEMORY,
    NOT_FINITE,
    OTHER_WAY,
    OVERLAP,
    Alone,
)
from dualmc.replay.recording.program import NotReplayable
from dualmc.replay.verify import TOLERANCE

WHAT = ("derivative", "value", "both")
# By what a call returns: the error, and its words.
FAILURES = {
    OTHER_WAY: (
        ValueError,
        "{label}: f goes another way there than where it was recorded. Give arguments at which it "
        "goes so as one of the `points`, or call the prepared function from Python.",
    ),
    NOT_FINITE: (
        FloatingPointError,
        "{label}: a derivative is infinite or NaN there. Call the prepared function from Python, "
        "which computes such entries afresh.",
    ),
    OVERLAP: (
        ValueError,
        "{label}: a result shares memory with an argument or another result. Give it memory of "
        "its own.",
    ),
    COUNT: (ValueError, "{label}: n is not the count of numbers in the arguments of f."),
    NO_MEMORY: (MemoryError, "{label}: no memory is left."),
}
# Native code is never freed: nobody knows who kept its address.  By that address.
PINNED: dict = {}


class Refused(NotImplementedError):
    """A prepared function that cannot be called without Python; the message says why."""


class Input(NamedTuple):
    """An argument of native code: a float64 number (shape ()) or array."""

    name: str
    shape: tuple
    is_active: bool


class Served:
    """Native code of some ways through f, and what it means.

    Attributes
    ----------
    alone : Alone
    inputs : list of Input
    value : tuple or None
        The shape of the value, if it is asked for.
    parts : list of (shape, first column, end) or None
        The derivative by each argument that is differentiated, if it is asked for; columns count
        in the (`rows`, `columns`) matrix, or vector of nonzeros, that the code fills.
    is_tuple : bool
        Whether a caller gets a tuple of these.
    what : str
    points : list of tuple
        Arguments at which f goes the ways that are served.
    functions : dict
        For Numba, once somebody asks: by whether they raise.
    """

    def __init__(self, label, alone, inputs, path, is_tuple, what, points):
        self.label = label
        self.alone = alone
        self.inputs = inputs
        self.is_tuple = is_tuple
        self.what = what
        self.points = points
        self.functions = {}
        has_value, has_derivative = alone.has
        self.value = path.value_shape if has_value else None
        self.rows, self.columns = path.rows, path.columns
        self.is_sparse = path.is_sparse
        self.parts = None
        if has_derivative:
            self.parts = _parts(path, alone.results[1])


def _parts(path, count):
    if path.is_sparse:
        return [((count,), 0, count)]
    found, first = [], 0
    for shape in path.input_shapes:
        end = first + math.prod(shape)
        found.append(((*path.shape, *shape), first, end))
        first = end
    return found


def chosen(caller, name, paths, point, layout, what, points):
    """The (key, path) pairs of the ways that are served, and ``refuse(why)``.

    Raises
    ------
    Refused
    """
    if what not in WHAT:
        raise ValueError(
            f"{caller}: what must be one of {', '.join(map(repr, WHAT))}, got {what!r}."
        )

    def refuse(why):
        raise Refused(
            f"{caller}: {name} cannot be called without Python, since {why}. Call the prepared "
            f"function from Python, or write f as @njit code."
        )

    if any(type(args) is not tuple for args in points):
        raise TypeError(f"{caller}: points must be tuples of arguments of f.")
    try:
        asked = [paths.path_at(as_read(args)) for args in (point, *points)]
    except NotReplayable as problem:
        refuse(str(problem))
    why = _why_not(paths, layout)
    if why is not None:
        refuse(why)
    ways = [*paths.kept, *paths.slow]
    if not set(asked) <= {path for _, path in ways}:
        refuse("it has more ways than are kept")
    fitting = [(key, path) for key, path in ways if _fits(key, path, point)]
    known = tuple(path for _, path in fitting)
    if not set(asked) <= set(known):
        raise ValueError(
            f"{caller}: points must have the shapes and types, and arguments that are no floats "
            f"the values, with which {name} was prepared."
        )
    if len(set(map(_layout, known))) > 1:
        refuse("its ways have results of several shapes or sparsity patterns")
    return fitting, refuse


def serve(caller, name, f, paths, point, layout, what, points):
    """The `Served` of a prepared function, as everything outside is now.

    Raises
    ------
    Refused
    """
    fitting, refuse = chosen(caller, name, paths, point, layout, what, points)
    known = tuple(path for _, path in fitting)
    cached = paths.served.get(what)
    if cached is not None and cached[0] == known:
        return cached[1]
    inputs = inputs_named(f, fitting[0][0], paths)
    alone = _alone(fitting, inputs, what, refuse)
    at = [_point(key, path, point) for key, path in fitting]
    label = f"{what} of {name}"
    served = Served(label, alone, inputs, fitting[0][1], paths.is_tuple, what, at)
    PINNED[alone.address] = served
    paths.served[what] = known, served
    return served


def _layout(path):
    """What a caller has to know of the results of a path."""
    pattern = ()
    if path.is_sparse:
        matrix = path.matrix(path.begin())
        pattern = matrix.indices.tobytes(), matrix.indptr.tobytes()
    return path.value_shape, path.result_shape, pattern


def _fits(key, path, point):
    """Whether `path` is a verified way of arguments like `point`, and all it reads is as it was."""
    return path.is_verified and inputs_of(key, point) is not None and path.check(point)


def _point(key, path, point):
    """Arguments at which f goes this way."""
    return tuple(arguments_of(key, point, path.witnesses[0][0]))


def inputs_named(f, key, paths):
    names = _names(f, len(key))
    return [
        Input(names[i], wanted.shape, i in paths.active)
        for i, wanted in enumerate(key)
        if wanted is not None
    ]


def _why_not(paths, layout):
    """What keeps the paths from being called with pointers alone, in words."""
    if layout != "numerator":
        return f'layout="{layout}" is not served; prepare it with "numerator"'
    if paths.format not in (None, "csr"):
        return f'sparse="{paths.format}" is not served; prepare it with "csr"'
    if paths.format is not None and paths.is_tuple:
        return "a sparse Jacobian by several arguments is not served"
    ways = [*paths.kept, *paths.slow]
    if not all(path.is_verified for _, path in ways):
        return "it could not be compared with a fresh call"
    inputs = [wanted for key, _ in ways for wanted in key if wanted is not None]
    if any(wanted.memory is not None for wanted in inputs):
        return "it asks how an argument lies in memory"
    if any(is_same for wanted in inputs for _, is_same in wanted.twins):
        return "two of its arguments were the same array when it was prepared"
    return None


def _names(f, count):
    """Names of the arguments, as far as f has names for them."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = names[:count] + [f"x{i}" for i in range(len(names), count)]
    is_usable = len(set(names)) == count and not {"out", "run", "code"}.intersection(names)
    return names if is_usable else [f"x{i}" for i in range(count)]


def _alone(fitting, inputs, what, refuse):
    """The machine code, compared with the replays that it stands for."""
    has_value, has_derivative = what != "derivative", what != "value"
    try:
        ways = [path.way(has_value, has_derivative) for _, path in fitting]
        alone = Alone(ways, [math.prod(given.shape) for given in inputs])
        for _, path in fitting:
            _compare(alone, path)
    except NotReplayable as problem:
        refuse(str(problem))
    return alone


def _compare(alone, path):
    inputs = path.witnesses[0][0]
    expected = path.value_and_entries(inputs) if alone.has[0] else (None, path(inputs))
    if expected is None:
        raise NotReplayable("it does not go twice the way that it went")
    state, *found = called(alone, inputs)
    for has, a, b in zip(alone.has, found, expected, strict=True):
        if has and (state or not np.allclose(a, b, TOLERANCE, 0.0, equal_nan=True)):
            raise NotReplayable(
                "its native code differs from a replay, which is an error of dualmc's"
            )


def called(alone, inputs):
    """(state, value, derivative) of one call."""
    results = [np.empty(size) for size in alone.results]
    pointers = [a.ctypes.data for a in (*inputs, *results)]
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * len(pointers))(alone.address)
    return function(*pointers), *results
