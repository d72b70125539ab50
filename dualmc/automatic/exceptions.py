"""Whether the processor noted an over- or underflow, a division by 0 or an invalid operation.

Those are what NumPy warns of, or raises, in a fresh call, and of an underflow it would not tell
that a product taken in another order has lost all digits: a replay in which one came counts for
nothing.  `fenv.h` of the C library has the marks of the thread.
"""

import ctypes
import platform

# FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW
_INTEL, _ARM = 1 | 4 | 8 | 16, 1 | 2 | 4 | 8
_MARKS = {"x86_64": _INTEL, "AMD64": _INTEL, "i686": _INTEL, "aarch64": _ARM, "arm64": _ARM}.get(
    platform.machine()
)


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
