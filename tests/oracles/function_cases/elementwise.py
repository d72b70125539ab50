"""Element-wise functions and their options, clipping and rounding, complex intermediates."""

import warnings

import numpy as np
from points import A5, A34, A55, MASK5, G, M, N, P, T, U, V

from function_cases.case import DIFF, STEP, Case

# --- Element-wise functions ----------------------------------------------------------------------

ELEMENTWISE = [
    Case(f"{ufunc.__name__}", lambda x, u=ufunc: u(x), point, oracle)
    for oracle, point, ufuncs in [
        (STEP, V, [np.positive, np.negative, np.exp, np.exp2, np.expm1, np.square, np.sin, np.cos]),
        (STEP, V, [np.reciprocal, np.tan, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh]),
        (STEP, V, [np.sinc]),
        (STEP, P, [np.log, np.log2, np.log10, np.log1p, np.sqrt]),
        (STEP, U, [np.arcsin, np.arccos, np.arctanh]),
        (STEP, G, [np.arccosh]),
        (DIFF, V, [np.absolute, np.fabs, np.conjugate, np.cbrt, np.deg2rad, np.radians]),
        (DIFF, V, [np.rad2deg, np.degrees]),
    ]
    for ufunc in ufuncs
]
ELEMENTWISE += [
    Case(f"{ufunc.__name__}-{kind}", f, x, oracle)
    for oracle, x, ufuncs in [
        (STEP, P, [np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power]),
        (DIFF, P, [np.arctan2, np.hypot, np.logaddexp, np.logaddexp2, np.maximum, np.minimum]),
        (DIFF, P, [np.fmax, np.fmin, np.fmod, np.remainder, np.copysign, np.heaviside]),
        (DIFF, P, [np.floor_divide]),
    ]
    for ufunc in ufuncs
    for kind, f in [
        ("both", lambda x, u=ufunc: u(x[1:], x[:-1])),
        ("first", lambda x, u=ufunc: u(x, 0.91)),
        ("second", lambda x, u=ufunc: u(0.93, x)),
        ("with-array", lambda x, u=ufunc: u(x, np.array([0.9, 2.2, 0.5, 1.1, 0.3]))),
        ("outer-broadcast", lambda x, u=ufunc: u(x[:2, None], x[2:])),
        ("same", lambda x, u=ufunc: u(1.5 * x, x)),
    ]
]


def buffers(x):
    y = np.empty_like(x)
    np.sin(x, out=y)
    np.multiply(y, x, out=y)
    np.add(y, 1.0, y)
    return y


def accumulate_into_argument(x):
    np.exp(x, out=x)
    x *= x[::-1].copy()
    return x


def masked_log(x):
    return np.log(x, out=np.zeros_like(x), where=x.real > 0)


def masked_add_into(x):
    y = 3.0 * x
    np.add(x, x[::-1], out=y, where=MASK5)
    return y


def out_view(x):
    y = np.zeros_like(x)
    np.square(x[1:3], out=y[2:4])
    return y + x


def out_plain_result_of_flat(x):
    n = np.empty(x.shape)
    np.floor(x, out=n)
    return x * n


OPTIONS = [
    Case("ufunc-out", buffers, V),
    Case("ufunc-out-is-input", accumulate_into_argument, V),
    Case("ufunc-out-where", masked_log, V),
    Case("ufunc-out-where-active", masked_add_into, V),
    Case("ufunc-out-view", out_view, V),
    Case("ufunc-out-tuple", lambda x: np.cos(x, out=(np.zeros_like(x),)), V),
    Case("ufunc-out-flat", out_plain_result_of_flat, V, DIFF),
    Case("ufunc-dtype", lambda x: np.multiply(x, 2, dtype=np.float64), V, DIFF),
    Case("ufunc-casting", lambda x: np.add(x, 1, casting="same_kind"), V),
    Case("modf", lambda x: np.modf(x)[0] * x + np.modf(x)[1], V, DIFF),
    Case("frexp", lambda x: np.frexp(x)[0] + np.frexp(x)[1] * x, V, DIFF),
    Case("ldexp", lambda x: np.ldexp(x, [1, 2, -1, 0, 3]), V, DIFF),
    Case("divmod-ufunc", lambda x: np.divmod(x, 0.37)[1] * np.divmod(x, 0.37)[0], V, DIFF),
    Case("divmod-ufunc-both", lambda x: np.stack(np.divmod(x[0], x[1:])), P, DIFF),
    Case("sinc-at-0", np.sinc, np.array([0.0, 0.5, -1.5]), DIFF),
    Case("heaviside-times-x", lambda x: x * np.heaviside(x, 0.5), V, DIFF),
    Case("sign-times-x", lambda x: x * np.sign(x), V, DIFF),
    Case("nested-elementwise", lambda x: np.exp(-np.square(x)) * np.tanh(np.sin(x) + x**3), V),
    Case("elementwise-constant", lambda x: x * 0.0 + 1.0, V),
    Case("elementwise-2d", lambda x: np.sin(x) * x + np.cos(x), M),
    Case("elementwise-3d", lambda x: np.exp(0.3 * x) / (2.0 + np.cos(x)), T),
    Case("broadcast-row", lambda x: x * A34[0], M),
    Case("broadcast-column-active", lambda x: x[:, :1] * x + x[0], M),
    Case("broadcast-up", lambda x: x + np.ones((2, 3, 5)), V),
    Case("broadcast-scalar-element", lambda x: x[0] * A34 + x[1], V),
    Case("softmax", lambda x: np.exp(x) / np.sum(np.exp(x)), V),
    Case("relu", lambda x: np.maximum(x, 0), V, DIFF),
    Case("leaky-relu", lambda x: np.where(x > 0, x, 0.01 * x), V, DIFF),
    Case("logistic", lambda x: 1 / (1 + np.exp(-x)), V),
    Case("gelu", lambda x: 0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3))), V),
    Case("aliases", lambda x: np.pow(x, 2) + np.acos(0.3 * x) * np.atan(x) + np.asinh(x), V),
]


# --- Clipping, rounding, cleaning ----------------------------------------------------------------


def fixed(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5 prefers trunc
        return np.fix(x)


CLEANING = [
    Case("clip-scalars", lambda x: np.clip(x, -0.5, 0.5) + x.clip(-1.0, 1.0), V, DIFF),
    Case("clip-arrays", lambda x: np.clip(x, A5 - 0.5, A5 + 0.5), V, DIFF),
    Case("clip-none", lambda x: np.clip(x, None, 0.5) * np.clip(x, -0.5, None), V, DIFF),
    Case("clip-active-bounds", lambda x: np.clip(A5, x[1], x[2]) + np.clip(x, x[4], 9.0), V, DIFF),
    Case("clip-keywords", lambda x: np.clip(x, min=-0.5, max=0.5), V, DIFF),
    Case("clip-method-min", lambda x: x.clip(min=0.0) + x.clip(max=0.5), V, DIFF),
    Case("clip-out", lambda x: np.clip(x, 0.0, 1.0, out=x) * 2.0, V, DIFF),
    Case("nan-to-num", lambda x: np.nan_to_num(x * x), N, DIFF),
    Case("nan-to-num-values", lambda x: np.nan_to_num(x, nan=3.0, posinf=1.0), N, DIFF),
    Case("nan-to-num-in-place", lambda x: np.nan_to_num(x, copy=False) * 2, N, DIFF),
    Case("where-isnan", lambda x: np.where(np.isnan(x), 0.0, x**2), N, DIFF),
    Case("isfinite-index", lambda x: x[np.isfinite(x)] ** 2, N, DIFF),
    Case("round-flat", lambda x: x * np.round(x) + np.around(x, 1), V + 0.02, DIFF),
    Case("round-method", lambda x: x * x.round() + x.round(1), V + 0.02, DIFF),
    Case("floor-ceil-trunc", lambda x: x * np.floor(x) + np.ceil(x) * np.trunc(x), V, DIFF),
    Case("rint-fix-sign", lambda x: x * np.rint(x) + fixed(x) * np.sign(x), V, DIFF),
    Case("unwrap", lambda x: np.unwrap(4.0 * x), V, DIFF),
    Case("unwrap-axis-period", lambda x: np.unwrap(x, axis=0, period=1.1), M, DIFF),
    Case("real-imag-conj-of-real", lambda x: np.real(x) + np.imag(x) + np.conj(x), V, DIFF),
    Case("real-imag-methods", lambda x: x.real * x.conj() + x.imag + x.conjugate(), V, DIFF),
    Case("angle-of-real", lambda x: np.angle(x) * x, V, DIFF),
    Case(
        "isclose-allclose", lambda x: x * np.isclose(x, 0.45, atol=0.2) * np.allclose(x, x), V, DIFF
    ),
    Case("array-equal", lambda x: x * np.array_equal(x, x), V, DIFF),
    Case("signbit", lambda x: np.where(np.signbit(x), x, x**2), V, DIFF),
    Case("logical", lambda x: x * np.logical_and(x > 0, x < 1) + np.logical_not(x), V, DIFF),
    Case("piecewise", lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, np.exp]), V, DIFF),
    Case("piecewise-constants", lambda x: np.piecewise(x, [x > 1], [5.0, np.sin]), V, DIFF),
    Case("vectorize", lambda x: np.vectorize(lambda v: v * v if v > 0 else -v)(x), V, DIFF),
    Case("vectorize-two", lambda x: np.vectorize(lambda a, b: a * np.sin(b))(x, x[::-1]), V),
    Case("vectorize-matrix", lambda x: np.vectorize(lambda v: 3 * v**2)(x), M),
    Case("argmax-index", lambda x: x[np.argmax(x)] * x[x.argmin()], V, DIFF),
    Case("argmax-axis", lambda x: x[np.arange(3), np.argmax(x, axis=1)], M, DIFF),
    Case("searchsorted", lambda x: x * np.searchsorted([-1.0, 0.0, 1.0], x), V, DIFF),
    Case("searchsorted-active", lambda x: x[0] * np.searchsorted(np.sort(x), 0.5), V, DIFF),
    Case("digitize", lambda x: x * np.digitize(x, [-1.0, 0.0, 1.0]), V, DIFF),
    Case("nonzero", lambda x: x[np.nonzero(x > 0)] + x[x.nonzero()][:3], V, DIFF),
    Case("flatnonzero-argwhere", lambda x: x[np.flatnonzero(x < 0)] * len(np.argwhere(x)), V, DIFF),
    Case("lexsort", lambda x: x[np.lexsort((x,))] * A5, V, DIFF),
    Case("result-type", lambda x: x * np.ones(5, np.result_type(x, np.float64)), V, DIFF),
]


# --- Complex intermediates -----------------------------------------------------------------------


def fourier_by_hand(x):
    k = np.arange(5)
    return np.exp(-2j * np.pi * np.outer(k, k) / 5) @ x


def complex_buffer(x):
    z = np.zeros_like(x, dtype=complex)
    z[0] = x[0] + 1j * x[1]
    z[1:] = x[1:] * 1j
    return (z * z).real + z.imag


def complex_parts_assigned(x):
    z = np.zeros_like(x, dtype=complex)
    z.real[:] = x
    z.imag[1:] = x[:-1] ** 2
    return z * z


def mandelbrot(x):
    z = 0j
    c = x[0] + 1j * x[1]
    for _ in range(5):
        z = z * z + 0.3 * c
    return abs(z)


def Z(x):
    return x + 1j * x[::-1] ** 2


COMPLEX = [
    Case("complex-out", Z, V, DIFF),
    Case("complex-scalar-out", lambda x: x[0] + 1j * x[1], V, DIFF),
    Case("complex-absolute", lambda x: np.abs(Z(x)), V, DIFF),
    Case("complex-absolute-scalar", lambda x: abs(x[0] + 1j * x[1] * x[2]), V, DIFF),
    Case("complex-angle", lambda x: np.angle(Z(x)), V, DIFF),
    Case("complex-angle-degrees", lambda x: np.angle(Z(x), deg=True), V, DIFF),
    Case("complex-real-imag", lambda x: np.real(Z(x)) * np.imag(Z(x)) + Z(x).real, V, DIFF),
    Case("complex-conj", lambda x: np.conj(Z(x)) * Z(x), V, DIFF),
    Case("complex-conj-method", lambda x: (Z(x).conj() * Z(x).conjugate()).imag, V, DIFF),
    Case("complex-exp", lambda x: np.exp(1j * x), V, DIFF),
    Case("complex-functions", lambda x: np.sin(Z(x)) * np.log(Z(x)) / np.sqrt(Z(x)), V, DIFF),
    Case("complex-inverse-functions", lambda x: np.arcsin(Z(x)) + np.arctan(Z(x)), V, DIFF),
    Case("complex-hyperbolic", lambda x: np.tanh(Z(x)) * np.arcsinh(Z(x)) - np.cosh(Z(x)), V, DIFF),
    Case("complex-power", lambda x: Z(x) ** 2 + Z(x) ** 3 + Z(x) ** 0.5 + Z(x) ** 1j, P, DIFF),
    Case("complex-power-active", lambda x: Z(x) ** x, P, DIFF),
    Case("complex-sqrt-of-negative", lambda x: np.sqrt(x + 0j), V, DIFF),
    Case("complex-reciprocal", lambda x: 1 / Z(x) + np.reciprocal(Z(x)), V, DIFF),
    Case("complex-sum-mean-prod", lambda x: np.sum(Z(x)) * np.mean(Z(x)) + np.prod(Z(x)), V, DIFF),
    Case("complex-cumulative", lambda x: np.cumsum(Z(x)) * np.cumprod(Z(x)), V, DIFF),
    Case("complex-var-std", lambda x: np.var(Z(x)) + np.std(Z(x)), V, DIFF),
    Case("complex-matmul", lambda x: (A55 + 1j * A55.T) @ x, V, DIFF),
    Case("complex-matmul-both", lambda x: np.outer(Z(x), x) @ Z(x), V, DIFF),
    Case("complex-vdot", lambda x: np.vdot(Z(x), Z(x)[::-1]) + np.vecdot(Z(x), A5 * 1j), V, DIFF),
    Case("complex-einsum", lambda x: np.einsum("i,ij,j", Z(x).conj(), A55, Z(x)), V, DIFF),
    Case("complex-fourier-power", lambda x: np.abs(fourier_by_hand(x)) ** 2, V, DIFF),
    Case("complex-where", lambda x: np.where(x > 0, Z(x), 1j), V, DIFF),
    Case("complex-concatenate", lambda x: np.concatenate([Z(x), x]), V, DIFF),
    Case("complex-index", lambda x: Z(x)[[0, 2]] * Z(x)[1:3], V, DIFF),
    Case("complex-buffer", complex_buffer, V, DIFF),
    Case("complex-parts-assigned", complex_parts_assigned, V, DIFF),
    Case("complex-astype", lambda x: x.astype(complex) * 1j, V, DIFF),
    Case("complex-nan-to-num", lambda x: np.nan_to_num(Z(x)), V, DIFF),
    Case("complex-mandelbrot", mandelbrot, V, DIFF),
    Case("complex-correlate-convolve", lambda x: np.correlate(Z(x), Z(x)[:3], "full"), V, DIFF),
    Case("complex-list", lambda x: [x[0], 1j * x[1]], V, DIFF),
    Case("complex-real-if-real", lambda x: (Z(x) * Z(x).conj()).real, V, DIFF),
]
