"""What a tangent stores: counted slots, shared columns, lazy factors, memory.

Times are never asserted; these counts are what the times come from.
"""

import tracemalloc

import numpy as np
import pytest

import dualmc as dm
from dualmc.duals.levels import Level
from dualmc.tangents import combining, dense_tangent, unions

N = 40  # above the number of inputs that start dense


def tangent_of(f, x):
    """The structured tangent of ``f(x)`` inside a derivative call."""
    found = []

    def keep(x):
        y = f(x)
        found.append((x.own_tangent(), y.own_tangent()))
        return y

    dm.jacobian_fwd(keep, x)
    return found[0]


def width(f, n=N):
    """Slots per element of ``f(x)``."""
    return tangent_of(f, np.linspace(0.5, 1.5, n))[1].coef.shape[0]


# --- The element-wise diagonal condition (document, 4.2 and 4.5.3) --------------------------------


def test_an_element_wise_function_stores_n_numbers():
    def f(x):
        return np.exp(np.sin(x) * 2.0) / (1.0 + x**2) - np.sqrt(x)

    x, y = tangent_of(f, np.linspace(0.5, 1.5, N))
    assert (1, N) == y.coef.shape


def test_an_element_wise_function_keeps_the_columns_as_the_same_object():
    x, y = tangent_of(lambda x: np.tanh(x) * 3.0 + x * np.cos(x), np.linspace(0.5, 1.5, N))
    assert x.col is y.col


@pytest.mark.parametrize(
    "f, slots",
    [
        (lambda x: x[1:] * x[:-1], 2),
        (lambda x: x[2:] - 2 * x[1:-1] + x[:-2], 3),
        (lambda x: np.roll(x, 1) + np.roll(x, -1) + x, 3),
        (lambda x: (x[1:] - x[:-1]) * (x[1:] + x[:-1]), 2),
        (lambda x: x.reshape(-1, 2).sum(axis=1), 2),
        (lambda x: np.concatenate([x, x * x]), 1),
        (lambda x: np.where(x > 1, x, x[::-1]), 1),
        (lambda x: np.outer(x, np.ones(3)).T.ravel(), 1),
        (lambda x: np.sort(-x), 1),
        (lambda x: np.diff(x, n=3), 4),
        (lambda x: np.array([1.0, 2.0, 3.0]) @ x[:6].reshape(3, 2), 3),
        (lambda x: np.convolve(x, [1.0, 2.0, 1.0], "same"), 3),
        (lambda x: x.reshape(10, 4)[:, :2].prod(axis=1), 2),
        (lambda x: x - x, 1),
    ],
)
def test_width_is_the_true_number_of_dependencies(f, slots):
    assert slots == width(f)


def test_cancelled_dependencies_stay_in_the_pattern():
    J = dm.jacobian_fwd(lambda x: x[1:] + x[:-1] - x[:-1], np.ones(N), sparse=True)
    assert 2 * (N - 1) == J.nnz
    assert np.array_equal(np.eye(N)[1:], J.toarray())


# --- Dense blocks --------------------------------------------------------------------------------


def test_few_inputs_start_dense_and_keep_one_block():
    def f(x):
        y = np.exp(np.sin(x) * 2.0) * x
        assert not y.own_tangent().is_sparse
        assert x.own_tangent().block is y.own_tangent().block
        assert (1, 10) == y.own_tangent().scale.shape
        return y

    dm.jacobian_fwd(f, np.linspace(0.5, 1.5, 10))


def test_a_full_reduction_becomes_dense():
    _, y = tangent_of(lambda x: (x * x).sum(), np.linspace(0.5, 1.5, 100))
    assert not y.is_sparse
    assert (100,) == y.block.shape


def test_a_matrix_times_a_one_hot_tangent_makes_no_identity():
    """A @ x scales the columns of A; the largest array is the Jacobian itself."""
    n = 600
    A = np.ones((n, n))
    dm.jacobian_fwd(lambda x: A @ x, np.ones(n))  # compile
    tracemalloc.start()
    dm.jacobian_fwd(lambda x: A @ x, np.ones(n))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3.2 * A.nbytes


def test_many_slots_become_dense():
    assert tangent_of(lambda x: x[:20].sum() + x, np.ones(N))[1].is_sparse is False


# --- Sums of tangents ----------------------------------------------------------------------------


def test_equal_columns_add_without_a_merge(monkeypatch):
    def refuse(*args):
        raise AssertionError("merged")

    monkeypatch.setattr(combining, "merged", refuse)
    dm.jacobian_fwd(lambda x: x * np.sin(x) + x**2, np.linspace(0.5, 1.5, N))


def test_shifted_slices_unite_alike():
    a, b = np.arange(499, dtype=np.int32)[None], np.arange(1, 500, dtype=np.int32)[None]
    union = unions.union_of(Level(500), a, b)
    assert [[0, -1], [-1, 0]] == union.slots.tolist()
    assert union.few.size == 0
    n = 500
    x = np.linspace(0.5, 1.5, n)
    J = dm.jacobian_fwd(lambda x: x[1:] * x[:-1], x, sparse=True)
    expected = np.zeros((n - 1, n))
    i = np.arange(n - 1)
    expected[i, i], expected[i, i + 1] = x[1:], x[:-1]
    assert np.array_equal(expected, J.toarray())


def test_irregular_columns_merge_element_by_element():
    rng = np.random.default_rng(5)
    n = 400
    x = rng.uniform(0.5, 1.5, n)
    a, b, c = rng.integers(0, n, (3, 700))
    J = dm.jacobian_fwd(lambda x: x[a] * x[b] + x[c], x, sparse=True).toarray()
    expected = np.zeros((700, n))
    np.add.at(expected, (np.arange(700), a), x[b])
    np.add.at(expected, (np.arange(700), b), x[a])
    np.add.at(expected, (np.arange(700), c), 1.0)
    np.testing.assert_allclose(J, expected, rtol=1e-15)


def test_a_few_exceptions_do_not_spoil_the_row_wise_merge():
    """Stencils on a padded array: the ends have fewer dependencies than the middle."""
    n = 300
    x = np.linspace(0.5, 1.5, n)

    def f(x):
        w = np.concatenate([[2.0], x, [3.0]])
        return w[2:] * w[1:-1] - w[:-2]

    J = dm.jacobian_fwd(f, x, sparse=True)
    w = np.concatenate([[2.0], x, [3.0]])
    expected = np.diag(w[2:]) + np.diag(x[:-1], 1) - np.eye(n, k=-1)
    assert np.array_equal(expected, J.toarray())
    assert 3 * n - 2 == J.nnz


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (20,), (5, 5)], ids=str)
@pytest.mark.parametrize("zero", ["number", "scalar", "array", "matrix", "spread"])
def test_a_constant_zero_factor_gives_zero(shape, zero):
    """0 * sqrt(x) does not depend on x, even where sqrt has an infinite derivative."""
    x = np.zeros(shape)
    n = x.size

    def f(x):
        root = np.sqrt(x)
        if zero == "number":
            return 0.0 * root
        if zero == "scalar":
            return root * np.float64(0.0)
        if zero == "array":
            return np.zeros(shape) * root
        if zero == "matrix":
            return np.zeros((2, n)) @ root.reshape(n)
        return np.zeros((4, *shape)) * root

    assert not np.any(dm.jacobian_fwd(f, x))


def test_a_partial_that_happens_to_be_zero_does_not_hide_an_infinite_derivative():
    """sqrt(x)**2 is x: at 0 the chain rule has 0 * inf, which is unknown and not 0."""
    assert np.isnan(dm.derivative(lambda x: np.sqrt(x) ** 2, 0.0))
    assert np.isnan(dm.jacobian_fwd(lambda x: np.sqrt(x) * np.sqrt(x), np.zeros(20))[0, 0])


# --- Memory --------------------------------------------------------------------------------------


def test_peak_memory_of_a_stencil_is_linear_in_n():
    def peak(n):
        x = np.linspace(0.5, 1.5, n)
        tracemalloc.start()
        dm.jacobian_fwd(lambda x: x[2:] * x[1:-1] - np.sin(x[:-2]), x, sparse=True)
        _, bytes_ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return bytes_ / x.nbytes

    peak(2_000)
    assert peak(2_000) < 30
    assert peak(8_000) < 30


def test_the_budget_turns_one_pass_into_chunks(monkeypatch):
    calls = []

    def f(x):
        calls.append(x)
        return np.cumsum(x) * x

    x = np.linspace(0.5, 1.5, 60)
    whole = dm.jacobian_fwd(f, x)
    assert 1 == len(calls)
    calls.clear()
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 60 * 20 * 8)
    assert np.array_equal(whole, dm.jacobian_fwd(f, x))
    # One pass that met the budget, and three of 20 columns.
    assert 4 == len(calls)


def test_a_chunk_needed_by_an_inner_call_stays_inside_it(monkeypatch):
    """The outer call is not restarted when an inner one works in chunks."""
    x = np.linspace(0.5, 1.5, 30)
    outer = []

    def gradient(x):
        outer.append(1)
        return dm.jacobian_fwd(lambda y: (np.cumsum(y) ** 2).sum(), x)

    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 30 * 30 * 8 - 1)
    i = np.arange(30)
    y_dot = dm.jvp(gradient, x, np.ones(30))[1]
    # sum_k (sum_{j<=k} y_j)^2 has the Hessian 2 (30 - max(i, j)).
    expected = (2.0 * (30 - np.maximum.outer(i, i))).sum(axis=1)
    np.testing.assert_allclose(y_dot, expected, rtol=1e-13)
    assert 1 == len(outer)
