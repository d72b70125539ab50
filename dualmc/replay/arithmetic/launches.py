"""The loops of ufuncs, called from machine code.

The ufuncs of scipy.special, and those behind NumPy's solves and factors, compute by C functions of
plain memory that need no interpreter.  Called with the same numbers they give the ufunc's own
result, to the bit; where a ufunc has no such loop for float64, NumPy runs the step (`calls`).
"""

import ctypes
import functools
import importlib
import sys
from typing import NamedTuple

import numpy as np

SPECIAL = "scipy.special", "scipy.special._ufuncs"
LINALG = "numpy.linalg._umath_linalg"
_FLOAT = np.dtype(np.float64)
_NAMES = {"solve1": "solve", "cholesky_lo": "cholesky"}


class Loop(NamedTuple):
    """The loop of a ufunc for some types, found again by names in another process.

    A loop is ``void (char **args, npy_intp *dimensions, npy_intp *steps, void *data)``.
    """

    module: str
    name: str
    types: str

    @property
    def ufunc(self):
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def symbol(self):
        """A name for the linker."""
        return f"dualmc_{self.module}_{self.name}_{self.types.replace('->', '_')}"

    def addresses(self):
        """Where the loop is, and its `data`; None if it is not there."""
        return _addresses(self.ufunc, self.types)


class Launch(NamedTuple):
    """One call of a loop, of contiguous operands.

    dimensions, steps: as the loop takes them; sizes: how many numbers each output has; is_checked:
    whether a result that is not finite says that the step may have failed.
    """

    loop: Loop
    dimensions: tuple
    steps: tuple
    sizes: tuple
    is_checked: bool = False

    @property
    def name(self):
        """As users know it."""
        return _NAMES.get(self.loop.name, self.loop.name)


class _Head(ctypes.Structure):
    """`PyUFuncObject` of NumPy's C API, behind the head of all objects, as far as it is needed."""

    _fields_ = [
        ("nin", ctypes.c_int), ("nout", ctypes.c_int), ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int), ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)), ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int), ("name", ctypes.c_char_p), ("types", ctypes.c_void_p),
    ]  # fmt: skip


@functools.cache
def _addresses(ufunc, types):
    if sys.implementation.name != "cpython" or types not in ufunc.types:
        return None
    head = _Head.from_address(id(ufunc) + object.__basicsize__)
    counts = ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes
    if (head.nin, head.nout, head.nargs, head.ntypes) != counts:
        return None
    if not head.name or head.name.decode() != ufunc.__name__ or not head.functions:
        return None
    number = ufunc.types.index(types)
    wanted = bytes(np.dtype(c).num for c in types.replace("->", ""))
    if ctypes.string_at(head.types + number * head.nargs, head.nargs) != wanted:
        return None
    function = head.functions[number]
    return (function, (head.data and head.data[number]) or 0) if function else None


# --- Element by element --------------------------------------------------------------------------


@functools.cache
def _of_special(ufunc):
    """The `Loop` of a ufunc of scipy.special on float64 numbers, or None."""
    if not isinstance(ufunc, np.ufunc) or ufunc.nout != 1 or ufunc.signature is not None:
        return None
    for module in SPECIAL:
        if getattr(sys.modules.get(module), ufunc.__name__, None) is ufunc:
            loop = Loop(module, ufunc.__name__, "d" * ufunc.nin + "->d")
            return loop if loop.addresses() else None
    return None


def is_special(ufunc):
    return _of_special(ufunc) is not None


def special_loop(ufunc, kinds):
    """The `Loop` that NumPy takes for operands of these dtypes, or Python types; None: another."""
    loop = _of_special(ufunc)
    if loop is None or all(kind == _FLOAT for kind in kinds):
        return loop
    try:
        found = ufunc.resolve_dtypes((*kinds, None))
    except TypeError:
        return None
    return loop if all(kind == _FLOAT for kind in found) else None


def by_element(loop, size):
    return Launch(loop, (size,), (8,) * (len(loop.types) - 2), (size,))


# --- Of one matrix -------------------------------------------------------------------------------


def of_matrix(name, types, n, *shapes):
    """The launch of a ufunc of NumPy's linear algebra on one (n, n) matrix and other operands.

    `shapes` are those of the other operands and of the outputs: (), (n,), (n, n) or (n, m).  None
    if there is no such loop.
    """
    loop = Loop(LINALG, name, types)
    try:
        found = loop.addresses()
    except (ImportError, AttributeError):
        found = None
    if found is None:
        return None
    shapes = (n, n), *shapes
    inputs = types.index("->")
    others = [shape[1] for shape in shapes[1:inputs] if len(shape) == 2]
    strides = [8 * step for shape in shapes for step in (*shape[1:], 1)[: len(shape)]]
    sizes = tuple(int(np.prod(shape)) for shape in shapes[inputs:])
    return Launch(loop, (1, n, *others), (*(0 for _ in shapes), *strides), sizes, True)
