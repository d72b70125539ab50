"""What the public verbs ask for: a compiled function's sweeps, made once and kept with it."""

import weakref

from numba.core import types
from numba.core.dispatcher import Dispatcher

from dualmc.calls import options
from dualmc.compiled import everything  # noqa: F401  tells Numba of Duals
from dualmc.compiled.sweeps import Sweep, power_of_two

_made: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def made(f, positions, chunk, mode, base=types.float64, level=0):
    """The sweep of `f`, compiled when it is first called."""
    chunk = power_of_two(chunk)
    key = positions, chunk, mode, base, level
    sweeps = _made.setdefault(f, {})
    found = sweeps.get(key)
    if found is None:
        found = sweeps[key] = Sweep(f, positions, chunk, mode, base).compiled(level=level)
    return found


def check_compiled(f, caller):
    if not isinstance(f, Dispatcher):
        raise TypeError(
            f"{caller} needs a function compiled by Numba, got {type(f).__name__}. Put @numba.njit "
            f"on it, or use jacobian_fwd, which takes plain NumPy code."
        )


def jacobian(f, argnums, chunk_size, value, sparse):
    caller = "jit_jacobian"
    check_compiled(f, caller)
    if sparse is not None:
        from dualmc.compiled.sparse.operator import jacobian_by_example

        return jacobian_by_example(f, argnums, chunk_size, value, sparse)
    chunk = 8 if chunk_size is None else options.check_chunk_size(chunk_size, caller)
    count = f.py_func.__code__.co_argcount
    positions, _ = options.check_argnums(argnums, count, caller)
    return made(f, tuple(positions), chunk, "value and shaped" if value else "shaped")
