"""A compiled function as what is made of it remembers it: without keeping it alive."""

import inspect
import weakref

import numba
from numba.core.caching import NullCache

# Options of a user's function that are its copies' as well.
KEPT = ("fastmath", "error_model", "boundscheck", "nogil")


class Source:
    """What sweeps need of a function, which may be gone while they are still called.

    Attributes
    ----------
    py_func : function
    file : str or None
        The file beside which Numba caches it.
    """

    def __init__(self, f):
        self._f = weakref.ref(f)
        self._again = None
        self.py_func = f.py_func
        self.options = options_of(f)
        self.locals = dict(f.locals)
        self.signatures = None if f._can_compile else [*f.nopython_signatures]
        self.nested = getattr(f, "_dualmc_nested", None)
        self.file = _cached_beside(f)

    def get(self):
        """The function, or where it is gone another one of the same Python function."""
        found = self._f()
        if found is None:
            found = self._again
        if found is None:
            made = numba.njit(self.signatures, locals=self.locals, **self.options)
            found = self._again = made(self.py_func)
            if self.nested is not None:
                found._dualmc_nested = self.nested
        return found


def options_of(f):
    """The options of a compiled function that its copies share."""
    return {k: v for k, v in f.targetoptions.items() if k in KEPT}


def _cached_beside(f):
    if isinstance(f._cache, NullCache):
        return None
    try:
        return inspect.getsourcefile(f.py_func)
    except TypeError:
        return None
