"""Higher derivatives of element-wise functions that have no short closed form: families.

Each family is a sequence of `Derived` functions, one per order, of which every next is the
derivative of the one before.  They are evaluated on arrays, never compiled.
"""

import math
from functools import cache

import numpy as np

from dualmc.rules.derived import Derived

# --- Powers --------------------------------------------------------------------------------------
#
# The derivative of a**b, k times by a and m times by b, is
#     a**(b - k) * sum_j binomial(m, j) * ff_j(b) * log(a)**(m - j)
# where ff_j is the j-th derivative of the falling factorial ff(b) = b (b - 1) ... (b - k + 1).
# b - k is rounded; what it lost comes back as a factor 1 + error * log(a).


@cache
def power_partial(k, m):
    """``d^(k+m) (a**b) / da^k db^m``, as a `Derived` function of (a, b, a**b)."""
    return _power_family(lambda a, b, y: _power_derivative(a, b, k, m), k, m)


def first_power_partial(formula, k):
    """A first partial of a power (by the base if k is 1) that is evaluated by `formula`."""
    return _power_family(formula, k, 1 - k)


def _power_family(formula, k, m):
    return Derived(
        formula,
        lambda a, b, y, d: power_partial(k + 1, m)(a, b, y),
        lambda a, b, y, d: power_partial(k, m + 1)(a, b, y),
    )


def _power_derivative(a, b, k, m):
    dtype = np.result_type(a, b, 0.0) if np.ndim(b) or np.ndim(a) else np.result_type(a, b)
    a, b = np.asarray(a, dtype), np.asarray(b, dtype)
    is_complex = dtype.kind == "c"
    with np.errstate(all="ignore"):
        is_zero = a == 0
        safe = np.where(is_zero, np.ones((), dtype), a)
        log = np.log(safe) if m else None
        terms = [math.comb(m, j) * _falling(b, k, j) for j in range(m + 1)]
        factor = terms[0] if m == 0 else _polynomial(terms[::-1], log)
        if is_complex:
            y = np.power(safe, b - k) * factor
        else:
            y = _scaled_power(safe, b, k, factor)
        if is_zero.any():
            y = np.where(is_zero, _power_at_zero(b, k, m, terms), y)
        if m == 0:
            y = np.where((factor == 0) & (a == a), np.zeros((), dtype), y)
        return y


def _falling(b, k, j):
    """The j-th derivative of ``b (b - 1) ... (b - k + 1)``: j! times a symmetric polynomial."""
    sums = [np.ones_like(b)] + [np.zeros_like(b)] * k
    for i in range(k):
        for size in range(i + 1, 0, -1):
            sums[size] = sums[size] + sums[size - 1] * (b - i)
    return math.factorial(j) * sums[k - j] if j <= k else np.zeros_like(b)


def _polynomial(coefficients, x):
    """Horner's rule, the lowest coefficient first."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def _scaled_power(a, b, k, factor):
    """``a**(b - k) * factor`` for a real a that is not 0, without over- or underflow between."""
    c = b - k
    back = c - b
    lost = (b - (c - back)) - (k + back)  # what rounding took from b - k (Knuth's TwoDiff)
    size = np.abs(a)
    lost = np.where(np.isfinite(lost) & (lost != 0), lost, np.zeros((), c.dtype))
    correction = 1.0 + lost * np.log(size) if lost.any() else 1.0
    plain = np.power(a, c) * correction
    limits = np.finfo(c.dtype)
    magnitude = np.abs(plain)
    edge = float(limits.tiny) ** 0.9
    is_extreme = ~((magnitude > edge) & (magnitude < 1.0 / edge)) & (plain == plain)
    is_extreme &= (size < np.inf) & (np.abs(c) < np.inf)
    if not is_extreme.any():
        return plain * factor
    root = np.power(size, 0.5 * c)
    return np.where(is_extreme, root * (factor * correction) * np.copysign(root, plain),
                    plain * factor)  # fmt: skip


def _power_at_zero(b, k, m, terms):
    """At a = 0, where log(a) is -inf: the limit of the leading term."""
    c = b - k
    y = np.where(c > 0, np.zeros_like(b), np.full_like(b, np.nan))
    size = np.where(c == 0, 1.0, np.inf)
    for j in range(m, -1, -1):  # the last that is not 0 is the leading one
        lead = terms[j] * (1.0 if m == j else np.copysign(np.inf, (-1.0) ** (m - j)))
        y = np.where((c <= 0) & (terms[j] != 0), lead * size, y)
    nothing = (c <= 0) & np.logical_and.reduce([t == 0 for t in terms])
    return np.where(nothing, np.zeros_like(b), y)


# --- sinc ----------------------------------------------------------------------------------------
#
# sinc(x) = j(pi x), j(u) = sin(u)/u.  u j^(k) = sin^(k) - k j^(k-1) cancels for small u; there
# the series of j^(k), sum_n (-1)^n u^(2n-k) / ((2n - k)! (2n + 1)), is summed.


@cache
def sinc_derivative(k):
    """The k-th derivative of `np.sinc`, as a `Derived` function of (x, sinc(x))."""
    return sinc_family(lambda x, y: _sinc_derivative(k, x), k)


def sinc_family(formula, k):
    """The same, evaluated by `formula`."""
    return Derived(formula, lambda x, y, d: sinc_derivative(k + 1)(x, y))


def _sinc_derivative(k, x):
    x = np.asarray(x)
    with np.errstate(all="ignore"):
        near = np.abs(x) < (k + 1.5) / np.pi
        series = _sinc_series(k, np.pi * np.where(near, x, 0.0))
        far = np.where(near, 1.0, x)
        u, turn = np.pi * far, far - 2.0 * np.rint(0.5 * np.real(far))
        j = _sine(turn, 0) / u
        for i in range(1, k + 1):
            j = (_sine(turn, i) - i * j) / u
        return np.pi**k * np.where(near, series, j)


def _sine(r, order):
    """The derivative of a sine at pi r, |r| <= 1, exactly 0 where it should be."""
    sign = -1.0 if order % 4 in (2, 3) else 1.0
    if order % 2:
        return sign * np.sin(np.pi * (0.5 - np.where(np.real(r) < 0, -r, r)))
    return sign * np.sin(np.pi * r)


def _sinc_series(k, u):
    first = (k + 1) // 2
    z = u * u
    terms = [
        (-1.0) ** n / (math.factorial(2 * n - k) * (2 * n + 1))
        for n in range(first, first + 20 + k)
    ]
    total = _polynomial(terms, z)
    return total * u if k % 2 else total


# --- Angles --------------------------------------------------------------------------------------
#
# arctan2(a, b) is the imaginary part of log(b + i a), so that its derivative, m times by a and n
# times by b, is that of (-1)^(k-1) (k - 1)! i^m / (b + i a)^k with k = m + n.


@cache
def angle_partial(m, n):
    """``d^(m+n) arctan2(a, b) / da^m db^n``, as a `Derived` function of (a, b, arctan2(a, b))."""
    return angle_family(lambda a, b, y: _angle_derivative(a, b, m, n), m, n)


def angle_family(formula, m, n):
    """The same, evaluated by `formula`."""
    return Derived(
        formula,
        lambda a, b, y, d: angle_partial(m + 1, n)(a, b, y),
        lambda a, b, y, d: angle_partial(m, n + 1)(a, b, y),
    )


def _angle_derivative(a, b, m, n):
    with np.errstate(all="ignore"):
        h = np.hypot(a, b)
        u, v = b / h, -(a / h)  # 1/(b + i a) = (u + i v) / h
        real, imag = u, v
        for _ in range(m + n - 1):
            real, imag = real * u - imag * v, real * v + imag * u
        if m + n == 2:
            real = (u - v) * (u + v)
        part = (imag, real, -imag, -real)[m % 4]
        y = part / h
        for k in range(1, m + n):
            y = -k * y / h
        return np.where(h == np.inf, 0.0 * (np.sign(a) + np.sign(b)), y)
