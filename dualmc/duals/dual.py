"""`Dual`: an array that carries its value and its tangent through NumPy code.

The class holds the two and says what they are.  What is done to a Dual comes by NumPy's protocols,
operators and methods, from the rooms above: `ATTACHED`, below the class, lists them by file.  The
primal is always what NumPy computes for plain arrays, bit for bit.

A Dual has no `__array__` and its `__float__` raises: a conversion to a plain float array would
drop the derivative.
"""

import copy
import math
import operator

import numpy as np

from dualmc.duals import conversions, ended, levels
from dualmc.duals.elements import CARRIERS
from dualmc.kernels.payload import values
from dualmc.rules.registry import FUNCTIONS
from dualmc.tangents.dense_tangent import DenseTangent

ndarray = np.ndarray


class Dual:
    """An array and its tangent, the derivative with respect to k seeded directions.

    Parameters
    ----------
    primal : array_like of floats, shape S
    tangent : array_like, shape S or (k,) + S
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
        "pythons",  # set of a float of Python's: whether it raises (`steps/floats.py`)
        "_signature",  # see `signatures.py`; None after every change
        "__weakref__",
    )
    __array_priority__ = 1000.0
    __hash__ = None

    def __init__(self, primal, tangent):
        self._primal, tangent = conversions.made_by_hand(primal, tangent)
        self.level = levels.manual_level(tangent.shape[0])
        self._tangent = DenseTangent(self.level, tangent)
        self._view = None
        self._writes = 0
        self._owned = self._kept = False
        self._signature = None

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
        self._signature = None

    def release(self):
        """Before a write: leave memory that a tape has kept to the tape."""
        root = self if self._view is None else self._view.root
        if root._kept:
            root._kept = False
            if type(root._primal) is ndarray:
                root._primal = root._primal.copy(order="K")

    @property
    def tangent(self):
        """The tangent as a dense array, ``(k, *S)``; S for a Dual made by hand with one tangent."""
        return conversions.tangent_array(self)

    def own_tangent(self):
        """The structured tangent, or None when nothing here depends on the inputs."""
        view = self._view
        if not self.level.open:
            raise levels.finished(self)
        if view is None:
            self._owned = False
            return self._tangent
        if view.seen != view.root._writes:
            self._tangent = view.derive(self._primal.shape)
            self._signature = None
            view.seen = view.root._writes
        return self._tangent

    @property
    def has_ended(self):
        """Whether the derivative call that it belongs to has."""
        return not self.level.open

    @property
    def is_running(self):
        """Whether that call is under way, in whatever thread; a Dual made by hand has none."""
        return self.level.open and self.level.serial > 0

    def ended_value(self):
        """The plain array that it is where it has: see `ended.py`."""
        return ended.value_of(self)

    @property
    def is_number(self):
        """Whether NumPy would have a scalar here, not an array of no dimensions.

        A number is never written to; the making of such an array counts as its first write.
        """
        return self._view is None and not self._writes and not self._primal.ndim

    def as_array(self):
        """Itself, or of a number the array that NumPy makes of it: memory of its own."""
        if self._writes or self._primal.ndim or self._view is not None:
            return self
        return _rooted(make_array(self.primal.copy(), self.own_tangent(), self.level), self)

    def as_number(self):
        """The number in an array of no dimensions."""
        return _rooted(make(self.primal.copy(), self.own_tangent(), self.level), self)

    # --- as an array -----------------------------------------------------------------------------

    # What it stands for, to code that asks ``isinstance(x, np.ndarray)``, ``x.__class__`` or, as
    # functools.singledispatch does, both.  dualmc itself asks ``type(a)``, which does not lie.
    __class__ = property(conversions.class_of)
    shape = property(lambda self: self.primal.shape)
    ndim = property(lambda self: self.primal.ndim)
    size = property(lambda self: self.primal.size)
    dtype = property(lambda self: self.primal.dtype)
    nbytes = property(lambda self: self.primal.nbytes)
    itemsize = property(lambda self: self.primal.itemsize)
    flags = property(lambda self: values(self.primal).flags)
    _data = property(lambda self: self)  # what numpy.ma computes with: `unchanged/masked/array.py`
    T = property(
        lambda self: FUNCTIONS[np.transpose].handler(self) if self.level.open else self.transpose()
    )
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: np.real(self), conversions.set_real)
    imag = property(lambda self: np.imag(self), conversions.set_imag)

    def __len__(self):
        return conversions.length(self)

    def __iter__(self):
        return conversions.iterator(self)

    def __contains__(self, value):
        return bool(np.any(self == value))

    # --- conversions: the value alone decides, or the derivative would be lost -------------------

    def __repr__(self):
        return conversions.text(self)

    def __str__(self):
        return conversions.short_text(self)

    def __format__(self, spec):
        return conversions.formatted(self, spec)

    def __bool__(self):
        return bool(self.primal)

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
        return conversions.rounded(self, digits)

    def item_value(self):
        return values(self.primal).item()

    def __float__(self):
        return conversions.as_float(self)

    def __complex__(self):
        return conversions.as_complex(self)

    __array_interface__ = property(conversions.array_interface)
    __array__ = property(conversions.array)

    def __copy__(self):
        return self.copy() if self.level.open else copy.copy(self.ended_value())

    def __deepcopy__(self, memo):
        return copy.copy(self)

    def __reduce__(self):
        if self.has_ended:
            return ended.reduced(self)
        raise TypeError(
            "A Dual cannot be pickled: it belongs to a derivative call of this process."
        )


# What the rooms above give the class, by the file that does, and which nobody else may add to.  A
# method in the class that called on would cost every operation a Python call more.
ATTACHED = {
    "duals/indexing.py": "__getitem__ flat",
    "duals/writing.py": "__setitem__",
    "steps/protocols.py": "__array_ufunc__ __array_function__",
    "steps/operators.py": """
        __add__ __sub__ __mul__ __truediv__ __floordiv__ __mod__ __matmul__ __pow__ __divmod__
        __radd__ __rsub__ __rmul__ __rtruediv__ __rfloordiv__ __rmod__ __rmatmul__ __rpow__
        __rdivmod__ __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __imod__ __imatmul__
        __ipow__ __neg__ __pos__ __abs__ __lt__ __le__ __gt__ __ge__ __eq__ __ne__
    """,
    "functions/methods.py": """
        reshape transpose ravel flatten squeeze swapaxes diagonal
        copy astype view item tolist conj conjugate
        take compress choose repeat searchsorted nonzero sort argsort partition argpartition
        sum prod mean var std cumsum cumprod max min ptp argmax argmin all any trace dot clip round
        fill put
        sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh
        exp exp2 expm1 log log2 log10 log1p logaddexp sqrt cbrt square reciprocal hypot
        deg2rad rad2deg degrees radians rint floor ceil trunc fabs sign isnan isinf isfinite
        logical_not
    """,
    "unchanged/attributes.py": """
        shape dtype strides base data ctypes device to_device setflags resize
        byteswap getfield setfield tobytes tofile dump dumps __bytes__ __dlpack__ __dlpack_device__
        __array_namespace__ as_integer_ratio is_integer hex
    """,
}
CARRIERS.add(Dual)
as_array = Dual.as_array


_new = Dual.__new__


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
    out._signature = None
    return out


Dual.make = staticmethod(make)  # for the rooms below, which are given Duals


def make_array(primal, tangent, level):
    """`make`, for what is an array in NumPy even where it has no dimensions."""
    out = make(primal.as_array() if type(primal) is Dual else primal, tangent, level)
    out._writes = 1
    return out


def _rooted(copy, dual):
    """`copy`, which is the root of what `dual` is the root of: see `choices.py`."""
    square, seen = getattr(dual, "_square", (None, 0))
    root = dual if dual._view is None else dual._view.root
    if square is not None and seen == root._writes:
        copy._square = square, copy._writes
    return copy
