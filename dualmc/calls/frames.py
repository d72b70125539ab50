"""From f to an error: the user's last line, what ran below it, and what of that is not adapted."""

import dis
import linecache
import sys
import types
from typing import Any

from dualmc.calls.refusals import is_adapted, is_library
from dualmc.errors import NUMPY, OWN
from dualmc.unchanged.as_is import LIBRARIES, MARK

_RAISE = dis.opmap["RAISE_VARARGS"]


class Way:
    """From f to an error: the user's last line, and what ran below it in another library."""

    def __init__(self, error: BaseException) -> None:
        self.line: Any = None  # the traceback entry of the user's line; of the last one, if none is
        self.frames: list = []  # of the library that it called, where the error was raised
        self.above: list = []  # of the library that called the function of the user's line, if any
        self.entries: list = []  # of code that is neither dualmc's nor NumPy's
        self.last: Any = None
        tb, is_users = error.__traceback__, False
        while tb is not None:
            if not tb.tb_frame.f_code.co_filename.startswith((OWN, NUMPY)):
                self.entries.append(tb)
                if is_library(tb.tb_frame):
                    self.frames.append(tb.tb_frame)
                elif self.frames and is_users and isinstance(error, SystemError):
                    break  # raised in a function of the user's that the library called, not by it
                else:
                    above = self.frames or self.above
                    self.line, self.frames, self.above, is_users = tb, [], above, True
            self.last = tb
            tb = tb.tb_next

    @property
    def library(self):
        """The library function that the user's line called, as a user would write it, or None."""
        return entry(self.frames)

    @property
    def where(self):
        file, number = self.line.tb_frame.f_code.co_filename, self.line.tb_lineno
        line = linecache.getline(file, number).strip()
        return f"{file}, line {number}" + (f": {line}" if line else "")

    @property
    def is_deliberate(self):
        """Whether a ``raise`` in code of the user's made the error."""
        return self._is_raised and not self.is_own and not is_library(self.last.tb_frame)

    @property
    def is_own(self):
        """Whether a ``raise`` of dualmc's made it."""
        return self._is_raised and self.last.tb_frame.f_code.co_filename.startswith(OWN)

    @property
    def _is_raised(self):
        return self.last.tb_frame.f_code.co_code[self.last.tb_lasti] == _RAISE

    def not_adapted(self):
        """Which function, from the user's line on, is left as it is, and why: a sentence."""
        start = self.entries.index(self.line) if self.line is not None else 0
        for tb in self.entries[start:]:
            frame = tb.tb_frame
            reason = "" if is_adapted(frame) else _reason(frame)
            if reason:
                return f"{_name(frame)} runs as it is, since {reason}."
        return ""


def _reason(frame):
    """Why the function of `frame` is not adapted; empty if there was nothing in it to adapt."""
    top, name = top_of(frame), frame.f_code.co_qualname
    owner = type(frame.f_locals.get("self"))
    if MARK in _attributes(frame.f_globals.get(name)) or MARK in _attributes(owner):
        return "it is marked with dualmc.as_is"
    if top not in LIBRARIES and is_library(frame):
        kind = "Python's own" if top in sys.stdlib_module_names else f"{top}'s"
        return f"dualmc leaves {kind} code alone"
    return ""


def _attributes(owner):
    return getattr(owner, "__dict__", ())


def _name(frame):
    """What to call the function of `frame`: with its module, where that is a library's."""
    module = f"{module_of(frame)}." if is_library(frame) else ""
    name = frame.f_code.co_qualname.removeprefix(module)
    return f"{module}{name}"


def entry(frames):
    """The public name of the library function that `frames` entered by; None if there are none."""
    # Decorators and context managers come first, under names that say nothing.
    for frame in sorted(frames, key=lambda frame: top_of(frame) in sys.stdlib_module_names):
        name = _public_name(frame)
        if name is not None:
            return name
    return top_of(frames[0]) if frames else None


def top_of(frame):
    return module_of(frame).partition(".")[0]


def module_of(frame: types.FrameType) -> str:
    return frame.f_globals.get("__name__") or ""


def _public_name(frame):
    """The dotted name of the function of `frame`, without private modules; None if it has none."""
    module = module_of(frame)
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    name = name.removeprefix(module + ".")  # compiled by Cython
    # Frames that Cython makes up for a traceback have no locals that could be read.
    owner = frame.f_locals.get("self") if "self" in frame.f_code.co_varnames else None
    if "." in name and owner is not None:  # the object's own class, not the private base of it
        module = type(owner).__module__
        name = f"{type(owner).__name__}.{frame.f_code.co_name}"
    public = "".join(part + "." for part in module.partition("._")[0].split("."))
    name = name.removesuffix(".__init__").removesuffix(".__call__")
    return None if "<" in name or name.startswith("_") or "._lib" in module else public + name
