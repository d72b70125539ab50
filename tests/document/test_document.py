"""Every worked example of the document, against closed forms, 50-digit arithmetic and by hand."""

import dataclasses

import mpmath
import numpy as np
import pytest

import dualmc as dm
from dualmc.document.example import Product
from dualmc.document.examples import EXAMPLES

SECTIONS = ["2", "3", "4", "4.1", "4.2", "4.3", "4.4", "4.5.1", "4.5.2", "4.5.3", "5", "6.1", "6.2"]

every_example = pytest.mark.parametrize(
    "example", EXAMPLES, ids=[f"{e.section}: {e.function} by {e.wrt}" for e in EXAMPLES]
)


def find(section, function, wrt="x"):
    (example,) = (e for e in EXAMPLES if (e.section, e.function, e.wrt) == (section, function, wrt))
    return example


@every_example
def test_jacobian_is_the_closed_form(example):
    assert example.jacobian().shape == example.expected().shape
    np.testing.assert_allclose(example.jacobian(), example.expected(), rtol=1e-14, atol=0)
    assert example.difference() <= 1e-14


@every_example
def test_jacobian_by_reverse_mode_is_the_closed_form(example):
    J = example.jacobian(dm.jacobian_rev)
    assert J.shape == example.expected().shape
    np.testing.assert_allclose(J, example.expected(), rtol=1e-14, atol=0)
    assert example.difference(dm.jacobian_rev) <= 1e-14


@pytest.mark.parametrize(
    "example",
    [e for e in EXAMPLES if e.expected().ndim < 2 and np.ndim(e.f(*e.point)) == 0],
    ids=lambda e: f"{e.section}: {e.function} by {e.wrt}",
)
def test_gradients_are_the_closed_forms(example):
    """Functions with one value: the rows of 4.4, 5 and 6 by the gradient alone."""
    g = dm.gradient(example.f, *example.point, argnums=example.argnum)
    np.testing.assert_allclose(g, example.expected(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("section", SECTIONS)
def test_section_is_present(section):
    assert any(e.section == section for e in EXAMPLES)


def test_examples_are_distinct():
    assert len({(e.section, e.function, e.wrt) for e in EXAMPLES}) == len(EXAMPLES)


# --- The closed forms themselves, against differences of f ---------------------------------------

# Rows at a kink of max(0, z), where the one-sided differences disagree and the document's rule
# decides; their values are checked by hand below.
KINKS = {
    ("5", "max(0, z), z = 0", "z"),
    ("5", "max(0, x)", "x"),
    ("5", "max(0, w.x + b), z = 0", "w"),
    ("5", "max(0, w.x + b), z = 0", "b"),
    ("6.1", "C, some samples active", "w"),
    ("6.1", "C through u = a(x_i), v = y - u", "w"),
    ("6.2", "C, some samples active", "b"),
    ("6", "C folded, w^.x^ = [w, b].[x, 1]", "w^"),
}


def differences(example, h):
    """Columns (f(x + h e_j) - f(x)) / h of the Jacobian, in numerator layout."""
    x = np.asarray(example.point[example.argnum], dtype=float)
    base = np.asarray(example.f(*example.point), dtype=float)
    J = np.empty((*base.shape, *x.shape))
    for j in np.ndindex(x.shape):
        moved = x.copy()
        moved[j] += h
        point = list(example.point)
        point[example.argnum] = moved
        J[(..., *j)] = (np.asarray(example.f(*point), dtype=float) - base) / h
    return J


@every_example
def test_closed_form_is_the_slope_of_f(example):
    right, left = differences(example, 1e-6), differences(example, -1e-6)
    is_kink = not np.allclose(right, left, atol=1e-2, rtol=1e-3)
    assert is_kink == ((example.section, example.function, example.wrt) in KINKS)
    if not is_kink:
        slope = (right + left) / 2
        expected = example.expected()
        expected = expected.T if example.layout == "denominator" else expected
        np.testing.assert_allclose(expected, slope, rtol=1e-7, atol=1e-7)


# --- Against 50-digit arithmetic, and by hand ----------------------------------------------------


@pytest.mark.parametrize(
    ("section", "function", "exact"),
    [
        ("2", "ln(x^2)", lambda x: mpmath.log(x**2)),
        ("4.5.1", "sin(x^2)", lambda x: mpmath.sin(x**2)),
        ("4.5.1", "sin(x^2), product", lambda x: mpmath.sin(x**2)),
        ("4.5.1", "ln(sin(x^3)^2)", lambda x: mpmath.log(mpmath.sin(x**3) ** 2)),
        ("4.5.1", "ln(sin(x^3)^2), product", lambda x: mpmath.log(mpmath.sin(x**3) ** 2)),
        ("4.5.2", "sin(x + x^2)", lambda x: mpmath.sin(x + x**2)),
        ("4.5.2", "sin(x + x^2), both paths", lambda x: mpmath.sin(x + x**2)),
    ],
)
def test_scalar_chain_rules_in_50_digits(section, function, exact):
    example = find(section, function)
    with mpmath.workdps(50):
        slope = float(mpmath.diff(exact, mpmath.mpf(example.point[0])))
    assert example.jacobian() == pytest.approx(slope, rel=5e-15)


@pytest.mark.parametrize(
    ("section", "function", "wrt", "by_hand"),
    [
        ("2", "99", "x", 0.0),
        ("2", "x^3", "x", 5.07),
        ("2", "9(x + x^2)", "x", 32.4),
        ("3", "f = 3x^2 y", "(x, y)", [4.5, 6.75]),
        ("4", "g = 2x + y^8", "(x, y)", [2.0, 0.0625]),
        ("4", "(f, g)", "(x, y)", [[4.5, 6.75], [2.0, 0.0625]]),
        ("4", "(f, g), denominator layout", "(x, y)", [[4.5, 2.0], [6.75, 0.0625]]),
        ("4.1", "x", "x", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        # The text prints -I here; its own section 8.2 has I.
        ("4.2", "w - x", "w", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("4.2", "w - x", "x", [[-1, 0, 0], [0, -1, 0], [0, 0, -1]]),
        ("4.2", "w / x", "x", [[-0.32, 0, 0], [0, 32.0, 0], [0, 0, -48 / 49]]),
        ("4.2", "max(w, x)", "w", [[0, 0, 0], [0, 0, 0], [0, 0, 1]]),
        ("4.2", "w > x", "w", [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ("4.3", "x z", "z", [1.25, 0.25, -1.75]),
        ("4.4", "sum(x z)", "x", [-2.5, -2.5, -2.5]),
        ("4.4", "sum(x z)", "z", -0.25),
        ("5", "w.x", "w", [1.25, 0.25, -1.75]),
        ("5", "max(0, z), z = 0", "z", 0.0),
        ("5", "max(0, x)", "x", [[0, 0, 0], [0, 0, 0], [0, 0, 1]]),
        ("5", "max(0, w.x + b), z = 0", "w", [0, 0, 0]),
        ("5", "max(0, w.x + b), z = 0", "b", 0.0),
        ("5", "max(0, w.x + b), z > 0", "w", [1.25, 0.25, -1.75]),
        # Errors of the active samples: 7.5, -1.375 and 1.0625; the fourth sample is on its kink.
        ("6.1", "C, some samples active", "w", [3.075, -0.29375, 3.7359375]),
        ("6.1", "C through u = a(x_i), v = y - u", "w", [3.075, -0.29375, 3.7359375]),
        ("6.2", "C, some samples active", "b", 2.875),
        ("6", "C folded, w^.x^ = [w, b].[x, 1]", "w^", [3.075, -0.29375, 3.7359375, 2.875]),
        ("6.1", "C, none active", "w", [0, 0, 0]),
    ],
)
def test_value_worked_out_by_hand(section, function, wrt, by_hand):
    J = find(section, function, wrt).jacobian()
    assert J.shape == np.shape(by_hand)
    np.testing.assert_allclose(J, by_hand, rtol=5e-16, atol=0)


# --- Structure -----------------------------------------------------------------------------------


def test_diagonal_condition_stores_n_numbers(rng):
    """4.2: when f_i reads at most w_i and x_i, there are n numbers, never n^2."""
    n = 500
    w, x = rng.uniform(1, 2, n), rng.uniform(1, 2, n)
    J = dm.jacobian_fwd(lambda w, x: np.exp(w) * np.sin(x) / x, w, x, argnums=1, sparse=True)
    assert (J.shape, J.nnz) == ((n, n), n)
    diagonal = np.exp(w) * (np.cos(x) * x - np.sin(x)) / x**2
    np.testing.assert_allclose(J.diagonal(), diagonal, rtol=1e-14, atol=1e-14)


def test_product_of_diagonals_stays_diagonal(rng):
    """4.5.3: diag(f_i') diag(g_i') = diag(f_i' g_i')."""
    n = 500
    x = rng.uniform(0, 1, n)
    J = dm.jacobian_fwd(lambda x: np.sin(np.square(x)), x, sparse=True)
    assert J.nnz == n
    np.testing.assert_allclose(J.diagonal(), np.cos(x * x) * 2 * x, rtol=1e-15)


def test_products_differ_from_their_direct_rows():
    """A product multiplies at least two Jacobians; otherwise it would show nothing."""
    products = [e for e in EXAMPLES if isinstance(e, Product)]
    assert len(products) >= 14
    assert min(len(e.steps) for e in products) >= 2


# --- The measure of agreement --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("closed_form", "difference"),
    [
        (lambda x: 3 * x * x, 0.0),
        (lambda x: 3 * x * x * (1 + 1e-9), 1e-9),
        (lambda x: 0.0, np.inf),
        (lambda x: [3 * x * x], np.inf),
        (lambda x: np.nan, np.inf),
    ],
)
def test_difference_sees(closed_form, difference):
    example = dataclasses.replace(find("2", "x^3"), closed_form=closed_form)
    assert example.difference() == pytest.approx(difference, rel=1e-5)


def test_difference_takes_any_mode():
    """The examples can be run through anything that takes jacobian_fwd's arguments."""

    def wrong(f, *args, **options):
        return 1.01 * dm.jacobian_fwd(f, *args, **options)

    for e in EXAMPLES:
        if np.any(e.expected()):
            assert e.difference(wrong) > 1e-3, e.function
