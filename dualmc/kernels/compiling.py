"""Loops compiled by Numba when they are first called, and counted while someone looks.

Machine code comes from Numba's on-disk cache, checked by `cached_code.py`, or is kept there.
"""

import functools
import os
import sys
from collections import Counter
from contextlib import contextmanager

import numba
import numpy as np

try:
    from dualmc.kernels.cached_code import CheckedCache
except ImportError:  # another Numba: its own cache serves, slower to start and unchecked
    CheckedCache = None

OPTIONS = {"nogil": True, "error_model": "numpy"}
# Without the compiler (NUMBA_DISABLE_JIT=1) kernels run as the Python that they are.
HAS_COMPILER = not numba.config.DISABLE_JIT
# Kernels made of a rule, by function and argument: see `stamped.py`.
STAMPED: dict = {}
# Whether kernels entered by `entry` look at their arguments all the same.
IS_CHECKED = os.environ.get("DUALMC_DEBUG", "") not in ("", "0")
# What holds kernels entered by `entry`, to be cleared where launches are counted.
ENTERED: list = []


def compiled(function):
    """`function` under njit with the on-disk cache, or without where no cache can be written."""
    if not HAS_COMPILER:
        return np.errstate(all="ignore")(function)
    try:
        dispatcher = numba.njit(cache=True, **OPTIONS)(function)
        if CheckedCache is not None:
            dispatcher._cache = CheckedCache(dispatcher.py_func)
    except (RuntimeError, OSError):  # no writable cache directory
        dispatcher = numba.njit(**OPTIONS)(function)
    dispatcher._compile_for_args = unwatched(dispatcher._compile_for_args)
    return dispatcher


class Watcher:
    """A function for `sys.setprofile` of dualmc's own, which need not see what compiles."""


def unwatched(function):
    """Decorator: `function`, Numba's compiler, runs unseen by a `Watcher`, which would slow it."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        watcher = sys.getprofile()
        if not issubclass(type(watcher), Watcher):
            return function(*args, **kwargs)
        sys.setprofile(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.setprofile(watcher)

    return run


_loops: list = []


@contextmanager
def counted(*caches):
    """Launches by kernel while open, of kernels that ran before; costs nothing otherwise.

    `caches` are dicts in which other files keep kernels at hand: emptied here, filled anew there.
    """
    launches: Counter = Counter()

    def counting(name, kernel):
        def launch(*args):
            launches[name] += 1
            return kernel(*args)

        launch.entry = lambda types: counting(name, _entry(kernel, types))
        return launch

    loops = [(scope, name, scope[name]) for scope, name in _loops]
    stamped = dict(STAMPED)
    for scope, name, loop in loops:
        scope[name] = counting(name, loop)
    for key, kernel in stamped.items():
        STAMPED[key] = counting(kernel.__name__, kernel)
    caches = (*caches, *ENTERED)
    for cache in caches:
        cache.clear()
    try:
        yield launches
    finally:
        for scope, name, loop in loops:
            scope[name] = loop
        STAMPED.update(stamped)
        for cache in caches:
            cache.clear()


def on_first_call(function):
    """Decorator: compile (or load) `function` when it is first called, to keep the import short."""

    _loops.append((function.__globals__, function.__name__))

    def first_call(*args):
        dispatcher = function.__globals__[function.__name__] = compiled(function)
        return dispatcher(*args)

    def entry(types):
        dispatcher = function.__globals__[function.__name__]
        if dispatcher is first_call:
            dispatcher = function.__globals__[function.__name__] = compiled(function)
        return _entry(dispatcher, types)

    first_call.entry = entry
    return first_call


def entry(kernel, *kinds):
    """`kernel` for arguments of certain `kinds` alone, without what Numba does to tell them.

    A kind is the number of axes of a C-contiguous float64 array, such a number and a dtype, or the
    dtype of a number.  Nothing is checked: an array of other axes, dtype or layout would be read as
    if it were such.
    """
    found = _entries.get((kernel, kinds))
    if found is None:
        found = _entries[kernel, kinds] = _entry(kernel, tuple(map(_type_of, kinds)))
    return found


_entries: dict = {}
ENTERED.append(_entries)


def _type_of(kind):
    if type(kind) is int:
        kind = kind, np.float64
    if type(kind) is tuple:
        return numba.types.Array(numba.from_dtype(np.dtype(kind[1])), kind[0], "C")
    return numba.from_dtype(np.dtype(kind))


def _entry(kernel, types):
    if not HAS_COMPILER:
        return kernel
    if not hasattr(kernel, "compile"):
        return kernel.entry(types)
    launch = unwatched(kernel.compile)(types)
    return checked(launch, types) if IS_CHECKED else launch


def checked(launch, types):
    """`launch`, which raises for arguments that it would misread."""

    def run(*args):
        for a, kind in zip(args, types, strict=True):
            if issubclass(type(kind), numba.types.Array):
                is_right = (
                    type(a) is np.ndarray
                    and a.dtype == numba.np.numpy_support.as_dtype(kind.dtype)
                    and a.ndim == kind.ndim
                    and a.flags.c_contiguous
                    and a.flags.aligned
                )
                if not is_right:
                    raise AssertionError(f"a kernel of {types} met {type(a)}: {a!r}")
        return launch(*args)

    return run
