"""Who called: a library's code that dualmc itself uses computes with plain numbers.

While a call of f runs, SciPy's Python code may be on stand-ins.  Handlers, kernels and solvers of
dualmc call SciPy too, on plain arrays, and must be given plain arrays.
"""

from dualmc.errors import NUMPY, OWN
from dualmc.unchanged.as_is import is_foreign
from dualmc.unchanged.standins import table

CALLS_F: set = set()  # code of dualmc's that calls f itself
_known: dict = {}  # by file name, whether its code is a library's


def is_library(frame):
    """Whether `frame` runs code of a library, NumPy and Python's own included."""
    file = frame.f_code.co_filename
    found = _known.get(file)
    if found is None:
        found = file.startswith(NUMPY) or is_foreign(frame.f_globals.get("__name__"), "")
        _known[file] = found
    return found


def is_internal(frame):
    """Whether the library code of `frame` runs on behalf of dualmc, on plain numbers."""
    if not is_library(frame):
        return False
    inner = frame
    while (frame := frame.f_back) is not None:
        if frame.f_code.co_filename.startswith(OWN):
            return frame.f_code not in CALLS_F and not _has_carrier(inner)
        if not is_library(frame):
            return False
        inner = frame
    return False


def _has_carrier(frame):
    """Whether the function of `frame` was given a Dual."""
    code, names = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount + 2
    given = [names.get(name) for name in code.co_varnames[:count]]
    return table.has_carrier(given) or any(
        type(a) is dict and table.has_carrier(list(a.values())) for a in given
    )
