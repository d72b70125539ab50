"""Formulas as trees: built from symbols by NumPy's functions and operators, and tidied on the way.

`Expr` implements NumPy's protocols, so that a partial of the rule table, called on symbols, returns
its own formula.  The tidying is modest: products collect numbers and powers of equal factors, sums
collect equal terms.  Nothing is expanded.

``Expr(op, ...)`` keeps what it is given; `add`, `multiply`, ... tidy.
"""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

# Denominators of rational factors that stay fractions; others become decimals.
LARGEST_DENOMINATOR = 12
_CONDITIONS = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or")


class Expr:
    """One operation of a formula and its operands.

    Attributes
    ----------
    op : str
        "number", "symbol", "add", "multiply", "divide", "power", "negative", "call", "where", a
        comparison, or one of the forms of `forms.py`.
    args : tuple
    key : str
        Equal for equal formulas, in whatever order their terms and factors stand.
    size : int
        Operations and operands in it.
    shape : tuple of int
        That of its value; of an element-wise operation by default what its operands broadcast to.
    """

    __slots__ = ("op", "args", "key", "size", "shape")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, op: str, *args: Any, shape: tuple[int, ...] | None = None) -> None:
        self.op = op
        self.args = args
        keys = [a.key if isinstance(a, Expr) else str(a) for a in args]
        if op in _COMMUTATIVE:
            keys.sort()
        self.key: str = f"{op}({','.join(keys)})"
        parts = [a for a in args if isinstance(a, Expr)]
        self.size: int = 1 + sum(a.size for a in parts)
        self.shape: tuple[int, ...] = broadcast(parts) if shape is None else shape

    @property
    def is_array(self) -> bool:
        """Whether its value has elements, rather than being one number."""
        return bool(self.shape)

    def __repr__(self) -> str:
        return self.key

    def __bool__(self) -> bool:
        raise TypeError("The truth of a formula is not known: it holds symbols.")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        return apply(ufunc, *map(expr, inputs))

    def __array_function__(self, function: Any, types: Any, args: tuple, options: dict) -> Any:
        if function is np.where and len(args) == 3:
            condition, a, b = args
            if not isinstance(condition, Expr):
                return expr(a if condition else b)
            return Expr("where", condition, expr(a), expr(b))
        return apply(function, *map(expr, args))


# Operations on numbers, or element by element: products of matrices are another.
_COMMUTATIVE = ("add", "multiply")


def broadcast(parts: list[Expr]) -> tuple[int, ...]:
    """The shape of an element-wise operation."""
    shape: tuple[int, ...] = ()
    for part in parts:
        if part.shape and part.shape != shape:
            depth = max(len(shape), len(part.shape))
            padded = [(1,) * (depth - len(s)) + s for s in (shape, part.shape)]
            shape = tuple(map(max, *padded))
    return shape


def _operators() -> None:
    binary = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
        "pow": np.power, "mod": np.remainder,
    }  # fmt: skip
    for name, ufunc in binary.items():
        setattr(Expr, f"__{name}__", lambda self, other, u=ufunc: apply(u, self, expr(other)))
        setattr(Expr, f"__r{name}__", lambda self, other, u=ufunc: apply(u, expr(other), self))
    for name in _CONDITIONS:
        setattr(Expr, f"__{name}__", lambda self, other, op=name: Expr(op, self, expr(other)))
    for name, ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute}.items():
        setattr(Expr, f"__{name}__", lambda self, u=ufunc: apply(u, self))


_operators()


# --- Leaves --------------------------------------------------------------------------------------


def symbol(name: str, shape: tuple[int, ...] = ()) -> Expr:
    return Expr("symbol", name, shape=shape)


def number(value: Any) -> Expr:
    """A number, exact: a decimal is taken as it is written."""
    if isinstance(value, Fraction):
        return Expr("number", value)
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return multiply(-1, symbol("inf")) if value < 0 else symbol(repr(value))
    if value == math.pi:
        return symbol("pi")
    return Expr("number", Fraction(repr(value) if isinstance(value, float) else int(value)))


def expr(a: Any) -> Expr:
    return a if isinstance(a, Expr) else number(a)


def is_number(e: Expr, value: float | None = None) -> bool:
    return e.op == "number" and (value is None or e.args[0] == value)


ZERO, ONE = number(0), number(1)
PI = symbol("pi")


class Numbers:
    """An array as part of a formula."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    def __str__(self) -> str:
        return f"array {id(self)}"


def value(array: Any) -> Expr:
    """The formula that is an array of plain numbers."""
    return Expr("value", Numbers(array), shape=())


def equals(*sides: Expr) -> Expr:
    return Expr("equals", *sides)


# --- Products ------------------------------------------------------------------------------------


class _Product:
    """A number times powers of different bases, in the order in which they came."""

    def __init__(self) -> None:
        self.number = Fraction(1)
        self.bases: dict[str, list] = {}  # key: [base, exponent]

    def take(self, e: Expr, exponent: Fraction) -> None:
        if e.op == "number" and exponent.denominator == 1 and (e.args[0] or exponent > 0):
            self.number *= e.args[0] ** int(exponent)
        elif e.op == "negative":
            self.take(number(-1), exponent)
            self.take(e.args[0], exponent)
        elif e.op == "multiply" and exponent.denominator == 1:
            for factor in e.args:
                self.take(factor, exponent)
        elif e.op == "divide" and exponent.denominator == 1:
            self.take(e.args[0], exponent)
            self.take(e.args[1], -exponent)
        elif e.op == "power" and is_number(e.args[1]) and exponent.denominator == 1:
            self.take(e.args[0], exponent * e.args[1].args[0])
        else:
            entry = self.bases.setdefault(e.key, [e, Fraction(0)])
            entry[1] += exponent

    def powers(self) -> list[tuple[Expr, Fraction]]:
        """Powers of symbols first, as one writes them: ``2*x*cos(x)``."""
        found = []
        for base, exponent in self.bases.values():
            if base.op == "call" and base.args[0] == "sqrt" and exponent % 2 == 0:
                base, exponent = base.args[1], exponent / 2
            if exponent:
                found.append((base, exponent))
        return sorted(found, key=lambda pair: pair[0].op != "symbol")

    def expr(self) -> Expr:
        if not self.number:
            return ZERO
        p, q = self.number.numerator, self.number.denominator
        if q > LARGEST_DENOMINATOR:
            p, q = self.number, 1
        above: list[Expr] = []
        below: list[Expr] = []
        for base, exponent in self.powers():
            power = base if abs(exponent) == 1 else Expr("power", base, number(abs(exponent)))
            (above if exponent > 0 else below).append(power)
        top = _times(Fraction(abs(p)), above)
        out = Expr("divide", top, _times(Fraction(q), below)) if below or q != 1 else top
        if p > 0:
            return out
        return number(-out.args[0]) if out.op == "number" else Expr("negative", out)


def _times(coefficient: Fraction, factors: list[Expr]) -> Expr:
    if coefficient != 1 or not factors:
        factors = [number(coefficient), *factors]
    return factors[0] if len(factors) == 1 else Expr("multiply", *factors)


def multiply(*factors: Any) -> Expr:
    product = _Product()
    for factor in factors:
        product.take(expr(factor), Fraction(1))
    return product.expr()


def divide(a: Any, b: Any) -> Expr:
    product = _Product()
    product.take(expr(a), Fraction(1))
    product.take(expr(b), Fraction(-1))
    return product.expr()


def power(a: Any, b: Any) -> Expr:
    a, b = expr(a), expr(b)
    if not is_number(b):
        return ONE if is_number(a, 1) else Expr("power", a, b)
    exponent = b.args[0]
    if exponent.denominator != 1 and (a.op == "number" or exponent.denominator > 1000):
        return Expr("power", a, b)
    if abs(exponent) > 64 and a.op == "number":
        return Expr("power", a, b)
    product = _Product()
    product.take(a, exponent)
    return product.expr()


def negative(a: Any) -> Expr:
    return multiply(-1, a)


def split_number(e: Expr) -> tuple[Fraction, Expr]:
    """`e` as a number times the rest."""
    product = _Product()
    product.take(e, Fraction(1))
    coefficient, product.number = product.number, Fraction(1)
    return coefficient, product.expr()


# --- Sums ----------------------------------------------------------------------------------------


def _terms(e: Expr, sign: Fraction) -> Iterable[tuple[Fraction, Expr]]:
    if e.op == "add":
        for term in e.args:
            yield from _terms(term, sign)
    elif e.op == "subtract":
        yield from _terms(e.args[0], sign)
        yield from _terms(e.args[1], -sign)
    elif e.op == "negative":
        yield from _terms(e.args[0], -sign)
    else:
        coefficient, rest = split_number(e)
        yield sign * coefficient, rest


def add(*terms: Any) -> Expr:
    found: dict[str, list] = {}
    for term in terms:
        for coefficient, rest in _terms(expr(term), Fraction(1)):
            entry = found.setdefault(rest.key, [Fraction(0), rest])
            entry[0] += coefficient
    kept = [multiply(number(c), rest) for c, rest in found.values() if c]
    if not kept:
        return ZERO
    return kept[0] if len(kept) == 1 else Expr("add", *kept)


def subtract(a: Any, b: Any) -> Expr:
    return add(a, negative(b))


# --- Functions -----------------------------------------------------------------------------------

_TIDY: dict[Any, Callable[..., Expr]] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.power: power,
    np.float_power: power,
    np.negative: negative,
    np.positive: lambda a: a,
    np.square: lambda a: power(a, 2),
    np.reciprocal: lambda a: divide(1, a),
}


def apply(function: Any, *args: Expr) -> Expr:
    """The formula of a function of formulas, tidied."""
    tidy = _TIDY.get(function)
    return call(function.__name__, *args) if tidy is None else tidy(*args)


def call(name: str, *args: Any) -> Expr:
    return Expr("call", name, *map(expr, args))


def transposed(a: Expr) -> Expr:
    if a.op in ("transpose", "identity"):
        return a if a.op == "identity" else a.args[0]
    if a.op == "product" and any(e.op == "transpose" for e in a.args):
        if all(len(e.shape) == 2 for e in a.args):
            return Expr(a.op, *map(transposed, reversed(a.args)), shape=a.shape[::-1])
    return Expr("transpose", a, shape=a.shape[::-1])
