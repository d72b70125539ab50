"""Expressions of scalars as users write them in compiled code, and their Python path as oracle.

In each expression a and b are elements of x, which is differentiated; k (int64), i (int32), s
(float32) and t (bool) are other arguments.  Several stand in one compiled function.
"""

import math
import operator

import numba
import numpy as np

import dualmc as dm

POINTS = [np.array(p) for p in ([0.7, 0.3], [0.3, 0.7], [0.5, 0.5], [0.9, -0.4], [-1.3, 2.6])]
REST = (3, np.int32(2), np.float32(1.3), True)

_PAIRS = [
    (f"({left})", f"({right})")
    for left, right in (
        ("a", "b"), ("a", "2.5"), ("2.5", "a"), ("a", "k"), ("k", "a"), ("a", "s"), ("s", "a"),
        ("a", "i"), ("i", "a"), ("a", "t"), ("t", "a"),
    )
]  # fmt: skip


def _lines(text):
    return [line.strip() for line in text.strip().split(";") if line.strip()]


OPERATORS = [
    f"{left} {op} {right}"
    for op in ("+", "-", "*", "/", "//", "%", "<", "<=", ">", ">=", "==", "!=")
    for left, right in _PAIRS
]
POWERS = [f"abs{left} ** {right}" for left, right in _PAIRS] + _lines("""
    a**2; a**3; a**-1; a**0; a**1; a**2.0; a**20; a**-3; a**-20; abs(a)**0.5; abs(a)**-0.5; 2**a;
    2.0**a; (-a)**2; (-a)**3; (-a)**k; (-a)**2.0; (-a)**3.0; a**-k; a**(k * 9); a**(k - 3);
    pow(a, 2);
    pow(abs(a), b); pow(a, 2.0); pow(2, a); np.power(a, -2); np.power(a, k); np.power(a, 2);
    np.float_power(a, 2); np.float_power(abs(a), b); math.pow(a, 3); math.pow(a, k);
    math.pow(abs(a), b); math.pow(2.0, b); operator.pow(a, 2)
""")
LOGIC = _lines("""
    a if a > b else b; a if t else 1.0; 1 if a > b else a; (a < b < 1.0) * a; (0 < a <= b) * b;
    (a > b and b > 0.2) * a; a and b; a or b; a and 1.0; 0.0 or a; a * (not t); k and a; a or k;
    not a; bool(a) * a; (not a) + b; a in (a, b); a in [a, b]; (a, b) == (b, a); (a, b) < (b, a);
    np.logical_and(a, b); np.logical_or(a, 0.0); np.logical_xor(a, k); np.logical_not(a);
    np.equal(a, b); np.greater(a, b); np.less(a, 1.0); np.not_equal(a, k); np.less_equal(k, a);
    np.greater_equal(b, s); np.isclose(a, b); np.isclose(a, b, 1e-3); np.isscalar(a);
    np.isreal(a); np.iscomplex(a); np.isnan(a); np.isinf(b); np.isfinite(a); np.signbit(a);
    math.isnan(a); math.isfinite(b); math.isinf(b); -a; +a; operator.neg(a); operator.add(a, k)
""")
CHOICES = _lines("""
    max(a, b); min(a, b); max(a, b, 0.6); min(a, b, 0.6, 1); max((a, b)); min((a, b, 0.6));
    max([a, b]); min([a, b]); max(a, k); min(i, a); max(a, t); max(a, b, 1.0, 2.0, a);
    max(a, k, b, s, t, 2); min(a, b, 1.0, 2.0, a, b); min((a, k)); max(x); min(x); max(a, a);
    min(max(a, 0.1), 0.8); abs(a); abs(-a); abs(a - b); sorted([a, b])[0]; np.maximum(a, b);
    np.minimum(a, 0.4); np.fmax(0.4, b); np.fmin(a, k); np.copysign(a, b); math.copysign(a, b);
    math.copysign(2.0, a); sum((a, b)); sum([a, b]); sum((a, b, 1)); sum((a, b), 1.0); sum(x);
    sum([v * v for v in x]); list((a, b))[1]; (a, b)[::-1][0]; [v for v in map(abs, (a, b))][0];
    sum([u * v for u, v in zip((a, b), (b, a))]); sum([i * v for i, v in enumerate((a, b))])
""")
WHOLE = _lines("""
    divmod(a, b)[0]; divmod(a, b)[1]; divmod(a, 2)[1]; divmod(k, a)[1]; np.divmod(a, b)[1];
    np.mod(a, b); np.fmod(a, b); np.remainder(a, k); np.floor_divide(a, b); round(a); round(a, 2);
    int(a); float(a); int(a * 10) * b; float(int(a * 7)); math.floor(a); math.ceil(a);
    math.trunc(a); np.floor(a); np.ceil(a); np.trunc(a); np.rint(a); np.sign(a) * b; np.spacing(a);
    math.nextafter(a, b); math.ldexp(a, 3); math.ldexp(a, k); np.ldexp(a, k); math.frexp(a)[0];
    math.frexp(a * 9)[1]; np.angle(a); np.sum(a); np.max(a); np.size(a); np.conjugate(a)
""")
ELEMENTARY = _lines("""
    math.sin(a); math.cos(a); math.tan(a); math.asin(a / 3); math.acos(b / 3); math.atan(a);
    math.sinh(a); math.cosh(b); math.tanh(a); math.asinh(b); math.acosh(1.5 + a * a);
    math.atanh(b / 3); math.atan2(a, b); math.atan2(a, k); math.hypot(a, b); math.hypot(a, 2);
    math.exp(a); math.exp2(a); math.expm1(b); math.log(3 + a); math.log2(3 + b); math.log10(3 + a);
    math.log1p(a * a); math.sqrt(a * a + 1); math.fabs(a); math.degrees(a); math.radians(b);
    math.erf(a); math.erfc(b); math.gamma(a); math.lgamma(b); np.sinc(a); np.logaddexp(a, b);
    np.logaddexp2(a, 1.0); np.hypot(a, b); np.arctan2(a, b); np.deg2rad(a); np.rad2deg(a);
    np.cbrt(a); np.square(a); np.reciprocal(a); np.exp2(b); np.log1p(a * a); np.positive(a);
    np.negative(a); np.fabs(b); np.degrees(a); np.radians(a)
""")


def function_of(expressions):
    text = "def f(x, k, i, s, t):\n    a = x[0]\n    b = x[1]\n    return ("
    text += ", ".join(f"1.0 * ({e})" for e in expressions) + ",)\n"
    scope = {"np": np, "math": math, "operator": operator}
    exec(text, scope)
    return scope["f"]


def check(expressions, points=POINTS, rest=REST, rtol=1e-12, size=24):
    """Value to the bit, and the Jacobian as that of the Python path, `size` expressions at once."""
    for start in range(0, len(expressions), size):
        part = expressions[start : start + size]
        plain = function_of(part)
        f = numba.njit(plain)
        jac = dm.jit_jacobian(f, chunk_size=2, value=True)

        def python(x, plain=plain):
            return np.array(plain(x, *rest))

        for x in points:
            y, J = jac(x, *rest)
            np.testing.assert_array_equal(y, f(x, *rest))
            expected = dm.jacobian_fwd(python, x)
            for text, row, wanted in zip(part, J, expected, strict=True):
                np.testing.assert_allclose(
                    row, wanted, rtol=rtol, atol=1e-300, err_msg=f"{text} at {x}"
                )
