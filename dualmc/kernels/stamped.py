"""Numba loops: a few templates, stamped with the partials of `rules/table.py`, and scalings.

A stamped kernel evaluates a partial and multiplies it into the tangent in one pass over flat,
C-contiguous arrays.  It compiles once; later processes load it from Numba's on-disk cache.

Only stamped kernels are cached, never the rules: Numba's key is file, name, line and bytecode, so
two lambdas on one line would share an entry, and a kernel would stay stale after its rule was
edited in another file.  A stamped kernel's name therefore carries the template, the function, the
argument and a digest of `rules/table.py`.

Every product honours the strong zero: a tangent that is exactly 0 stays 0 whatever multiplies it.
"""

import hashlib
import pathlib
from types import FunctionType

import numba
from numba.extending import overload, register_jitable

from dualmc.kernels.axes import as_line, as_rows
from dualmc.kernels.compiling import OPTIONS, STAMPED, compiled, on_first_call
from dualmc.rules import table
from dualmc.rules.derived import text_of

_DIGEST = hashlib.sha1(pathlib.Path(table.__file__).read_bytes()).hexdigest()[:12]


@overload(table.select)
def _select(condition, a, b):
    return lambda condition, a, b: a if condition else b


# The helpers that several partials share become callable from compiled partials too.
for _name, _helper in list(vars(table).items()):
    if isinstance(_helper, FunctionType) and _name.startswith("_"):
        register_jitable(error_model="numpy")(_helper)


# --- Templates: `p`, `p0`, `p1` are the jitted partials of the rule stamped in -------------------
#
# `chooses` says that the function returns one of its arguments: a partial of 0 then says that it is
# the other one, so that not even an infinite derivative counts.  Arrays may have any axes; one that
# has a step may be a number, repeated where the step is 0.


def _one(x, y, coef, out):
    size, w = x.size, coef.shape[0]
    x, y, coef, out = as_line(x), as_line(y), as_rows(coef), as_rows(out)
    for i in range(size):
        d = p(x[i], y[i])  # noqa: F821
        for s in range(w):
            c = coef[s, i]
            out[s, i] = c if c == 0 else c * d


def _number(x, y):
    return p(x, y)  # noqa: F821


def _number_of_two(a, b, y):
    return p(a, b, y)  # noqa: F821


def _two(a, step_a, b, step_b, y, coef, out):
    size, w = y.size, coef.shape[0]
    a, b, y, coef, out = as_line(a), as_line(b), as_line(y), as_rows(coef), as_rows(out)
    for i in range(size):
        d = p(a[i * step_a], b[i * step_b], y[i])  # noqa: F821
        for s in range(w):
            c = coef[s, i]
            if c != 0:
                c = 0 if chooses and d == 0 else c * d  # noqa: F821
            out[s, i] = c


def _with_number(x, number, y, coef, out):
    size, w = y.size, coef.shape[0]
    x, y, coef, out = as_line(x), as_line(y), as_rows(coef), as_rows(out)
    for i in range(size):
        d = p(x[i], number, y[i])  # noqa: F821
        for s in range(w):
            c = coef[s, i]
            if c != 0:
                c = 0 if chooses and d == 0 else c * d  # noqa: F821
            out[s, i] = c


def _number_with(number, x, y, coef, out):
    size, w = y.size, coef.shape[0]
    x, y, coef, out = as_line(x), as_line(y), as_rows(coef), as_rows(out)
    for i in range(size):
        d = p(number, x[i], y[i])  # noqa: F821
        for s in range(w):
            c = coef[s, i]
            if c != 0:
                c = 0 if chooses and d == 0 else c * d  # noqa: F821
            out[s, i] = c


def _both(a, step_a, b, step_b, y, coef_a, coef_b, out):
    size, w = y.size, coef_a.shape[0]
    a, b, y = as_line(a), as_line(b), as_line(y)
    coef_a, coef_b, out = as_rows(coef_a), as_rows(coef_b), as_rows(out)
    for i in range(size):
        u = a[i * step_a]
        v = b[i * step_b]
        d = p0(u, v, y[i])  # noqa: F821
        e = p1(u, v, y[i])  # noqa: F821
        for s in range(w):
            c = coef_a[s, i]
            if c != 0:
                c = 0 if chooses and d == 0 else c * d  # noqa: F821
            g = coef_b[s, i]
            if g != 0:
                g = 0 if chooses and e == 0 else g * e  # noqa: F821
            out[s, i] = c + g


def _stamp(template, name, chooses=False, **partials):
    jitted = {key: numba.njit(**OPTIONS)(text_of(p)) for key, p in partials.items()}
    name = f"{template.__name__}_{name}_{_DIGEST}"
    code = template.__code__.replace(co_name=name, co_qualname=name)
    scope = {"range": range, "as_line": as_line, "as_rows": as_rows, "chooses": chooses, **jitted}
    copy = FunctionType(code, scope, name)
    copy.__module__ = __name__
    return compiled(copy)


def _partial_function(partial):
    """A number as the constant function, so that a kernel can be stamped with it."""
    if callable(partial):
        return partial
    return lambda a, b, y: partial


def push_one(function, partial):
    """Kernel ``(x, y, coef, out)``: ``out = partial(x, y) * coef`` per slot."""
    return _stamped(_one, function, "", p=partial)


def push_two(function, argnum, partial, variant=""):
    """Kernel ``(a, step_a, b, step_b, y, coef, out)`` for one active argument of two."""
    return _stamped(_two, function, f"{argnum}{variant}", p=partial)


def push_beside_number(function, argnum, partial, variant=""):
    """Kernel ``(x, number, y, coef, out)`` for argument 0 beside a number, or for argument 1.

    Then it is ``(number, x, y, coef, out)``.
    """
    template = _number_with if argnum else _with_number
    return _stamped(template, function, f"{argnum}{variant}_number", p=partial)


def push_both(function, partials):
    """Kernel ``(a, step_a, b, step_b, y, coef_a, coef_b, out)`` for two active arguments."""
    p0, p1 = map(_partial_function, partials)
    return _stamped(_both, function, "", p0=p0, p1=p1)


def partial_of_one(function, partial):
    """``partial(x, y)`` of numbers, for a function of one argument."""
    return _stamped(_number, function, "", p=partial)


def partial_of_two(function, argnum, partial):
    """``partial(a, b, y)`` of numbers, for argument `argnum` of two."""
    return _stamped(_number_of_two, function, str(argnum), p=partial)


def _stamped(template, function, variant, **partials):
    key = function, template, variant
    kernel = STAMPED.get(key)
    if kernel is None:
        name = f"{function.__name__}_{variant}" if variant else function.__name__
        kernel = STAMPED[key] = _stamp(template, name, table.chooses(function), **partials)
    return kernel


# --- Products and sums of coefficients -----------------------------------------------------------


@on_first_call
def multiply(coef, factor, out):
    """``out[s, i] = coef[s, i] * factor[i]`` with the strong zero; factor may have one entry."""
    step = 1 if factor.size > 1 else 0
    for s in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            c = coef[s, i]
            out[s, i] = c if c == 0 else c * factor[i * step]


@on_first_call
def scaled_columns(block, factor, out):
    """``out[i, s] = block[s, i] * factor[i]`` with the strong zero."""
    for i in range(out.shape[0]):
        f = factor[i]
        for s in range(out.shape[1]):
            c = block[s, i]
            out[i, s] = c if c == 0 else c * f


@on_first_call
def multiply_constant(coef, factor, out):
    """The same for a constant factor, whose exact zeros give zeros too; whether it has any."""
    coef, out, factor = as_rows(coef), as_rows(out), as_line(factor)
    w, size = coef.shape
    step = 1 if factor.size > 1 else 0
    has_zero = False
    for s in range(w):
        for i in range(size):
            c = coef[s, i]
            f = factor[i * step]
            has_zero |= f == 0
            out[s, i] = 0 if c == 0 or f == 0 else c * f
    return has_zero


@on_first_call
def multiply_number(coef, number, out):
    """``out[i] = coef[i] * number`` likewise, for one constant number."""
    coef, out = as_line(coef), as_line(out)
    for i in range(coef.size):
        c = coef[i]
        out[i] = 0 if c == 0 or number == 0 else c * number


@on_first_call
def divide_by_number(coef, number, out):
    """``out[i] = coef[i] * (1 / number)`` with the strong zero."""
    coef, out = as_line(coef), as_line(out)
    factor = 1.0 / number
    for i in range(coef.size):
        c = coef[i]
        out[i] = c if c == 0 else c * factor


@on_first_call
def times_number(coef, number, out):
    """``out[i] = coef[i] * number`` with the strong zero, for a partial."""
    coef, out = as_line(coef), as_line(out)
    for i in range(coef.size):
        c = coef[i]
        out[i] = c if c == 0 else c * number


@on_first_call
def quotient_factors(divisor, quotient, first, second):
    """Both partials of a quotient, for the dividend and for the divisor."""
    size = divisor.size
    divisor, quotient, first, second = (
        as_line(divisor),
        as_line(quotient),
        as_line(first),
        as_line(second),
    )
    for i in range(size):
        first[i] = 1.0 / divisor[i]
        second[i] = -(quotient[i] / divisor[i])


@on_first_call
def total(coef, other, sign, out):
    """``out[i] = coef[i] + sign * other[i]``."""
    coef, other, out = as_line(coef), as_line(other), as_line(out)
    for i in range(coef.size):
        g = other[i]
        out[i] = coef[i] + (g if g == 0 else sign * g)


@on_first_call
def scaled_sum(a, scale_a, b, scale_b, out):
    """``out[s, i] = a[s, i] * scale_a[i] + b[s, i] * scale_b[i]`` with strong zeros."""
    a, b, out = as_rows(a), as_rows(b), as_rows(out)
    scale_a, scale_b = as_line(scale_a), as_line(scale_b)
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            c = a[s, i]
            if c != 0:
                c = c * scale_a[i]
            g = b[s, i]
            if g != 0:
                g = g * scale_b[i]
            out[s, i] = c + g
