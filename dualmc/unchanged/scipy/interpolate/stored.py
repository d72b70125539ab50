"""The arrays in SciPy's piecewise polynomials and splines, of which some may be carriers.

Where an object keeps its array ``c`` is a matter of SciPy's version: as ``c``; as ``_c``, which the
property ``c`` hands out by a conversion; or, from 1.18 on, in an inner object of which all methods
are the outer one's.
"""

import numpy as np

from dualmc.unchanged.scipy.entering import INNER, look


def stored(owner, *names):
    """The arrays of these names, as they are kept; one alone, or a list."""
    inner = getattr(owner, INNER, owner)
    found = [getattr(inner, f"_{name}" if hasattr(inner, f"_{name}") else name) for name in names]
    return found if len(names) > 1 else found[0]


def store(owner, **arrays):
    """Let an object of SciPy, made of plain numbers, hold these arrays or carriers."""
    inner = getattr(owner, INNER, owner)
    for name, array in arrays.items():
        setattr(inner, f"_{name}" if hasattr(inner, f"_{name}") else name, array)
    if inner is not owner:
        owner._xp = owner._xp_internal = AS_IT_IS
    elif hasattr(owner, "_asarray"):
        owner._asarray = AS_IT_IS.asarray
    return look(owner)


class _AsItIs:
    """The part of an array namespace by which SciPy hands arrays out."""

    __name__ = "numpy"

    @staticmethod
    def asarray(a, copy=None):
        return np.array(a) if copy else a

    @staticmethod
    def empty(shape):
        return np.empty(shape)


AS_IT_IS = _AsItIs()
