"""Prepared gradients and Hessians: those of closed forms, at kinks those of a fresh call.

Where second derivatives cannot be replayed, the reason says of what.
"""

import copy
import pickle
import warnings

import numpy as np
import pytest

import dualmc as dm

pytestmark = pytest.mark.usefixtures("always_replayed")

A = np.random.default_rng(0).normal(size=(5, 5))
X = np.array([0.3, 0.9, 0.7, 1.2, 0.4])
NEAR_ONE = 1 + 1e-9


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x):
    H = np.zeros((x.size, x.size))
    for i in range(x.size - 1):
        H[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        H[i + 1, i + 1] += 200
        H[i, i + 1] = H[i + 1, i] = -400 * x[i]
    return H


def softmax_hessian(x):
    p = np.exp(x) / np.exp(x).sum()
    return np.diag(p) - np.outer(p, p)


def norm_cubed_hessian(x):
    r = np.sqrt(x @ x)
    return 3 * (np.outer(x, x) / r + r * np.eye(x.size))


def scalar_loop(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] ** 3 * x[i - 1]
    return total


def scalar_loop_hessian(x):
    H = np.zeros((x.size, x.size))
    for i in range(x.size):
        H[i, i] += 6 * x[i] * x[i - 1]
        H[i, i - 1] += 3 * x[i] ** 2
        H[i - 1, i] += 3 * x[i] ** 2
    return H


HESSIANS = {
    "rosenbrock": (rosenbrock, rosenbrock_hessian),
    "log-sum-exp": (lambda x: np.log(np.sum(np.exp(x))), softmax_hessian),
    "quadratic": (lambda x: x @ A @ x + x[0], lambda x: A + A.T),
    "sin-of-a-product": (
        lambda x: np.sum(np.sin(A @ x)),
        lambda x: -A.T @ np.diag(np.sin(A @ x)) @ A,
    ),
    "norm": (lambda x: np.linalg.norm(x) ** 3, norm_cubed_hessian),
    "abs": (lambda x: np.sum(np.abs(x) ** 3), lambda x: np.diag(6 * np.abs(x))),
    "maximum": (
        lambda x: np.sum(np.maximum(x, 0.5) ** 2),
        lambda x: np.diag(np.where(x > 0.5, 2.0, 0.0)),
    ),
    "where": (
        lambda x: np.sum(np.where(x > 0.5, x**3, np.sin(x))),
        lambda x: np.diag(np.where(x > 0.5, 6 * x, -np.sin(x))),
    ),
    "branch": (
        lambda x: np.sum(x**3) if x[0] > 0.5 else np.sum(np.exp(x)),
        lambda x: np.diag(6 * x) if x[0] > 0.5 else np.diag(np.exp(x)),
    ),
    "linear": (lambda x: np.sum(x), lambda x: np.zeros((5, 5))),
    "constant": (lambda x: 3.0 + 0 * x[0], lambda x: np.zeros((5, 5))),
    "reciprocal": (lambda x: np.sum(1 / x), lambda x: np.diag(2 / x**3)),
    "loop": (scalar_loop, scalar_loop_hessian),
    "one-number-in-an-array": (lambda x: np.sum(x**3).reshape(1), lambda x: np.diag(6 * x)),
    "tanh": (
        lambda x: np.sum(np.tanh(x)),
        lambda x: np.diag(-2 * np.tanh(x) / np.cosh(x) ** 2),
    ),
    "written": (
        lambda x: np.sum(_written(x)),
        lambda x: np.diag(6 * x * np.array([1, 1, 0, 0, 0])),
    ),
    "arctan2": (
        lambda x: np.sum(np.arctan2(x, 2.0) ** 2),
        lambda x: np.diag((8 - 8 * x * np.arctan(x / 2)) / (x**2 + 4) ** 2),
    ),
    "hypot": (
        lambda x: np.sum(x * np.hypot(x, 2.0)),
        lambda x: np.diag(x * (2 * x**2 + 12) / (x**2 + 4) ** 1.5),
    ),
    "tanh-squared": (
        lambda x: np.sum(np.tanh(x) ** 2),
        lambda x: np.diag(2 * (1 - 2 * np.sinh(x) ** 2) / np.cosh(x) ** 4),
    ),
    "cube-root": (lambda x: np.sum(np.cbrt(x)), lambda x: np.diag(-2 / 9 * x ** (-5 / 3))),
    "power": (lambda x: np.sum(x**2.7), lambda x: np.diag(2.7 * 1.7 * x**0.7)),
    # Its second derivative is 1e-9 of the terms that its quotient form would subtract.
    "power-near-one": (
        lambda x: np.sum(x**NEAR_ONE),
        lambda x: np.diag(NEAR_ONE * (NEAR_ONE - 1) * x ** (NEAR_ONE - 2)),
    ),
    "power-of-itself": (
        lambda x: np.sum(x**x),
        lambda x: np.diag(x**x * ((np.log(x) + 1) ** 2 + 1 / x)),
    ),
    "exponent": (lambda x: np.sum(3.0**x), lambda x: np.diag(np.log(3) ** 2 * 3.0**x)),
    "base-and-exponent": (lambda x: x[0] ** x[1] + x[2], lambda x: _power_hessian(x)),
    "max": (lambda x: np.max(x) ** 3, lambda x: np.diag(6 * x * (x == x.max()))),
    "min-of-rows": (
        lambda x: np.sum(np.min(np.outer(x, [1.0, 2.0]), axis=1) ** 3),
        lambda x: np.diag(6 * x),
    ),
    "log-sum-exp-less-the-largest": (
        lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x),
        softmax_hessian,
    ),
    "split": (
        lambda x: (np.split(x, [2])[0] ** 3).sum() * np.split(x, [2])[1][0],
        lambda x: _cubes_times_the_third(x),
    ),
    "unstack": (lambda x: np.unstack(x)[1] ** 3, lambda x: np.diag(6 * x * (np.arange(5) == 1))),
    "meshgrid": (lambda x: np.sum(np.meshgrid(x, x[:2])[0] ** 3), lambda x: np.diag(12 * x)),
    "broadcast": (
        lambda x: np.sum(np.broadcast_arrays(x, np.ones((3, 5)))[0] ** 3),
        lambda x: np.diag(18 * x),
    ),
}


def _power_hessian(x):
    a, b = x[:2]
    H = np.zeros((5, 5))
    H[0, 0] = b * (b - 1) * a ** (b - 2)
    H[0, 1] = H[1, 0] = a ** (b - 1) * (1 + b * np.log(a))
    H[1, 1] = a**b * np.log(a) ** 2
    return H


def _cubes_times_the_third(x):
    H = np.zeros((5, 5))
    H[[0, 1], [0, 1]] = 6 * x[:2] * x[2]
    H[2, :2] = H[:2, 2] = 3 * x[:2] ** 2
    return H


def _written(x):
    out = np.zeros(5)
    out[:2] += x[:2] ** 3
    return out


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", HESSIANS)
def test_hessians_are_replayed(name, sparse):
    f, hessian = HESSIANS[name]
    prepared = dm.prepare(f, X[::-1] + 0.13, of="hessian", sparse=sparse)
    assert prepared.reason is None
    for x in (X, X + 0.7):
        H = prepared(x)
        g, again = prepared.value_and_jacobian(x)
        if sparse:
            assert type(H) is type(dm.hessian(rosenbrock, x, sparse=True))
            H, again = H.toarray(), again.toarray()
        np.testing.assert_allclose(H, hessian(x), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(again, hessian(x), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(g, dm.gradient(f, x), rtol=1e-12, atol=1e-13)
    assert prepared.replays >= 2


@pytest.mark.parametrize("name", HESSIANS)
def test_gradients_are_replayed(name):
    f, _ = HESSIANS[name]
    prepared = dm.prepare(f, X[::-1] + 0.13, of="gradient")
    assert prepared.reason is None
    for x in (X, X + 0.7):
        y, g = prepared.value_and_jacobian(x)
        assert g.shape == x.shape and np.ndim(y) == 0
        np.testing.assert_allclose(y, np.ravel(f(x))[0], rtol=1e-13)
        np.testing.assert_allclose(prepared(x), dm.gradient(f, x), rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(prepared(x), g)


KINKS = {
    "abs": (lambda x: np.sum(np.abs(x) ** 2), np.zeros(3)),
    "norm": (lambda x: np.linalg.norm(x) ** 2, np.zeros(3)),
    "maximum": (lambda x: np.sum(np.maximum(x, 0.0) ** 2), np.zeros(3)),
    "two-maxima": (lambda x: np.sum(np.maximum(x[1:], x[:-1]) ** 2), np.ones(3)),
    "std": (lambda x: np.std(x) ** 2, np.ones(3)),
    "max": (lambda x: np.max(x) ** 2 * x[0], np.ones(3)),
    "equal-to-the-max": (lambda x: np.sum(np.where(x == np.max(x), x**3, x**2)), np.ones(3)),
    "above-the-mean-of-min-and-max": (
        lambda x: np.sum(np.where(x > (np.min(x) + np.max(x)) / 2, x**3, x**2)),
        np.array([1.0, 2.0, 3.0]),
    ),
    "where": (lambda x: np.sum(np.where(x > 1, x**3, x**2)), np.ones(3)),
    "sqrt": (lambda x: np.sum(np.sqrt(x) ** 4), np.zeros(3)),
    "sign": (lambda x: np.sum(np.sign(x) * x**2), np.zeros(3)),
    "hypot": (lambda x: np.hypot(x[0], x[1]) * x[2], np.zeros(3)),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]) * x[2], np.zeros(3)),
    "power": (lambda x: np.sum(x**2.7), np.zeros(3)),
    "power-of-negative": (lambda x: np.sum(x ** x[2]), np.array([-1.0, -2.0, 3.0])),
    "cube-root": (lambda x: np.sum(np.cbrt(x)), np.zeros(3)),
}


@pytest.mark.parametrize("name", KINKS)
def test_at_a_kink_a_fresh_call_decides(name):
    f, kink = KINKS[name]
    prepared = dm.prepare(f, np.array([0.3, 1.4, 0.7]), of="hessian")
    assert prepared.reason is None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(prepared(kink), dm.hessian(f, kink))
    assert prepared.replays == 0
    x = np.array([0.4, 1.2, 0.9])
    np.testing.assert_allclose(prepared(x), dm.hessian(f, x), atol=1e-12)
    assert prepared.replays == 1


REASONS = {
    "of sort": lambda x: np.sum(np.sort(x) * x),
    "of prod": lambda x: np.prod(x),
    "not a number": lambda x: x**2,
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_is_not_replayed_says_of_what(reason):
    f = REASONS[reason]
    with pytest.warns(UserWarning, match=reason):
        prepared = dm.prepare(f, X, of="hessian")
    if reason == "not a number":
        with pytest.raises(ValueError, match="scalar|one number"):
            prepared(X)
    else:
        np.testing.assert_array_equal(prepared(X), dm.hessian(f, X))


def test_several_arguments():
    def f(a, b):
        return np.sum(a**2 * b)

    with pytest.warns(UserWarning, match="several arguments"):
        prepared = dm.prepare(f, X, X, argnums=(0, 1), of="hessian")
    found, expected = prepared(X, X), dm.hessian(f, X, X, argnums=(0, 1))
    for i in range(2):
        for j in range(2):
            np.testing.assert_array_equal(found[i][j], expected[i][j])
    second = dm.prepare(f, X, X, argnums=1, of="hessian")
    np.testing.assert_array_equal(second(X, X + 1), np.zeros((5, 5)))
    gradients = dm.prepare(f, X, X, argnums=(0, 1), of="gradient")(X, X + 1)
    np.testing.assert_allclose(gradients[0], 2 * X * (X + 1))
    np.testing.assert_allclose(gradients[1], X**2)


def test_matrices():
    x = X[:4].reshape(2, 2)
    prepared = dm.prepare(lambda x: np.sum(x**3), x + 1, of="hessian")
    np.testing.assert_allclose(prepared(x), np.diag(6 * X[:4]).reshape(2, 2, 2, 2))
    number = dm.prepare(lambda t: np.sin(t) * t, 1.0, of="hessian")
    np.testing.assert_allclose(number(0.5), 2 * np.cos(0.5) - 0.5 * np.sin(0.5), rtol=1e-14)


def test_other_dtypes_and_paths_run_as_ever():
    prepared = dm.prepare(rosenbrock, X, of="hessian")
    assert prepared(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(prepared(X[:3]), rosenbrock_hessian(X[:3]), rtol=1e-12)


def test_copies_keep_what_it_is_of():
    prepared = dm.prepare(rosenbrock, X, of="hessian", sparse=True)
    for other in (copy.copy(prepared), pickle.loads(pickle.dumps(prepared))):
        np.testing.assert_allclose(other(X).toarray(), rosenbrock_hessian(X), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"of": "laplacian"},
            "of must be one of 'jacobian', 'gradient', 'hessian', 'jvp', 'vjp', 'hvp'",
        ),
        ({"of": "gradient", "sparse": True}, "sparse has no meaning"),
        ({"of": "hessian", "layout": "denominator"}, "layout has no meaning"),
    ],
)
def test_options_without_a_meaning_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        dm.prepare(rosenbrock, X, **options)


@pytest.mark.parametrize("power", [2, 3, 4, 2.5, -1])
@pytest.mark.parametrize("size", [1e-200, 1e-155, 1e-100, 1.0])
def test_powers_of_tiny_numbers(power, size):
    """The gradient may underflow where the second derivative does not."""
    x = size * np.array([1.0, 2.0, 3.0])
    for f in (lambda x: np.sum(x**power), lambda x: np.sum(np.abs(x) ** np.full(3, power))):
        H = dm.prepare(f, x / size, of="hessian")
        with np.errstate(all="ignore"):
            expected = power * (power - 1.0) * x ** (power - 2.0)
            np.testing.assert_allclose(np.diag(H(x)), expected, rtol=1e-13, atol=5e-324)
