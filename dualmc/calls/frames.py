"""From f to an error: the user's last line, and what ran below it in another library."""

import linecache
import re
import sys

from dualmc.calls import refusals
from dualmc.calls.refusals import is_adapted
from dualmc.duals.operands import has_dual
from dualmc.errors import NUMPY, OWN, TangentLostError, library_advice

_REFUSED = re.compile(
    r"\bDual\b|\bobject (arrays|dtype)|dtype\W?object|'object'|\('O'\)|ObjectDType"
)


def speaks_of_duals(error):
    """Whether the text of `error` names a Dual, or arrays of objects, which some become."""
    return _REFUSED.search(str(error)) is not None


class Way:
    """From f to an error: the user's last line, and what ran below it in another library."""

    def __init__(self, error):
        self.line = None  # the traceback entry of the user's line
        self.frames = []  # of the library that it called, where the error was raised
        self.above = []  # of the library that called the function of the user's line, if one did
        tb = error.__traceback__
        while tb is not None:
            if not tb.tb_frame.f_code.co_filename.startswith((OWN, NUMPY)):
                if refusals.is_library(tb.tb_frame):
                    self.frames.append(tb.tb_frame)
                elif self.frames and isinstance(error, SystemError):
                    break  # raised in a function of the user's that the library called, not by it
                else:
                    self.line, self.frames, self.above = tb, [], self.frames or self.above
            tb = tb.tb_next

    @property
    def library(self):
        """The library function that the user's line called, as a user would write it, or None."""
        return None if self.line is None else _entry(self.frames)

    @property
    def where(self):
        file, number = self.line.tb_frame.f_code.co_filename, self.line.tb_lineno
        line = linecache.getline(file, number).strip()
        return f"{file}, line {number}" + (f": {line}" if line else "")

    def met_dual(self, error, level):
        """Whether a Dual may be why the library raised `error`."""
        if self.line is None:
            return False
        if level is not None and level.lost or speaks_of_duals(error):
            return True
        return any(has_dual(list(frame.f_locals.values())) for frame in self.frames)

    def locate(self, error):
        """Put the user's line into the message of `error`, once."""
        if self.line is None or getattr(error, "is_located", False):
            return
        message, library = error.args[0], self.library
        if library is None and message.startswith("float("):
            # What C code converts of a callback's result can bear the callback's line.
            library = _entry(self.above)
        if library and isinstance(error, TangentLostError) and library not in message:
            message = f"{message} {library_advice(library)}"
        elif isinstance(error, TangentLostError) and not library:
            message += self.runs_as_it_is()
        error.args = (f"{message}\n  at {self.where}",)
        error.is_located = True

    def runs_as_it_is(self):
        """What to add where the user's line is in a function that is not adapted."""
        frame = self.line.tb_frame
        if is_adapted(frame):
            return ""
        name = frame.f_code.co_qualname
        owner = type(frame.f_locals.get("self"))
        slots = [base for base in owner.__mro__ if "__slots__" in base.__dict__]
        why = f", since {owner.__name__} has __slots__" if slots and owner is not type(None) else ""
        return (
            f" {name} runs as it is{why}: math and numpy.zeros are Python's and NumPy's own there, "
            f"and are not adapted. Import dualmc.numpy there, or call it from f by its name."
        )


def _entry(frames):
    """The public name of the library function that `frames` entered by; None if there are none."""
    # Decorators and context managers come first, under names that say nothing.
    for frame in sorted(frames, key=lambda frame: _top(frame) in sys.stdlib_module_names):
        name = _public_name(frame)
        if name is not None:
            return name
    return _top(frames[0]) if frames else None


def _top(frame):
    return _module(frame).partition(".")[0]


def _module(frame):
    return frame.f_globals.get("__name__") or ""


def _public_name(frame):
    """The dotted name of the function of `frame`, without private modules; None if it has none."""
    module = _module(frame)
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    name = name.removeprefix(module + ".")  # compiled by Cython
    owner = frame.f_locals.get("self")
    if "." in name and owner is not None:  # the object's own class, not the private base of it
        module = type(owner).__module__
        name = f"{type(owner).__name__}.{frame.f_code.co_name}"
    public = "".join(part + "." for part in module.partition("._")[0].split("."))
    name = name.removesuffix(".__init__").removesuffix(".__call__")
    return None if "<" in name or name.startswith("_") or "._lib" in module else public + name
