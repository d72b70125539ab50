"""Numba loops: a few templates, stamped with the partials of `rules.py`, and the sparse merges.

A stamped kernel evaluates a partial and multiplies it into the tangent in one pass over flat,
C-contiguous arrays.  It compiles once; later processes load it from Numba's on-disk cache.

Only stamped kernels are cached, never the rules: Numba's key is file, name, line and bytecode, so
two lambdas on one line would share an entry, and a kernel would stay stale after its rule was
edited in another file.  A stamped kernel's name therefore carries the template, the function, the
argument and a digest of `rules.py`.

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

from dualmc import rules

_DIGEST = hashlib.sha1(pathlib.Path(rules.__file__).read_bytes()).hexdigest()[:12]
_OPTIONS = {"nogil": True, "error_model": "numpy"}


@overload(rules.select)
def _select(condition, a, b):
    return lambda condition, a, b: a if condition else b


# The helpers that several partials share become callable from compiled partials too.
for _name, _helper in list(vars(rules).items()):
    if isinstance(_helper, FunctionType) and _name.startswith("_"):
        register_jitable(error_model="numpy")(_helper)


def _compile(function):
    """`function` under njit with the on-disk cache, or without where no cache can be written."""
    try:
        dispatcher = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no writable cache directory
        return numba.njit(**_OPTIONS)(function)
    _load_without_refresh(dispatcher)
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


def _load_without_refresh(dispatcher):
    """Spare a cache hit the import of every Numba extension (0.35 s in a new process).

    Numba refreshes its whole typing context before it looks into the cache.  A cached kernel is
    machine code and needs the runtime only; on a miss the normal path runs.
    """
    try:
        from numba.core.caching import FunctionCache
        from numba.core.runtime import rtsys
    except ImportError:  # another Numba: the plain cache is right, only slower to start
        return

    class Cache(FunctionCache):
        def load_overload(self, sig, target_context):
            try:
                rtsys.initialize(target_context)
                found = self._load_overload(sig, target_context)
                return found if found is not None else super().load_overload(sig, target_context)
            except OSError:  # the cache went away: compile
                return None

        def save_overload(self, sig, data):
            try:
                super().save_overload(sig, data)
            except OSError:  # a full or read-only disk costs time, not the result
                pass

    if type(dispatcher._cache) is FunctionCache and hasattr(FunctionCache, "_load_overload"):
        dispatcher._cache = Cache(dispatcher.py_func)


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
    jitted = {key: numba.njit(**_OPTIONS)(partial) for key, partial in partials.items()}
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
        template = _two_chosen if rules.chooses(function) else _two
        kernel = _stamped[key] = _stamp(template, name, p=partial)
    return kernel


def push_both(function, partials):
    """Kernel ``(a, step_a, b, step_b, y, coef_a, coef_b, out)`` for two active arguments."""
    kernel = _stamped.get((function, "both"))
    if kernel is None:
        p0, p1 = map(_partial_function, partials)
        template = _both_chosen if rules.chooses(function) else _both
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


# --- Sparse structure: slots sorted by column, -1 unused and last ---------------------------------


@_on_first_call
def is_same_structure(a, b):
    """Whether two column arrays hold the same slots, element by element."""
    for s in range(a.shape[0]):
        for i in range(a.shape[1]):
            if a[s, i] != b[s, i]:
                return False
    return True


@_on_first_call
def merged_width(a, b):
    """Slots the fullest element needs when the columns of `a` and `b` are united."""
    width = 0
    for i in range(a.shape[1]):
        s = 0
        t = 0
        used = 0
        while True:
            p = a[s, i] if s < a.shape[0] else -1
            q = b[t, i] if t < b.shape[0] else -1
            if p < 0 and q < 0:
                break
            used += 1
            if q < 0 or (p >= 0 and p < q):
                s += 1
            elif p < 0 or q < p:
                t += 1
            else:
                s += 1
                t += 1
        width = max(width, used)
    return width


@_on_first_call
def unite(coef_a, coef_b, slots, few, each, sign, out):
    """``out[r, i] = coef_a[s, i] + sign * coef_b[t, i]``, s and t as a `merging.Union` says.

    That is ``slots[:, r]`` for all i but the ``few[j]``, which take ``each[:, r, j]``; without
    slots, element i takes ``each[:, r, i]``.
    """
    zero = coef_a.dtype.type(0)
    for r in range(slots.shape[1]):
        s = slots[0, r]
        t = slots[1, r]
        for i in range(out.shape[1]):
            c = coef_a[s, i] if s >= 0 else zero
            g = coef_b[t, i] if t >= 0 else zero
            out[r, i] = c - g if sign < 0 else c + g
    for r in range(each.shape[1]):
        for j in range(each.shape[2]):
            i = few[j] if slots.shape[1] > 0 else j
            s = each[0, r, j]
            t = each[1, r, j]
            c = coef_a[s, i] if s >= 0 else zero
            g = coef_b[t, i] if t >= 0 else zero
            out[r, i] = c - g if sign < 0 else c + g


@_on_first_call
def unite_products(coef_a, factor_a, coef_b, factor_b, slots, few, each, out):
    """The same for ``factor_a[i] * coef_a[s, i] + factor_b[i] * coef_b[t, i]``, strong zeros."""
    zero = coef_a.dtype.type(0)
    for r in range(slots.shape[1]):
        s = slots[0, r]
        t = slots[1, r]
        for i in range(out.shape[1]):
            c = coef_a[s, i] if s >= 0 else zero
            if c != 0:
                c = c * factor_a[i]
            g = coef_b[t, i] if t >= 0 else zero
            if g != 0:
                g = g * factor_b[i]
            out[r, i] = c + g
    for r in range(each.shape[1]):
        for j in range(each.shape[2]):
            i = few[j] if slots.shape[1] > 0 else j
            s = each[0, r, j]
            t = each[1, r, j]
            c = coef_a[s, i] if s >= 0 else zero
            if c != 0:
                c = c * factor_a[i]
            g = coef_b[t, i] if t >= 0 else zero
            if g != 0:
                g = g * factor_b[i]
            out[r, i] = c + g


@_on_first_call
def pattern_exceptions(a, b, from_a, from_b, exceptions):
    """Elements where slots ``from_a[r]`` of `a` and ``from_b[r]`` of `b` do not unite in order.

    In order means: slots paired hold equal columns, and columns ascend with r (-1: no slot of that
    side).  Lists them in `exceptions` and returns how many; more than fit return the size plus 1.
    """
    found = 0
    # Block by block and row by row, as fast as memory is read; a block that does not fit as a
    # whole is looked at element by element.
    for start in range(0, a.shape[1], 512):
        stop = min(start + 512, a.shape[1])
        wrong = 0
        for r in range(from_a.size):
            s = from_a[r]
            t = from_b[r]
            c = a[s] if s >= 0 else b[t]
            if s >= 0 and t >= 0:
                d = b[t]
                for i in range(start, stop):
                    wrong |= c[i] ^ d[i]
            if r == 0:
                for i in range(start, stop):
                    wrong |= c[i] < 0
            else:
                e = a[from_a[r - 1]] if from_a[r - 1] >= 0 else b[from_b[r - 1]]
                for i in range(start, stop):
                    wrong |= c[i] <= e[i]
        if wrong == 0:
            continue
        for i in range(start, stop):
            last = -1
            for r in range(from_a.size):
                s = from_a[r]
                t = from_b[r]
                k = a[s, i] if s >= 0 else b[t, i]
                if k <= last or (s >= 0 and t >= 0 and b[t, i] != k):
                    if found == exceptions.size:
                        return found + 1
                    exceptions[found] = i
                    found += 1
                    break
                last = k
    return found


@_on_first_call
def merge_positions(a, b, col, from_a, from_b):
    """The same union, but the slot numbers of either side (-1 where absent) instead of sums."""
    for i in range(a.shape[1]):
        s = 0
        t = 0
        for r in range(col.shape[0]):
            p = a[s, i] if s < a.shape[0] else -1
            q = b[t, i] if t < b.shape[0] else -1
            take_a = p >= 0 and (q < 0 or p <= q)
            take_b = q >= 0 and (p < 0 or q <= p)
            col[r, i] = p if take_a else q
            from_a[r, i] = s if take_a else -1
            from_b[r, i] = t if take_b else -1
            s += 1 if take_a else 0
            t += 1 if take_b else 0


@_on_first_call
def slot_order(col, order, target):
    """Sort the slots of each element by column and number the distinct columns.

    ``order[:, i]`` lists the slots of element i by ascending column (unused ones last);
    ``target[r, i]`` is the merged slot of ``order[r, i]``, -1 when unused.  Returns the width.
    """
    width = 0
    for i in range(col.shape[1]):
        for s in range(col.shape[0]):
            c = col[s, i]
            r = s
            if c >= 0:
                while r > 0 and (col[order[r - 1, i], i] > c or col[order[r - 1, i], i] < 0):
                    order[r, i] = order[r - 1, i]
                    r -= 1
            order[r, i] = s
        used = 0
        last = -1
        for r in range(col.shape[0]):
            c = col[order[r, i], i]
            if c < 0:
                target[r, i] = -1
                continue
            if c != last:
                used += 1
                last = c
            target[r, i] = used - 1
        width = max(width, used)
    return width


@_on_first_call
def compact_columns(col, order, target, out):
    """Columns of the merged slots that `slot_order` numbered."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[s, i] = -1
    for r in range(col.shape[0]):
        for i in range(col.shape[1]):
            t = target[r, i]
            if t >= 0:
                out[t, i] = col[order[r, i], i]


@_on_first_call
def compact(coef, order, target, out):
    """Coefficients of those slots; equal columns add up."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[s, i] = 0
    for r in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            t = target[r, i]
            if t >= 0:
                out[t, i] += coef[order[r, i], i]


@_on_first_call
def scatter_dense(col, coef, block):
    """``block[col[s, i], i] += coef[s, i]``."""
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            if col[s, i] >= 0:
                block[col[s, i], i] += coef[s, i]


@_on_first_call
def scatter_sum(col, coef, segment, block):
    """``block[col[s, i], segment[i]] += coef[s, i]``: a sum over elements, dense in columns."""
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            if col[s, i] >= 0:
                block[col[s, i], segment[i]] += coef[s, i]


@_on_first_call
def scatter_product(col, coef, matrix, block, is_constant):
    """``block[col[s, i, j], i, :] += coef[s, i, j] * matrix[j, :]``: seeds scale its rows."""
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            for j in range(col.shape[2]):
                c = coef[s, i, j]
                row = col[s, i, j]
                if row < 0 or c == 0:
                    continue
                if np.isfinite(c) or not is_constant:
                    for r in range(matrix.shape[1]):
                        block[row, i, r] += c * matrix[j, r]
                else:
                    for r in range(matrix.shape[1]):
                        if matrix[j, r] != 0:
                            block[row, i, r] += c * matrix[j, r]


@_on_first_call
def scatter_add(rows, index, out):
    """``out[s, index[i]] += rows[s, i]`` wherever index is not -1."""
    for s in range(rows.shape[0]):
        for i in range(index.shape[0]):
            if index[i] >= 0:
                out[s, index[i]] += rows[s, i]


@_on_first_call
def take_rows(rows, index, fill, out):
    """``out[s, i] = rows[s, index[i]]``, `fill` where index is -1."""
    for s in range(rows.shape[0]):
        for i in range(index.size):
            j = index[i]
            out[s, i] = fill if j < 0 else rows[s, j]


@_on_first_call
def count_rows(col, indptr):
    """Row pointers of a CSR matrix whose row i holds the used slots of element i."""
    for i in range(indptr.size):
        indptr[i] = 0
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            indptr[i + 1] += col[s, i] >= 0
    for i in range(col.shape[1]):
        indptr[i + 1] += indptr[i]


@_on_first_call
def fill_rows(col, indptr, indices, source):
    """Column indices of that CSR matrix, ascending, and the flat positions of its entries."""
    for i in range(col.shape[1]):
        k = indptr[i]
        for s in range(col.shape[0]):
            if col[s, i] >= 0:
                indices[k] = col[s, i]
                source[k] = s * col.shape[1] + i
                k += 1


@_on_first_call
def fill_nonzeros(rows, indptr, indices, data):
    """Row pointers, column indices and values of what is not 0 in `rows`, (m, n)."""
    at = 0
    indptr[0] = 0
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            v = rows[i, j]
            if v != 0:
                indices[at] = j
                data[at] = v
                at += 1
        indptr[i + 1] = at


@_on_first_call
def fill_csr(col, coef, indptr, indices, data):
    """Column indices and entries of that matrix."""
    for i in range(col.shape[1]):
        k = indptr[i]
        for s in range(col.shape[0]):
            if col[s, i] >= 0:
                indices[k] = col[s, i]
                data[k] = coef[s, i]
                k += 1
