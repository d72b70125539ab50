"""Whether the processor noted an overflow, a division by zero or an invalid operation.

Those are what NumPy warns of, or raises, in a fresh call: a replay in which one came counts for
nothing.  `fenv.h` of the C library has the marks of the thread.
"""

import ctypes
import platform

# FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW
_MARKS = {"x86_64": 13, "AMD64": 13, "i686": 13, "aarch64": 7, "arm64": 7}.get(platform.machine())


def _functions():
    try:
        library = ctypes.PyDLL(None)
        found = library.feclearexcept, library.fetestexcept
    except (AttributeError, OSError, TypeError):  # a system that keeps them elsewhere
        return None
    for function in found:
        function.argtypes, function.restype = [ctypes.c_int], ctypes.c_int
    return found


MARKS = ctypes.c_int(_MARKS or 0)
FUNCTIONS = _functions() if _MARKS else None
IS_KNOWN = FUNCTIONS is not None
# ``clear(MARKS)`` and ``noted(MARKS)``.
clear, noted = FUNCTIONS if IS_KNOWN else (None, None)
