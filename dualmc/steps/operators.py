"""The operators of a Dual: by a plan where there is one, else the ufunc.

Numbers are rounded as NumPy's scalars are, whose operators are not the ufuncs everywhere.
"""

import operator

import numpy as np

from dualmc.duals import beside, choices, ended, equalities, halving, subclasses, writing
from dualmc.duals.dual import Dual
from dualmc.duals.operands import OPERANDS, as_operand, from_objects
from dualmc.kernels.payload import values
from dualmc.rules.registry import PLANNERS
from dualmc.steps import floats
from dualmc.steps.accumulating import accumulated
from dualmc.steps.elementwise import apply
from dualmc.steps.plans import finding, numbers

ndarray = np.ndarray
BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
}
COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
_NO_OPTIONS: dict = {}
_OUTCOMES = frozenset({bool, np.bool_, np.ndarray})
# NumPy's own for ``x ** p``.
SHORTCUTS = {2: np.square, 0.5: np.sqrt, 1: np.positive, -1: np.reciprocal}


def planned(ufunc, *operands):
    """`ufunc` by a plan; None: not here."""
    find = finding.of_one if len(operands) == 1 else finding.of_two
    return find(ufunc, *operands)(*operands)


def _unary(ufunc):
    def method(self):
        if self.level.floats and hasattr(self, "pythons"):
            return floats.noted(apply(ufunc, self), self)
        y = planned(ufunc, self)
        return apply(ufunc, self) if y is None else y

    return method


def _binary(ufunc, function):
    """The operator `function`, its reflection and its in-place form."""
    general = _product if ufunc is np.multiply else apply
    sign = 1 if ufunc is np.add else -1 if ufunc is np.subtract else 0
    raises = function in floats.RAISING

    def method(self, other):
        signature = self._signature
        if signature is None:
            return rest(self, other, None)
        kind = type(other)
        if kind is Dual:
            kind = other._signature
        elif kind is ndarray:
            kind = other.shape
        plan = signature.plans.get((ufunc, kind))
        y = None if plan is None else plan(self, other)
        return rest(self, other, plan) if y is None else y

    def rest(self, other, plan):
        """The same where a `plan` does not serve, or is not found yet."""
        if self.level.floats and hasattr(self, "pythons"):
            kind = type(other)
            if kind is float or kind is int or kind is Dual and hasattr(other, "pythons"):
                if raises:
                    floats.check(function, self, other)
                y = planned(ufunc, self, other)
                if y is None:
                    y = general(ufunc, self, other)
                return floats.noted(y, self, other)
        y = planned(ufunc, self, other) if plan is None else None
        if y is None:
            if type(other) in OPERANDS:
                return general(ufunc, self, other)
            other, y = beside.operator_beside(function, self, other, from_objects)
            return general(ufunc, self, other) if other is not None else y
        return y

    def reflected(self, other):
        signature = self._signature
        if signature is not None:
            plan = signature.plans.get((type(other), ufunc))
            if plan is not None:
                y = plan(other, self)
                if y is not None:
                    return y
        if self.level.floats and hasattr(self, "pythons"):
            if type(other) is float or type(other) is int:
                if raises:
                    floats.check(function, other, self)
                y = planned(ufunc, other, self)
                if y is None:
                    y = general(ufunc, other, self)
                return floats.noted(y, self, other)
        y = planned(ufunc, other, self)
        if y is None:
            if type(other) in OPERANDS:
                return general(ufunc, other, self)
            other, y = beside.reflected_beside(function, other, self, from_objects)
            return general(ufunc, other, self) if other is not None else y
        return y

    def in_place(self, other):
        if not self._primal.ndim and not self._writes and self._view is None:  # a number
            return method(self, other)
        if type(other) not in OPERANDS:
            other = as_operand(other)
        if sign and self._view is not None and accumulated(self, other, sign):
            return self
        y = planned(ufunc, self, other)
        return writing.assign(self, apply(ufunc, self, other) if y is None else y)

    return method, reflected, in_place


def _product(ufunc, a, b):
    y = apply(ufunc, a, b)
    return rounded(operator.mul, y, a, b) if y.ndim == 0 else y


def _general(ufunc, function):
    """The operator `function` without a short way, unless on a tape, and its reflection."""
    is_product = ufunc is np.matmul

    def method(self, other):
        if self.level.floats and hasattr(self, "pythons") and floats.is_float(other):
            floats.check(function, self, other)
        y = None
        if is_product and self.level.records:
            y = planned(ufunc, self, other)
        elif is_product:
            y = PLANNERS[ufunc]((self, other), _NO_OPTIONS)
        if y is None:
            if type(other) not in OPERANDS:
                other, y = beside.operator_beside(function, self, other, from_objects)
            return apply(ufunc, self, other) if other is not None else y
        return y

    def reflected(self, other):
        if self.level.floats and hasattr(self, "pythons") and floats.is_float(other):
            floats.check(function, other, self)
        if type(other) not in OPERANDS:
            other, y = beside.reflected_beside(function, other, self, from_objects)
            if other is None:
                return y
        return apply(ufunc, other, self)

    return method, reflected


def _product_in_place(self, other):
    return writing.assign(self, apply(np.matmul, self, as_operand(other)))


def _power_in_place(self, other):
    if self.is_number:
        return _power(self, other)
    return writing.assign(self, _power(self, as_operand(other)))


def _attach():
    for name, ufunc in BINARY.items():
        method, reflected, in_place = _binary(ufunc, getattr(operator, name))
        setattr(Dual, f"__{name}__", method)
        setattr(Dual, f"__r{name}__", reflected)
        setattr(Dual, f"__i{name}__", in_place)
    for name, ufunc in COMPARISONS.items():
        setattr(Dual, f"__{name}__", _comparison(getattr(operator, name), ufunc))
    Dual.__matmul__, Dual.__rmatmul__ = _general(np.matmul, operator.matmul)
    Dual.__imatmul__ = _product_in_place
    Dual.__divmod__, Dual.__rdivmod__ = _general(np.divmod, divmod)
    Dual.__pow__, Dual.__rpow__, Dual.__ipow__ = _power, _reflected_power, _power_in_place
    Dual.__neg__, Dual.__pos__, Dual.__abs__ = (
        _unary(np.negative),
        _unary(np.positive),
        _abs,
    )


def _abs(self):
    y = apply(np.absolute, self)
    if self.level.floats and hasattr(self, "pythons"):
        return floats.noted(y, self)
    if (
        type(y) is Dual
        and self.ndim == 0
        and self.dtype.kind == "c"
        and type(self.primal) is np.ndarray
    ):
        # Python's abs of a complex scalar rounds differently from the ufunc's loop.
        y.replace_primal(np.asarray(abs(self.primal[()])))
    return y


def _comparison(compare, ufunc):
    is_order = ufunc is not np.equal and ufunc is not np.not_equal

    def method(self, other):
        if choices.reporting:
            choices.passed(ufunc, (self, other))
        if type(other) not in OPERANDS:  # NumPy compares the numbers, and knows how
            if subclasses.is_masked(other) or not issubclass(type(other), np.ndarray):
                if subclasses.extra(type(other)) is not None:
                    return NotImplemented
            y = compare(values(self.primal)[()], other)
        else:
            other = as_operand(other)
            y = compare(values(self.primal), values(other) if type(other) is Dual else other)
        if self.level.open and type(y) in _OUTCOMES:
            if not is_order:
                equalities.equal(self, other, y, ufunc)
            else:
                halving.compared(self, other, y)
                own = values(self.primal)
                if own.size and own.item(0) == 0:
                    equalities.ordered(own, other, y)
        return y

    return method


def _power(self, other):
    """``x ** p``."""
    if self.level.floats and hasattr(self, "pythons") and floats.is_float(other):
        return floats.power(self, other)
    y = None
    if type(other) is int or type(other) is float:
        y = numbers.power(self, other) if self._primal.ndim == 0 else None
        if y is not None:
            return y
        ufunc = SHORTCUTS.get(other)
        if ufunc is not None:
            if self.level.records:
                signature = self._signature
                plan = None if signature is None else signature.plans.get((ufunc, other))
                y = (plan or finding.of_one(ufunc, self, other))(self)
                if y is not None:
                    return y
            else:
                y = planned(ufunc, self)
            if y is None:
                y = apply(ufunc, self)
    if y is None:
        y = planned(np.power, self, other)
    if y is None:
        if type(other) not in OPERANDS:
            other, y = beside.operator_beside(operator.pow, self, other, from_objects)
            if other is None:
                return y
        y = apply(np.power, self, other)
    return rounded(operator.pow, y, self, other) if y.ndim == 0 else y


def _reflected_power(self, other):
    if self.level.floats and hasattr(self, "pythons") and floats.is_float(other):
        return floats.power(other, self)
    y = planned(np.power, other, self)
    if y is None:
        if type(other) not in OPERANDS:
            other, y = beside.reflected_beside(operator.pow, other, self, from_objects)
            if other is None:
                return y
        y = apply(np.power, other, self)
    return rounded(operator.pow, y, other, self) if y.ndim == 0 else y


# Operators that round otherwise for NumPy's scalars than the ufunc does, on some processors: powers
# of scalars are the C library's, and complex products of scalars are not fused.
SCALAR_OPERATORS = {np.power: operator.pow, np.multiply: operator.mul}


def rounded(function, y, a, b):
    """The number `y`, rounded as the operator `function` rounds for NumPy's scalars."""
    if function is operator.mul and y.dtype.kind != "c":
        return y
    if type(y) is not Dual:  # of what has ended
        return function(*ended.plain_of((a, b)))
    p, q = (_number_at(x, y.level) for x in (a, b))
    with np.errstate(all="ignore"):  # the ufunc has warned
        value = function(p, q)
    y.replace_primal(value if type(value) is Dual else np.asarray(value, y.dtype))
    return y


def _number_at(x, level):
    """The primal of an operand at `level`, a scalar if it is a number."""
    if type(x) is Dual and x.level is level:
        x = x.primal
        if type(x) is np.ndarray:
            return x[()]
    return x


_attach()
