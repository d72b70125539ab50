"""Errors of partial derivatives in units in the last place, against the cases of `cases.py`.

How an error is counted (`error_in_ulps`):
- in units in the last place of the exact derivative, rounded to the result's own format;
- past the largest finite number inf is expected (the largest number itself, if that close);
- below the smallest normal number any result is accepted that is as small: a subnormal
  derivative may be flushed to zero or keep fewer digits, but never becomes NaN or normal;
- a derivative that is exactly 0 must be exactly 0.
"""

import math
from functools import cache
from typing import NamedTuple

import mpmath
import numpy as np
from cases import CASE_OF
from mpmath import mp

DIGITS = 60
INF = math.inf


class Samples(NamedTuple):
    """Arguments of one case, and the exact derivative with respect to one of them."""

    arguments: tuple
    exact: list
    # What the error is counted in; the exact values themselves unless the case says otherwise.
    size: list


@cache
def arguments(function, count, seed, dtype="float64"):
    """`count` draws from each region of a case, as arrays of `dtype`."""
    case = CASE_OF[function]
    rng = np.random.default_rng([seed, len(case.name), *case.name.encode()])
    drawn = [region(rng, count) for region in case.domain]
    columns = [np.concatenate(column) for column in zip(*drawn, strict=True)]
    columns = [_fit(column, np.finfo(dtype)) for column in columns]
    usable = np.logical_and.reduce([np.isfinite(column) for column in columns])
    return tuple(column[usable] for column in columns)


def _fit(x, limits):
    """`x` as floats of one format: exponents it cannot hold are divided by 8 (308 becomes 38)."""
    if x.dtype.kind == "i":
        return x
    size = np.abs(x)
    fits = (size >= limits.tiny) & (size <= limits.max) | ~np.isfinite(x) | (x == 0)
    return np.where(fits, x, np.sign(x) * size**0.125).astype(limits.dtype)


@cache
def samples(function, argnum, count, seed=0, dtype="float64"):
    """Draws of a case with the exact derivative; poles, met by rounding, are edge rows."""
    case = CASE_OF[function]
    columns = arguments(function, count, seed, dtype)
    exact, size, kept = [], [], []
    with mp.workdps(DIGITS):
        for i, row in enumerate(zip(*columns, strict=True)):
            xs = [mp.mpf(float(x)) for x in row]
            try:
                value = case.derivatives[argnum](*xs)
            except ZeroDivisionError:
                continue
            if isinstance(value, mpmath.mpc):
                continue  # outside the real domain after rounding
            kept.append(i)
            exact.append(value)
            size.append(value if case.size is None else case.size(*xs))
    return Samples(tuple(c[kept] for c in columns), exact, size)


def error_in_ulps(got, exact, size, dtype="float64"):
    """Error of the float `got` against the mpf `exact`; see the module's docstring."""
    limits = np.finfo(dtype)
    top, tiny, eps = float(limits.max), float(limits.tiny), float(limits.eps)
    if mpmath.isnan(exact) or math.isnan(got):
        return 0.0 if mpmath.isnan(exact) and math.isnan(got) else INF
    if math.isinf(got):
        return 0.0 if exact * math.copysign(1.0, got) > top * (1 - 4 * eps) else INF
    if exact == 0:
        return 0.0 if got == 0 else INF
    if abs(size) < tiny:
        return 0.0 if abs(got) <= tiny else INF
    with mp.workdps(DIGITS):
        _, power = mp.frexp(abs(size))
        return float(abs(mp.mpf(got) - exact) / mp.ldexp(1, power - 1 - limits.nmant))


def errors_in_ulps(got, known, dtype="float64"):
    """`error_in_ulps` of an array against `Samples`."""
    got = np.broadcast_to(got, len(known.exact)).tolist()
    triples = zip(got, known.exact, known.size, strict=True)
    return np.array([error_in_ulps(*triple, dtype) for triple in triples])


def by_array(rule, function, argnum, columns):
    """The partial as one NumPy expression on whole arrays."""
    partial = rule.partials[argnum]
    with np.errstate(all="ignore"):
        y = function(*columns)
        return partial(*columns, y) if callable(partial) else np.full(y.shape, partial, y.dtype)


def by_kernel(rule, function, argnum, columns, kernels):
    """The partial as the compiled kernel gives it, times a coefficient of 1."""
    with np.errstate(all="ignore"):
        y = function(*columns)
    ones = np.ones((1, y.size), y.dtype)
    out = np.empty_like(ones)
    if len(columns) == 1:
        kernels.push_one(function, rule.partials[argnum])(*columns, y, ones, out)
    else:
        kernel = kernels.push_two(function, argnum, rule.partials[argnum])
        kernel(columns[0], 1, columns[1], 1, y, ones, out)
    return out[0]
