"""Numba loops: a few templates, stamped with the partials of `table.py`, and scalings.

A stamped kernel evaluates a partial and multiplies it into the tangent in one pass over flat,
C-contiguous arrays.  It compiles once; later processes load it from Numba's on-disk cache.

Only stamped kernels are cached, never the rules: Numba's key is file, name, line and bytecode, so
two lambdas on one line would share an entry, and a kernel would stay stale after its rule was
edited in another file.  A stamped kernel's name therefore carries the template, the function, the
argument and a digest of `table.py`.

Every product honours the strong zero: a tangent that is exactly 0 stays 0 whatever multiplies it.
"""

import hashlib
import pathlib
from collections import Counter
from contextlib import contextmanager
from types import FunctionType

import numba
import numpy as np
from numba.extending import overload, register_jitable

from dualmc.rules import table
from dualmc.rules.derived import text_of

try:
    from dualmc.kernels.cached_code import CheckedCache
except ImportError:  # another Numba: its own cache serves, slower to start and unchecked
    CheckedCache = None

_DIGEST = hashlib.sha1(pathlib.Path(table.__file__).read_bytes()).hexdigest()[:12]

_OPTIONS = {"nogil": True, "error_model": "numpy"}
# Without the compiler (NUMBA_DISABLE_JIT=1) kernels run as the Python that they are.
HAS_COMPILER = not numba.config.DISABLE_JIT


@overload(table.select)
def _select(condition, a, b):
    return lambda condition, a, b: a if condition else b


# The helpers that several partials share become callable from compiled partials too.
for _name, _helper in list(vars(table).items()):
    if isinstance(_helper, FunctionType) and _name.startswith("_"):
        register_jitable(error_model="numpy")(_helper)


def _compile(function):
    """`function` under njit with the on-disk cache, or without where no cache can be written."""
    if not HAS_COMPILER:
        return np.errstate(all="ignore")(function)
    try:
        dispatcher = numba.njit(cache=True, **_OPTIONS)(function)
        if CheckedCache is not None:
            dispatcher._cache = CheckedCache(dispatcher.py_func)
    except (RuntimeError, OSError):  # no writable cache directory
        return numba.njit(**_OPTIONS)(function)
    return dispatcher


_loops: list = []


@contextmanager
def counted(*caches):
    """Launches by kernel while open, of kernels that ran before; costs nothing otherwise.

    `caches` are dicts in which other files keep kernels at hand: emptied here, filled anew there.
    """
    launches: Counter = Counter()

    def counting(name, kernel):
        def launch(*args):
            launches[name] += 1
            return kernel(*args)

        return launch

    loops = [(scope, name, scope[name]) for scope, name in _loops]
    stamped = dict(_stamped)
    for scope, name, loop in loops:
        scope[name] = counting(name, loop)
    for key, kernel in stamped.items():
        _stamped[key] = counting(kernel.__name__, kernel)
    for cache in caches:
        cache.clear()
    try:
        yield launches
    finally:
        for scope, name, loop in loops:
            scope[name] = loop
        _stamped.update(stamped)
        for cache in caches:
            cache.clear()


def _on_first_call(function):
    """Decorator: compile (or load) `function` when it is first called, to keep the import short."""

    _loops.append((function.__globals__, function.__name__))

    def first_call(*args):
        dispatcher = function.__globals__[function.__name__] = _compile(function)
        return dispatcher(*args)

    return first_call


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
    jitted = {key: numba.njit(**_OPTIONS)(text_of(p)) for key, p in partials.items()}
    name = f"{template.__name__}_{name}_{_DIGEST}"
    code = template.__code__.replace(co_name=name, co_qualname=name)
    copy = FunctionType(code, {"range": range, **jitted}, name)
    copy.__module__ = __name__
    return _compile(copy)


_stamped: dict = {}


def _partial_function(partial):
    """A number as the constant function, so that a kernel can be stamped with it."""
    if callable(partial):
        return partial
    return lambda a, b, y: partial


def push_one(function, partial):
    """Kernel ``(x, y, coef, out)``: ``out = partial(x, y) * coef`` per slot."""
    kernel = _stamped.get((function, "one"))
    if kernel is None:
        kernel = _stamped[function, "one"] = _stamp(_one, function.__name__, p=partial)
    return kernel


def push_two(function, argnum, partial, variant=""):
    """Kernel ``(a, step_a, b, step_b, y, coef, out)`` for one active argument of two."""
    key = (function, argnum, variant)
    kernel = _stamped.get(key)
    if kernel is None:
        name = f"{function.__name__}_{argnum}{variant}"
        template = _two_chosen if table.chooses(function) else _two
        kernel = _stamped[key] = _stamp(template, name, p=partial)
    return kernel


def push_both(function, partials):
    """Kernel ``(a, step_a, b, step_b, y, coef_a, coef_b, out)`` for two active arguments."""
    kernel = _stamped.get((function, "both"))
    if kernel is None:
        p0, p1 = map(_partial_function, partials)
        template = _both_chosen if table.chooses(function) else _both
        kernel = _stamped[function, "both"] = _stamp(template, function.__name__, p0=p0, p1=p1)
    return kernel


def partial_of_one(function, partial):
    """``partial(x, y)`` of numbers, for a function of one argument."""
    kernel = _stamped.get((function, "number"))
    if kernel is None:
        kernel = _stamp(_number, function.__name__, p=partial)
        _stamped[function, "number"] = kernel
    return kernel


def partial_of_two(function, argnum, partial):
    """``partial(a, b, y)`` of numbers, for argument `argnum` of two."""
    kernel = _stamped.get((function, argnum, "number"))
    if kernel is None:
        kernel = _stamp(_number_of_two, f"{function.__name__}_{argnum}", p=partial)
        _stamped[function, argnum, "number"] = kernel
    return kernel


# --- Products and sums of coefficients -----------------------------------------------------------


@_on_first_call
def multiply(coef, factor, out):
    """``out[s, i] = coef[s, i] * factor[i]`` with the strong zero; factor may have one entry."""
    step = 1 if factor.size > 1 else 0
    for s in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            c = coef[s, i]
            out[s, i] = c if c == 0 else c * factor[i * step]


@_on_first_call
def scaled_columns(block, factor, out):
    """``out[i, s] = block[s, i] * factor[i]`` with the strong zero."""
    for i in range(out.shape[0]):
        f = factor[i]
        for s in range(out.shape[1]):
            c = block[s, i]
            out[i, s] = c if c == 0 else c * f


@_on_first_call
def multiply_constant(coef, factor, out):
    """The same for a constant factor, whose exact zeros give zeros too."""
    step = 1 if factor.size > 1 else 0
    for s in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            c = coef[s, i]
            f = factor[i * step]
            out[s, i] = 0 if c == 0 or f == 0 else c * f


@_on_first_call
def multiply_number(coef, number, out):
    """``out[i] = coef[i] * number`` likewise, for contiguous vectors and one constant number."""
    for i in range(coef.size):
        c = coef[i]
        out[i] = 0 if c == 0 or number == 0 else c * number


@_on_first_call
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


@_on_first_call
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


@_on_first_call
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
