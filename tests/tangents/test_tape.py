"""The tape: what is swept, fan-out, broadcasting, conventions, Duals of one that is finished."""

import numpy as np
import pytest
from drawn_programs import (
    squash,
)
from oracles import complex_step, differences
from reverse_judge import assert_close, judge

import dualmc as dm
from dualmc import reverse
from dualmc.calls.request import Request
from dualmc.cotangents import sweep

X3 = np.array([0.5, 1.5, 2.5])


def swept(f, *args):
    """The steps of the tape that a sweep of ``f(*args)`` visits, latest first."""
    argnums = tuple(range(len(args)))
    asked = Request("swept", f, args, argnums, None, False, "numerator", False)
    return reverse.Tape(asked).order


# --- What is swept -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "steps"),
    [
        (lambda x: x, 1),
        (lambda x: np.sin(x), 2),
        (lambda x: np.sin(x) * x, 3),
        (lambda x: (np.exp(np.cos(x)), np.sin(x))[1], 2),
        (lambda x: np.ones(3) + np.sin(np.ones(3)), 0),
        (lambda x: np.floor(x) * 3, 0),
        (lambda x: x * np.sin(np.cos(np.ones(3))), 2),
    ],
)
def test_only_what_leads_from_inputs_to_outputs_is_swept(f, steps):
    assert steps == len(swept(f, X3))


def test_an_input_that_is_not_used_is_not_swept():
    order = swept(lambda a, b: np.sin(a), X3, np.ones(5))
    assert [(3,), (3,)] == [var.shape for var in order]


def test_each_step_is_swept_once_after_all_that_used_it():
    def f(x):
        y = np.sin(x)
        for _ in range(30):  # 3**30 paths
            y = y - 0.3 * y * y
        return y

    order = swept(f, np.array([0.1, 0.2]))
    assert len(order) <= 2 + 90
    assert len({var.serial for var in order}) == len(order)
    seen = set()
    for var in order:
        assert not any(parent.serial in seen for parent in var.parents)
        seen.add(var.serial)
    assert order == sweep.reachable(order[0])


# --- Fan-out -------------------------------------------------------------------------------------


def test_a_variable_used_many_times():
    def f(x):
        y = x * 2.0
        return sum(y * k for k in range(1, 101)) + y[0] * y[1] + np.sum(y)

    # y appears with the coefficients 1 + ... + 100 = 5050.
    expected = 10_100 * np.eye(3) + 2.0
    expected[:, 0] += 4 * X3[1]
    expected[:, 1] += 4 * X3[0]
    np.testing.assert_allclose(dm.jacobian_rev(f, X3), expected, rtol=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + x,
        lambda x: x * x,
        lambda x: x - x * 0.5 + x,
        lambda x: x / (x + x[0]),
        lambda x: x**x,
        lambda x: np.stack([x, x, x]),
        lambda x: np.concatenate([x, x[::-1], x]),
        lambda x: np.outer(x, x) @ x,
        lambda x: np.einsum("i,j,k->ijk", x, x, x),
        lambda x: np.convolve(x, x),
        lambda x: x @ x * x,
        lambda x: x[[0, 0, 1]] * x[[2, 0, 0]],
        lambda x: np.where([True, False, True], x, x[::-1]) * x,
        lambda x: np.cumsum(x) * np.cumprod(x),
        lambda x: np.kron(x, x),
    ],
)
def test_both_operands_are_one_variable(f):
    judge(f, X3)


# A 0-d array takes the place of NumPy's scalars, which arithmetic makes of it: what was used first
# adds to what a later use left behind.
ENLARGED = {
    "reshape": lambda x: np.reshape(x, (1,)),
    "newaxis": lambda x: x[None, None],
    "ellipsis": lambda x: x[...],
    "empty index": lambda x: x[()],
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3)),
    "take": lambda x: np.take(x, [0, 0, 0]),
    "repeat": lambda x: np.repeat(x, 3),
    "tile": lambda x: np.tile(x, 2),
    "ravel": lambda x: np.ravel(x),
    "atleast_2d": lambda x: np.atleast_2d(x),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "concatenate": lambda x: np.concatenate([x.reshape(1), np.ones(1)]),
    "stack": lambda x: np.stack([x, x]),
    "outer": lambda x: np.outer(x, [1.0, 2.0]),
    "pad": lambda x: np.pad(x.reshape(1), 2),
    "full": lambda x: np.full_like(x, 2.0, shape=(2,)) * x,
    "max": lambda x: np.max(x),
    "sort": lambda x: np.sort(x.reshape(1)),
    "sum": lambda x: np.sum(x),
    "where": lambda x: np.where([True, False], x, 0.0),
    "plus array": lambda x: x + np.ones(3),
    "matmul": lambda x: np.ones((2, 1)) @ x.reshape(1),
    "real": lambda x: np.real(x),
    "copy": lambda x: x.copy(),
    "mask": lambda x: x[True],
}


@pytest.mark.parametrize("name", ENLARGED)
def test_a_scalar_used_as_an_array_and_then_as_a_number(name):
    enlarge, x = ENLARGED[name], 0.7
    count = float(differences(lambda x: np.sum(enlarge(x)), np.array(x)))

    def array_first(x):
        return np.sum(enlarge(x)) + x * x * x + 2.0 * x

    def number_first(x):
        cube = x * x * x + 2.0 * x
        return np.sum(enlarge(x)) + cube

    def in_between(x):
        y = np.sin(x)
        array = enlarge(y)
        return y * y * y + np.sum(array)

    for f in (array_first, number_first):
        np.testing.assert_allclose(dm.gradient(f, x), 3 * x * x + 2 + count, rtol=1e-12)
        J = dm.jacobian_rev(lambda x, f=f: [f(x), x], x)
        np.testing.assert_allclose(J, [3 * x * x + 2 + count, 1.0], rtol=1e-12)
    expected = (3 * np.sin(x) ** 2 + count) * np.cos(x)
    np.testing.assert_allclose(dm.gradient(in_between, x), expected, rtol=1e-12)
    # The same for one element of a larger array.
    g = dm.gradient(lambda x: array_first(x[1]), [0.3, x])
    np.testing.assert_allclose(g, [0.0, 3 * x * x + 2 + count], rtol=1e-12)


# --- Broadcasting --------------------------------------------------------------------------------


SHAPES = [(), (1,), (3,), (1, 1), (2, 1), (1, 3), (2, 3), (4, 1, 3), (4, 2, 1), (1, 1, 1)]


@pytest.mark.parametrize("left", SHAPES, ids=str)
@pytest.mark.parametrize("right", SHAPES, ids=str)
def test_broadcasting(left, right):
    m, n = int(np.prod(left)), int(np.prod(right))
    x = squash(np.arange(m + n))

    def f(x):
        a, b = x[:m].reshape(left), x[m:].reshape(right)
        return (a * b + a / b - b) ** 2 + np.where(b.real > 1.5, a, b)

    judge(f, x)
    a, b = x[:m].reshape(left), x[m:].reshape(right)
    by_a, by_b = dm.gradient(lambda a, b: np.sum(np.sin(a) ** b), a, b, argnums=(0, 1))
    assert (left, right) == (np.shape(by_a), np.shape(by_b))
    assert_close(complex_step(lambda a: np.sum(np.sin(a) ** b), a), by_a)
    assert_close(complex_step(lambda b: np.sum(np.sin(a) ** b), b), by_b)


# --- Awkward points (DESIGN, section 5) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        # a tangent that is exactly 0 stays 0
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, 1 / x, x), 0.0, 1.0),
        (lambda x: np.where(x != 0, np.sin(x) / x, 1.0), 0.0, 0.0),
        (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.sqrt(x)[1:], [0.0, 4.0], [[0.0, 0.25]]),
        (lambda x: np.sqrt(np.where([True, False], x, 1.0))[1], [0.0, 4.0], [0.0, 0.0]),
        (lambda x: overwritten(np.sqrt(x)), [0.0, 4.0], [[0.0, 0.0], [0.0, 0.25]]),
        # a constant factor that is exactly 0 gives 0
        (lambda x: 0.0 * np.sqrt(x), 0.0, 0.0),
        (lambda x: np.sqrt(x) * 0, 0.0, 0.0),
        (lambda x: np.zeros(2) * np.sqrt(x), [0.0, 4.0], [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x: np.array([0.0, 1.0]) @ np.sqrt(x), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.array([[0.0, 1.0]]) @ np.sqrt(x), [0.0, 4.0], [[0.0, 0.25]]),
        (lambda x: np.einsum("i,i", [0.0, 1.0], np.sqrt(x)), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.sqrt(np.array([0.0, 1.0]) * x), [0.0, 4.0], [[0.0, 0.0], [0.0, 0.25]]),
        (lambda x: np.sqrt(np.array([[0.0, 1.0]]) @ x), [4.0, 0.0], [[0.0, np.inf]]),
        # ties: the constant wins, two varying values share
        (lambda x: np.maximum(0, x), 0.0, 0.0),
        (lambda x: np.maximum(x, np.zeros(2)), [0.0, 1.0], [[0.0, 0.0], [0.0, 1.0]]),
        (lambda x: np.minimum(x, 0), 0.0, 0.0),
        (lambda x: np.clip(x, 0, 1), [0.0, 0.5, 1.0], np.diag([0.0, 1.0, 0.0])),
        (lambda x: np.maximum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
        (lambda x: np.minimum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
        (lambda x: np.maximum(x, x[::-1]), [2.0, 2.0], [[0.5, 0.5], [0.5, 0.5]]),
        (np.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (np.min, [1.0, 1.0, 3.0], [0.5, 0.5, 0.0]),
        (np.max, [1.0, 1.0, 1.0, 1.0], [0.25, 0.25, 0.25, 0.25]),
        # abs, powers, norms, products
        (np.abs, [0.0, -2.0], np.diag([0.0, -1.0])),
        (np.sqrt, 0.0, np.inf),
        (lambda x: x**0.3, 0.0, np.inf),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**0.0, [0.0, 2.0], np.zeros((2, 2))),
        (lambda y: 0.0**y, 2.0, 0.0),
        (lambda y: np.array([0.0, 1.0]) ** y, 2.0, [0.0, 0.0]),
        (np.linalg.norm, [0.0, 0.0], [0.0, 0.0]),
        (np.std, [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]),
        (np.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (np.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        # steps
        (np.floor, [0.5, 2.0], np.zeros((2, 2))),
        (lambda x: x * (x > 1) + np.sign(x) * x, [0.5, 2.0], np.diag([1.0, 2.0])),
    ],
)
def test_conventions(f, x, expected):
    """Each as the table says, whether rows are swept together, alone, or as a gradient."""
    with np.errstate(all="ignore"):
        J = dm.jacobian_rev(f, x)
        assert np.shape(expected) == J.shape
        np.testing.assert_allclose(J, expected, rtol=1e-15, atol=0)
        np.testing.assert_allclose(dm.jacobian_rev(f, x, chunk_size=1), expected, rtol=1e-15)
        rows = dm.jacobian_rev(lambda x: np.stack([f(x), f(x)]), x)
        np.testing.assert_allclose(rows, [expected, expected], rtol=1e-15)
        y, pullback = dm.vjp(f, x)
        assert not np.any(pullback(np.zeros(np.shape(y))))  # 0 stays 0 beside any partial
        np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-15, atol=0)


def overwritten(y):
    y[0] = 0.0
    return y


@pytest.mark.parametrize("c", [0, 0.0, -0.0])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: np.sqrt(c * x),
        lambda x, c: np.sqrt(x * c + 0.0),
        lambda x, c: np.log(c * x + 0.0),
        lambda x, c: 1 / (c * np.sin(x)),
    ],
)
def test_a_number_that_is_exactly_0_gives_0(f, c):
    """The tangent is 0 behind the factor, and 0 stays 0 beside the infinite partial."""
    with np.errstate(all="ignore"):
        assert 0.0 == dm.derivative(lambda x: f(x, c), 2.0)
        assert 0.0 == dm.gradient(lambda x: f(x, c), 2.0)
        J = dm.jacobian_rev(lambda x: f(x, c), [1.0, 2.0])
        assert np.array_equal(np.zeros((2, 2)), J)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_cotangents_that_are_not_finite(bad):
    """They reach what they belong to and nothing else."""
    y, pullback = dm.vjp(lambda x: np.sin(x) * x, X3)
    slope = np.cos(X3) * X3 + np.sin(X3)
    x_bar = pullback([1.0, bad, 0.0])
    np.testing.assert_allclose(x_bar, [slope[0], bad * slope[1], 0.0], rtol=1e-14)
    _, pullback = dm.vjp(lambda x: np.concatenate([x[::-1], x[:1] * 2]), X3)
    np.testing.assert_array_equal(pullback([bad, 1.0, 2.0, 3.0]), [8.0, 1.0, bad])
    _, pullback = dm.vjp(lambda x: np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]) @ x, X3)
    np.testing.assert_array_equal(pullback([bad, 1.0]), [bad, 1.0, 1.0])


def test_values_that_are_not_finite():
    x = np.array([1.0, np.nan, np.inf, -1.0])
    with np.errstate(all="ignore"):
        J = dm.jacobian_rev(lambda x: np.where(np.isfinite(x), np.exp(x), 0.0) * 2, x)
        np.testing.assert_allclose(J, np.diag([2 * np.e, 0, 0, 2 / np.e]), rtol=1e-15)
        assert np.array_equal([1.0, 0, 0, 1.0], dm.gradient(lambda x: np.nansum(x[[0, 1, 3]]), x))
        g = dm.gradient(lambda x: np.sum(x * x[0]), x)
        np.testing.assert_array_equal(g, [np.nan, 1.0, 1.0, 1.0])


# --- Duals of a tape -----------------------------------------------------------------------------


def test_a_recorded_tangent_cannot_be_looked_at():
    seen = []

    def f(x):
        y = np.sin(x)
        for a in (x, y, y[1:], y[0], np.zeros_like(x)):
            with pytest.raises(
                TypeError,
                match="In reverse mode the tangent of an array is not computed, only recorded. Use "
                "jvp or jacobian_fwd to look at tangents.",
            ):
                a.tangent  # noqa: B018
        seen.append((repr(x), str(x), f"{x[0]:.2f}"))
        return y

    dm.jacobian_rev(f, X3)
    assert [("array([0.5, 1.5, 2.5])", "[0.5 1.5 2.5]", "0.50")] == seen


USES = [
    lambda x: x + 1,
    lambda x: 2.0 * x,
    lambda x: 1.0 * x,
    lambda x: x - x,
    lambda x: x * x,
    lambda x: x**2,
    lambda x: -x,
    lambda x: np.sin(x),
    lambda x: np.sum(x),
    lambda x: x[0],
    lambda x: x[1:],
    lambda x: x[[0, 1]],
    lambda x: x[x > 1],
    lambda x: x.__setitem__(0, 1.0),
    lambda x: x.__iadd__(1.0),
    lambda x: np.ones((2, 3)) @ x,
    lambda x: np.concatenate([x, x]),
    lambda x: np.reshape(x, (3, 1)),
    lambda x: np.where([True, False, True], x, 0.0),
    lambda x: x.copy(),
    lambda x: float(x[0]),
    lambda x: dm.jacobian_fwd(lambda y: y * x, np.ones(3)),
    lambda x: dm.jacobian_rev(lambda y: y * x, np.ones(3)),
    lambda x: dm.gradient(lambda y: x[0], 1.0),
    lambda x: dm.gradient(lambda y: np.sum(y * y), x),
]


@pytest.mark.table(3)
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("made", ["input", "result", "view"])
def test_a_dual_of_a_finished_recording_is_an_error(use, made):
    kept = []

    def f(x):
        kept.append({"input": x, "result": np.sin(x), "view": (x * 2.0)[::-1]}[made])
        return x

    dm.jacobian_rev(f, X3)
    with pytest.raises(
        dm.TangentLostError,
        match=r"f used a Dual from a derivative call that has already finished\. "
        r"Return values from f; do not store Duals outside it\.",
    ):
        dm.derivative(lambda t: (t * t, use(kept[0]))[0], 2.0)


def test_a_dual_of_an_earlier_recording_of_the_same_function():
    cache = []

    def f(x):
        cache.append(np.sin(x))
        return np.sum(x * cache[0])

    dm.gradient(f, X3)
    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.gradient(f, X3)
