"""Python functions of libraries that have a stand-in: for the time of a call they lead to it.

However such a function is reached (a table, an attribute, another function of the library), its
stand-in is called.  What the stand-in itself calls under the name is the original.
"""

import threading
import types

from dualmc.duals import levels
from dualmc.unchanged.code import rewriting


class _Thread(threading.local):
    def __init__(self):
        self.busy = set()


_thread = _Thread()
_made: dict = {}


def trampoline(f, code, standin):
    """Code that calls `standin` in place of `f`, of which `code` is the own code."""
    found = _made.get(f)
    if found is None or found[1] is not code:
        found = _made[f] = _code(f, code, standin), code
    return found[0]


def _code(f, code, standin):
    original = types.FunctionType(code, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
    original.__kwdefaults__ = f.__kwdefaults__
    busy = _thread

    def lead(args, kwargs):
        if f in busy.busy or not levels.stack.levels:
            return original(*args, **kwargs)
        busy.busy.add(f)
        try:
            return standin(*args, **kwargs)
        finally:
            busy.busy.discard(f)

    new = _template.__code__
    constants = tuple(lead if c == "lead" else c for c in new.co_consts)
    new = new.replace(co_consts=constants, co_freevars=code.co_freevars, co_name=code.co_name,
                      co_qualname=code.co_qualname, co_filename=code.co_filename,
                      co_firstlineno=code.co_firstlineno)  # fmt: skip
    rewriting.note(new, code)
    return new


def _template(*args, **kwargs):
    lead = "lead"
    return lead(args, kwargs)
