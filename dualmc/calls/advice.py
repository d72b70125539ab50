"""An error on its way out of f: whether a derivative is behind it, and what to say of that.

What compiled code makes of a Dual that it cannot take is an error in words of its own, which say
nothing of derivatives; here it gets those, or becomes the refusal that it hides.
"""

import re

import numpy as np

from dualmc.calls.frames import Way, speaks_of_duals
from dualmc.duals.operands import has_dual
from dualmc.errors import (
    OBJECTS_ADVICE,
    TangentLostError,
    class_advice,
    library_advice,
    lost_in_array,
    lost_in_library,
)


def locate(error):
    """Put the user's line into the message of a refusal."""
    Way(error).locate(error)


def explained(error, level):
    """The refusal that `error` hides, if any; a note on `error` where a Dual is why a library
    raised it.

    The frames looked at are let go of here: held by a frame on the way of `error`, they would keep
    the arrays of f until the next garbage collection.
    """
    way = Way(error)
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
                if has_dual(list(names.values())) or speaks_of_duals(error):
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
