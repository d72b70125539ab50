"""Numbers that were made text, and text that is read: what would lose a derivative on the way.

``float(str(x))`` is x on plain numbers, and a constant beside Duals.  Each call remembers which of
its numbers were shown; where adapted code makes a number of text, one of them is refused.
"""

import opcode

import numpy as np

from dualmc.duals import levels
from dualmc.errors import TangentLostError

# Numbers that are remembered in one call, and digits by which text is told from others'.
KEPT = 4096
DIGITS = 3


def shown(level, value):
    """Note that the numbers `value`, which have a derivative at `level`, were made text."""
    if level.texts is None:
        level.texts = set()
    if len(level.texts) < KEPT:
        numbers = np.ravel(value)[:KEPT]
        for part in (numbers.real, numbers.imag) if numbers.dtype.kind == "c" else (numbers,):
            level.texts.update(part.tolist())


def check(text):
    """Raise where `text` is that of a number with a derivative."""
    for level in levels.running_here():
        if level.texts and _is_of(text, level.texts):
            level.lost = True
            raise TangentLostError(
                f"The text {text!r} was made of a number that has a derivative, and is made a "
                f"number again: the derivative would be lost. Hand the number on itself; to round "
                f"it, use round(x, n) or numpy.round.",
                level=level,
            )


def _is_of(text, numbers):
    import decimal  # which takes a millisecond, and few programs read numbers of text

    try:
        given = decimal.Decimal(text.decode() if isinstance(text, (bytes, bytearray)) else text)
    except (decimal.InvalidOperation, UnicodeDecodeError):
        return False
    value = float(given)
    if value in numbers:
        return True
    _, digits, exponent = given.as_tuple()
    if not isinstance(exponent, int):  # infinity, NaN
        return value != value and any(number != number for number in numbers)
    if len(digits) < DIGITS:
        return False
    half = 0.5000001 * 10.0**exponent
    return any(abs(value - number) <= half for number in numbers)


# --- ``"%.3f" % x`` ------------------------------------------------------------------------------

_OPERATOR = opcode.opmap["BINARY_OP"]
_REMAINDERS = frozenset(
    i for i, (name, _) in enumerate(opcode._nb_ops) if name.endswith("REMAINDER")
)


def is_formatting(frame):
    """Whether `frame`, in which a number is asked for its float, is just at an operator ``%``.

    NumPy's and Python's numbers leave that to the Dual; text alone asks for floats.
    """
    code, at = frame.f_code.co_code, frame.f_lasti
    return code[at] == _OPERATOR and code[at + 1] in _REMAINDERS
