"""Faddeeva, Voigt, Student's t, Owen's T, Kolmogorov, Carlson: derivatives against mpmath."""

import mpmath as mp
import numpy as np
import pytest

import dualmc as dm

sc = pytest.importorskip("scipy.special")


@pytest.fixture(autouse=True)
def forty_digits():
    with mp.workdps(40):
        yield


def w(z):
    return mp.exp(-z * z) * mp.erfc(-1j * z)


def voigt(x, s, g):
    return mp.re(w((x + 1j * g) / (s * mp.sqrt(2)))) / (s * mp.sqrt(2 * mp.pi))


def student(df, t):
    scale = mp.gamma((df + 1) / mp.mpf(2)) / mp.gamma(df / mp.mpf(2)) / mp.sqrt(df * mp.pi)
    return mp.mpf(1) / 2 + scale * mp.quad(lambda u: (1 + u * u / df) ** (-(df + 1) / 2), [0, t])


def owens(h, a):
    f = lambda u: mp.exp(-h * h * (1 + u * u) / 2) / (1 + u * u)  # noqa: E731
    return mp.quad(f, [0, a]) / (2 * mp.pi)


def kolmogorov(x):
    return 2 * mp.nsum(lambda j: (-1) ** (j - 1) * mp.exp(-2 * j * j * x * x), [1, 60])


# SciPy's function, mpmath's, the arguments, and which of them have a derivative.
CASES = {
    "wofz real": (lambda x: sc.wofz(x + 0.5j).real, lambda x: mp.re(w(x + 0.5j)), [0.7]),
    "wofz imag": (lambda x: sc.wofz(x + 0.5j).imag, lambda x: mp.im(w(x + 0.5j)), [-2.0]),
    "wofz of a real": (lambda x: sc.wofz(x).imag, lambda x: mp.im(w(x)), [1.3]),
    "wofz 6.9": (lambda x: sc.wofz(x + 1j).real, lambda x: mp.re(w(x + 1j)), [6.8]),
    "wofz 7.1": (lambda x: sc.wofz(x + 1j).real, lambda x: mp.re(w(x + 1j)), [7.1]),
    "wofz far": (lambda x: sc.wofz(x + 1j).real, lambda x: mp.re(w(x + 1j)), [90.0]),
    "voigt": (sc.voigt_profile, voigt, [0.7, 1.0, 0.5]),
    "voigt wing": (sc.voigt_profile, voigt, [12.0, 0.3, 0.2]),
    "voigt narrow": (sc.voigt_profile, voigt, [0.4, 0.01, 0.5]),
    "stdtr": (lambda t: sc.stdtr(3.0, t), lambda t: student(3, t), [0.7]),
    "stdtr negative": (lambda t: sc.stdtr(7.5, t), lambda t: student(7.5, t), [-2.5]),
    "owens_t": (sc.owens_t, owens, [0.5, 0.8]),
    "owens_t negative": (sc.owens_t, owens, [-1.5, 2.0]),
    "hyperu": (lambda x: sc.hyperu(1.0, 1.5, x), lambda x: mp.hyperu(1, 1.5, x), [1.3]),
    "kolmogorov small": (sc.kolmogorov, kolmogorov, [0.4]),
    "kolmogorov": (sc.kolmogorov, kolmogorov, [0.89]),
    "kolmogorov large": (sc.kolmogorov, kolmogorov, [1.8]),
    "multigammaln": (
        lambda a: sc.multigammaln(a, 3),
        lambda a: 1.5 * mp.log(mp.pi) + sum(mp.loggamma(a - j / mp.mpf(2)) for j in range(3)),
        [4.0],
    ),
    "comb": (lambda n: sc.comb(n, 2.0), lambda n: n * (n - 1) / 2, [5.5]),
    "comb k": (lambda k: sc.comb(7.3, k), lambda k: mp.binomial(mp.mpf(7.3), k), [2.4]),
    "perm": (lambda n: sc.perm(n, 2.0), lambda n: n * (n - 1), [5.5]),
    "elliprf": (sc.elliprf, mp.elliprf, [1.3, 2.0, 3.0]),
    "elliprc": (sc.elliprc, mp.elliprc, [1.3, 2.0]),
}
FIRST_ONLY = {"elliprf", "elliprc"}  # whose derivatives are Carlson's R_D


@pytest.mark.parametrize("name", CASES)
def test_first_derivatives(name):
    f, exact, at = CASES[name]
    x = np.array(at)
    expected = [
        float(mp.diff(exact, tuple(map(mp.mpf, at)), tuple(int(i == j) for j in range(x.size))))
        for i in range(x.size)
    ]
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(mode(lambda x: f(*x), x), expected, rtol=3e-13)


@pytest.mark.parametrize("name", [n for n in CASES if n not in FIRST_ONLY])
def test_second_derivatives(name):
    f, exact, at = CASES[name]
    n = len(at)
    point = tuple(map(mp.mpf, at))
    expected = np.array(
        [
            [
                float(mp.diff(exact, point, tuple((i == k) + (j == k) for k in range(n))))
                for j in range(n)
            ]
            for i in range(n)
        ]
    )
    H = dm.hessian(lambda x: f(*x), np.array(at))
    np.testing.assert_allclose(H, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())
    again = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda u: f(*u), x), np.array(at))
    np.testing.assert_allclose(again, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())


def test_inverses():
    p = np.array([0.2, 0.6, 0.9])
    for inverse, function in (
        (lambda p: sc.stdtrit(4.0, p), lambda t: sc.stdtr(4.0, t)),
        (lambda p: sc.chdtri(4.0, p), lambda x: sc.chdtrc(4.0, x)),
        (sc.kolmogi, sc.kolmogorov),
    ):
        np.testing.assert_allclose(
            dm.jacobian_fwd(lambda p, f=inverse, g=function: g(f(p)), p), np.eye(3), atol=1e-12
        )


def test_what_has_no_closed_form_is_refused():
    for f in (lambda a: sc.chndtr(1.0, a, 0.5), lambda a: sc.hyperu(a, 1.5, 1.0)):
        with pytest.raises(dm.MissingRuleError, match="not with respect to"):
            dm.derivative(f, 1.3)
    with pytest.raises(TypeError, match="exact=True"):
        dm.derivative(lambda n: sc.comb(n, 2, exact=True), 5.5)
