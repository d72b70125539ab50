"""What a Dual is made of by hand, and what it is turned into: text, Python's numbers, plain arrays.

Where that would lose the derivative it is refused.
"""

import sys

import numpy as np

from dualmc.duals import ended, levels, texts
from dualmc.errors import TangentLostError
from dualmc.kernels.payload import values


def made_by_hand(primal, tangent):
    """The arrays of ``Dual(primal, tangent)``, of one dtype, the tangent as (k, *S)."""
    primal = _float_array(primal, "primal")
    tangent = _float_array(tangent, "tangent")
    if tangent.shape == primal.shape:
        tangent = tangent[None]
    elif tangent.shape[1:] != primal.shape or tangent.ndim != primal.ndim + 1:
        raise ValueError(
            f"Dual: tangent has shape {tangent.shape}; the primal's shape {primal.shape} needs "
            f"{primal.shape} or (k, *{primal.shape})."
        )
    dtype = np.result_type(primal, tangent)
    return primal.astype(dtype), tangent.astype(dtype)


def _float_array(a, what):
    a = np.asarray(a)
    if a.dtype.kind in "iu":
        return a.astype(np.float64)
    if a.dtype.kind not in "fc":
        raise TypeError(f"Dual: {what} must be an array of floats, got dtype {a.dtype}.")
    return a


def tangent_array(dual):
    """``dual.tangent``: dense, (k, *S), or S."""
    t = dual.own_tangent()
    k = dual.level.n
    if dual.level.records:
        raise TypeError(
            "In reverse mode the tangent of an array is not computed, only recorded. Use "
            "jvp or jacobian_fwd to look at tangents."
        )
    if t is None:
        dense = np.zeros((k, *dual.shape), dual.dtype)
    else:
        dense = t.dense()
        dense = dense.copy() if issubclass(type(dense), np.ndarray) else dense
    return dense[0] if dual.level.serial == 0 and k == 1 else dense


def set_real(dual, value):
    np.real(dual)[...] = value


def set_imag(dual, value):
    if dual.dtype.kind != "c":
        raise TypeError("cannot set the imaginary part of a real array")
    np.imag(dual)[...] = value


def length(dual):
    if not dual.shape:
        raise TypeError("len() of unsized object")
    return dual.shape[0]


def iterator(dual):
    if not dual.shape:
        raise TypeError("iteration over a 0-d array")
    return (dual[i] for i in range(dual.shape[0]))


def class_of(dual):
    """``dual.__class__``: that of the array or number in its place, wherever it is read as such."""
    if not _is_as_plain(dual.level):
        return type(dual)
    if dual._writes or dual._view is not None or dual._primal.ndim:  # no number
        return np.ndarray
    return float if is_pythons(dual) else values(dual).dtype.type


def is_pythons(dual):
    """Whether f knows the number as a float of Python's."""
    return hasattr(dual, "pythons") or values(dual).dtype.metadata is not None


# --- Text: inside f that of the number or array in the Dual's place, which f may read -------------


def text(dual):
    level = dual.level
    if level.serial and _is_as_plain(level):
        value = _shown(dual)
        return repr(value.item() if is_pythons(dual) else value)
    return f"Dual({dual.primal!r}, tangent of shape {(level.n, *dual.shape)})"


def short_text(dual):
    if dual.level.serial and _is_as_plain(dual.level):
        return str(_shown(dual))
    return f"Dual({dual.primal})"


def formatted(dual, spec):
    return format(_shown(dual), spec)


def _shown(dual):
    """The plain number or array, which somebody may read again."""
    value, level = values(dual)[()], dual.level
    if level.serial and level.open and dual.own_tangent() is not None:
        texts.shown(level, value)
    return value


def _is_as_plain(level):
    return level.open or not levels.is_inside()


# --- Plain numbers and arrays ---------------------------------------------------------------------


def as_float(dual):
    if not dual.level.open:
        return float(ended.value_of(dual))
    if dual.own_tangent() is None:
        return float(dual.primal)
    if texts.is_formatting(sys._getframe(2)):
        return float(_shown(dual))
    dual.level.lost = True
    raise TangentLostError(
        "float(dual) would lose the derivative (also met as math.sin(dual) or as storing a "
        "Dual in a float array). Use the NumPy function on the Dual itself, allocate with "
        "numpy.zeros_like(dual), or build the array with numpy.stack. Where a step needs plain "
        "numbers, give its derivative with @dualmc.custom_jvp (of a root, dualmc.custom_root).",
        level=dual.level,
    )


def rounded(dual, digits):
    """``round(dual, digits)``, locally constant as `np.round` and `np.rint` are: a plain number."""
    value = values(dual)[()]
    if is_pythons(dual):
        value = value.item()
    return round(value) if digits is None else round(value, digits)


def as_complex(dual):
    if not dual.level.open:
        return complex(ended.value_of(dual))
    if dual.own_tangent() is None:
        return complex(dual.primal)
    dual.level.lost = True
    raise TangentLostError(
        "complex(dual) would lose the derivative. Multiply by 1j, or use NumPy functions.",
        level=dual.level,
    )


def array_interface(dual):
    """``dual.__array_interface__``: none.

    NumPy looks for it before it makes an object array of Duals.  Those keep derivatives, but know
    no complex numbers: their .real is themselves and their .imag is 0.
    """
    if dual.level.open and dual.own_tangent() is not None and dual.dtype.kind == "c":
        dual.level.lost = True
        raise TangentLostError(
            "numpy.array of complex Duals would lose the derivative of their parts. Build "
            "the array with numpy.stack, or assign into numpy.zeros_like(dual, dtype=complex)."
        )
    raise AttributeError("__array_interface__")


def array(dual):
    """``dual.__array__``: where no tangent is, other libraries see the array itself; else none."""
    if not dual.level.open:
        value = ended.value_of(dual)
        if type(value) is type(dual):
            return value.__array__
        return lambda dtype=None, copy=None: np.array(value, dtype, copy=copy)
    if dual.own_tangent() is not None:
        raise AttributeError("__array__")
    primal = dual.primal
    if type(primal) is type(dual):
        return primal.__array__
    loan = Loan(primal)
    root = dual if dual._view is None else dual._view.root
    root.level.lend(root, loan)
    lent = np.asarray(loan)

    def as_array(dtype=None, copy=None):
        return np.array(lent, dtype, copy=copy)

    return as_array


class Loan:
    """Memory of a plain array that lives as long as any array made of it is held."""

    __slots__ = ("__array_interface__", "memory", "__weakref__")

    def __init__(self, array):
        self.memory = array
        self.__array_interface__ = array.__array_interface__
