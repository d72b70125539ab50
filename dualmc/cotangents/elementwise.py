"""Pullbacks of element-wise steps: factors, casts and the parts of complex numbers.

A pullback is called with a step of the tape, the step's cotangent, whether that may be overwritten,
and the `sweep.Sweep` to which it adds what the cotangent contributes to the step's parents.  One
serves all functions: it multiplies by the partials of `rules/table.py` with the very kernels of
forward mode; sums and products of arrays have shorter ones.
"""

import math

import numpy as np

from dualmc.cotangents.quick_partials import quick_pair
from dualmc.cotangents.sweep import PLAIN, UNIFORM, is_finite, unbroadcast
from dualmc.kernels import buffers, stamped
from dualmc.kernels.payload import FLOATS, line, of_numpy, strided, times, vector
from dualmc.rules.table import chooses, integers


def pull_unary(node, bar, owned, sweep):
    """A function of one float64 array, its kernel at hand."""
    (parent,) = node.parents
    rule, x, y = node.data
    if rule.quick is not None and not sweep.is_careful:
        quick = rule.quick
        if bar.nbytes < buffers.LARGE and x.nbytes < buffers.LARGE:
            part = quick.small(bar, x, y)
        else:
            factor = quick.factor(x, y, buffers.empty_like(x))
            part = _met(quick.meet, bar, factor, owned, sweep)
        sweep.add(parent, part, True)
        return
    if not issubclass(type(bar), PLAIN) or bar.dtype != y.dtype:
        sweep.add(parent, scaled(bar, rule.partial(x, y), False, False, sweep), True)
        return
    rows = sweep.rows(sweep.full(bar, node))
    part = np.empty_like(rows) if rows.nbytes < buffers.LARGE else buffers.empty_like(rows)
    _scaled_by(lambda r, out: rule.kernel(line(x), line(y), r, out), rows, part)
    sweep.add(parent, part.reshape(sweep.lead + node.shape), True)


def _met(meet, bar, factor, owned, sweep):
    """``meet(bar, factor)`` for a multiplication or division, written over `bar` if it is owned."""
    if type(bar) is np.ndarray and bar.dtype == factor.dtype:
        if owned and bar.ndim == factor.ndim + len(sweep.lead):
            return meet(bar, factor, bar)
        if bar.nbytes >= buffers.LARGE and bar.ndim == factor.ndim + len(sweep.lead):
            return meet(bar, factor, buffers.empty_like(bar))
    return meet(bar, factor)


def _scaled_by(push, rows, out, chosen=False):
    """`push(rows, out)`, a kernel that multiplies rows by a partial; of many rows, one by one.

    The kernels go through the elements in order and through the rows at each, which suits the few
    rows of a tangent; here the partial is evaluated once and the rows are scaled along the memory.
    """
    if rows.shape[0] < 8:
        push(rows, out)
        return
    ones = np.ones((1, rows.shape[1]), rows.dtype)
    push(ones, ones)
    (stamped.multiply_constant if chosen else stamped.multiply)(rows, ones[0], out)


def pull_multiplied(node, bar, owned, sweep):
    """A product of two float64 arrays of one shape, both active."""
    t, u = node.parents
    b, a = node.data
    sweep.add(t, scaled(bar, b, False, False, sweep), True)
    sweep.add(u, scaled(bar, a, False, owned, sweep), True)


def scaled(bar, factor, is_constant, owned, sweep):
    """The cotangent `bar` times a factor, over `bar` itself if it is `owned` and used here last."""
    if sweep.is_careful:
        return _product(bar, factor, is_constant, sweep)
    if type(bar) is np.ndarray and bar.nbytes >= buffers.LARGE and type(factor) is np.ndarray:
        return _met(np.multiply, bar, factor, owned, sweep)
    return bar * factor


def pull_scaled(node, bar, owned, sweep):
    """A sum of arguments with constant coefficients: add, subtract, negative, ..."""
    parents = node.parents
    for parent, c in zip(parents, node.data, strict=True):
        part, is_new = bar, owned and len(parents) == 1
        if sweep.is_careful and not (math.isfinite(c) and c != 0):
            part, is_new, c = times(bar, c, True), True, 1.0
        if parent.shape != node.shape:  # first, so that the smaller array is scaled
            part, is_new = unbroadcast(sweep.full(part, node), parent.shape, sweep.lead), True
        if c != 1.0:
            part, is_new = _times_number(part, c, is_new), True
        sweep.add(parent, part, is_new)


def _times_number(bar, c, owned):
    """``c * bar``, over `bar` itself where that is `owned` and large."""
    if type(bar) is np.ndarray and bar.nbytes >= buffers.LARGE and bar.dtype in FLOATS:
        out = bar if owned else buffers.empty(bar.shape, bar.dtype)
        return np.negative(bar, out) if c == -1.0 else np.multiply(bar, c, out)
    return -bar if c == -1.0 else bar * c


def pull_times(node, bar, owned, sweep):
    """Products: each parent with its factor; a constant factor that is exactly 0 gives 0."""
    factors, is_constant = node.data
    last = len(factors) - 1
    for i, (parent, factor) in enumerate(zip(node.parents, factors, strict=True)):
        if parent.shape == () and _is_dot(bar, factor, node, sweep):
            sweep.add(parent, bar.reshape(-1).dot(factor.reshape(-1)), True)
            continue
        part = scaled(bar, factor, is_constant, owned and i == last, sweep)
        if parent.shape != node.shape:
            part = unbroadcast(part, parent.shape, sweep.lead)
        sweep.add(parent, part, True)


def _is_dot(bar, factor, node, sweep):
    """Whether the sum of ``bar * factor`` is a dot product of arrays of the shape of `node`."""
    return (
        not sweep.is_careful
        and type(bar) is np.ndarray
        and type(factor) is np.ndarray
        and bar.shape == factor.shape == node.shape
    )


def _product(bar, factor, is_constant, sweep):
    if (
        type(factor) is np.ndarray
        and type(bar) is np.ndarray
        and bar.dtype in FLOATS
        and factor.dtype == bar.dtype
        and (factor.size == 1 or factor.shape == bar.shape[len(sweep.lead) :])
    ):
        rows = sweep.rows(bar)
        out = buffers.empty_like(rows)
        kernel = stamped.multiply_constant if is_constant else stamped.multiply
        kernel(rows, vector(factor, factor.dtype), out)
        return out.reshape(bar.shape)
    return times(bar, factor, is_constant)


def pull_elementwise(node, bar, owned, sweep):
    """Any other function of one or more arguments: ``x_bar = p y_bar`` with its partials p."""
    function, partials, variant, primals, y, argnums = node.data
    quick = quick_pair(function, primals, argnums)
    if quick is not None and not sweep.is_careful and is_finite(y):
        for parent, i in zip(node.parents, argnums, strict=True):
            if parent.shape == node.shape:
                part = quick[i](bar, *primals, y)
            elif function is np.divide and i == 1:  # one divisor for all terms of the sum
                part = unbroadcast(bar * y, parent.shape, sweep.lead) / -primals[1]
            else:
                part = unbroadcast(quick[i](bar, *primals, y), parent.shape, sweep.lead)
            sweep.add(parent, part, True)
        return
    fits = (
        variant is not None
        and type(bar) is np.ndarray
        and type(y) is np.ndarray
        and y.dtype in FLOATS
        and bar.dtype == y.dtype
    )
    rows = sweep.rows(bar) if fits else None
    chosen = chooses(function)
    for parent, i in zip(node.parents, argnums, strict=True):
        partial = partials[i]
        if not callable(partial):
            part = bar if partial == 1 else scaled(bar, partial, False, False, sweep)
        elif fits:
            part = buffers.empty_like(rows)
            if len(primals) == 1:
                kernel = stamped.push_one(function, partial)
                operands = (vector(primals[0], y.dtype), vector(y, y.dtype))
            else:
                a, step_a = strided(primals[0], y)
                b, step_b = strided(primals[1], y)
                kernel = stamped.push_two(function, i, partial, variant)
                operands = (a, step_a, b, step_b, vector(y, y.dtype))
            _scaled_by(_bound(kernel, operands), rows, part, chosen)
            part = part.reshape(bar.shape)
        else:
            with np.errstate(all="ignore"):
                factor = partial(*of_numpy(primals, integers(function)), y)
            part = scaled(bar, factor, chosen, False, sweep)
        shared = part is bar
        sweep.add(parent, unbroadcast(part, parent.shape, sweep.lead), not shared)


def _bound(kernel, operands):
    return lambda rows, out: kernel(*operands, rows, out)


def pull_part(node, bar, owned, sweep):
    """The real or imaginary part of a complex array, or its conjugate."""
    sweep.judge(bar)
    function = node.data
    if function is np.imag:
        bar = bar * -1j
    elif function is np.conj:
        bar = np.conj(bar)
    sweep.add(node.parents[0], bar, function is not np.real)


def pull_cast(node, bar, owned, sweep):
    sweep.add(node.parents[0], bar, owned)


UNIFORM.update({pull_unary, pull_multiplied, pull_scaled, pull_cast})
