"""Second and third derivatives of every element-wise rule, over its domain, against mpmath.

Every sequence of arguments, and forward and reverse calls nested in every order, give the exact
derivative to 1e-12 of itself, up to what half a unit in the last places of the arguments makes of
it (`higher_judge.error`).
"""

import numpy as np
import pytest
from cases import CASE_OF, CASES
from higher_judge import all_modes, errors, exact_rows, sequences, usable
from mpmath import mp

import dualmc as dm

TOLERANCE = 1e-12
# Per region of a domain; `bench/exactness.py --order` draws more.
COUNT = 1

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.table(2)
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_nesting_over_the_domain(case, order):
    argnums = [i for i, d in enumerate(case.derivatives) if d is not None]
    columns = usable(case, COUNT, 7)
    known = {}
    for sequence in sequences(argnums, order):
        key = tuple(sorted(sequence))
        if key not in known:
            known[key] = exact_rows(case, columns, sequence)
        for mode in all_modes(order) if order == 2 else ["fff", "rrr", "frf"]:
            for error, at in errors(case, columns, sequence, mode, known[key]):
                assert error <= TOLERANCE, (sequence, mode, at)


# --- Powers ---------------------------------------------------------------------------------------

POWERS = [
    *((x, 3.0) for x in (1e-300, 1e-200, 1e-5, 2.0, 1e100, -1e-300, -2.0)),
    *((x, 2.5) for x in (1e-300, 1e-5, 3.0, 1e150)),
    *((x, p) for x in (1e-300, 0.3, 1e150) for p in (1 + 1e-8, 2 - 1e-9, 1.5, 1e-9, -0.5, -2.0)),
    (1 + 1e-9, 1e9), (0.5, 900.5), (1e150, -1.5), (1e-150, 4.0), (2.0, 1023.0), (5e-324, 3.0),
]  # fmt: skip


def exact_power(x, p, order):
    with mp.workdps(60):
        value = mp.mpf(x) ** (mp.mpf(p) - order)
        for i in range(order):
            value *= mp.mpf(p) - i
        return float(value)


def chain(f, order, derivative=dm.derivative):
    for _ in range(order):
        f = lambda t, f=f: derivative(f, t)  # noqa: E731
    return f


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("x, p", POWERS)
def test_powers_by_their_base(x, p, order):
    expected = exact_power(x, p, order)
    forms = [lambda x: x**p, lambda x: np.power(x, p), lambda x: np.float_power(x, p)]
    for f in forms:
        for derivative in (dm.derivative, dm.gradient):
            with np.errstate(all="ignore"):
                got = float(chain(f, order, derivative)(x))
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-307)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_powers_at_zero(order):
    for p, expected in ((2.0, [0, 2, 0, 0]), (3.0, [0, 0, 6, 0]), (1.0, [1, 0, 0, 0]),
                        (0.0, [0, 0, 0, 0]), (4.0, [0, 0, 0, 24]),
                        (2.5, [0, 0, np.inf, -np.inf])):  # fmt: skip
        for f in (lambda x, p=p: np.power(x, p), lambda x, p=p: np.float_power(x, p)):
            with np.errstate(all="ignore"):
                assert chain(f, order)(0.0) == expected[order - 1]


@pytest.mark.parametrize("derivative", [dm.derivative, dm.gradient])
def test_powers_in_place_of_arrays_and_of_duals(derivative):
    def in_place(x):
        y = x * np.ones(2)
        y **= np.array([3.0, 4.0])
        return np.sum(y)

    for f in (in_place, lambda x: np.sum(x ** np.array([3.0, 4.0]))):
        np.testing.assert_allclose(chain(f, 2, derivative)(1e-300), 6e-300, rtol=1e-12)
    x, p = 0.7, 1.3
    H = dm.hessian(lambda z: z[0] ** z[1], np.array([x, p]))
    log = np.log(x)
    mixed = x ** (p - 1) * (1 + p * log)
    expected = [[p * (p - 1) * x ** (p - 2), mixed], [mixed, x**p * log**2]]
    np.testing.assert_allclose(H, expected, rtol=1e-13)
    # x**x: both at once
    f = chain(lambda x: x**x, 2, derivative)
    np.testing.assert_allclose(f(x), x**x * ((1 + log) ** 2 + 1 / x), rtol=1e-13)


def test_powers_in_float32():
    x = np.float32(0.3)
    got = dm.hessian(lambda x: x[0] ** np.float32(3.0), np.array([x]))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [[6 * x]], rtol=1e-6)


def test_complex_powers():
    z = 0.3 + 0.4j
    for p in (3.0, 1 + 1e-8, -1.5):
        got = chain(lambda t, p=p: (t * z) ** p, 2)(1.0)
        np.testing.assert_allclose(got, p * (p - 1) * z**p, rtol=1e-12)


# --- Points with a name ---------------------------------------------------------------------------


def second(f, *xs):
    return [
        dm.hessian(lambda z: f(*z), np.array(xs)),
        dm.jacobian_fwd(lambda z: dm.jacobian_fwd(lambda z: f(*z), z), np.array(xs)),
        dm.jacobian_rev(lambda z: dm.gradient(lambda z: f(*z), z), np.array(xs)),
    ]


@pytest.mark.parametrize("gap", [0.0, 1e-9, 50.0, 709.0, 720.0, 800.0, 1e5, np.inf])
def test_logaddexp_at_any_gap(gap):
    s = 0.0 if gap > 745 else float(1 / (1 + mp.exp(mp.mpf(gap))))
    curve = s * (1 - s)
    for H in second(np.logaddexp, 1.0 - gap, 1.0):
        if gap < 40:
            np.testing.assert_allclose(H, curve * np.array([[1, -1], [-1, 1]]), rtol=1e-9)
        assert np.isfinite(H).all()
        np.testing.assert_array_equal(H, H.T)
    one = chain(lambda x: np.logaddexp(x, 0.0), 2)
    np.testing.assert_allclose(one(-gap), curve, rtol=1e-12, atol=1e-307)
    np.testing.assert_allclose(one(gap), curve, rtol=1e-12, atol=1e-307)


@pytest.mark.parametrize("x", [1e5, 1e10, 1e100])
def test_hypot_does_not_cancel(x):
    expected = 9 / np.hypot(x, 3.0) ** 3
    for f in (
        lambda x: np.hypot(x, 3.0),
        lambda x: np.hypot(3.0, x),
        lambda x: np.linalg.norm(np.stack([x, 3.0 + 0 * x])),
        lambda x: np.linalg.norm(np.stack([x, 1.0 + 0 * x, 2.0 + 0 * x, 2.0 + 0 * x])),
    ):
        for derivative in (dm.derivative, dm.gradient):
            got = float(chain(f, 2, derivative)(x))
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-307)


def test_hypot_of_both():
    a, b = 1e-9, 2.0
    h = np.hypot(a, b)
    expected = np.array([[b * b, -a * b], [-a * b, a * a]]) / h**3
    for H in second(np.hypot, a, b):
        np.testing.assert_allclose(H, expected, rtol=1e-13)


def test_case_of_every_function_is_used():
    assert {case.function for case in CASES} == set(CASE_OF)
