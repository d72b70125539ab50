"""f called, adapted; an error that hides a lost derivative or a missing rule says where it was."""

import linecache
import re
import sys

import numpy as np

from dualmc.calls import refusals
from dualmc.calls.outputs import as_output, strip
from dualmc.calls.seeds import as_given
from dualmc.duals.operands import has_dual
from dualmc.errors import (
    NUMPY,
    OBJECTS_ADVICE,
    OWN,
    MissingRuleError,
    TangentLostError,
    class_advice,
    library_advice,
    lost_in_array,
    lost_in_library,
)
from dualmc.unchanged import adapt


def call_f(f, args, level):
    """``f(*args)``, f adapted; an error that names a lost derivative or rule says where it was."""
    try:
        y = adapt.call(f, args)
    except (MissingRuleError, TangentLostError) as error:
        _Way(error).locate(error)
        raise
    except Exception as error:
        lost = _explained(error, level)
        if lost is None:
            raise
        try:
            raise lost.with_traceback(error.__traceback__) from error
        finally:
            del lost  # which holds this frame
    if level is not None and level.refusals is not None:
        refusals.tell(level)
    return y


def called(request, inputs, level):
    """f at `inputs` in the places of the differentiated arguments: its output, and aux."""
    args = list(request.args)
    for i, x, given in zip(request.numbers, inputs, request.xs, strict=True):
        args[i] = x if given.shape else as_given(x, request.args[i])
    out, aux = call_f(request.f, args, level), None
    if request.has_aux:
        out, aux = _with_aux(out, request.caller)
        aux = strip(aux, level)
    return as_output(out, request.caller), aux


def _with_aux(out, caller):
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(
            f"{caller}: with has_aux=True f must return a pair (y, aux); "
            f"f returned {type(out).__name__}."
        )
    return out


def _explained(error, level):
    """The refusal that `error` hides, if any; a note on `error` where a Dual is why a library
    raised it.

    The frames looked at are let go of here: held by a frame on the way of `error`, they would keep
    the arrays of f until the next garbage collection.
    """
    way = _Way(error)
    if _hides_refusal(error, level):
        lost = lost_in_library(way.library) if way.library else lost_in_array(error.__cause__)
        way.locate(lost)
        return lost
    name = way.library or _COMPILED.search(str(error)) and "the compiled function called there"
    if name and not hasattr(error, "__notes__") and way.met_dual(error, level):
        _advise(error, f"at {way.where}\n{library_advice(name)}")
    elif way.line is not None and isinstance(error, TypeError) and not hasattr(error, "__notes__"):
        kind = _class_of_arrays(error)
        if kind or _UNDONE.search(str(error)):
            error.add_note(f"at {way.where}\n{class_advice(kind or 'The class of an operand')}")
        elif _OBJECTS.search(str(error)):
            error.add_note(f"at {way.where}\n{OBJECTS_ADVICE}")
    return None


def _class_of_arrays(error):
    """The class derived from ndarray in whose method a Dual raised `error`; or None."""
    tb, found = error.__traceback__, None
    while tb is not None:
        names = tb.tb_frame.f_locals
        for owner in (names.get("cls"), type(names.get("self"))):
            if isinstance(owner, type) and issubclass(owner, np.ndarray):
                if has_dual(list(names.values())) or _REFUSED.search(str(error)):
                    found = owner.__name__
        tb = tb.tb_next
    return found


def _advise(error, advice):
    """Put `advice` into the text of `error`, where that is its one argument; else into a note."""
    if getattr(error, "is_located", False):
        return
    if type(error).__str__ is BaseException.__str__ and len(error.args) == 1:
        error.args = (f"{str(error.args[0]).rstrip()}\n  {advice}",)
        error.is_located = True
    else:
        error.add_note(advice)


def _hides_refusal(error, level):
    """Whether `error` is what other code made of a refused conversion to float."""
    if isinstance(error, SystemError):  # C code that went on with the refusal pending
        while error is not None and not isinstance(error, TangentLostError):
            error = error.__cause__ or error.__context__
        return error is not None
    if not isinstance(error, (ValueError, TypeError)):
        return False
    return isinstance(error.__cause__, TangentLostError) or (
        # ndarray.flat reports the refusal without its cause.
        level is not None and level.lost and "setting" in str(error) and "array" in str(error)
    )


# What compiled code says of an argument that it cannot take, and of an array of such.
_COMPILED = re.compile(r"must be .*, not Dual$")


# What NumPy says of operands that leave an operation to each other.
_UNDONE = re.compile(
    r"all returned NotImplemented|no implementation found for"
    r"|unsupported operand type(?!.*'(NoneType|str|dict|set|object)').*'(Dual|Traced)'"
)


# What it says of arrays of objects, of which the elements are Duals.
_OBJECTS = re.compile(
    r"dtype\('O'\)|ufunc '\w+' not supported for the input types|no callable \w+ method"
)


_REFUSED = re.compile(
    r"\bDual\b|\bobject (arrays|dtype)|dtype\W?object|'object'|\('O'\)|ObjectDType"
)


class _Way:
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
        if level is not None and level.lost or _REFUSED.search(str(error)):
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
        if adapt.is_adapted(frame):
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
