"""Derivatives by shape parameters, and of inverses: mpmath, else differences of SciPy's own."""

import mpmath
import numpy as np
import pytest
from oracles import differences

import dualmc as dm

pytest.importorskip("scipy")

import scipy.special as sc

mp = mpmath
MODES = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])


def exact(f, x, order=1):
    with mp.workdps(50):
        return float(mp.diff(f, mp.mpf(x), order, h=mp.mpf(10) ** -12))


def gamma_part(a, x, is_low):
    """P or -Q, of which one is small: they have one derivative by a."""
    if is_low:
        return mp.gammainc(a, 0, mp.mpf(x), regularized=True)
    return -mp.gammainc(a, mp.mpf(x), regularized=True)


def beta_part(a, b, x, is_low):
    if is_low:
        return mp.betainc(a, b, 0, mp.mpf(x), regularized=True)
    return -mp.betainc(a, b, mp.mpf(x), 1, regularized=True)


GAMMA_POINTS = [
    (0.01, 1e-5), (0.01, 2.0), (0.3, 1e-8), (0.3, 0.2), (0.5, 0.49), (0.5, 0.51), (1.0, 1.0),
    (2.5, 0.01), (2.5, 2.4), (2.5, 30.0), (40.0, 25.0), (40.0, 41.0), (800.0, 760.0),
    (800.0, 830.0),
]  # fmt: skip
BETA_POINTS = [
    (0.02, 0.01, 0.7), (0.02, 0.03, 1e-6), (0.5, 0.5, 0.3), (0.5, 0.5, 0.999999), (1.0, 1.0, 0.5),
    (2.0, 5.0, 0.01), (2.0, 5.0, 0.3), (2.0, 5.0, 0.9), (0.3, 60.0, 1e-7), (60.0, 0.3, 0.99),
    (150.0, 90.0, 0.6), (150.0, 90.0, 0.7), (3.0, 1e-2, 0.9999),
]  # fmt: skip


def below(point):
    a, b, x = point
    return x < a / (a + b)


@MODES
def test_incomplete_gamma_by_its_shape(mode):
    a, x = np.array(GAMMA_POINTS).T
    expected = [
        exact(lambda t, p=(a, x): gamma_part(t, p[1], p[1] < p[0]), a) for a, x in GAMMA_POINTS
    ]
    J = mode(lambda a: sc.gammainc(a, x), a)
    np.testing.assert_allclose(np.diag(J), expected, rtol=2e-12)
    J = mode(lambda a: sc.gammaincc(a, x), a)
    np.testing.assert_allclose(np.diag(J), -np.array(expected), rtol=2e-12)


@MODES
def test_incomplete_beta_by_its_shapes(mode):
    a, b, x = np.array(BETA_POINTS).T
    by_a = [exact(lambda t, p=p: beta_part(t, p[1], p[2], below(p)), p[0]) for p in BETA_POINTS]
    by_b = [exact(lambda t, p=p: beta_part(p[0], t, p[2], below(p)), p[1]) for p in BETA_POINTS]
    J = mode(lambda a: sc.betainc(a, b, x), a)
    np.testing.assert_allclose(np.diag(J), by_a, rtol=5e-12)
    J = mode(lambda b: -sc.betaincc(a, b, x), b)
    np.testing.assert_allclose(np.diag(J), by_b, rtol=5e-12)


def test_second_derivatives_by_shapes():
    for a, x in ((0.7, 0.4), (3.0, 2.0), (3.0, 7.0), (60.0, 55.0)):
        H = dm.hessian(lambda p: sc.gammainc(p[0], p[1]), np.array([a, x]))
        expected = exact(lambda t, x=x: gamma_part(t, x, True), a, 2)
        np.testing.assert_allclose(H[0, 0], expected, rtol=1e-10)
        f = np.exp((a - 1) * np.log(x) - x - sc.gammaln(a))
        np.testing.assert_allclose(H[0, 1], f * (np.log(x) - sc.psi(a)), rtol=1e-12)
    a, b, x = 2.5, 4.0, 0.3
    H = dm.hessian(lambda p: sc.betainc(p[0], p[1], x), np.array([a, b]))
    np.testing.assert_allclose(H[0, 0], exact(lambda t: beta_part(t, b, x, True), a, 2), rtol=1e-10)
    np.testing.assert_allclose(H[1, 1], exact(lambda t: beta_part(a, t, x, True), b, 2), rtol=1e-10)
    with mp.workdps(50):
        cross = float(mp.diff(lambda s, t: beta_part(s, t, x, True), (a, b), (1, 1)))
    np.testing.assert_allclose([H[0, 1], H[1, 0]], cross, rtol=1e-10)


def test_third_derivatives_by_the_shape():
    third = dm.derivative(
        lambda a: dm.derivative(lambda a: dm.derivative(lambda a: sc.gammainc(a, 2.0), a), a), 3.0
    )
    np.testing.assert_allclose(third, exact(lambda t: gamma_part(t, 2.0, True), 3.0, 3), rtol=1e-9)


@pytest.mark.parametrize(("df", "t"), [(4.0, -1.2), (0.5, 30.0), (90.0, 1e-4), (3.0, 0.0)])
def test_students_t_by_its_degrees_of_freedom(df, t):
    def cdf(v):
        z = mp.mpf(t) ** 2 / (v + mp.mpf(t) ** 2)
        return mp.sign(t) * mp.betainc(0.5, v / 2, 0, z, regularized=True) / 2

    found = dm.derivative(lambda v: sc.stdtr(v, t), df)
    np.testing.assert_allclose(found, exact(cdf, df), rtol=1e-11)


# Every argument, at a point: counts that are whole numbers are given as such, and left out.
EACH = {
    "gammaincinv": (1.5, 0.4), "gammainccinv": (1.5, 0.4), "chdtr": (3.0, 2.0),
    "chdtrc": (3.0, 2.0), "chdtri": (3.0, 0.3), "chdtriv": (0.3, 2.0), "gdtr": (1.2, 2.0, 1.5),
    "gdtrc": (1.2, 2.0, 1.5), "gdtrix": (1.2, 2.0, 0.4), "gdtria": (0.4, 2.0, 1.5),
    "gdtrib": (1.2, 0.4, 1.5), "pdtr": (3, 2.0), "pdtrc": (3, 2.0), "pdtri": (3, 0.4),
    "pdtrik": (0.4, 3.0), "betaincinv": (1.5, 2.5, 0.3), "betainccinv": (1.5, 2.5, 0.3),
    "btdtria": (0.3, 2.5, 0.4), "btdtrib": (1.5, 0.3, 0.4), "fdtr": (3.0, 5.0, 1.2),
    "fdtrc": (3.0, 5.0, 1.2), "fdtri": (3.0, 5.0, 0.6), "fdtridfd": (3.0, 0.6, 1.2),
    "bdtr": (3, 10, 0.3), "bdtrc": (3, 10, 0.3), "bdtri": (3, 10, 0.3), "nbdtr": (3, 5, 0.6),
    "nbdtrc": (3, 5, 0.6), "nbdtri": (3, 5, 0.6), "bdtrik": (0.4, 10.0, 0.3),
    "bdtrin": (3.0, 0.4, 0.3), "nbdtrik": (0.4, 5.0, 0.6), "nbdtrin": (3.0, 0.4, 0.6),
    "stdtrit": (4.0, 0.8), "stdtridf": (0.8, 1.1), "nrdtrimn": (0.3, 1.2, 0.5),
    "nrdtrisd": (0.3, 0.7, 1.5), "smirnov": (5, 0.3), "smirnovi": (5, 0.3), "struve": (2, 2.3),
    "modstruve": (2, 2.3), "ber": (1.7,), "beip": (1.7,), "ker": (1.7,), "keip": (1.7,),
    "berp": (1.7,), "kerp": (1.7,), "bei": (1.7,), "kei": (1.7,), "zetac": (2.5,),
    "eval_sh_legendre": (4, 0.3), "eval_sh_chebyt": (4, 0.3), "eval_sh_chebyu": (4, 0.3),
    "eval_chebyc": (4, 0.3), "eval_chebys": (4, 0.3), "zeta": (2.5, 0.7),
    "_beta_pdf": (0.3, 1.5, 2.5), "_beta_ppf": (0.3, 1.5, 2.5), "_ncx2_pdf": (3.0, 4, 1.5),
    "_ncx2_sf": (3.0, 4, 1.5), "_ncx2_isf": (0.4, 4, 1.5), "chndtr": (3.0, 4, 1.5),
    "chndtrix": (0.4, 4, 1.5), "chndtrinc": (3.0, 4, 0.4), "_skewnorm_cdf": (0.4, 0.1, 1.3, 2.0),
    "_skewnorm_ppf": (0.4, 0.1, 1.3, 2.0), "_skewnorm_isf": (0.4, 0.1, 1.3, 2.0),
    "_invgauss_ppf": (0.4, 1.3, 2.0), "_invgauss_isf": (0.4, 1.3, 2.0),
    "_cauchy_ppf": (0.4, 0.1, 1.3), "_cauchy_isf": (0.4, 0.1, 1.3), "_log1mexp": (-0.7,),
}  # fmt: skip
ONCE = {"smirnov", "smirnovi"}  # of which the second derivative refuses


@pytest.mark.parametrize("name", EACH)
def test_every_argument(name):
    function = getattr(sc, name, None) or getattr(sc._ufuncs, name, None)
    if function is None:
        pytest.skip(f"this SciPy has no {name}")
    whole = [i for i, a in enumerate(EACH[name]) if type(a) is float]
    x = np.array([EACH[name][i] for i in whole])

    def f(x):
        given = list(EACH[name])
        for i, place in enumerate(whole):
            given[place] = x[i]
        return function(*given)

    slope = dm.gradient(f, x)
    np.testing.assert_allclose(slope, differences(f, x, 1e-2), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), slope, rtol=1e-13)
    if name not in ONCE:
        expected = differences(lambda x: dm.jacobian_fwd(f, x), x, 1e-2)
        np.testing.assert_allclose(dm.hessian(f, x), expected, rtol=2e-6, atol=1e-7)


@pytest.mark.filterwarnings("ignore:non-integer arg n")
def test_whole_counts_are_constants():
    for f in (lambda n: sc.bdtr(3, n, 0.4), lambda n: sc.nbdtrc(3, n, 0.4)):
        with pytest.raises(dm.MissingRuleError, match="a count"):
            dm.derivative(f, 10.0)


SEVERAL = {
    "airy": (-1.3,),
    "airye": (1.3,),
    "ellipj": (3.8, 0.4),
    "hankel1": (1, 2.3),
    "hankel2e": (1, 2.3),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_functions_of_several_or_complex_outputs(name):
    *rest, last = SEVERAL[name]

    def f(x):
        found = getattr(sc, name)(*(rest if len(x) == 1 else x[:-1]), x[-1])
        parts = found if type(found) is tuple else (found.real, found.imag)
        return np.stack(parts)

    x = np.array(SEVERAL[name] if name == "ellipj" else [last])
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(jacobian(f, x), differences(f, x), rtol=1e-9, atol=1e-10)
    expected = differences(lambda x: dm.jacobian_fwd(f, x), x)
    found = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), x)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@MODES
def test_zeta_by_its_exponent(mode):
    s = np.array([-20.5, -3.3, -2.0, -0.5, 0.3, 1.01, 2.5, 30.0])
    expected = [float(mp.zeta(t, derivative=1)) for t in s]
    np.testing.assert_allclose(np.diag(mode(lambda s: sc.zeta(s), s)), expected, rtol=1e-13)
    for t, q in ((2.5, 0.3), (1.01, 5.0), (3.0, 100.0), (50.0, 0.5)):
        found = mode(lambda s, q=q: sc.zeta(s, q), np.array([t]))
        np.testing.assert_allclose(found[0, 0], exact(lambda s, q=q: mp.zeta(s, q), t), rtol=1e-13)


def test_edges():
    """At the ends of the domain nothing moves; outside of it the value is NaN, and so is this."""
    x = np.array([0.0, np.inf, 2.0])
    J = dm.jacobian_fwd(lambda a: sc.gammainc(a, x), np.array([1.5, 1.5, -1.0]))
    np.testing.assert_array_equal(np.diag(J), [0.0, 0.0, np.nan])
    J = dm.jacobian_fwd(lambda a: sc.betainc(a, 2.0, np.array([0.0, 1.0])), np.array([1.5, 1.5]))
    np.testing.assert_array_equal(J, np.zeros((2, 2)))
    large = np.linspace(0.5, 9.0, 5000)
    slopes = dm.jvp(lambda a: sc.gammainc(a, 2.0), large, np.ones(5000))[1]
    few = dm.jvp(lambda a: sc.gammainc(a, 2.0), large[::999], np.ones(6))[1]
    np.testing.assert_array_equal(slopes[::999], few)
