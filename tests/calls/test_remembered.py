"""Functions that remember what they returned: derivatives are those of what they compute.

Expected values are closed forms.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm

X = np.array([1.0, 2.0, 3.0])


def value(x):
    return np.sin(x) * x[0]


def slopes(x):
    first = np.zeros((3, 3))
    first[:, 0] = np.sin(x)
    return np.diag(np.cos(x) * x[0]) + first


TESTS = {
    "array_equal": lambda x, kept: np.array_equal(x, kept),
    "array_equal, the other way": lambda x, kept: np.array_equal(kept, x),
    "all": lambda x, kept: np.all(x == kept),
    "method all": lambda x, kept: (kept == x).all(),
    "not any": lambda x, kept: not np.any(x != kept),
    "ufunc": lambda x, kept: np.equal(x, kept).all(),
    "allclose": lambda x, kept: np.allclose(x, kept),
    "isclose": lambda x, kept: np.isclose(x, kept).all(),
    "distance": lambda x, kept: np.linalg.norm(x - kept) < 1e-12,
    "largest difference": lambda x, kept: np.max(np.abs(x - kept)) < 1e-9,
    "no distance": lambda x, kept: np.linalg.norm(x - kept) == 0,
    "list": lambda x, kept: list(x) == list(kept),
    "tolist": lambda x, kept: x.tolist() == kept.tolist(),
}


class Model:
    """Keeps the latest point and what it made of it."""

    def __init__(self, is_same, also=lambda x: 0.0):
        self.is_same, self.also = is_same, also
        self.x = self.y = None

    def __call__(self, x):
        if self.x is None or not self.is_same(x, self.x):
            self.x, self.y = np.copy(x), value(x)
        return self.y + self.also(x)


V, EACH = np.array([0.3, -1.0, 2.0]), np.eye(3)
# Of one pass: they are right.
CALLS = {
    "forward": lambda f: dm.jacobian_fwd(f, X),
    "sparse": lambda f: dm.jacobian_fwd(f, X, sparse=True).toarray(),
    "value": lambda f: dm.value_and_jacobian_fwd(f, X)[1],
    "reverse": lambda f: dm.jacobian_rev(f, X),
}
# Of several, in which f meets the Duals that it has kept of the one before: right or refused.
REPEATED = {
    "one at a time": lambda f: dm.jacobian_fwd(f, X, chunk_size=1),
    "gradients": lambda f: np.stack([dm.gradient(lambda x, e=e: f(x) @ e, X) for e in EACH]),
    "along": lambda f: np.stack([dm.jvp(f, X, e)[1] for e in EACH], -1),
    "pulled back": lambda f: np.stack([dm.vjp(f, X)[1](e) for e in EACH]),
    "prepared": lambda f: dm.prepare(f, X)(X),
    "prepared, at another point": lambda f: dm.prepare(f, X + 1.0)(X),
}


def is_right(f, call, expected):
    """Whether `call` gives this for `f`; False: it is refused."""
    try:
        J = call(f)
    except dm.TangentLostError:
        return False
    assert np.allclose(expected, J, rtol=1e-12, atol=0)
    return True


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("test", TESTS)
def test_the_latest_point(test, call):
    f = Model(TESTS[test])
    f(X)
    assert is_right(f, CALLS[call], slopes(X))
    assert np.array_equal(value(X), np.asarray(f(X)))
    assert is_right(f, CALLS[call], slopes(X))


@pytest.mark.parametrize("test", TESTS)
def test_along_and_back(test):
    f = Model(TESTS[test])
    f(X)
    assert is_right(f, lambda f: dm.jvp(f, X, V)[1], slopes(X) @ V)
    f(X)
    assert is_right(f, lambda f: dm.vjp(f, X)[1](V), V @ slopes(X))
    f(X)
    assert is_right(f, lambda f: dm.gradient(lambda x: f(x) @ V, X), V @ slopes(X))


@pytest.mark.table(3)
@pytest.mark.parametrize("call", REPEATED)
@pytest.mark.parametrize("test", TESTS)
@pytest.mark.filterwarnings("ignore:prepare")
def test_nothing_is_lost(test, call):
    f = Model(TESTS[test])
    f(X)
    is_right(f, REPEATED[call], slopes(X))
    f(X)
    is_right(f, REPEATED[call], slopes(X))


@pytest.mark.parametrize("call", CALLS)
def test_a_part_that_is_remembered(call):
    f = Model(np.array_equal, lambda x: x**2)
    f(X)
    assert is_right(f, CALLS[call], slopes(X) + np.diag(2 * X))


def test_again_at_the_same_point():
    """What f kept of the call before reads as its value: f is asked elsewhere, and once more."""
    f = Model(np.array_equal)
    for call in (*CALLS.values(), *CALLS.values()):
        assert is_right(f, call, slopes(X))


def test_second_derivatives():
    f = Model(np.array_equal)
    f(X)
    H = dm.hessian(lambda x: np.sum(f(x)), X)
    expected = -np.diag(np.sin(X) * X[0])
    expected[0] += np.cos(X)
    expected[:, 0] += np.cos(X)
    assert np.allclose(expected, H, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("call", CALLS)
def test_a_memory_of_all_points_is_refused(call):
    kept = []

    def f(x):
        for point, y in kept:
            if np.array_equal(point, x):
                return y
        y = value(x)
        kept.append((np.copy(x), y))
        return y

    f(X)
    with pytest.raises(dm.TangentLostError, match="seems to return what it remembers"):
        CALLS[call](f)


def test_a_number():
    kept = {}

    def f(t):
        if kept and t == kept["t"]:
            return kept["y"]
        kept["t"], kept["y"] = t, t**3
        return kept["y"]

    f(1.7)
    assert 3 * 1.7**2 == pytest.approx(float(dm.derivative(f, 1.7)), rel=1e-14)


def test_further_arguments_and_aux():
    f = Model(np.array_equal)
    f(X)
    J, aux = dm.jacobian_fwd(lambda a, x: (a * f(x), "kept"), 2.0, X, argnums=1, has_aux=True)
    assert np.allclose(2.0 * slopes(X), J, rtol=1e-12, atol=0)
    assert "kept" == aux
    f(X)
    by_a, by_x = dm.jacobian_rev(lambda a, x: a * f(x), 2.0, X, argnums=(0, 1))
    assert np.allclose(value(X), by_a, rtol=1e-12, atol=0)
    assert np.allclose(2.0 * slopes(X), by_x, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("g", "x", "expected"),
    [
        (np.sqrt, [0.0, 1.0, 4.0], np.diag([np.inf, 0.5, 0.25])),
        (lambda x: 3 * np.maximum(x, 0.0) + x, [0.0, 2.0], np.diag([1.0, 4.0])),
        (np.abs, [0.0, 0.0], np.zeros((2, 2))),
        (lambda x: x**2, np.zeros(0), np.zeros((0, 0))),
        (lambda x: np.stack([x[0] ** 2, 1e-14 * x[1] ** 2]), [1.0, 2.0], [[2, 0], [0, 4e-14]]),
        (lambda x: np.sum(x) * x[x > 1.5], [1.0, 2.0], [[2.0, 5.0]]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_at_edges_and_kinks(g, x, expected, dtype):
    kept = {}

    def f(x):
        if not (kept and np.array_equal(x, kept["x"])):
            kept["x"], kept["y"] = np.copy(x), g(x)
        return kept["y"]

    x = np.array(x, dtype)
    f(x)
    J = dm.jacobian_fwd(f, x)
    assert np.allclose(expected, J, rtol=1e-6, atol=0) and dtype == J.dtype


def test_in_threads():
    """Right or refused: what other threads differentiate meanwhile hides no memory."""

    def run(k):
        for i in range(10):
            f, x = Model(np.array_equal), X + 0.1 * k + 0.01 * i
            f(x)
            is_right(f, lambda f, x=x: dm.jacobian_fwd(f, x), slopes(x))

    with ThreadPoolExecutor(4) as executor:
        assert [None] * 4 == list(executor.map(run, range(4)))


# --- What is no memory ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: 1.0 if x == 0 else np.sin(x) / x, 0.0, 0.0),
        (lambda x: 0.0 if x == 0 else x**2 * np.sin(1 / x), 0.0, 0.0),
        (lambda x: x if x > 0 else 0.1 * x, 0.0, 0.1),
        (lambda x: 3.0 * x if np.abs(x) < 1e-3 else np.inf * x, 0.0, 3.0),
        (lambda x: x * 2.5 if x == 2.5 else x**2, 2.5, 2.5),
    ],
)
def test_branches_that_are_written_in_the_code(f, x, expected):
    for call in (dm.derivative, dm.jacobian_fwd, dm.jacobian_rev, dm.gradient):
        assert expected == call(f, x)


def test_branches_by_zeros():
    x = np.zeros(4)
    f = lambda x: np.where(x > 0, x, 0.5 * x) + (x if np.all(x == 0) else 2 * x)  # noqa: E731
    assert np.array_equal(1.5 * np.eye(4), dm.jacobian_fwd(f, x))
    assert np.array_equal(1.5 * np.eye(4), dm.jacobian_rev(f, x))


def test_an_f_that_finds_nothing_equal_is_called_once():
    calls = []

    def f(x):
        calls.append(1)
        return x**2 if np.array_equal(x, X + 1) or np.linalg.norm(x) < 1 else x**3

    dm.jacobian_fwd(f, X)
    assert 1 == len(calls)


def test_equal_points_of_a_smooth_function():
    """As where a solver asks whether it has moved: the derivative is the same beside."""
    before = X.copy()

    def f(x):
        return x**3 if np.array_equal(x, before) else x**3 + 0.0

    assert np.allclose(np.diag(3 * X**2), dm.jacobian_fwd(f, X), rtol=1e-14)
