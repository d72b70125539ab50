"""Second and third derivatives of scipy.special where differentiating a formula again loses digits.

Small, large and cancelling arguments, in forward and reverse mode, against mpmath to 1e-12.
"""

import mpmath as mp
import numpy as np
import pytest

import dualmc as dm

sc = pytest.importorskip("scipy.special")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

NEAR = [-1.0, -0.05, -1e-6, 1e-20, 1e-6, 0.05, 1.0]
UP = [1e-3, 0.7, 3.3, 12.0]
FAR = [25.0, 300.0, 1e4]


def bessel(name, v, sign):
    f = getattr(mp, name)
    return lambda x: f(v, x) * mp.exp(sign * abs(x))


class ScaledK:
    """``exp(x) K_v(x)``, the integral of ``exp(-x (cosh t - 1)) cosh(v t)`` over t > 0, and its
    derivatives: the trapezoidal rule converges exponentially there."""

    POINTS = 400

    def __init__(self, v):
        self.v = v

    def derivative(self, x, order):
        end = mp.acosh(1 + 110 / x)
        step = end / self.POINTS
        total = mp.mpf(1 if order == 0 else 0) / 2
        for i in range(1, self.POINTS + 1):
            c = mp.cosh(i * step) - 1
            total += (-c) ** order * mp.exp(-x * c) * mp.cosh(self.v * i * step)
        return step * total


def spherical(name, n):
    f = getattr(mp, name)
    return lambda z: mp.sqrt(mp.pi / (2 * z)) * f(n + mp.mpf(1) / 2, z)


def of_order(name, n):
    return lambda z: getattr(sc, name)(n, z)


CASES = {
    "expit": (sc.expit, lambda x: 1 / (1 + mp.exp(-x)), [*NEAR, -40.0, 20.0]),
    "log_expit": (sc.log_expit, lambda x: -mp.log(1 + mp.exp(-x)), [*NEAR, -40.0, 20.0]),
    "erfcx": (
        sc.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x),
        [-2.0, 1e-6, 0.7, 1.4, 1.6, 3.3, 7.9, 8.1, 30.0],
    ),
    "dawsn": (
        sc.dawsn, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
        [1e-6, 0.7, 3.3, 6.4, 6.6, 9.0],
    ),
    "log_ndtr": (
        sc.log_ndtr, lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
        [-40.0, -9.0, -2.2, -2.0, -0.3, 1e-6, 4.0],
    ),
    "wrightomega": (
        sc.wrightomega, lambda x: mp.lambertw(mp.exp(x)).real, [-3.0, 0.1, 5.0, 300.0],
    ),
    "exprel": (sc.exprel, lambda x: mp.expm1(x) / x, [*NEAR, -40.0, -2.0, 1.6, 2.4, 3.6, 30.0]),
    "shi": (lambda x: sc.shichi(x)[0], mp.shi, [1e-6, 0.05, 1.4, 2.6, 12.0]),
    "spence": (sc.spence, lambda z: mp.polylog(2, 1 - z), [1e-20, 1e-6, 0.05, 0.7, 1.3, 1.8]),
    "ellipkm1": (sc.ellipkm1, lambda p: mp.ellipk(1 - p), [1e-10, 1e-6, 0.05, 0.3]),
    "i0e": (sc.i0e, bessel("besseli", 0, -1), [0.7, 3.3, *FAR, -25.0]),
    "i1e": (sc.i1e, bessel("besseli", 1, -1), [0.7, 3.3, *FAR, -25.0]),
    "k0e": (sc.k0e, ScaledK(0), [*UP, *FAR]),
    "k1e": (sc.k1e, ScaledK(1), [*UP, *FAR]),
    "ive": (lambda x: sc.ive(1.5, x), bessel("besseli", 1.5, -1), FAR),
    "kve": (lambda x: sc.kve(1.5, x), ScaledK(1.5), FAR),
    **{
        f"{name} {n}": (
            of_order(name, n), spherical(other, n), [1e-6, 0.7, 12.0],
        )
        for name, other in (
            ("spherical_jn", "besselj"), ("spherical_yn", "bessely"),
            ("spherical_in", "besseli"), ("spherical_kn", "besselk"),
        )
        for n in (0, 2)
    },
}  # fmt: skip

# Between 3 and 6.5, where no series is at hand, each order of 1 - 2 x F(x) takes more digits.
LOOSE = {"dawsn": 1e-10}


def derivatives(f, x, order):
    """The exact derivative, and how far half a unit in the last place of x moves it."""
    with mp.workdps(90):
        at, h = mp.mpf(x), abs(mp.mpf(x)) * mp.mpf(10) ** -12
        find = getattr(f, "derivative", lambda x, order: mp.re(mp.diff(f, x, order, h=h)))
        value = find(at, order)
        moved = abs(find(at * (1 + mp.mpf(2) ** -53), order) - value)
    return value, moved


def chain(f, order, derivative):
    for _ in range(order):
        f = lambda t, f=f: derivative(f, t)  # noqa: E731
    return f


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_every_order(name, order):
    f, exact, points = CASES[name]
    rtol = LOOSE.get(name, 1e-12)
    for x in points:
        value, moved = derivatives(exact, x, order)
        for derivative in (dm.derivative, dm.gradient):
            got = float(chain(f, order, derivative)(x))
            assert abs(got - value) <= rtol * abs(value) + 4 * moved, (x, derivative.__name__)


def test_spherical_functions_at_zero():
    """``j_n(x) = x^n / (2n + 1)!! (1 - x^2 / (2 (2n + 3)) + ...)``, for i_n with plus."""
    third = {0: [0, -1 / 3, 0, 1 / 5], 1: [1 / 3, 0, -1 / 5, 0], 2: [0, 2 / 15, 0, -4 / 35]}
    for n, expected in third.items():
        for order, value in enumerate(expected, 1):
            for derivative in (dm.derivative, dm.gradient) if order < 3 else (dm.derivative,):
                for x in (0.0, 1e-300):
                    got = chain(lambda t, n=n: sc.spherical_jn(n, t), order, derivative)(x)
                    np.testing.assert_allclose(got, value, rtol=1e-14, atol=1e-290)
                    again = chain(lambda t, n=n: sc.spherical_jn(n, t, True), order, derivative)(x)
                    if order < 4:
                        np.testing.assert_allclose(again, expected[order], rtol=1e-14, atol=1e-290)
                    got = chain(lambda t, n=n: sc.spherical_in(n, t), order, derivative)(x)
                    np.testing.assert_allclose(got, abs(value), rtol=1e-14, atol=1e-290)


SECOND = [
    dm.hessian,
    lambda f, x: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), x),
    lambda f, x: dm.jacobian_rev(lambda z: dm.gradient(f, z), x),
    lambda f, x: dm.jacobian_rev(lambda z: dm.jacobian_fwd(f, z), x),
]


@pytest.mark.parametrize("mode", SECOND)
def test_hessians_of_entropies_at_zero(mode):
    def of(f):
        return mode(lambda z: f(z[0], z[1]), np.array([0.0, 2.0]))

    np.testing.assert_array_equal(of(sc.xlogy), [[0, 0.5], [0.5, 0]])
    np.testing.assert_allclose(of(sc.xlog1py), [[0, 1 / 3], [1 / 3, 0]])
    np.testing.assert_array_equal(of(sc.rel_entr), [[np.inf, -0.5], [-0.5, 0]])
    np.testing.assert_array_equal(of(sc.kl_div), [[np.inf, -0.5], [-0.5, 0]])
    p, q = np.array([0.0, 1.0]), np.array([0.25, 0.75])
    H = mode(lambda z: -np.sum(sc.xlogy(z[:2], z[2:])), np.concatenate([p, q]))
    cross = np.diag(-1 / q)
    expected = np.block([[np.zeros((2, 2)), cross], [cross, np.diag(p / q**2)]])
    np.testing.assert_allclose(H, expected, rtol=1e-14)
    H = mode(lambda z: sc.kl_div(z[0], z[1]), np.array([1e-12, 2.0]))
    np.testing.assert_allclose(H, [[1e12, -0.5], [-0.5, 2.5e-13]], rtol=1e-12)
