"""Stand-ins for functions of SciPy, which convert their arguments before a Dual could speak up.

Registered when SciPy's modules have been imported by somebody: dualmc itself never imports them.
"""

import importlib.util
import sys

from dualmc import standins

# Where the handlers are, by the SciPy module they stand in for: a dict HANDLERS by dotted name, or
# a function handlers() that makes it.
SOURCES = {
    "scipy.special": "dualmc.special",
    "scipy.linalg": "dualmc.scipy_linalg",
    "scipy.sparse": "dualmc.sparse_products",
}
_done: set = set()


def register():
    """Register the stand-ins for every SciPy module imported so far."""
    for module, source in SOURCES.items():
        if module in _done or module not in sys.modules:
            continue
        _done.add(module)
        if importlib.util.find_spec(source) is None:
            continue
        found = importlib.import_module(source)
        handlers = found.handlers() if hasattr(found, "handlers") else found.HANDLERS
        for name, handler in handlers.items():
            owner, _, function = name.rpartition(".")
            original = getattr(sys.modules.get(owner), function, None)
            if original is not None:
                standins.STANDINS[original] = handler
        standins.PATCHED.update({"scipy", module})
