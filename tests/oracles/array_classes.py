"""Classes of arrays that are no more than an array, and that mean more, one per mechanism."""

import tempfile

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

import dualmc as dm

V = np.array([1.5, 2.5, 3.5])
X = np.array([2.2, 0.7, 4.3])


# --- Arrays that are no more ---------------------------------------------------------------------


class Empty(np.ndarray):
    pass


class WithMethods(np.ndarray):
    """New names only."""

    def __new__(cls, values):
        return np.asarray(values, float).view(cls)

    def total(self):
        return self.sum()

    def __repr__(self):
        return "WithMethods(...)"


# --- Arrays that mean more: one class per mechanism ----------------------------------------------


class Labelled(np.ndarray):
    def __array_finalize__(self, obj):
        self.label = getattr(obj, "label", "none")


class Scaled(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        inputs = [np.asarray(a) if isinstance(a, Scaled) else a for a in inputs]
        return 10 * getattr(ufunc, method)(*inputs, **options)


class Logarithm(np.ndarray):
    """Multiplication is addition, and takes no part in ufuncs."""

    __array_ufunc__ = None

    def __mul__(self, other):
        return np.asarray(self) + np.asarray(other)

    __rmul__ = __mul__

    def __add__(self, other):
        return np.asarray(self) * np.asarray(other)

    __radd__ = __add__


class OnTheLeft(np.ndarray):
    def __mul__(self, other):
        return np.asarray(self) * 1000.0 * other


class OnTheRight(np.ndarray):
    def __rmul__(self, other):
        return 7.0 * np.asarray(self) * other

    def __rsub__(self, other):
        return 100.0 * (other - np.asarray(self))


class AsksForArrays(np.ndarray):
    def __rmul__(self, other):
        return np.asarray(self) * other * (2.0 if isinstance(other, np.ndarray) else 4.0)


class Wrapping(np.ndarray):
    def __array_wrap__(self, array, context=None, return_scalar=False):
        return 3 * np.asarray(array)


class Foremost(np.ndarray):
    __array_priority__ = 50.0


class OwnFunctions(np.ndarray):
    def __array_function__(self, function, types, args, options):
        def plain(a):
            if isinstance(a, (list, tuple)):
                return type(a)(plain(b) for b in a)
            return np.asarray(a) if isinstance(a, OwnFunctions) else a

        options = {name: plain(a) for name, a in options.items()}
        return 2 * function(*plain(args), **options)


class OwnSum(np.ndarray):
    def sum(self, *args, **options):
        return 2 * np.asarray(self).sum(*args, **options)


class OwnItems(np.ndarray):
    def __getitem__(self, key):
        return 5 * np.asarray(self)[key]


class OwnOrder(np.ndarray):
    def __lt__(self, other):
        return np.asarray(self) >= np.asarray(other)

    __gt__ = __lt__


class OwnMasked(np.ma.MaskedArray):
    pass


class Duck(NDArrayOperatorsMixin):
    """No subclass, but an array by NumPy's protocol."""

    def __init__(self, v):
        self.v = np.asarray(v)

    def __array__(self, dtype=None, copy=None):
        return self.v

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        inputs = [a.v if isinstance(a, Duck) else a for a in inputs]
        return 3 * getattr(ufunc, method)(*inputs, **options)


ARRAYS = [Empty, WithMethods, np.recarray, np.memmap]
OWN = [
    Labelled, Scaled, Logarithm, OnTheLeft, OnTheRight, AsksForArrays, Wrapping, Foremost,
    OwnFunctions, OwnSum, OwnItems, OwnOrder,
]  # fmt: skip
OTHERS = {
    "masked": lambda: np.ma.array(V, mask=[0, 1, 0]),
    "unmasked": lambda: np.ma.array(V),
    "own masked": lambda: OwnMasked(V, mask=[0, 0, 1]),
    "matrix": lambda: np.matrix(V),
    "duck": lambda: Duck(V),
}
MAKERS = {kind.__name__: lambda kind=kind: V.copy().view(kind) for kind in OWN} | OTHERS


def of_class(kind):
    if kind is not np.memmap:
        return V.copy().view(kind)
    with tempfile.TemporaryFile() as file:
        c = np.memmap(file, float, "w+", shape=3)
        c[:] = V
    return c


def said(error):
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def is_refusal(error):
    return isinstance(error, (dm.TangentLostError, dm.MissingRuleError)) or "dualmc" in said(error)
