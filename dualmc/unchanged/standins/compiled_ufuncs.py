"""Ufuncs that Numba has made (``vectorize``, ``guvectorize``), by the Python functions they are of.

A ufunc is applied element by element, a generalized one core by core, as its signature says;
without Duals among the arguments they are what they are.
"""

import itertools
import re

import numpy as np

from dualmc.errors import missing_case
from dualmc.unchanged.standins import compiled_functions
from dualmc.unchanged.standins.by_element import vectorize
from dualmc.unchanged.standins.table import blank, has_carrier, operand

_made: dict = {}  # by id of the ufunc, which it keeps
KEPT = 256


def of(ufunc, function):
    """The stand-in for a ufunc of Numba's, which applies the Python `function`."""
    found = _made.get(id(ufunc))
    if found is None or found.function is not function:
        if len(_made) >= KEPT:
            _made.clear()
        kind = Generalized if getattr(ufunc, "signature", None) else ByElement
        found = _made[id(ufunc)] = kind(ufunc, function)
    return found


def is_ufunc(value):
    return hasattr(value, "ufunc") and hasattr(value, "_dispatcher")


class ByElement:
    """A ufunc of numbers."""

    def __init__(self, ufunc, function):
        self._ufunc = ufunc
        self.function = function
        self.__name__ = ufunc.__name__
        self.known = None  # what the room above knows of it

    def __call__(self, *args, **kwargs):
        if not has_carrier(args) and not has_carrier(list(kwargs.values())):
            return self._ufunc(*args, **kwargs)
        if kwargs:
            raise missing_case(f"{self.__name__} (made by numba)", f"with {', '.join(kwargs)}=")
        y = compiled_functions.ufuncs().call(self, self._ufunc, args)
        if y is not None:
            return y
        y = vectorize(self.function)(*args)
        return y if np.ndim(y) else y[()]

    def __getattr__(self, name):
        return getattr(self._ufunc, name)


class Generalized(ByElement):
    """A ufunc of arrays: ``"(n),()->(n)"``."""

    def __init__(self, ufunc, function):
        super().__init__(ufunc, function)
        sides = [re.findall(r"\(([^)]*)\)", side) for side in ufunc.signature.split("->")]
        self._inputs, self._outputs = [
            [tuple(filter(None, re.split(r"\s*,\s*", core.strip()))) for core in side]
            for side in sides
        ]

    def __call__(self, *args, **kwargs):
        if not has_carrier(args) and not has_carrier(list(kwargs.values())):
            return self._ufunc(*args, **kwargs)
        if kwargs or len(args) != len(self._inputs):
            raise missing_case(f"{self.__name__} (made by numba)", "with results to write to")
        arrays = [np.asarray(operand(a)) if not has_carrier(a) else operand(a) for a in args]
        sizes, loop = {}, ()
        for a, core in zip(arrays, self._inputs, strict=True):
            shape = np.shape(a)
            if len(shape) < len(core):
                raise ValueError(
                    f"{self.__name__}: an argument of shape {shape} has less dimensions than the "
                    f"signature {self._ufunc.signature} asks for."
                )
            cut = len(shape) - len(core)
            for name, size in zip(core, shape[cut:], strict=True):
                if sizes.setdefault(name, size) != size:
                    raise ValueError(
                        f"{self.__name__}: {name} of the signature {self._ufunc.signature} is both "
                        f"{sizes[name]} and {size}."
                    )
            loop = np.broadcast_shapes(loop, shape[:cut])
        outputs = [
            blank(np.zeros((*loop, *(self._size(n, sizes) for n in core))))
            for core in self._outputs
        ]
        for place in itertools.product(*map(range, loop)):
            inner = [_core(a, core, place) for a, core in zip(arrays, self._inputs, strict=True)]
            outer = [
                y[place] if core else np.reshape(y, (*loop, 1))[place]
                for y, core in zip(outputs, self._outputs, strict=True)
            ]
            self.function(*inner, *outer)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _size(self, name, sizes):
        if name.isdigit():
            return int(name)
        if name not in sizes:
            raise missing_case(f"{self.__name__} (made by numba)", f"of an unknown size {name}")
        return sizes[name]


def _core(a, core, place):
    """What one call of the function is given of the array `a`."""
    cut = np.ndim(a) - len(core)
    shape = np.shape(a)[:cut]
    own = place[len(place) - cut :]
    return a[tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))]
