"""Whether a function looked at values: a byte that its watched copy sets when it does.

A comparison, a conversion to an integer, whatever takes the float out of a watched Dual sets it
(`partials.decided`).  A call that never does takes the same steps for any values, so that the
structure found in it holds for all.  The address is a symbol, so that machine code from the disk
cache finds it.
"""

import ctypes
import dis
import threading
import types
from contextlib import contextmanager

import llvmlite.binding as llvm
from numba.core.dispatcher import Dispatcher

from dualmc.compiled.scalars.partials import DECIDED

_byte = ctypes.c_uint8(0)
llvm.add_symbol(DECIDED, ctypes.addressof(_byte))
_lock = threading.Lock()


@contextmanager
def watching():
    """Within it, the function given tells whether anything was decided since it was entered.

    One thread at a time; others that run watched code can only make the answer true.
    """
    with _lock:
        _byte.value = 0
        yield lambda: bool(_byte.value)


def catches_errors(f):
    """Whether `f` or a compiled function that it reaches catches errors: those of a division, say,
    are decisions that are not seen.
    """
    seen, left = set(), [f]
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        function = value.py_func if isinstance(value, Dispatcher) else value
        for code in _codes(function.__code__):
            if code.co_exceptiontable:
                return True
            left += _reached(code, function)
    return False


def _codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _reached(code, function):
    """Functions that names of this code lead to, through modules as well."""
    loaded = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    values = [function.__globals__.get(name) for name in loaded]
    for cell in function.__closure__ or ():
        values.append(cell.cell_contents)
    for value in values:
        if isinstance(value, types.ModuleType):
            home = value.__name__.split(".")[0]
            if home not in ("numpy", "math", "numba", "scipy"):
                found = [getattr(value, name, None) for name in code.co_names]
                values += [
                    v for v in found if v is not None and not isinstance(v, types.ModuleType)
                ]
        elif isinstance(value, (Dispatcher, types.FunctionType)):
            yield value
