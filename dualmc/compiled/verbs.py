"""What the public verbs ask for: a compiled function's sweeps, made once and kept with it."""

import weakref

from numba.core import types
from numba.core.dispatcher import Dispatcher

from dualmc.calls import options
from dualmc.compiled import everything  # noqa: F401
from dualmc.compiled.sweeps import Sweep, power_of_two

_made: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def made(f, positions, chunk, mode, base=types.float64, level=0, out=None, is_tuple=None):
    """The sweep of `f`, compiled when it is first called; see `Sweep`."""
    is_tuple = len(positions) > 1 if is_tuple is None else is_tuple
    chunk = power_of_two(chunk)
    key = positions, chunk, mode, base, level, out, is_tuple
    sweeps = _made.setdefault(f, {})
    found = sweeps.get(key)
    if found is None:
        found = sweeps[key] = Sweep(f, positions, chunk, mode, base, out, is_tuple).compiled(
            level=level
        )
    return found


def check_compiled(f, caller):
    if not isinstance(f, Dispatcher):
        raise TypeError(
            f"{caller} needs a function compiled by Numba, got {type(f).__name__}. Put @numba.njit "
            f"on it, or use jacobian_fwd, which takes plain NumPy code."
        )


def jacobian(f, argnums, chunk_size, value, sparse, out, inplace):
    caller = "jit_jacobian"
    check_compiled(f, caller)
    if sparse is not None:
        return _of_example(f, argnums, chunk_size, value, sparse, out, inplace)
    chunk = 8 if chunk_size is None else options.check_chunk_size(chunk_size, caller)
    count = f.py_func.__code__.co_argcount
    positions, is_tuple = options.check_argnums(argnums, count, caller)
    if out is not None:
        out = _checked_out(out, count, positions, caller)
    if inplace and (value or len(positions) > 1):
        raise ValueError(f"{caller}: inplace=True writes one Jacobian, and returns no value.")
    mode = "into" if inplace else "value and shaped" if value else "shaped"
    return made(f, positions, chunk, mode, out=out, is_tuple=is_tuple)


def _of_example(f, argnums, chunk_size, value, sparse, out, inplace):
    from dualmc.compiled.sparse.operator import jacobian_by_example

    if out is not None:
        count = f.py_func.__code__.co_argcount
        positions, _ = options.check_argnums(argnums, count, "jit_jacobian")
        out = _checked_out(out, count, positions, "jit_jacobian")
    return jacobian_by_example(f, argnums, chunk_size, value, sparse, out, inplace)


def _checked_out(out, count, positions, caller):
    if isinstance(out, bool) or not isinstance(out, int):
        raise TypeError(f"{caller}: out must be the position of an argument of f, got {out!r}.")
    if not 0 <= out < count or out in positions:
        raise ValueError(
            f"{caller}: out must be the position of one of the {count} arguments of f that is not "
            f"differentiated, got {out}."
        )
    return out
