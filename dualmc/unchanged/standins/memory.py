"""Stand-ins for what reads the memory of an array: strided views, and functions of bytes.

A view by strides in bytes is one by steps in elements.  Bytes are those of arrays that hold no
derivative; of others they are refused.
"""

import functools
import importlib
import types

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.errors import missing_case
from dualmc.functions.moving.by_position import result
from dualmc.graph.record import record
from dualmc.graph.traced import Traced
from dualmc.unchanged.standins.table import (
    PATCHED,
    STANDINS,
    blank,
    has_carrier,
    is_carrier,
    operand,
    plain,
    stands_for,
    value_of,
)

# --- Strided views -------------------------------------------------------------------------------

PATCHED.update({"numpy.lib", "numpy.lib.stride_tricks"})

_as_strided = np.lib.stride_tricks.as_strided


@stands_for(_as_strided)
def as_strided(x, shape=None, strides=None, subok=False, writeable=True):
    if not has_carrier(x):
        return _as_strided(x, shape, strides, subok, writeable)
    x = operand(x).as_array()
    plain = value_of(x)
    shape = plain.shape if shape is None else _tuple(shape)
    strides = plain.strides if strides is None else _tuple(strides)
    if plain.ndim != 1:
        if not plain.flags.c_contiguous:
            raise missing_case("numpy.lib.stride_tricks.as_strided", "of an array with gaps")
        x = np.ravel(x)
    return by_steps(x, shape, _steps(shape, strides, value_of(x)), writeable)


def _tuple(n):
    return (int(n),) if np.ndim(n) == 0 else tuple(map(int, n))


def _steps(shape, strides, vector):
    """`strides`, in bytes, as steps along a `vector`, which they must not leave."""
    unit, size = vector.strides[0], vector.size
    if len(strides) != len(shape) or any(s % unit for s in strides):
        raise ValueError(
            f"as_strided: the strides {strides} must be {len(shape)} multiples of {unit} bytes, "
            f"the distance of one element from the next."
        )
    steps = [s // unit for s in strides]
    ends = [(n - 1) * k for n, k in zip(shape, steps, strict=True)]
    first, last = sum(min(e, 0) for e in ends), sum(max(e, 0) for e in ends)
    if 0 not in shape and (first < 0 or last >= size):
        raise ValueError(
            f"as_strided: shape {shape} with strides {strides} leaves the memory of the {size} "
            f"elements that it is given."
        )
    return tuple(steps)


def by_steps(vector, shape, steps, writeable):
    """The view of `vector` whose element (i, j, ...) is ``vector[i * steps[0] + ...]``."""
    if type(vector) is Traced:
        return record(by_steps, (vector, shape, steps, writeable), {})
    if type(vector) is Dual:
        y = by_steps(vector.primal, shape, steps, writeable)
        return result(y, vector, lambda p: by_steps(p, shape, steps, writeable))
    strides = [k * vector.strides[0] for k in steps]
    return _as_strided(vector, shape, strides, writeable=writeable)


# --- Bytes ---------------------------------------------------------------------------------------


@stands_for(np.frombuffer)
def frombuffer(buffer, *args, **kwargs):
    if is_carrier(buffer):
        buffer = plain(buffer, "numpy.frombuffer(array)")
    return blank(np.frombuffer(buffer, *args, **kwargs))


def of_plain(builtin):
    """A builtin that reads the bytes of arrays: of those that hold no derivative, their own."""

    @functools.wraps(builtin, updated=())
    def standin(*args, **kwargs):
        if args and is_carrier(args[0]):
            args = (plain(args[0], f"{builtin.__name__}(array)"), *args[1:])
        return builtin(*args, **kwargs)

    return standin


def _register_readers_of_bytes():
    """Functions of the standard library that take whatever has bytes."""
    for name in ("hashlib", "zlib"):
        try:
            module = importlib.import_module(name)
        except ImportError:  # a Python built without it
            continue
        for function in vars(module).values():
            if type(function) is types.BuiltinFunctionType:
                STANDINS[function] = of_plain(function)
        PATCHED.add(name)


_register_readers_of_bytes()
