"""`Dual`: an array that carries its value and its tangent through NumPy code.

NumPy's protocols bring every operation here.  Ufuncs and operators are propagated by
`elementwise.py`, through the rule table and its kernels; NumPy's other functions by the handlers in
`registry.py`; methods are in `methods.py`.  The primal is always what NumPy computes for plain
arrays, bit for bit.

A Dual has no `__array__` and its `__float__` raises: a conversion to a plain float array would
drop the derivative.
"""

import math
import operator

import numpy as np

from dualmc.duals import beside, elements, indexing, levels, subclasses, writing
from dualmc.duals.elements import CARRIERS
from dualmc.errors import TangentLostError, missing_rule
from dualmc.kernels.payload import values
from dualmc.rules import registry
from dualmc.tangents.dense_tangent import DenseTangent


class Dual:
    """An array and its tangent, the derivative with respect to k seeded directions.

    Parameters
    ----------
    primal : array_like of floats, shape S
    tangent : array_like, shape S or (k, *S)
        One tangent, or k of them with the basis axis first.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> y = np.sin(dm.Dual([0.0, 1.0], [1.0, 2.0]) ** 2)
    >>> y.tangent
    array([0.        , 2.16120922])
    """

    __slots__ = (
        "_primal",
        "level",
        "_tangent",
        "_view",
        "_writes",
        "_owned",
        "_kept",
        "_square",  # set by `choices.py` alone
        "__weakref__",
    )
    __array_priority__ = 1000.0
    __hash__ = None

    def __init__(self, primal, tangent):
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
        level = levels.manual_level(tangent.shape[0])
        self._primal = primal.astype(dtype)
        self.level = level
        self._tangent = DenseTangent(level, tangent.astype(dtype))
        self._view = None
        self._writes = 0
        self._owned = False
        self._kept = False

    # --- what it holds ---------------------------------------------------------------------------

    @property
    def primal(self):
        """The value: an ndarray, or a Dual of an outer derivative call."""
        view = self._view
        if view is not None and view.memory is not view.root._primal:
            # The root has other memory than when this view was taken: see `replace_primal`.
            self._primal = view.select(view.root._primal)
            view.memory = view.root._primal
        return self._primal

    def replace_primal(self, primal):
        """The same memory, now with the tangents of an outer call, as `primal`."""
        self._primal = primal

    def release(self):
        """Before a write: leave memory that a tape has kept to the tape."""
        root = self if self._view is None else self._view.root
        if root._kept:
            root._kept = False
            if type(root._primal) is np.ndarray:
                root._primal = root._primal.copy(order="K")

    @property
    def tangent(self):
        """The tangent as a dense array, (k, *S); S for a Dual made by hand with one tangent."""
        t = self.own_tangent()
        k = self.level.n
        if self.level.records:
            raise TypeError(
                "In reverse mode the tangent of an array is not computed, only recorded. Use "
                "jvp or jacobian_fwd to look at tangents."
            )
        if t is None:
            dense = np.zeros((k, *self.shape), self.dtype)
        else:
            dense = t.dense()
            dense = dense.copy() if isinstance(dense, np.ndarray) else dense
        return dense[0] if self.level.serial == 0 and k == 1 else dense

    @property
    def is_number(self):
        """Whether NumPy would have a scalar here, not an array of no dimensions.

        A number is never written to; the making of such an array counts as its first write.
        """
        return self._view is None and not self._writes and not self._primal.ndim

    def own_tangent(self):
        """The structured tangent, or None when nothing here depends on the inputs."""
        view = self._view
        if not self.level.open:
            raise levels.finished()
        if view is None:
            self._owned = False
            return self._tangent
        if view.seen != view.root._writes:
            self._tangent = view.derive(self._primal.shape)
            view.seen = view.root._writes
        return self._tangent

    @property
    def shape(self):
        return self.primal.shape

    @property
    def ndim(self):
        return self.primal.ndim

    @property
    def size(self):
        return self.primal.size

    @property
    def dtype(self):
        return self.primal.dtype

    @property
    def nbytes(self):
        return self.primal.nbytes

    @property
    def itemsize(self):
        return self.primal.itemsize

    @property
    def flags(self):
        return values(self.primal).flags

    @property
    def _data(self):  # what numpy.ma, Python code, computes with: see `array.py`
        return self

    @property
    def T(self):
        return registry.FUNCTIONS[np.transpose].handler(self)

    @property
    def mT(self):
        return np.swapaxes(self, -1, -2)

    @property
    def real(self):
        return np.real(self)

    @real.setter
    def real(self, value):
        np.real(self)[...] = value

    @property
    def imag(self):
        return np.imag(self)

    @imag.setter
    def imag(self, value):
        if self.dtype.kind != "c":
            raise TypeError("cannot set the imaginary part of a real array")
        np.imag(self)[...] = value

    @property
    def flat(self):
        return indexing.FlatIterator(self)

    @flat.setter
    def flat(self, value):
        value = np.ravel(as_operand(value))
        self[...] = np.reshape(np.resize(value, self.size), self.shape)

    # Inside f the text of a Dual is that of the number or array in its place, which f may read.

    def __repr__(self):
        if self.level.serial and self.level.open:
            value = values(self)[()]
            return repr(value.item() if any(r() is self for r in self.level.floats) else value)
        return f"Dual({self.primal!r}, tangent of shape {(self.level.n, *self.shape)})"

    def __str__(self):
        if self.level.serial and self.level.open:
            return str(values(self)[()])
        return f"Dual({self.primal})"

    def __format__(self, spec):
        return format(self.primal.item() if self.ndim == 0 else self.primal, spec)

    # --- conversions: the value alone decides, or the derivative would be lost -------------------

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __bool__(self):
        return bool(self.primal)

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, value):
        return bool(np.any(self == value))

    def __index__(self):
        return operator.index(self.primal)

    def __int__(self):
        return int(self.primal)

    def __trunc__(self):
        return math.trunc(self.item_value())

    def __floor__(self):
        return math.floor(self.item_value())

    def __ceil__(self):
        return math.ceil(self.item_value())

    def __round__(self, digits=None):
        value = self.item_value()
        return round(value) if digits is None else round(value, digits)

    def item_value(self):
        return values(self.primal).item()

    def __float__(self):
        if self.own_tangent() is None:
            return float(self.primal)
        self.level.lost = True
        raise TangentLostError(
            "float(dual) would lose the derivative (also met as math.sin(dual) or as storing a "
            "Dual in a float array). Use the NumPy function on the Dual itself, allocate with "
            "numpy.zeros_like(dual), or build the array with numpy.stack. Where a step needs plain "
            "numbers, give its derivative with @dualmc.custom_jvp (of a root, dualmc.custom_root).",
            level=self.level,
        )

    def __complex__(self):
        if self.own_tangent() is None:
            return complex(self.primal)
        self.level.lost = True
        raise TangentLostError(
            "complex(dual) would lose the derivative. Multiply by 1j, or use NumPy functions.",
            level=self.level,
        )

    @property
    def __array_interface__(self):
        # NumPy looks for this before it makes an object array of Duals.  Those keep derivatives,
        # but know no complex numbers: their .real is themselves and their .imag is 0.
        if self.own_tangent() is not None and self.dtype.kind == "c":
            self.level.lost = True
            raise TangentLostError(
                "numpy.array of complex Duals would lose the derivative of their parts. Build "
                "the array with numpy.stack, or assign into numpy.zeros_like(dual, dtype=complex)."
            )
        raise AttributeError("__array_interface__")

    @property
    def __array__(self):
        # Where no tangent is, other libraries see the array itself; else this is not defined.
        if self.own_tangent() is not None:
            raise AttributeError("__array__")
        primal = self.primal
        if type(primal) is Dual:
            return primal.__array__
        loan = levels.Loan(primal)
        root = self if self._view is None else self._view.root
        root.level.lend(root, loan)
        lent = np.asarray(loan)

        def as_array(dtype=None, copy=None):
            return np.array(lent, dtype, copy=copy)

        return as_array

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        raise TypeError(
            "A Dual cannot be pickled: it belongs to a derivative call of this process."
        )

    # --- protocols -------------------------------------------------------------------------------

    def __array_function__(self, function, types, args, kwargs):
        if len(types) > 1 or len(args) > 1 and not types:
            for kind in types or map(type, args):
                if kind not in OPERANDS and kind is not _NONE:
                    args, kwargs = beside.function_beside(types, args, kwargs)
                    if args is None:
                        return NotImplemented
                    break
        entry = registry.FUNCTIONS.get(function)
        if entry is not None:
            if len(args) > 1 and entry.kind in _OF_VALUES:
                args = _without_blanks(function, args)
            return entry.handler(*args, **kwargs)
        if function in registry.CREATION:  # called with like=dual
            return _created_like(self, function, args, kwargs)
        if not has_tangent([*args, *kwargs.values()]):
            return registry.flat_handler(function)(*args, **kwargs)
        raise missing_rule(registry.name_of(function))

    # --- indexing: `recorded_parts.py` attaches reading, as `elementwise.py` does operators -------

    def __setitem__(self, key, value):
        writing.set(self, key, as_operand(value))


def _float_array(a, what):
    a = np.asarray(a)
    if a.dtype.kind in "iu":
        return a.astype(np.float64)
    if a.dtype.kind not in "fc":
        raise TypeError(f"Dual: {what} must be an array of floats, got dtype {a.dtype}.")
    return a


_new = Dual.__new__
ndarray = np.ndarray


def make(primal, tangent, level, view=None):
    """A Dual of `level`; `primal` becomes an array if NumPy returned a scalar.

    With a `view`, the Dual shares memory with the view's root and derives its tangent from it.
    """
    out = _new(Dual)
    if type(primal) is not ndarray and type(primal) is not Dual:
        primal = np.asarray(primal)
    out._primal = primal
    out.level = level
    out._tangent = tangent
    out._view = view
    out._writes = 0
    out._owned = False
    out._kept = False
    return out


def make_array(primal, tangent, level):
    """`make`, for what is an array in NumPy even where it has no dimensions."""
    out = make(primal.as_array() if type(primal) is Dual else primal, tangent, level)
    out._writes = 1
    return out


def as_array(dual):
    """`dual` itself, or of a number the array that NumPy makes of it: memory of its own."""
    if dual._writes or dual._primal.ndim or dual._view is not None:
        return dual
    return _rooted(make_array(dual.primal.copy(), dual.own_tangent(), dual.level), dual)


def _rooted(copy, dual):
    """`copy`, which is the root of what `dual` is the root of: see `choices.py`."""
    square, seen = getattr(dual, "_square", (None, 0))
    root = dual if dual._view is None else dual._view.root
    if square is not None and seen == root._writes:
        copy._square = square, copy._writes
    return copy


Dual.make = staticmethod(make)
CARRIERS.add(Dual)
# What operands are made of; whatever else arrives beside a Dual is looked at in `subclasses.py`.
OPERANDS = subclasses.OPERANDS | {Dual}
_NONE = type(None)
Dual.make_array = staticmethod(make_array)
Dual.as_array = as_array


def as_number(dual):
    """The number in an array of no dimensions."""
    return _rooted(make(dual.primal.copy(), dual.own_tangent(), dual.level), dual)


Dual.as_number = as_number


def is_dual(a):
    return type(a) is Dual


# Kinds of functions that take the values of their arguments and return new arrays.
_OF_VALUES = frozenset({"linear", "bilinear", "composite"})


def _without_blanks(function, args):
    """`args` with plain arrays for Duals without tangent beside others that have one."""
    if sum(type(a) is Dual for a in args) < 2:
        return args
    is_blank = [type(a) is Dual and a.own_tangent() is None for a in args]
    if not any(is_blank) or sum(type(a) is Dual for a in args) == sum(is_blank):
        return args
    out = registry.position_of_out(function)
    return tuple(
        a.primal if blank and i != out else a
        for i, (a, blank) in enumerate(zip(args, is_blank, strict=True))
    )


def _created_like(dual, function, args, kwargs):
    """``np.zeros(n, like=dual)`` and its kin: a Dual that may be written to."""
    if has_dual(args):
        y = args[0] if type(args[0]) is Dual else from_sequence(args[0])
        dtype = kwargs.get("dtype")
        return np.copy(y) if dtype is None else y.astype(dtype)
    y = function(*args, **kwargs)
    return make(y, None, dual.level) if y.dtype.kind in "fc" else y


# --- Operands ------------------------------------------------------------------------------------


def as_operand(a):
    """Anything a user may combine with a Dual, as a Dual, an ndarray or a number."""
    kind = type(a)
    if kind is Dual or kind is float or kind is int:
        return a
    if kind is np.ndarray:
        return from_objects(a) if a.dtype == object else a
    if isinstance(a, (list, tuple)):
        return from_sequence(a)
    if kind not in OPERANDS:
        if kind is elements.Number:
            return a.carrier
        subclasses.check(a)
        if isinstance(a, np.ndarray):
            return as_operand(a.view(np.ndarray))
    return a


def has_dual(a):
    """Whether a nest of lists and tuples, or an object array, holds a Dual."""
    if type(a) is Dual:
        return True
    if isinstance(a, (list, tuple)):
        return any(has_dual(item) for item in a)
    if isinstance(a, np.ndarray) and a.dtype == object:
        return any(type(elements.opened(item)) is Dual for item in np.asarray(a).flat)
    return type(a) is elements.Number and type(a.carrier) is Dual


# Functions that join a list if they can, and else return None: `numbers.py` has one.
SHORT_JOINS: list = []


def from_sequence(items):
    """What ``np.array(items)`` would be, as a Dual if any entry is one."""
    for join in SHORT_JOINS:
        y = join(items)
        if y is not None:
            return y
    if not has_dual(items):
        subclasses.check(items)
        return np.asarray(items)
    parts = [_in_an_array(as_operand(item)) for item in items]
    shapes = {part.shape if type(part) is Dual else np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"A list of arrays of shapes {sorted(shapes, key=str)} has no common shape; "
            f"use numpy.concatenate to join them."
        )
    return np.stack(parts)


def _in_an_array(a):
    """`a` as an item of an array: a Python float (`weak.py`) is a float64 there."""
    dtype = getattr(a, "dtype", None)
    return a if dtype is None or dtype.metadata is None else a.astype(np.float64)


def has_tangent(a):
    """Whether `a`, or an entry of a nest of lists, is a Dual with a tangent at any level."""
    if isinstance(a, (list, tuple)):
        return any(has_tangent(item) for item in a)
    if isinstance(a, np.ndarray) and a.dtype == object:
        return any(has_tangent(item) for item in a.flat)
    while type(a) is Dual:
        if a.own_tangent() is not None:
            return True
        a = a.primal
    return False


def from_objects(a):
    """An object array of Duals and numbers, as one Dual."""
    if not has_dual(a):
        return a
    a = elements.opened_array(a)
    return np.reshape(np.stack([as_operand(item) for item in a.flat]), a.shape)


def level_of(*args):
    """The innermost open level among Duals in `args` (nests of lists and tuples included)."""
    found = []
    _collect_levels(args, found)
    return levels.innermost(found)


def _collect_levels(args, found):
    for a in args:
        if type(a) is Dual:
            found.append(a.level)
        elif isinstance(a, (list, tuple)):
            _collect_levels(a, found)


def primal_at(a, level):
    """`a` as the functions of `level` see it: primals of its Duals, everything else as it is."""
    if type(a) is Dual:
        return a.primal if a.level is level else a
    if type(a) is list or type(a) is tuple:
        return type(a)(primal_at(item, level) for item in a)
    return a


def tangent_at(a, level):
    """The tangent of `a` at `level`, or None for constants."""
    if type(a) is Dual and a.level is level:
        return a.own_tangent()
    return None
