"""Element by element: ``np.vectorize``; ``np.nditer``, whose elements are views of its arrays."""

import math

import numpy as np

from dualmc.duals import subclasses
from dualmc.errors import missing_case
from dualmc.unchanged.standins.table import (
    CALLED,
    has_carrier,
    is_carrier,
    operand,
    stands_for,
    value_of,
)


@stands_for(np.vectorize)
class vectorize:
    """``np.vectorize``, whose results keep their derivatives."""

    def __init__(self, pyfunc=None, otypes=None, doc=None, excluded=None, cache=False,
                 signature=None):  # fmt: skip
        self.pyfunc = pyfunc
        self.options = (otypes, doc, excluded, cache, signature)
        self.excluded = frozenset() if excluded is None else frozenset(excluded)
        self.signature = signature

    def __call__(self, *args, **kwargs):
        if self.pyfunc is None:  # used as a decorator with options
            return vectorize(args[0], *self.options)
        if not has_carrier(args) and not has_carrier(tuple(kwargs.values())) or self.signature:
            return np.vectorize(self.pyfunc, *self.options)(*args, **kwargs)
        fixed = {k: v for k, v in kwargs.items() if k in self.excluded}
        names = [k for k in kwargs if k not in self.excluded]
        places = [i for i in range(len(args)) if i not in self.excluded]
        for a in (*(args[i] for i in places), *(kwargs[k] for k in names)):
            subclasses.check(a)
        arrays = np.broadcast_arrays(
            *(operand(args[i]) for i in places), *(operand(kwargs[k]) for k in names)
        )
        if not arrays[0].size:  # as NumPy does
            plain = [value_of(operand(a)) for a in args]
            return np.vectorize(self.pyfunc, *self.options)(*plain, **kwargs)
        found, pyfunc = [], self.pyfunc
        if isinstance(pyfunc, type):
            pyfunc = CALLED.get(pyfunc, pyfunc)
        for index in np.ndindex(*arrays[0].shape):
            entries = [a[index] for a in arrays]
            call = list(args)
            for i, entry in zip(places, entries, strict=False):
                call[i] = entry
            found.append(
                pyfunc(*call, **fixed, **dict(zip(names, entries[len(places) :], strict=True)))
            )
        if issubclass(type(found[0]), tuple):
            return tuple(self._joined(part, arrays) for part in zip(*found, strict=True))
        return self._joined(found, arrays)

    @staticmethod
    def _joined(found, arrays):
        return np.reshape(operand(list(found)), arrays[0].shape)


_FLAGS = frozenset({"multi_index", "c_index", "f_index", "refs_ok", "zerosize_ok"})
_OF_OPERANDS = frozenset({"readonly", "readwrite", "writeonly", "no_broadcast"})


@stands_for(np.nditer)
def nditer(op, flags=None, op_flags=None, *args, **options):
    several = issubclass(type(op), (list, tuple))
    ops = list(op) if several else [op]
    if not has_carrier(ops):
        return np.nditer(op, *[a for a in (flags, op_flags) if a is not None], *args, **options)
    asked = [*(flags or ()), *_flattened(op_flags or ())]
    order = options.pop("order", "K")
    refused = set(asked) - _FLAGS - _OF_OPERANDS
    if refused or args or options:
        raise missing_case("numpy.nditer", f"with {', '.join(sorted(refused)) or 'these options'}")
    arrays = [operand(a) if has_carrier(a) else np.asarray(a) for a in ops]
    arrays = [a.as_array() if is_carrier(a) else a for a in arrays]
    return Iterator(arrays, frozenset(asked), order)


def _flattened(flags):
    for flag in flags:
        if isinstance(flag, str):
            yield flag
        else:
            yield from _flattened(flag)


class Iterator:
    """What `numpy.nditer` is to f: views of single elements, one array after another."""

    def __init__(self, arrays, flags, order):
        plain = [value_of(a) for a in arrays]
        self.shape = np.broadcast_shapes(*(a.shape for a in plain))
        self.operands, self.nop = tuple(arrays), len(arrays)
        self.ndim, self.itersize = len(self.shape), math.prod(self.shape)
        writes = flags & {"readwrite", "writeonly"}
        self._arrays = [
            a if a.shape == self.shape else np.broadcast_to(a, self.shape) for a in arrays
        ]
        if writes and any(a.shape != self.shape for a in arrays):
            raise missing_case("numpy.nditer", "that writes to operands of several shapes")
        if not self.itersize and "zerosize_ok" not in flags:
            raise ValueError("Iteration of zero-sized operands is not enabled")
        self._flags, self._order = flags, order
        is_fortran = order == "F" or order in "KA" and all(_is_fortran(a) for a in plain)
        self._axes = range(self.ndim) if is_fortran else range(self.ndim)[::-1]
        if order == "K" and not is_fortran and not all(a.flags.c_contiguous for a in plain):
            raise missing_case("numpy.nditer", "in the order of memory (order='K') of such arrays")
        self.reset()

    def reset(self):
        self.iterindex = -1

    def _place(self):
        rest, place = max(self.iterindex, 0), [0] * self.ndim
        for axis in self._axes:
            rest, place[axis] = divmod(rest, self.shape[axis])
        return tuple(place)

    def __iter__(self):
        return self

    def __next__(self):
        if self.iterindex + 1 >= self.itersize:
            self.iterindex = self.itersize
            raise StopIteration
        self.iterindex += 1
        return self.value

    def iternext(self):
        self.iterindex = max(self.iterindex, 0) + 1
        return not self.finished

    @property
    def finished(self):
        return self.iterindex >= self.itersize

    @property
    def value(self):
        found = tuple(a[(*self._place(), ...)] for a in self._arrays)
        return found if self.nop > 1 else found[0]

    def __getitem__(self, i):
        return self._arrays[i][(*self._place(), ...)]

    def __setitem__(self, i, value):
        self._arrays[i][(*self._place(), ...)] = value

    @property
    def multi_index(self):
        if "multi_index" not in self._flags:
            raise ValueError("Iterator is not tracking a multi-index")
        return self._place()

    @property
    def index(self):
        if not self._flags & {"c_index", "f_index"}:
            raise ValueError("Iterator does not have an index")
        order = "C" if "c_index" in self._flags else "F"
        return int(np.ravel_multi_index(self._place(), self.shape, order=order))

    def __len__(self):
        return self.itersize

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def close(self):
        pass


def _is_fortran(a):
    return a.flags.f_contiguous and not a.flags.c_contiguous
