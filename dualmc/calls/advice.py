"""An error on its way out of f: whether a derivative is the reason, and what to say of that.

What code makes of a Dual that it cannot take is an error in words of its own, which say nothing of
derivatives.  Where f, called once more on plain numbers, raises nothing, the Dual is the reason,
and a `TangentLostError` from that error says what was met where, why dualmc could not help, and
what to write.  Errors that f raises on plain numbers too are f's own, and stay as they are.
"""

import re

import numpy as np

from dualmc.calls.frames import Way, entry
from dualmc.calls.outputs import strip
from dualmc.calls.recipes import call_at, function_at, recipe
from dualmc.calls.refusals import is_library
from dualmc.duals.levels import suspended
from dualmc.duals.operands import has_dual
from dualmc.errors import (
    OBJECTS_ADVICE,
    REMEDY,
    MissingRuleError,
    TangentLostError,
    class_advice,
    lost_in_array,
    lost_in_library,
    remedy,
)
from dualmc.graph.traced import Traced
from dualmc.unchanged.code import learning


def locate(error):
    """Put the user's line into the message of a refusal, once, and what can be done there."""
    way = Way(error)
    if way.line is None or getattr(error, "is_located", False):
        return
    message, library = error.args[0], way.library
    if isinstance(error, TangentLostError):
        if library is None and message.startswith("float("):
            # What C code converts of a callback's result can bear the callback's line.
            library = entry(way.above)
        if library and library not in message:
            message = f"{library} met a Dual, which it cannot take. {message}"
        why = _why(way)
        special = remedy(library or "")
    else:
        why, special = "", REMEDY
    special = None if special == REMEDY else "" if special in message else special
    error.args = (_told(message, way, why, special),)
    error.is_located = True


def explained(error, level, f, args):
    """The refusal that `error` stands for, a Dual being why it was raised; else None.

    Where f raised it itself, by ``raise``, its type stays, and the advice is put into its text.
    The frames looked at are let go of here: held by a frame on the way of `error`, they would keep
    the arrays of f until the next garbage collection.
    """
    way = Way(error)
    hidden = _hides_refusal(error, level)
    if getattr(error, "is_located", False) or not hidden and _is_its_own(error, way, level):
        return None
    if not hidden and not _is_right_on_numbers(f, args, level):
        return None
    name = way.library or _called_at(way)
    said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
    noted = _caught(level)
    if way.is_deliberate and not hidden and noted is None:
        _advise(error, way)
        return None
    special = None if hidden else _kind_of(error, way)
    if hidden:
        lost = lost_in_library(name) if way.library else lost_in_array(error.__cause__)
        special = None if REMEDY in str(lost) or not way.library else ""
    elif way.is_deliberate:
        lost = TangentLostError(f"f made this of a refusal that it caught: {said}. {noted.text}")
    else:
        name = name or "This step"
        lost = TangentLostError(f"{name} met a Dual, which it cannot take ({said}).")
    why = "" if way.is_deliberate else _why(way)
    lost.args = (_told(lost.args[0], way, why, special),)
    lost.is_located = True
    return lost


def _is_its_own(error, way, level):
    """Whether no Dual can be why the error was raised."""
    return way.last is None or isinstance(error, MemoryError) or way.is_own and not _caught(level)


def _caught(level):
    """The first refusal that f caught before, if any."""
    noted = level.refusals if level is not None else None
    return next((n for n in noted or () if not n.told), None)


def _is_right_on_numbers(f, args, level):
    """Whether f, without the derivatives of `level`, raises nothing but refusals.

    Those are of derivatives that f takes itself: they name the same step.
    """
    if level is None or getattr(level, "whole", False):  # no derivative; one that is recorded
        return False
    plain = [a.value if type(a) is Traced else strip(a, level) for a in args]
    try:
        with suspended(level):
            f(*plain)
    except (MissingRuleError, TangentLostError):
        return True
    except Exception:
        return False
    return True


def judge_caught(f, args, level, raised):
    """Note a refusal where f caught what compiled code `raised` on Duals and not on numbers, and
    say whether there is one, or may be.

    `raised` holds functions, files and lines.
    """
    if _caught(level) is not None or getattr(level, "whole", False):
        return True
    plain = [a.value if type(a) is Traced else strip(a, level) for a in args]
    seen = learning.Seen()
    try:
        with suspended(level), learning.watching(seen):
            f(*plain)
    except Exception:  # another way than the one that was judged
        return True
    for name, file, line in sorted(raised - seen.raised):
        refusal = TangentLostError(f"{name} raised an error where it met a Dual.", level=level)
        refusal.noted.file, refusal.noted.line = file, line
    return bool(raised - seen.raised)


def _advise(error, way):
    """Say in the text of f's own `error` that a Dual is the reason; in a note, if it has none."""
    advice = _placed(
        "On plain numbers f does not raise this: a test of a type, or the like, took a Dual for "
        f"something else. {REMEDY}",
        way,
    )
    if type(error).__str__ is BaseException.__str__ and len(error.args) == 1:
        error.args = (f"{str(error.args[0]).rstrip()}\n  {advice}",)
        error.is_located = True
    else:
        error.add_note(advice)


def _told(message, way, why, special=None):
    """`message`, with the place, `why` dualmc could not help there, and what to do."""
    if way.line is None:
        return message if REMEDY in message else f"{message} {REMEDY}"
    if special is not None:
        return _placed(message, way) + (special and f"\n  {special}")
    steps = recipe(way.line)
    if steps is not None:
        lines = "".join(f"\n      {line}" for line in steps)
        why = why and f"{why} "
        return f"{_placed(message, way)}\n  {why}{_WORKS}{lines}"
    if not isinstance(message, str) or "custom_jvp" not in message:
        message = f"{message} {REMEDY}"
    return _placed(f"{message} {why}".rstrip(), way)


_WORKS = (
    "What works without editing that code is the derivative of the step, given by you (where it "
    "solves an equation, dualmc.custom_root(residual, solver) finds it):"
)


def _placed(message, way):
    return f"{message}\n  at {way.where}" if way.line is not None else message


def _called_at(way):
    """The function called where the error came up, if a call was under way there."""
    return function_at(way.entries[-1]) if way.entries else None


def _why(way):
    """What is not adapted on the way, and why; or that the way of adapting may be the reason."""
    why = way.not_adapted()
    if why or not way.entries or way.line is None:
        return why
    name = _called_at(way)
    if name is not None:
        return f"{name} is compiled code, which dualmc cannot look into."
    last = way.entries[-1]
    if way.last is not last or call_at(last) or is_library(last.tb_frame):
        return ""
    name = last.tb_frame.f_code.co_qualname
    return f"If adapting {name} is the reason, dualmc.as_is leaves it as it is."


def _kind_of(error, way):
    """Advice for classes of arrays of their own, and for arrays of objects; or None."""
    if remedy(way.library or "") != REMEDY:
        return remedy(way.library)
    if not isinstance(error, TypeError):
        return None
    kind = _class_of_arrays(error)
    if kind or re.search(_UNDONE, str(error)):
        return class_advice(kind or "The class of an operand")
    if way.library is None and re.search(_OBJECTS, str(error)):
        return OBJECTS_ADVICE
    return None


def _class_of_arrays(error):
    """The class derived from ndarray in whose method a Dual raised `error`; or None."""
    tb, found = error.__traceback__, None
    while tb is not None:
        names = tb.tb_frame.f_locals
        for owner in (names.get("cls"), type(names.get("self"))):
            if isinstance(owner, type) and issubclass(owner, np.ndarray):
                if has_dual(list(names.values())) or re.search(_REFUSED, str(error)):
                    found = owner.__name__
        tb = tb.tb_next
    return found


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


# What NumPy says of operands that leave an operation to each other.
_UNDONE = (
    r"all returned NotImplemented|no implementation found for"
    r"|unsupported operand type(?!.*'(NoneType|str|dict|set|object)').*'(Dual|Traced)'"
)


# What it says of arrays of objects, of which the elements are Duals.
_OBJECTS = r"dtype\('O'\)|ufunc '\w+' not supported for the input types|no callable \w+ method"


# What code says that names a Dual, or arrays of objects, which some become.
_REFUSED = r"\bDual\b|\bobject (arrays|dtype)|dtype\W?object|'object'|\('O'\)|ObjectDType"
