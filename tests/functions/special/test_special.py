"""scipy.special: first and second derivatives against mpmath, tails, masks, refusals."""

import mpmath
import numpy as np
import pytest

import dualmc as dm

pytest.importorskip("scipy")

import scipy.special as sc
from scipy.special import logsumexp, softmax

mp = mpmath
POSITIVE = [0.1, 0.5, 1.0, 2.5, 7.0, 30.0]
REAL = [-30.0, -7.0, -2.5, -0.3, 0.2, 1.0, 4.0, 9.0, 24.0]
SMALL = [-7.0, -2.5, -0.3, 0.2, 1.0, 4.0, 9.0]
UNIT = [1e-9, 0.01, 0.3, 0.5, 0.9, 0.9999]
DEGREES = [-200.0, -30.0, 12.0, 45.5, 89.0]

# The function in mpmath, and points over its domain.
UNARY = {
    "erf": (mp.erf, REAL),
    "erfc": (mp.erfc, [-5.0, -0.3, 0.0, 0.2, 1.0, 4.0, 20.0]),
    "erfcx": (
        lambda x: mp.exp(x * x) * mp.erfc(x), [-5.0, -0.3, 0.1, 1.0, 5.0, 7.9, 8.1, 30.0, 1e3],
    ),
    "erfi": (mp.erfi, [-5.0, 0.1, 3.0]),
    "erfinv": (mp.erfinv, [-0.99, -0.3, 0.1, 0.9]),
    "erfcinv": (lambda p: mp.erfinv(1 - p), [0.01, 0.5, 1.3]),
    "dawsn": (
        lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
        [-20.0, -3.0, 0.1, 0.7, 2.0, 7.9, 8.1, 50.0],
    ),
    "ndtr": (mp.ncdf, SMALL),
    "log_ndtr": (
        lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), [-300.0, -40.0, -3.0, -0.1, 0.3, 4.0],
    ),
    "ndtri": (lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), UNIT),
    "gamma": (mp.gamma, [-2.5, 0.1, 0.5, 3.0, 50.0]),
    "gammaln": (mp.loggamma, POSITIVE),
    "rgamma": (mp.rgamma, [-3.0, -2.5, -1.0, 0.0, 0.3, 0.7, 2.0, 20.0]),
    "digamma": (lambda x: mp.psi(0, x), [-2.5, 0.1, 1.4, 3.0, 50.0]),
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), REAL),
    "logit": (lambda p: mp.log(p / (1 - p)), UNIT),
    "log_expit": (lambda x: -mp.log(1 + mp.exp(-x)), REAL),
    "entr": (lambda x: -x * mp.log(x), POSITIVE),
    "exprel": (
        lambda x: mp.expm1(x) / x, [-40.0, -2.0, -1.0, -0.01, 1e-9, 0.3, 1.4, 1.6, 20.0],
    ),
    "expm1": (mp.expm1, SMALL),
    "log1p": (mp.log1p, [-0.9, 0.1, 3.0]),
    "cosm1": (lambda x: mp.cos(x) - 1, [0.01, 1.0, 3.0]),
    "cbrt": (mp.cbrt, POSITIVE),
    "exp2": (lambda x: mp.mpf(2) ** x, SMALL),
    "exp10": (lambda x: mp.mpf(10) ** x, SMALL),
    "j0": (lambda x: mp.besselj(0, x), SMALL),
    "j1": (lambda x: mp.besselj(1, x), SMALL),
    "y0": (lambda x: mp.bessely(0, x), POSITIVE),
    "y1": (lambda x: mp.bessely(1, x), POSITIVE),
    "i0": (lambda x: mp.besseli(0, x), SMALL),
    "i1": (lambda x: mp.besseli(1, x), SMALL),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), SMALL),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), SMALL),
    "k0": (lambda x: mp.besselk(0, x), POSITIVE),
    "k1": (lambda x: mp.besselk(1, x), POSITIVE),
    "k0e": (lambda x: mp.besselk(0, x) * mp.exp(x), POSITIVE),
    "k1e": (lambda x: mp.besselk(1, x) * mp.exp(x), POSITIVE),
    "expi": (mp.ei, POSITIVE),
    "exp1": (mp.e1, POSITIVE),
    "spence": (lambda z: mp.polylog(2, 1 - z), [0.1, 0.5, 0.9, 1.00001, 1.1, 1.9]),
    "ellipk": (mp.ellipk, [-5.0, -0.4, 1e-6, 0.3, 0.6, 0.99]),
    "ellipe": (mp.ellipe, [-5.0, -0.4, 1e-6, 0.3, 0.6, 0.99]),
    "ellipkm1": (lambda p: mp.ellipk(1 - p), [0.001, 0.3, 0.7, 0.99]),
    "sindg": (lambda x: mp.sin(x * mp.pi / 180), DEGREES),
    "cosdg": (lambda x: mp.cos(x * mp.pi / 180), DEGREES),
    "tandg": (lambda x: mp.tan(x * mp.pi / 180), DEGREES),
    "cotdg": (lambda x: mp.cot(x * mp.pi / 180), DEGREES),
    "wrightomega": (lambda x: mp.lambertw(mp.exp(x)).real, [-3.0, 0.1, 5.0]),
}  # fmt: skip

# f of one variable, the function in mpmath, and points.
OTHERS = {
    "polygamma 0": (lambda x: sc.polygamma(0, x), lambda x: mp.psi(0, x), POSITIVE),
    "polygamma 2": (lambda x: sc.polygamma(2, x), lambda x: mp.psi(2, x), POSITIVE),
    "zeta": (lambda q: sc.zeta(3.5, q), lambda q: mp.zeta(3.5, q), POSITIVE),
    "poch of z": (lambda z: sc.poch(z, 2.5), lambda z: mp.rf(z, mp.mpf(2.5)), POSITIVE),
    "poch of m": (lambda m: sc.poch(1.5, m), lambda m: mp.rf(mp.mpf(1.5), m), POSITIVE),
    "gammainc": (
        lambda x: sc.gammainc(2.5, x), lambda x: mp.gammainc(2.5, 0, x, regularized=True),
        POSITIVE[:-1],
    ),
    "gammaincc": (
        lambda x: sc.gammaincc(2.5, x), lambda x: mp.gammainc(2.5, x, regularized=True), POSITIVE,
    ),
    "chdtr": (
        lambda x: sc.chdtr(3.0, x), lambda x: mp.gammainc(1.5, 0, x / 2, regularized=True),
        POSITIVE[:-1],
    ),
    "chdtrc": (
        lambda x: sc.chdtrc(3.0, x), lambda x: mp.gammainc(1.5, x / 2, regularized=True), POSITIVE,
    ),
    "beta": (lambda a: sc.beta(a, 2.5), lambda a: mp.beta(a, 2.5), POSITIVE),
    "betaln": (lambda b: sc.betaln(0.7, b), lambda b: mp.log(mp.beta(0.7, b)), POSITIVE),
    "betainc": (
        lambda x: sc.betainc(0.7, 2.5, x),
        lambda x: mp.betainc(0.7, 2.5, 0, x, regularized=True), UNIT[1:-1],
    ),
    "binom of n": (lambda n: sc.binom(n, 2.0), lambda n: mp.binomial(n, 2), [2.5, 4.0, 9.5]),
    "binom of k": (lambda k: sc.binom(9.5, k), lambda k: mp.binomial(9.5, k), [0.5, 2.0, 7.7]),
    "xlogy": (lambda x: sc.xlogy(x, x + 1), lambda x: x * mp.log(x + 1), POSITIVE),
    "xlog1py": (lambda x: sc.xlog1py(x, x), lambda x: x * mp.log1p(x), POSITIVE),
    "rel_entr": (
        lambda x: sc.rel_entr(x, 1.3 * x**2), lambda x: x * mp.log(1 / (mp.mpf(1.3) * x)),
        POSITIVE,
    ),
    "kl_div of x": (
        lambda x: sc.kl_div(x, 2.0), lambda x: x * mp.log(x / 2) - x + 2, [0.1, 1.9999, 2.5, 30.0],
    ),
    "kl_div of y": (
        lambda y: sc.kl_div(2.0, y), lambda y: 2 * mp.log(2 / y) - 2 + y, [0.1, 1.9999, 2.5, 30.0],
    ),
    "huber inside": (lambda r: sc.huber(1.5, r), lambda r: r * r / 2, [-1.0, 0.3]),
    "huber outside": (
        lambda r: sc.huber(1.5, r), lambda r: mp.mpf(1.5) * (abs(r) - mp.mpf(0.75)), [-3.0, 9.0],
    ),
    "pseudo_huber of r": (
        lambda r: sc.pseudo_huber(1.5, r),
        lambda r: mp.mpf(2.25) * (mp.sqrt(1 + (r / mp.mpf(1.5)) ** 2) - 1), [-3.0, 1e-5, 9.0],
    ),
    "pseudo_huber of delta": (
        lambda d: sc.pseudo_huber(d, 0.01),
        lambda d: d * d * (mp.sqrt(1 + (mp.mpf(0.01) / d) ** 2) - 1), [1e-3, 0.5, 30.0],
    ),
    "boxcox of x": (
        lambda x: sc.boxcox(x, 0.3), lambda x: (x ** mp.mpf(0.3) - 1) / mp.mpf(0.3), POSITIVE,
    ),
    "boxcox of lambda": (
        lambda c: sc.boxcox(2.5, c), lambda c: (mp.mpf(2.5) ** c - 1) / c,
        [-3.0, -1e-7, 1e-9, 0.5, 4.0],
    ),
    "boxcox1p of lambda": (
        lambda c: sc.boxcox1p(0.01, c), lambda c: ((1 + mp.mpf(0.01)) ** c - 1) / c,
        [-3.0, -1e-7, 1e-9, 0.5, 4.0],
    ),
    "inv_boxcox of lambda": (
        lambda c: sc.inv_boxcox(0.7, c), lambda c: (1 + c * mp.mpf(0.7)) ** (1 / c),
        [-0.9, -1e-7, 1e-9, 0.1, 0.5, 4.0],
    ),
    "inv_boxcox1p of y": (
        lambda y: sc.inv_boxcox1p(y, 0.5), lambda y: (1 + y / 2) ** 2 - 1, [0.1, 3.0],
    ),
    "jv": (lambda x: sc.jv(1.5, x), lambda x: mp.besselj(1.5, x), POSITIVE),
    "yv": (lambda x: sc.yv(1.5, x), lambda x: mp.bessely(1.5, x), POSITIVE),
    "iv": (lambda x: sc.iv(1.5, x), lambda x: mp.besseli(1.5, x), POSITIVE),
    "kv": (lambda x: sc.kv(1.5, x), lambda x: mp.besselk(1.5, x), POSITIVE),
    "kn": (lambda x: sc.kn(0, x), lambda x: mp.besselk(0, x), POSITIVE),
    "ive": (
        lambda x: sc.ive(1.5, x), lambda x: mp.besseli(1.5, x) * mp.exp(-x), POSITIVE,
    ),
    "kve": (lambda x: sc.kve(1.5, x), lambda x: mp.besselk(1.5, x) * mp.exp(x), POSITIVE),
    "spherical_jn 0": (lambda x: sc.spherical_jn(0, x), lambda x: mp.sin(x) / x, POSITIVE),
    "spherical_yn 1": (
        lambda x: sc.spherical_yn(1, x), lambda x: -mp.cos(x) / x**2 - mp.sin(x) / x, POSITIVE,
    ),
    "expn": (lambda x: sc.expn(2, x), lambda x: mp.expint(2, x), POSITIVE),
    "si": (lambda x: sc.sici(x)[0], mp.si, [0.0, *POSITIVE]),
    "ci": (lambda x: sc.sici(x)[1], mp.ci, POSITIVE),
    "shi": (lambda x: sc.shichi(x)[0], mp.shi, [0.0, *POSITIVE]),
    "chi": (lambda x: sc.shichi(x)[1], mp.chi, POSITIVE),
    "fresnel": (lambda x: sc.fresnel(x)[0], mp.fresnels, [0.1, 1.0, 4.0]),
    "lambertw": (
        lambda x: np.real(sc.lambertw(x)), lambda x: mp.lambertw(x).real, [-0.3, 1e-9, 0.5, 40.0],
    ),
    "hyp0f1": (lambda x: sc.hyp0f1(1.5, x), lambda x: mp.hyp0f1(1.5, x), SMALL),
    "hyp1f1": (lambda x: sc.hyp1f1(0.7, 1.5, x), lambda x: mp.hyp1f1(0.7, 1.5, x), SMALL),
    "hyp2f1": (
        lambda x: sc.hyp2f1(0.7, 1.2, 1.5, x), lambda x: mp.hyp2f1(0.7, 1.2, 1.5, x),
        [-3.0, -0.4, 0.1, 0.5, 0.9],
    ),
    "ellipkinc of phi": (lambda p: sc.ellipkinc(p, 0.4), lambda p: mp.ellipf(p, 0.4), [0.1, 1.3]),
    "ellipkinc of m": (lambda m: sc.ellipkinc(0.9, m), lambda m: mp.ellipf(0.9, m), [0.2, 0.8]),
    "ellipeinc of m": (lambda m: sc.ellipeinc(0.9, m), lambda m: mp.ellipe(0.9, m), [0.2, 0.8]),
    "eval_legendre": (lambda x: sc.eval_legendre(4, x), lambda x: mp.legendre(4, x), [-1.0, 0.3]),
    "eval_legendre 0": (lambda x: sc.eval_legendre(0, x) + x, lambda x: x, [-1.0, 0.3]),
    "eval_chebyt": (lambda x: sc.eval_chebyt(5, x), lambda x: mp.chebyt(5, x), [-0.7, 0.3]),
    "eval_chebyu": (lambda x: sc.eval_chebyu(5, x), lambda x: mp.chebyu(5, x), [-0.7, 0.3]),
    "eval_hermite": (lambda x: sc.eval_hermite(4, x), lambda x: mp.hermite(4, x), [-0.7, 2.3]),
    "eval_laguerre": (lambda x: sc.eval_laguerre(4, x), lambda x: mp.laguerre(4, 0, x), [0.7, 2.3]),
    "eval_jacobi": (
        lambda x: sc.eval_jacobi(3, 0.5, 1.5, x), lambda x: mp.jacobi(3, 0.5, 1.5, x), [-0.7, 0.3],
    ),
    "eval_gegenbauer": (
        lambda x: sc.eval_gegenbauer(3, 0.5, x), lambda x: mp.gegenbauer(3, 0.5, x), [-0.7, 0.3],
    ),
}  # fmt: skip
CASES = {name: (getattr(sc, name), *row) for name, row in UNARY.items() if hasattr(sc, name)}
CASES |= OTHERS
# Where SciPy's own functions, or a difference of them, have fewer digits.
LOOSE = {"eval_laguerre": 1e-10, "ellipkinc of m": 1e-11, "ellipeinc of m": 1e-11, "kve": 1e-11,
         "ive": 1e-11}  # fmt: skip


def derivatives(function, points, order):
    with mp.workdps(50):
        return np.array([float(mp.re(mp.diff(function, mp.mpf(x), order))) for x in points])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    f, exact, points = CASES[name]
    x = np.array(points)
    first, second = derivatives(exact, points, 1), derivatives(exact, points, 2)
    rtol = LOOSE.get(name, 1e-12)
    scale = 1e-15 * max(1.0, np.abs(first).max())
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(np.asarray(f(x)), y)
    np.testing.assert_allclose(np.diag(J), first, rtol=rtol, atol=scale if "ly" in name else 1e-15)
    assert np.array_equal(J, np.diag(np.diag(J)))
    np.testing.assert_allclose(np.diag(dm.jacobian_rev(f, x)), first, rtol=rtol, atol=1e-15)
    np.testing.assert_allclose(dm.jacobian_fwd(f, x, sparse=True).diagonal(), np.diag(J))
    ones = np.ones_like(x)
    for again in (dm.jacobian_fwd, dm.jacobian_rev):
        J = again(lambda x: dm.jvp(f, x, ones)[1], x)
        np.testing.assert_allclose(np.diag(J), second, rtol=100 * rtol, atol=1e-12)


def test_tails_neither_overflow_nor_cancel():
    far = np.array([-1e5, -1000.0, 800.0, 1e6])
    J = dm.jacobian_fwd(sc.log_ndtr, far)
    np.testing.assert_allclose(np.diag(J), [1e5 + 1e-5, 1000.001 - 2e-9, 0, 0], rtol=1e-12)
    assert np.array_equal(np.zeros((4, 4)), dm.jacobian_fwd(sc.expit, far))
    np.testing.assert_array_equal(np.diag(dm.jacobian_fwd(sc.log_expit, far)), [1, 1, 0, 0])
    np.testing.assert_allclose(
        np.diag(dm.jacobian_fwd(sc.erfcx, [1e8])), -1 / np.sqrt(np.pi) / 1e16, rtol=1e-14
    )


def test_points_where_a_formula_is_0_over_0():
    d = dm.derivative
    assert 0.5 == d(sc.exprel, 0.0)
    np.testing.assert_allclose(d(lambda x: d(sc.exprel, x), 0.0), 1 / 3, rtol=1e-15)
    np.testing.assert_allclose(d(lambda c: sc.boxcox(3.0, c), 0.0), np.log(3) ** 2 / 2, rtol=1e-15)
    np.testing.assert_allclose(d(lambda c: sc.inv_boxcox(0.7, c), 0.0), -np.exp(0.7) * 0.245)
    np.testing.assert_allclose(d(sc.ellipk, 0.0), np.pi / 8, rtol=1e-15)
    np.testing.assert_allclose(d(sc.ellipe, 0.0), -np.pi / 8, rtol=1e-15)
    np.testing.assert_allclose(d(sc.spence, 1.0), -1.0, rtol=1e-15)
    np.testing.assert_allclose(d(lambda x: np.real(sc.lambertw(x)), 0.0), 1.0, rtol=1e-15)
    assert 0.0 == d(lambda y: sc.xlogy(0.0, y), 0.0)
    assert np.inf == d(sc.entr, 0.0)
    assert 1.5 == d(lambda r: sc.huber(1.5, r), 1.5)


# --- Sums of exponentials ------------------------------------------------------------------------

X = np.array([[0.3, -1.2, 0.5], [700.0, 710.0, 650.0]])


def exact_softmax(row):
    with mp.workdps(40):
        e = [mp.exp(mp.mpf(v)) for v in row]
        return np.array([float(v / mp.fsum(e)) for v in e])


MODES = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])


@MODES
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp(mode, keepdims):
    J = mode(lambda x: logsumexp(x, axis=1, keepdims=keepdims), X)
    assert ((2, 1, 2, 3) if keepdims else (2, 2, 3)) == J.shape
    J = J.reshape(2, 2, 3)
    for i in range(2):
        np.testing.assert_allclose(J[i, i], exact_softmax(X[i]), rtol=1e-12)
        assert not J[i, 1 - i].any()
    np.testing.assert_allclose(mode(logsumexp, X[0]), exact_softmax(X[0]), rtol=1e-14)
    assert () == mode(lambda t: logsumexp(t * X), 1.0).shape


@MODES
def test_logsumexp_with_weights(mode):
    b = np.array([0.5, -0.2, 2.0])
    S = np.sum(b * np.exp(X[0]))
    np.testing.assert_allclose(mode(lambda x: logsumexp(x, b=b), X[0]), b * np.exp(X[0]) / S)
    np.testing.assert_allclose(mode(lambda b: logsumexp(X[0], b=b), b), np.exp(X[0]) / S)
    f = lambda x: logsumexp(x, b=-b, return_sign=True)[0]  # noqa: E731
    np.testing.assert_allclose(mode(f, X[0]), b * np.exp(X[0]) / S, rtol=1e-14)


@MODES
def test_softmax_and_its_log(mode):
    for i in range(2):
        s = exact_softmax(X[i])
        np.testing.assert_allclose(
            mode(softmax, X[i]), np.diag(s) - np.outer(s, s), rtol=1e-12, atol=1e-16
        )
        np.testing.assert_allclose(
            mode(sc.log_softmax, X[i]), np.eye(3) - s, rtol=1e-12, atol=1e-15
        )
    J = mode(lambda x: softmax(x, axis=1), X)
    assert not J[0, :, 1].any()
    s = exact_softmax(X[0])
    np.testing.assert_allclose(J[0, :, 0], np.diag(s) - np.outer(s, s), rtol=1e-12)


@MODES
def test_masked_entries_have_no_weight(mode):
    def masked(x):
        return np.where([False, True, False], -np.inf, x)

    s = exact_softmax(X[0][[0, 2]])
    s = np.array([s[0], 0.0, s[1]])
    np.testing.assert_allclose(mode(lambda x: logsumexp(masked(x)), X[0]), s, rtol=1e-14)
    expected = np.diag(s) - np.outer(s, s)
    np.testing.assert_allclose(mode(lambda x: softmax(masked(x)), X[0]), expected, atol=1e-16)
    # The entry at -inf itself as an input.
    x = X[0] + np.array([0, -np.inf, 0])
    np.testing.assert_allclose(mode(logsumexp, x), s, rtol=1e-14)
    np.testing.assert_allclose(mode(softmax, x), expected, atol=1e-16)


def test_second_derivatives_of_logsumexp():
    s = exact_softmax(X[0])
    expected = np.diag(s) - np.outer(s, s)
    np.testing.assert_allclose(dm.hessian(logsumexp, X[0]), expected, rtol=1e-13)
    J = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(logsumexp, x), X[0])
    np.testing.assert_allclose(J, expected, rtol=1e-13)
    J = dm.jacobian_fwd(lambda x: dm.gradient(lambda x: np.sum(softmax(x) ** 2), x), X[0])
    np.testing.assert_allclose(
        J, dm.hessian(lambda x: np.sum((np.exp(x) / np.sum(np.exp(x))) ** 2), X[0]), rtol=1e-12
    )


# --- Kinds of arrays, refusals -------------------------------------------------------------------


def test_float32_stays_float32():
    x = np.array([0.3, 0.7], np.float32)
    for f in (sc.erf, sc.expit, sc.gammaln, sc.j0, lambda x: sc.xlogy(x, x), softmax, logsumexp):
        y, J = dm.value_and_jacobian_fwd(f, x)
        assert np.float32 == J.dtype == np.asarray(y).dtype
        expected = dm.jacobian_fwd(f, x.astype(float))
        np.testing.assert_allclose(J, expected, rtol=1e-5)


def test_out_where_and_broadcasting():
    def f(x):
        y = np.zeros_like(x)
        sc.erf(x, out=y, where=x > 0)
        return y + sc.xlogy(x[:, None], x).sum(axis=0)

    x = np.array([-0.5, 0.7]) + 1.0
    J = dm.jacobian_fwd(f, x)
    expected = np.diag(2 / np.sqrt(np.pi) * np.exp(-x * x) + x.sum() / x) + np.log(x)[:, None]
    np.testing.assert_allclose(J, expected, rtol=1e-14)


def test_special_functions_of_the_module_math():
    import math

    for f, exact in ((math.gamma, mp.gamma), (math.lgamma, mp.loggamma)):
        with mp.workdps(40):
            expected = float(mp.diff(exact, mp.mpf(2.3)))
        np.testing.assert_allclose(dm.derivative(lambda x, f=f: f(x), 2.3), expected, rtol=1e-14)


@MODES
@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("jv", lambda x: sc.jv(x, 1.0)),
        ("hyp2f1", lambda x: sc.hyp2f1(x, 1.0, 2.0, 0.5)),
        ("eval_legendre", lambda x: sc.eval_legendre(x, 0.5)),
    ],
)
def test_arguments_without_a_derivative_refuse(mode, name, f):
    with pytest.raises(dm.MissingRuleError) as caught:
        mode(lambda x: f(x), np.array([1.5]))
    message = str(caught.value)
    assert message.startswith(f"dualmc differentiates scipy.special.{name}, but not with respect")
    assert f"\n  at {__file__}" in message


@MODES
def test_sinc_is_that_of_numpy(mode):
    for f in (lambda x: sc.sinc(x), lambda x: np.sinc(x)):
        np.testing.assert_allclose(mode(f, 0.5), -4 / np.pi, rtol=1e-14)


@MODES
@pytest.mark.parametrize("name", ["itairy", "pbdv", "itj0y0", "factorial", "jvp", "lpmv"])
def test_functions_without_a_rule_refuse(mode, name):
    function = getattr(sc, name)
    count = {"pbdv": (1.0,), "jvp": (1,), "lpmv": (1, 2)}.get(name, ())
    with pytest.raises((dm.MissingRuleError, dm.TangentLostError)) as caught:
        mode(lambda x: function(*count, x), np.array([0.5]))
    assert name in str(caught.value)
    assert f"\n  at {__file__}" in str(caught.value)
