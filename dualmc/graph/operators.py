"""The operators of a Traced: each is the ufunc of its name."""

import operator
from typing import Any

import numpy as np

from dualmc.duals import beside, subclasses
from dualmc.duals.operands import OPERANDS
from dualmc.graph.record import as_operand, plain
from dualmc.graph.traced import Traced
from dualmc.graph.views import check_writable, rebind
from dualmc.steps.operators import BINARY, COMPARISONS, SHORTCUTS

# Those of masks are for whole programs, which alone hold masks.
_MORE = {
    "matmul": np.matmul,
    "pow": np.power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


def _is_known(other: Any) -> bool:
    return type(other) in OPERANDS or type(other) is Traced


def _noted(y: Any, *operands: Any) -> Any:
    """The result `y` of an operator; of Python's floats it is one too."""
    if type(y) is Traced and all(map(_is_float, operands)):
        recorder = y._recorder
        known = [a.node.serial in recorder.numbers for a in operands if type(a) is Traced]
        (recorder.numbers if all(known) else recorder.floats).add(y.node.serial)
    return y


def _is_float(a: Any) -> bool:
    return a.is_pythons if type(a) is Traced else type(a) in (float, int, bool)


def _binary(name: str, ufunc: np.ufunc) -> None:
    def apply(a: Any, b: Any) -> Any:
        if ufunc is np.power and type(b) in (int, float) and b in SHORTCUTS:
            return _noted(SHORTCUTS[b](a), a)
        return _noted(ufunc(as_operand(a), as_operand(b)), a, b)

    function = getattr(operator, f"__{name}__")

    def method(self: Traced, other: Any) -> Any:
        if not _is_known(other):
            other, y = beside.operator_beside(function, self, other, as_operand)
            if other is None:
                return y
        return apply(self, other)

    def reflected(self: Traced, other: Any) -> Any:
        if not _is_known(other):
            if beside.defers(other):
                return NotImplemented
            other, y = beside.reflected_beside(function, other, self, as_operand)
            if other is None:
                return y
        return apply(other, self)

    def in_place(self: Traced, other: Any) -> Any:
        if not (self.ndim == 0 and self._owner is None):
            subclasses.check(other)
        y = apply(self, other)
        if self.is_number:
            return y
        check_writable(self)
        rebind(self, y)
        return self

    setattr(Traced, f"__{name}__", method)
    setattr(Traced, f"__r{name}__", reflected)
    setattr(Traced, f"__i{name}__", in_place)


def _comparison(name: str) -> None:
    compare = getattr(operator, name)
    ufunc = COMPARISONS[name]

    def method(self: Traced, other: Any) -> Any:
        if not _is_known(other):
            other, y = beside.operator_beside(compare, self, other, as_operand)
            if other is None:
                return y
        if self._recorder.whole:
            return ufunc(self, as_operand(other))
        return compare(self.value, plain(as_operand(other)))

    setattr(Traced, f"__{name}__", method)


def _attach() -> None:
    for name, ufunc in (BINARY | _MORE).items():
        _binary(name, ufunc)
    for name in COMPARISONS:
        _comparison(name)
    Traced.__invert__ = lambda self: np.invert(self)
    Traced.__neg__ = lambda self: _noted(np.negative(self), self)
    Traced.__pos__ = lambda self: _noted(np.positive(self), self)
    Traced.__abs__ = lambda self: _noted(np.absolute(self), self)
    Traced.__divmod__ = lambda self, other: np.divmod(self, other)
    Traced.__rdivmod__ = lambda self, other: np.divmod(other, self)


_attach()
