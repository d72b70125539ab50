"""Stand-ins of the user's own, for functions of packages that nobody here can edit.

In adapted code the name of such a function leads to the stand-in, while a Dual is among its
arguments; elsewhere, and in what the stand-in itself calls, the function is what it was.
"""

import functools
import sys
import threading
import types

from dualmc.rules import registry
from dualmc.unchanged import adapt, foreign
from dualmc.unchanged.standins import table
from dualmc.unchanged.standins.table import PATCHED, STANDINS, has_carrier

_MISSING = object()
REGISTERED_STANDINS: dict = {}  # the user's, by function
_before: dict = {}  # by function: the stand-in of dualmc's that the user's took the place of


class _Thread(threading.local):
    def __init__(self):
        self.running = []  # functions of which the stand-in runs


_thread = _Thread()


def has_rule(function):
    """Whether NumPy or Python itself has `function`, and dualmc its derivative."""
    foreign.register()
    if function in _before:
        return False
    top = (getattr(function, "__module__", None) or "").partition(".")[0]
    is_core = top == "numpy" or top in sys.stdlib_module_names
    return function in registry.FUNCTIONS or function in STANDINS and is_core


def enter(function, standin):
    """From now on, `standin` is found in place of `function`."""
    foreign.register()  # whose stand-ins must not come later
    _before.setdefault(function, STANDINS.get(function, _MISSING))
    STANDINS[function] = _while_differentiated(function, standin)
    REGISTERED_STANDINS[function] = standin
    PATCHED.update(_modules_with(function))
    table.changed()


def leave(function):
    """`function` is found itself again; whether a stand-in of the user's was there."""
    before = _before.pop(function, None)
    if before is None:
        return False
    del REGISTERED_STANDINS[function]
    if before is _MISSING:
        del STANDINS[function]
    else:
        STANDINS[function] = before
    table.changed()
    return True


def _while_differentiated(function, standin):
    @functools.wraps(function)
    def found(*args, **kwargs):
        running = _thread.running
        if function in running or not (has_carrier(args) or has_carrier([*kwargs.values()])):
            return function(*args, **kwargs)
        running.append(function)
        try:
            return adapt.adapted(standin)(*args, **kwargs)
        finally:
            running.pop()

    return found


def _modules_with(function):
    """The modules in which code may look for `function`, and the packages around them."""
    found = set()
    for path, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType) and any(
            value is function for value in list(vars(module).values())
        ):
            parts = path.split(".")
            found.update(".".join(parts[:n]) for n in range(1, len(parts) + 1))
    return found
