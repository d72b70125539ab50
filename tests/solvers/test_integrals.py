"""Integrals of scipy.integrate inside f, against closed forms by the complex step, and mpmath."""

import math

import mpmath
import numpy as np
import pytest
from oracles import complex_step, differences

import dualmc as dm

si = pytest.importorskip("scipy.integrate")

P = np.array([1.3, 0.7, 2.1])


def twice(p):
    """The integral of (p0 s t^2 + p1^2 s) over s from p0 t to 3 and t from 0 to p2."""
    a, b, c = p
    inside = 9 * b**2 * c + (9 * a - a**2 * b**2) * c**3 / 3 - a**3 * c**5 / 5
    return inside / 2


def thrice(p):
    a, b, c = p
    return a / 2 * (b**2 / 8 + 2 * c * b**3 / 9 + c**2 * b**4 / 8)


def exponential(c, low, high):
    return (np.exp(-c * low) - np.exp(-c * high)) / c


# By name: the integral, and its closed form.
CASES = {
    "parameters": (lambda p: si.quad(lambda s: np.exp(-p[0] * s) * p[1], 0.0, 1.0)[0],
                   lambda p: p[1] * exponential(p[0], 0, 1)),
    "math": (lambda p: si.quad(lambda s: math.exp(-p[0] * s) * p[1], 0.0, 1.0)[0],
             lambda p: p[1] * exponential(p[0], 0, 1)),
    "limits": (lambda p: si.quad(math.exp, p[0], p[2])[0], lambda p: np.exp(p[2]) - np.exp(p[0])),
    "both, and args": (
        lambda p: si.quad(lambda s, a: np.exp(-a * s), p[0] * p[1], p[2] ** 2, args=(p[0],))[0],
        lambda p: exponential(p[0], p[0] * p[1], p[2] ** 2),
    ),
    "infinite": (lambda p: si.quad(lambda s: np.exp(-p[0] * s * s) * p[1], -np.inf, np.inf)[0],
                 lambda p: np.sqrt(np.pi / p[0]) * p[1]),
    "half infinite": (lambda p: si.quad(lambda s: np.exp(-p[0] * s) * s, p[2], np.inf)[0],
                      lambda p: np.exp(-p[0] * p[2]) * (p[2] / p[0] + 1 / p[0] ** 2)),
    "backwards": (lambda p: si.quad(lambda s: p[0] * s**2, p[2], 0.0)[0],
                  lambda p: -p[0] * p[2] ** 3 / 3),
    "singular": (lambda p: si.quad(lambda s: s ** (p[1] - 1), 0, 1)[0], lambda p: 1 / p[1]),
    "breakpoint": (
        lambda p: si.quad(lambda s: np.sin(p[0] * s) if s < p[1] else p[2] * s, 0, 2, points=[p[1]]
                          )[0],
        lambda p: (1 - np.cos(p[0] * p[1])) / p[0] + p[2] * (4 - p[1] ** 2) / 2,
    ),
    "a branch without derivative": (
        lambda p: si.quad(lambda s: p[0] * s if s < 0.5 else 0.25, 0, 1, points=[0.5])[0],
        lambda p: p[0] / 8 + 0.125,
    ),
    "quad_vec": (lambda p: si.quad_vec(lambda s: np.exp(-p * s), 0, p[0])[0],
                 lambda p: exponential(p, 0, p[0])),
    "quad_vec infinite": (lambda p: si.quad_vec(lambda s: np.exp(-p * s), 0, np.inf)[0],
                          lambda p: 1 / p),
    "dblquad": (
        lambda p: si.dblquad(lambda s, t: p[0] * s * t * t + p[1] ** 2 * s, 0, p[2],
                             lambda t: t * p[0], 3.0)[0],
        twice,
    ),
    "nquad": (
        lambda p: si.nquad(lambda x, y, c: p[0] * x * y**2 * c, [[0, 1], [0, p[1]]], (p[2],))[0],
        lambda p: p[0] * p[2] * p[1] ** 3 / 6,
    ),
    "fixed_quad": (lambda p: si.fixed_quad(lambda s: p[0] * s**2, 0, p[1])[0],
                   lambda p: p[0] * p[1] ** 3 / 3),
}  # fmt: skip
MODES = {
    "forward": dm.jacobian_fwd,
    "reverse": dm.jacobian_rev,
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
}


def flat(f):
    return lambda p: np.ravel(f(p))


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("name", CASES)
def test_first_derivatives(name):
    f, closed = CASES[name]
    expected = complex_step(flat(closed), P)
    for mode, jacobian in MODES.items():
        rtol = 1e-5 if (name, mode) == ("singular", "reverse") else 1e-8
        np.testing.assert_allclose(jacobian(flat(f), P), expected, rtol, 1e-9, err_msg=mode)
    y, _ = dm.jvp(f, P, P)
    np.testing.assert_array_equal(y, f(P))


@pytest.mark.parametrize("name", ["parameters", "both, and args", "half infinite", "quad_vec"])
def test_second_derivatives(name):
    f, closed = CASES[name]
    H = dm.hessian(lambda p: np.sum(np.sin(f(p))), P)
    slope = lambda p: complex_step(lambda z: np.sum(np.sin(closed(z))), p)  # noqa: E731
    np.testing.assert_allclose(H, differences(slope, P), rtol=1e-7, atol=1e-8)
    _, along = dm.jvp(lambda p: dm.jvp(f, p, P)[1], P, P)
    slope = lambda p: complex_step(flat(closed), p) @ P  # noqa: E731
    np.testing.assert_allclose(np.ravel(along), differences(slope, P) @ P, rtol=1e-7)


def test_tplquad():
    f = lambda p: si.tplquad(  # noqa: E731
        lambda z, y, x: p[0] * x * y * z, 0, 1, 0, p[1], lambda x, y: 0, lambda x, y: x + y * p[2]
    )[0]
    y, slope = dm.jvp(f, P, P)
    np.testing.assert_array_equal(y, f(P))
    np.testing.assert_allclose(slope, complex_step(thrice, P) @ P, rtol=1e-9)


def by_mpmath(f, a):
    with mpmath.workdps(30):
        return float(mpmath.diff(f, a))


WEIGHTS = {
    "cos": (
        lambda a: si.quad(lambda s: np.exp(-a * s), 0.0, 2.0, weight="cos", wvar=3.0)[0],
        lambda a: (mpmath.exp(-2 * a) * (3 * mpmath.sin(6) - a * mpmath.cos(6)) + a) / (a * a + 9),
    ),
    "cos to infinity": (
        lambda a: si.quad(lambda s: np.exp(-a * s), 0.0, np.inf, weight="cos", wvar=3.0)[0],
        lambda a: a / (a * a + 9),
    ),
    "alg": (
        lambda a: si.quad(lambda s: np.exp(-a * s), 0.0, 1.0, weight="alg", wvar=(-0.5, 0.3))[0],
        lambda a: mpmath.beta(0.5, 1.3) * mpmath.hyp1f1(0.5, 1.8, -a),
    ),
    "cauchy": (
        lambda a: si.quad(lambda s: s**3 * a, -1.0, 2.0, weight="cauchy", wvar=0.3)[0],
        lambda a: a * (3 + 0.3 * mpmath.mpf(3) / 2 + 0.09 * 3
                       + mpmath.mpf("0.027") * mpmath.log(mpmath.mpf("1.7") / mpmath.mpf("1.3"))),
    ),
    "complex": (
        lambda a: si.quad(lambda s: np.exp(1j * a * s), 0, 1, complex_func=True)[0].imag,
        lambda a: (1 - mpmath.cos(a)) / a,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name):
    f, exact = WEIGHTS[name]
    np.testing.assert_allclose(dm.derivative(f, 1.3), by_mpmath(exact, 1.3), rtol=1e-8)


@pytest.mark.parametrize("mode", [dm.gradient, dm.jacobian_fwd])
def test_a_derivative_has_its_own_error_control(mode):
    """f is 0 where its derivative has a peak: the points that serve f would miss it."""

    def f(a):
        return si.quad(lambda s: np.sin(a[0] * np.exp(-(((s - 0.4) / 0.02) ** 2))), 0, 1)[0]

    np.testing.assert_allclose(mode(f, np.zeros(1)), [np.sqrt(np.pi) * 0.02], rtol=1e-8)


def test_what_has_no_derivative_refuses():
    for f, sentence in (
        (lambda a: si.quad(np.cos, 0, 1, weight="cos", wvar=a)[0], "with respect to wvar"),
        (lambda a: si.quad(np.cos, 0, a, weight="cos", wvar=1.0)[0], "by its limits where"),
        (lambda a: si.tanhsinh(lambda s: s * a, 0, 1).integral, "scipy.integrate.tanhsinh"),
    ):
        with pytest.raises(dm.MissingRuleError, match=sentence):
            dm.derivative(f, 1.3)


def test_the_users_errors_and_options_are_those_of_scipy():
    def f(x):
        out = si.quad(np.sin, 0, 1, full_output=1)
        assert len(out) == 3 and out[2]["neval"] == 21
        with pytest.raises(KeyError):
            si.quad(lambda t: {}["missing"], 0, 1)
        return x * out[0]

    np.testing.assert_array_equal(dm.derivative(f, 2.0), si.quad(np.sin, 0, 1)[0])


def test_samples_taken_where_the_inputs_say():
    for f in (
        lambda p: si.simpson(p**2, x=np.exp(p)),
        lambda p: si.simpson(np.append(p, p[0]) ** 2, x=np.append(p, 5.0)),
        lambda p: si.simpson(p[:2], dx=p[2]),
        lambda p: si.trapezoid(p**2, p),
    ):
        for jacobian in (dm.gradient, lambda f, p: dm.jacobian_fwd(f, p)):
            np.testing.assert_allclose(jacobian(f, P), differences(f, P), rtol=1e-9)
        np.testing.assert_array_equal(dm.jvp(f, P, P)[0], f(P))
