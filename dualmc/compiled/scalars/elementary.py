"""Elementary functions of Duals, by the rows of `rules/table.py`.

``y = f(x)`` is the function that the user's code calls, of the primals, to the bit; its partials
are the table's text, compiled once per depth of nesting.  Where a convention chose the partial (a
kink), what is derived from it again is NaN: nested Duals then leave the answer to the general path.
"""

import math
from types import CellType, FunctionType

import numba
import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable

from dualmc.compiled.scalars.dual_type import depth_of, is_dual, is_scalar, promoted
from dualmc.compiled.scalars.intrinsics import (
    as_dual,
    chained,
    chained_both,
    depending,
    factor_of,
    taken,
    taken_both,
    unknown_beyond,
    unknown_from,
    value_of,
)  # fmt: skip
from dualmc.kernels import stamped  # noqa: F401  makes the table's helpers compile
from dualmc.rules import higher
from dualmc.rules.derived import Derived, text_of
from dualmc.rules.table import RULES

# The functions of `math` that are a ufunc by another name, or by the same one.
_NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "pow": "power",
}  # fmt: skip
OF_MATH: dict = {}
for _name in [n for n in dir(math) if n[0] != "_"]:
    _ufunc = getattr(np, _NAMES.get(_name, _name), None)
    if _ufunc in RULES and _name not in ("fmod", "ldexp", "remainder"):
        OF_MATH.setdefault(_ufunc, []).append(getattr(math, _name))
OF_MATH.setdefault(np.degrees, []).append(math.degrees)
OF_MATH.setdefault(np.radians, []).append(math.radians)
OF_MATH[np.fmod] = [math.fmod]

# Of formulas for partials, whatever the options of the function that uses them are.
PLAIN = {"error_model": "numpy", "fastmath": False}
_OPTIONS = {**PLAIN, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_partials: dict = {}  # by text and depth


def compiled_partial(partial, kind):
    """A `partial` compiled for arguments of this `kind`: its text, or for Duals what it says of its
    own derivatives.

    One copy per depth: Numba takes a function that is typed while it is being typed for recursive.
    """
    knows = is_dual(kind) and type(partial) is Derived and _has_texts(partial)
    key = partial if knows else text_of(partial), depth_of(kind)
    found = _partials.get(key)
    if found is None:
        code = _chain_of(partial, kind.inner) if knows else _copy_of(key[0], kind)
        found = _partials[key] = numba.njit(code, **_OPTIONS)
    return found


def _has_texts(partial):
    """Whether the derivatives of a `Derived` can be compiled: its families are for arrays."""
    return all(text_of(p).__module__ != higher.__name__ for p in partial.partials if callable(p))


def _copy_of(text, kind):
    """The function `text`, in which partials that know their derivatives are compiled ones."""

    def exchanged(value):
        return compiled_partial(value, kind) if type(value) is Derived else value

    name = f"{text.__name__.strip('<>')}_{depth_of(kind)}"
    code = text.__code__.replace(co_name=name, co_qualname=name)
    names = {k: exchanged(v) for k, v in text.__globals__.items() if k in code.co_names}
    cells = tuple(CellType(exchanged(cell.cell_contents)) for cell in text.__closure__ or ())
    return FunctionType(code, names, name, text.__defaults__, cells or None)


def _chain_of(partial, inner):
    """A `Derived` partial of Duals, whose primals are of the type `inner`."""
    value = compiled_partial(text_of(partial) if not is_dual(inner) else partial, inner)
    slopes = [compiled_partial(p, inner) for p in partial.partials]
    if len(slopes) == 1:
        slope = slopes[0]

        def of_one(x, y):
            v, w = value_of(x), value_of(y)
            d = value(v, w)
            return chained(x, d, slope(v, w, d), x)

        return of_one
    p, q = slopes

    def of_two(a, b, y):
        a2, b2 = as_dual(y, a), as_dual(y, b)
        u, v, w = value_of(a2), value_of(b2), value_of(y)
        d = value(u, v, w)
        return chained_both(y, d, p(u, v, w, d), a2, q(u, v, w, d), b2)

    return of_two


# --- Kinks, where nested Duals do not know -----------------------------------------------------

_KINKS = {
    np.absolute: lambda x: x == 0,
    np.fabs: lambda x: x == 0,
    np.maximum: lambda a, b: a == b,
    np.minimum: lambda a, b: a == b,
    np.fmax: lambda a, b: a == b,
    np.fmin: lambda a, b: a == b,
    np.hypot: lambda a, b: (a == 0) & (b == 0),
    np.arctan2: lambda a, b: (a == 0) & (b == 0),
    np.copysign: lambda a, b: a == 0,
}


@register_jitable
def unless(is_kink, d):
    """`d`, of which nothing more is known at a kink."""
    return unknown_beyond(d) if is_kink else d


def _kink_of(function, kind):
    """Compiled, whether primals are at a kink of `function`; None: it does not matter here."""
    test = _KINKS.get(function)
    return None if test is None or not is_dual(kind.inner) else register_jitable(test)


# --- One argument --------------------------------------------------------------------------------


def of_one(function, ufunc, rule):
    """What overloads `function`, which is `ufunc`, of one argument."""
    partial = rule.partials[0]

    def chosen(x):
        if not is_dual(x):
            return None
        is_kink, inner = _kink_of(ufunc, x), x.inner
        if not callable(partial):

            def number(x):
                return chained(x, function(value_of(x)), partial, x)

            return number
        p = compiled_partial(partial, x.inner)
        if is_kink is None:

            def smooth(x):
                v = value_of(x)
                y = function(v)
                return chained(x, y, p(v, y), x)

            return smooth

        def kinked(x):
            v = value_of(x)
            y = function(v)
            return chained(x, y, unless(is_kink(factor_of(x)), as_dual(inner, p(v, y))), x)

        return kinked

    return chosen


# --- Two arguments -------------------------------------------------------------------------------


def _numeric(partial, kind):
    """``p(a, b, y)`` for a partial that may be a number."""
    if callable(partial):
        return compiled_partial(partial, kind)
    key = partial, depth_of(kind)
    if key not in _partials:
        _partials[key] = numba.njit(lambda a, b, y: partial, **_OPTIONS)
    return _partials[key]


def of_two(function, ufunc, rule):
    """What overloads `function`, which is `ufunc`, of two arguments."""
    alone = rule.alone or rule.partials
    one, two = (taken, taken_both) if rule.chooses else (chained, chained_both)

    def chosen(a, b):
        kind = promoted(a, b)
        if kind is None:
            return None
        active = [is_dual(t) and t.depth == kind.depth for t in (a, b)]
        partials = rule.partials if all(active) else alone
        p, q = (_numeric(p, kind.inner) for p in partials)
        test, inner = _kink_of(ufunc, kind), kind.inner
        is_kink = register_jitable(lambda a, b: False) if test is None else test
        if all(active):

            def both(a, b):
                u, v = value_of(as_dual(kind, a)), value_of(as_dual(kind, b))
                y = function(u, v)
                is_at = is_kink(factor_of(a), factor_of(b))
                d = unless(is_at, as_dual(inner, p(u, v, y)))
                e = unless(is_at, as_dual(inner, q(u, v, y)))
                return two(kind, y, d, a, e, b)

            return both
        if active[0]:

            def first(a, b):
                u = value_of(as_dual(kind, a))
                y = function(u, b)
                d = unless(is_kink(factor_of(a), factor_of(b)), as_dual(inner, p(u, b, y)))
                return one(kind, y, d, a)

            return first

        def second(a, b):
            v = value_of(as_dual(kind, b))
            y = function(a, v)
            d = unless(is_kink(factor_of(a), factor_of(b)), as_dual(inner, q(a, v, y)))
            return one(kind, y, d, b)

        return second

    return chosen


# What has rules of its own: see `powers.py`, `operators.py`, `whole_numbers.py`.
_ELSEWHERE = {np.power, np.float_power, np.floor_divide, np.ldexp, np.conjugate, np.heaviside}


def _install():
    for ufunc, rule in RULES.items():
        if ufunc in _ELSEWHERE:
            continue
        make = of_one if len(rule.partials) == 1 else of_two
        for function in (ufunc, *OF_MATH.get(ufunc, ())):
            overload(function)(make(function, ufunc, rule))
    overload(abs)(of_one(abs, np.absolute, RULES[np.absolute]))


_install()


# --- The larger and the smaller of two, as Python's own functions choose -------------------------


def _choosing(function):
    """`function` takes one of its arguments: the first of equals."""

    @overload(function)
    def chosen(a, b):
        kind = promoted(a, b)
        if kind is None:
            return None
        is_nested = is_dual(kind.inner)

        def of_two(a, b):
            u, v = factor_of(a), factor_of(b)
            y = function(u, v)
            taken = as_dual(kind, a) if _is_first(u, v, y) else as_dual(kind, b)
            taken = depending(depending(taken, a), b)
            if is_nested and u == v:
                return unknown_from(taken)
            return taken

        return of_two

    @overload(function)
    def of_many(*args):
        in_tuple = len(args) == 1 and isinstance(args[0], types.BaseTuple)
        kinds = args[0].types if in_tuple else args
        if len(kinds) < 3 - in_tuple or not any(map(is_dual, kinds)):
            return None
        if not all(map(is_scalar, kinds)):
            return None
        of_all = _folded(len(kinds))
        folded = register_jitable(lambda values: of_all(function, values))
        return (lambda *args: folded(args[0])) if in_tuple else (lambda *args: folded(args))


def _folded(n):
    """``function(function(v[0], v[1]), v[2])`` and so on, for n values in a tuple of any types."""
    text = "values[0]"
    for i in range(1, n):
        text = f"function({text}, values[{i}])"
    return register_jitable(eval(f"lambda function, values: {text}"))


@register_jitable
def _is_first(u, v, y):
    return u == v or y == u or (y != y and u != u)


_choosing(max)
_choosing(min)
