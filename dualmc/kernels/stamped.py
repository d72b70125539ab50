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


# --- Templates: `p`, `p0`, `p1` are the jitted partials of the rule stamped in ------------------


def _one(x, y, coef, out):
    for i in range(x.size):
        d = p(x[i], y[i])  # noqa: F821
        for s in range(coef.shape[0]):
            c = coef[s, i]
            out[s, i] = c if c == 0 else c * d


def _number(x, y):
    return p(x, y)  # noqa: F821


def _number_of_two(a, b, y):
    return p(a, b, y)  # noqa: F821


def _two(a, step_a, b, step_b, y, coef, out):
    for i in range(y.size):
        d = p(a[i * step_a], b[i * step_b], y[i])  # noqa: F821
        for s in range(coef.shape[0]):
            c = coef[s, i]
            out[s, i] = c if c == 0 else c * d


def _both(a, step_a, b, step_b, y, coef_a, coef_b, out):
    for i in range(y.size):
        u = a[i * step_a]
        v = b[i * step_b]
        d = p0(u, v, y[i])  # noqa: F821
        e = p1(u, v, y[i])  # noqa: F821
        for s in range(coef_a.shape[0]):
            c = coef_a[s, i]
            if c != 0:
                c = c * d
            g = coef_b[s, i]
            if g != 0:
                g = g * e
            out[s, i] = c + g


def _two_chosen(a, step_a, b, step_b, y, coef, out):
    # Of a function that returns one of its arguments: 0 where it is the other one.
    for i in range(y.size):
        d = p(a[i * step_a], b[i * step_b], y[i])  # noqa: F821
        for s in range(coef.shape[0]):
            c = coef[s, i]
            out[s, i] = 0 if c == 0 or d == 0 else c * d


def _both_chosen(a, step_a, b, step_b, y, coef_a, coef_b, out):
    for i in range(y.size):
        u = a[i * step_a]
        v = b[i * step_b]
        d = p0(u, v, y[i])  # noqa: F821
        e = p1(u, v, y[i])  # noqa: F821
        for s in range(coef_a.shape[0]):
            c = coef_a[s, i]
            c = 0 if c == 0 or d == 0 else c * d
            g = coef_b[s, i]
            g = 0 if g == 0 or e == 0 else g * e
            out[s, i] = c + g


def _stamp(template, name, **partials):
    jitted = {key: numba.njit(**OPTIONS)(text_of(p)) for key, p in partials.items()}
    name = f"{template.__name__}_{name}_{_DIGEST}"
    code = template.__code__.replace(co_name=name, co_qualname=name)
    copy = FunctionType(code, {"range": range, **jitted}, name)
    copy.__module__ = __name__
    return compiled(copy)


def _partial_function(partial):
    """A number as the constant function, so that a kernel can be stamped with it."""
    if callable(partial):
        return partial
    return lambda a, b, y: partial


def push_one(function, partial):
    """Kernel ``(x, y, coef, out)``: ``out = partial(x, y) * coef`` per slot."""
    kernel = STAMPED.get((function, "one"))
    if kernel is None:
        kernel = STAMPED[function, "one"] = _stamp(_one, function.__name__, p=partial)
    return kernel


def push_two(function, argnum, partial, variant=""):
    """Kernel ``(a, step_a, b, step_b, y, coef, out)`` for one active argument of two."""
    key = (function, argnum, variant)
    kernel = STAMPED.get(key)
    if kernel is None:
        name = f"{function.__name__}_{argnum}{variant}"
        template = _two_chosen if table.chooses(function) else _two
        kernel = STAMPED[key] = _stamp(template, name, p=partial)
    return kernel


def push_both(function, partials):
    """Kernel ``(a, step_a, b, step_b, y, coef_a, coef_b, out)`` for two active arguments."""
    kernel = STAMPED.get((function, "both"))
    if kernel is None:
        p0, p1 = map(_partial_function, partials)
        template = _both_chosen if table.chooses(function) else _both
        kernel = STAMPED[function, "both"] = _stamp(template, function.__name__, p0=p0, p1=p1)
    return kernel


def partial_of_one(function, partial):
    """``partial(x, y)`` of numbers, for a function of one argument."""
    kernel = STAMPED.get((function, "number"))
    if kernel is None:
        kernel = _stamp(_number, function.__name__, p=partial)
        STAMPED[function, "number"] = kernel
    return kernel


def partial_of_two(function, argnum, partial):
    """``partial(a, b, y)`` of numbers, for argument `argnum` of two."""
    kernel = STAMPED.get((function, argnum, "number"))
    if kernel is None:
        kernel = _stamp(_number_of_two, f"{function.__name__}_{argnum}", p=partial)
        STAMPED[function, argnum, "number"] = kernel
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
    """The same for a constant factor, whose exact zeros give zeros too."""
    step = 1 if factor.size > 1 else 0
    for s in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            c = coef[s, i]
            f = factor[i * step]
            out[s, i] = 0 if c == 0 or f == 0 else c * f


@on_first_call
def multiply_number(coef, number, out):
    """``out[i] = coef[i] * number`` likewise, for contiguous vectors and one constant number."""
    for i in range(coef.size):
        c = coef[i]
        out[i] = 0 if c == 0 or number == 0 else c * number


@on_first_call
def scaled_sum(a, scale_a, b, scale_b, out):
    """``out[s, i] = a[s, i] * scale_a[i] + b[s, i] * scale_b[i]`` with strong zeros."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            c = a[s, i]
            if c != 0:
                c = c * scale_a[i]
            g = b[s, i]
            if g != 0:
                g = g * scale_b[i]
            out[s, i] = c + g


@on_first_call
def scaled_products(a, scale_a, factor_a, b, scale_b, factor_b, out):
    """``a * (scale_a * factor_a) + b * (scale_b * factor_b)`` with strong zeros."""
    for i in range(out.shape[1]):
        s = scale_a[i]
        if s != 0:
            s = s * factor_a[i]
        t = scale_b[i]
        if t != 0:
            t = t * factor_b[i]
        for r in range(out.shape[0]):
            c = a[r, i]
            if c != 0:
                c = c * s
            g = b[r, i]
            if g != 0:
                g = g * t
            out[r, i] = c + g


@on_first_call
def scaled_quotients(a, scale_a, divisor, b, scale_b, quotient, out):
    """``a * (scale_a / divisor) - b * (scale_b * quotient / divisor)`` with strong zeros."""
    for i in range(out.shape[1]):
        s = scale_a[i]
        if s != 0:
            s = s * (1.0 / divisor[i])
        t = scale_b[i]
        if t != 0:
            t = t * -(quotient[i] / divisor[i])
        for r in range(out.shape[0]):
            c = a[r, i]
            if c != 0:
                c = c * s
            g = b[r, i]
            if g != 0:
                g = g * t
            out[r, i] = c + g
