"""Stand-ins for functions of SciPy and numpy.ma, which convert arguments before a Dual could speak.

Registered when their modules have been imported by somebody: dualmc itself imports none of them,
but numpy.ma, which Numba needs.
"""

import importlib.util
import sys
import threading
import types
import warnings

from dualmc.duals import beside
from dualmc.rules import registry
from dualmc.rules.table import RULES
from dualmc.unchanged.standins import listed, table
from dualmc.unchanged.standins.table import PATCHED, STANDINS

# Where the handlers are, by the SciPy module they stand in for: a dict HANDLERS by dotted name, or
# a function handlers() that makes it; and a dict ROWS of rules for ufuncs, if it has some.
SOURCES = {
    "decimal": "dualmc.unchanged.standins.decimal_module",
    "cmath": "dualmc.unchanged.standins.cmath_module",
    "statistics": "dualmc.unchanged.standins.statistics_module",
    "numpy.ma": "dualmc.unchanged.masked.functions",
    "numpy.testing": "dualmc.unchanged.standins.assertions",
    "scipy.special": "dualmc.functions.special.handlers",
    "scipy.linalg": "dualmc.unchanged.scipy.linalg.handlers",
    "scipy.sparse": "dualmc.unchanged.scipy.sparse_products",
    "scipy.sparse.linalg": "dualmc.unchanged.scipy.sparse_solving",
    "scipy.integrate": "dualmc.solvers.integrals.handlers",
    "scipy.optimize": "dualmc.solvers.optimize.handlers",
    "scipy.optimize.elementwise": "dualmc.solvers.optimize.elementwise",
    "scipy.stats": "dualmc.unchanged.scipy.kernel_density",
    "scipy.spatial.distance": "dualmc.unchanged.scipy.spatial.distances",
    "scipy.spatial.transform": "dualmc.unchanged.scipy.spatial.rotations",
    "scipy.interpolate": "dualmc.unchanged.scipy.interpolate.handlers",
    "scipy.signal": "dualmc.unchanged.scipy.signal.handlers",
    "scipy.fft": "dualmc.unchanged.scipy.fft",
    "scipy.ndimage": "dualmc.unchanged.scipy.ndimage.handlers",
    "scipy.integrate._ivp": "dualmc.solvers.odes.handlers",
}
# Those of which all functions take arrays, which may be lists.
OF_ARRAYS = frozenset({"scipy.special", "scipy.linalg", "scipy.spatial.distance"})
_waiting = dict(SOURCES)  # of which the modules have not been imported yet
_rows: dict = {}
_lock = threading.RLock()
known = 0  # how many modules there were when looked at last


def register():
    """Register the stand-ins for every SciPy module imported so far."""
    global known
    count = len(sys.modules)
    if count == known:
        return
    with _lock:  # no call runs f before what another thread registers is there
        # Numba imports it as soon as it tells arrays apart: in many threads, of which some would
        # meet half of it.
        import numpy.ma  # noqa: F401

        for module, source in list(_waiting.items()):
            found = sys.modules.get(module)
            if found is None:
                continue
            spec = getattr(found, "__spec__", None)
            if getattr(spec, "_initializing", False):  # another thread is importing it
                count = 0
                continue
            if _waiting.pop(module, None) is None:  # registered while something was imported here
                continue
            try:
                _register(module, source)
            except BaseException:  # an interrupt
                _waiting[module] = source
                raise
        known = count


def _register(module, source):
    if importlib.util.find_spec(source) is None:
        return
    before = dict(STANDINS)
    try:
        found = importlib.import_module(source)
        handlers = found.handlers() if hasattr(found, "handlers") else found.HANDLERS
    except (ImportError, AttributeError, LookupError, TypeError) as problem:
        # Another SciPy than those it was written for.  No part of it stays: what has no stand-in
        # refuses Duals by itself.
        STANDINS.clear()
        STANDINS.update(before)
        _warn(module, problem)
        return
    for name, handler in handlers.items():
        owner, _, function = name.rpartition(".")
        original = getattr(sys.modules.get(owner), function, None)
        if original is None:
            continue
        if module in OF_ARRAYS and isinstance(handler, types.FunctionType):
            handler = listed.looking(handler, original)
        STANDINS[original] = handler
        PATCHED.add(owner)
    PATCHED.update({"scipy", module, module.rpartition(".")[0]})
    _rows.update(getattr(found, "ROWS", {}))
    table.changed()


def _warn(module, problem):
    package = module.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", "")
    text = (
        f"dualmc takes no derivatives by {module} of {package} {version}, which differs from the "
        f"versions that it knows ({type(problem).__name__}: {problem}): its functions refuse them. "
        f"pip install dualmc[sparse] brings a SciPy that it knows."
    )
    warnings.warn(text, RuntimeWarning, stacklevel=2)


def learn(ufunc):
    """Copy the row of a ufunc of SciPy into the rule table; whether it is in any table now."""
    register()
    if ufunc in _rows:
        RULES[ufunc] = _rows[ufunc]
    return ufunc in RULES or ufunc in registry.UFUNCS


def masked_code():
    from dualmc.unchanged.masked import methods  # which needs numpy.ma

    return methods


registry.LATE.append(learn)
beside.masked_code = masked_code
