"""The arguments of a prepared call: which are inputs of a program, and whether they fit it.

Arguments that are differentiated, and others that are floats or arrays of floats, are inputs: of
the shape, the layout in memory and, if they are not differentiated, of the type with which the
program was recorded.  All others are part of the way, and are compared by what they hold.
"""

from typing import Any, NamedTuple

import numpy as np

from dualmc.replay.guards.values import layout_of

FLOAT64 = np.dtype(np.float64)
ndarray = np.ndarray
# What a differentiated argument may be; f sees an array of float64 in its place.
_PLAIN = (np.ndarray, float, int, np.float64, list, tuple)


class Input(NamedTuple):
    """An argument that is an input.

    `kind` is None where any plain one will do.  `twins`: of earlier arrays, by number, whether
    they are this very one, which f may ask.  `memory`: strides and flags, if f asked for them.
    """

    shape: tuple
    layout: tuple | None
    kind: type | None
    twins: tuple = ()
    memory: tuple | None = None


def are_plain(args: tuple, active: tuple) -> bool:
    """Whether the arguments differentiated are float64 once they are arrays."""
    for i in active:
        a = args[i]
        if type(a) not in _PLAIN and not issubclass(type(a), np.integer):
            return False
        if issubclass(type(a), (list, tuple)):
            try:
                a = np.asarray(a)
            except (ValueError, TypeError):
                return False
        dtype = getattr(a, "dtype", None)
        if dtype is not None and dtype.kind not in "iu" and dtype != FLOAT64:
            return False
    return True


def key_of(args: tuple, active: tuple) -> tuple:
    """Per argument: an `Input`, or None where it is part of the way."""
    key, arrays = [], []
    for i, a in enumerate(args):
        found = _input_of(a, i in active)
        if found is not None and found.kind is ndarray:
            found = found._replace(twins=tuple((j, args[j] is a) for j in arrays))
            arrays.append(i)
        key.append(found)
    return tuple(key)


def with_memory(key: tuple, args: tuple) -> tuple | None:
    """`key` of arrays that lie in memory just as these do, and may be written if these may.

    None if they do not lie as the copies do that a recording is given.
    """
    found = []
    for wanted, a in zip(key, args, strict=True):
        if wanted is not None and wanted.kind is ndarray:
            wanted = wanted._replace(memory=_memory_of(a))
            if _memory_of(np.array(a)) != wanted.memory:
                return None
        found.append(wanted)
    return tuple(found)


def _memory_of(a: np.ndarray) -> tuple:
    return a.strides, a.flags.num


def _input_of(a: Any, is_active: bool) -> Input | None:
    if is_active:
        a = np.asarray(a)
        return Input(a.shape, layout_of(a), None)
    kind = type(a)
    if kind is float or kind is np.float64 or kind is np.ndarray and a.dtype == FLOAT64:
        return Input(np.shape(a), layout_of(np.asarray(a)), kind)
    return None


def inputs_of(key: tuple, args: tuple) -> list | None:
    """The inputs of the program that `key` belongs to, as vectors; None if they do not fit it."""
    if len(args) != len(key):
        return None
    inputs = []
    for wanted, a in zip(key, args, strict=True):
        if wanted is None:
            continue
        shape, layout, kind, twins, memory = wanted
        if kind is None:
            a = a if type(a) is ndarray else _as_array(a)
        elif type(a) is not kind:
            return None
        for j, is_same in twins:
            if (args[j] is a) is not is_same:
                return None
        if memory is not None and _memory_of(a) != memory:
            return None
        if kind is not None and kind is not ndarray:
            a = np.asarray(a)
        if a is None or a.shape != shape:
            return None
        if a.dtype is not FLOAT64 and a.dtype != FLOAT64:  # unpickled arrays have one of their own
            if a.dtype.kind not in "iu" or kind is not None:
                return None
            a = a.astype(np.float64)
        if not a.flags.carray:  # machine code takes writable C memory
            if layout_of(a) != layout:
                return None
            a = np.array(a, order="C")
        elif layout is not None:
            return None
        inputs.append(a if a.ndim == 1 else a.reshape(-1))
    return inputs


def _as_array(a: Any) -> Any:
    """A differentiated argument as f sees it; None where a fresh call has to say what it is."""
    if type(a) not in _PLAIN and not issubclass(type(a), np.integer):
        return None
    return np.asarray(a)


def arguments_of(key: tuple, args: tuple, inputs: list) -> list:
    """`args` with `inputs` in their places."""
    out, given = list(args), iter(inputs)
    for i, wanted in enumerate(key):
        if wanted is not None:
            a = next(given).reshape(wanted.shape)
            if wanted.layout is not None:
                like = np.empty_like(np.asarray(args[i]))
                like[...] = a
                a = like
            out[i] = a if wanted.kind in (None, np.ndarray) else wanted.kind(a)
            for j, is_same in wanted.twins:
                if is_same:
                    out[i] = out[j]
    return out
