"""Refusals that f caught: a call that ends although a step was refused says so.

``except Exception`` around ``float(x)`` hides that a derivative would have been lost, and f goes on
with what it takes instead, which it would not on plain numbers.  Every refusal is noted, as it is
made, on the calls that run; a call that then ends as if nothing had been raises it, or warns where
the user asked for that.
"""

import linecache
import sys
import threading
import warnings

from dualmc import errors
from dualmc.duals import levels
from dualmc.errors import NUMPY, OWN, RefusalSwallowedWarning
from dualmc.tangents.dense_tangent import ChunkNeeded
from dualmc.unchanged.as_is import FOREIGN, LIBRARIES
from dualmc.unchanged.code.rewriting import is_rewritten

# Refusals that are noted in one call: the first ones tell.
NOTED = 8
_SKIPPED = (OWN, NUMPY)


class Noted:
    """A refusal: what it said, the line of the user's that met it, and whether that was told."""

    __slots__ = ("kind", "text", "file", "line", "told")

    def __init__(self, error):
        self.kind = type(error)
        self.text = str(error.args[0]) if error.args else ""
        self.file, self.line = _users_line(sys._getframe(1))
        self.told = False

    def message(self):
        source = linecache.getline(self.file, self.line).strip()
        return (
            f"f caught a {self.kind.__name__} of dualmc's and went on, as it would not on plain "
            f"numbers: the value and the derivative may be wrong. Let such errors pass (catch "
            f"narrower ones), or give the derivative of the function that catches them with "
            f"@dualmc.custom_jvp; where f is right all the same, call it within "
            f'dualmc.refusals("warn"). It said: {self.text}\n'
            f"  at {self.file}, line {self.line}" + (f": {source}" if source else "")
        )


def _users_line(frame):
    """File and line of the innermost code that is neither dualmc's, NumPy's nor a library's."""
    first = None
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_SKIPPED):
            first = first or frame
            if not is_library(frame):
                break
        frame = frame.f_back
    frame = frame or first
    return ("<unknown>", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def is_adapted(frame):
    """Whether `frame` runs code whose names lead to stand-ins."""
    return is_rewritten(frame.f_code)


def is_library(frame):
    """Whether `frame` runs code of a library or of Python's, which its user cannot edit."""
    top = (frame.f_globals.get("__name__") or "").partition(".")[0]
    if top not in LIBRARIES and is_adapted(frame):
        return False
    return top in FOREIGN or top in sys.stdlib_module_names and top != "__main__"


def _note(error, level):
    """A witness of refusals: note `error` on the calls that run in this thread, and on `level`."""
    running = levels.running_here()
    if level is not None:
        if not running and getattr(level, "serial", 1):
            error.args = (error.args[0] + errors.IN_THREAD,)
        running = [*running, level]
    found = None
    for level in dict.fromkeys(running):
        if level.refusals is None:
            level.refusals = []
        if len(level.refusals) < NOTED:
            found = found or Noted(error)
            level.refusals.append(found)
    error.noted = found


errors.witnesses.append(_note)


class _Thread(threading.local):
    def __init__(self):
        self.modes = []  # of the blocks around, innermost last


_thread = _Thread()


def begin(mode):
    """A block of this thread in which refusals that f catches are reported as `mode` says."""
    _thread.modes.append(mode)


def end():
    """The end of the innermost block."""
    _thread.modes.pop()


def mode():
    """How they are reported in this thread."""
    return _thread.modes[-1] if _thread.modes else "raise"


def tell(level):
    """After f has ended: raise what was refused in it; run it again if its chunk was too big."""
    if level.chunk:
        raise ChunkNeeded(level, level.chunk)
    if getattr(level, "whole", False):  # `prepare` does not replay it, and says why
        return
    is_error = mode() == "raise"
    for noted in level.refusals:
        if not noted.told:
            noted.told = True
            if is_error:
                error = noted.kind(noted.message())
                error.is_located = True
                raise error
            warnings.warn_explicit(
                noted.message(), RefusalSwallowedWarning, noted.file, noted.line, registry=_registry
            )


_registry: dict = {}


def first(level):
    """The first refusal that f caught, to be told by the caller in words of its own; or None."""
    for noted in level.refusals or ():
        if not noted.told:
            return noted
    return None
