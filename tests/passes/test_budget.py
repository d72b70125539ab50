"""The memory budget: blocks that are too wide for it, and the chunks that they fall back to."""

import numpy as np
import pytest
from sparse_functions import Counter, burgers, burgers_by_hand

import dualmc as dm
from dualmc.duals import levels
from dualmc.tangents import dense_tangent
from dualmc.tangents.dense_tangent import ChunkNeeded

# --- The memory budget ---------------------------------------------------------------------------


def dense_rows(m):
    """m functions of all inputs: a block of (k, m) float64."""

    def f(x):
        A = np.add.outer(np.arange(float(m)), np.arange(float(x.size))) % 7 - 3
        return np.sin(A @ x)

    return f


def dense_rows_by_hand(m, x):
    A = np.add.outer(np.arange(float(m)), np.arange(float(x.size))) % 7 - 3
    return np.cos(A @ x)[:, None] * A


def check_passes(passes, n, columns):
    """Passes given up, of all and then fewer columns, before those that cover all n in order."""
    kept = [columns] * (n // columns) + ([n % columns] if n % columns else [])
    given_up = passes[: -len(kept)]
    assert kept == passes[-len(kept) :]
    assert n == given_up[0]
    assert sorted(set(given_up), reverse=True) == given_up
    assert given_up[-1] > columns
    assert len(given_up) <= 2


@pytest.mark.parametrize("n", [5, 16, 17, 40])
@pytest.mark.parametrize("columns", [1, 2, 3, 7, 15, 39])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_block_beyond_the_budget_falls_back_to_chunks(monkeypatch, n, columns, is_sparse):
    """A pass or two are given up; then as many columns at a time as the budget holds."""
    m = 30
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", columns * m * 8 + 7)
    x = np.linspace(0.5, 1.5, n)
    f = Counter(dense_rows(m))
    y, J = dm.value_and_jacobian_fwd(f, x, sparse=is_sparse)
    if n <= columns or is_sparse and n <= 8:  # up to 8 inputs per element stay sparse
        assert [n] == f.columns
    else:
        check_passes(f.columns, n, columns)
    assert np.array_equal(dense_rows(m)(x), y)
    J = J.toarray() if is_sparse else J
    np.testing.assert_allclose(J, dense_rows_by_hand(m, x), rtol=1e-12, atol=1e-13)


def test_a_budget_of_less_than_one_column_still_gives_the_result(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 1)
    x = np.linspace(0.5, 1.5, 6)
    f = Counter(dense_rows(4))
    J = dm.jacobian_fwd(f, x)
    np.testing.assert_allclose(J, dense_rows_by_hand(4, x), rtol=1e-13, atol=1e-14)
    assert [6, 1, 1, 1, 1, 1, 1] == f.columns
    assert 1.0 == dm.derivative(lambda x: np.sum(x * np.ones(100)) / 100, 1.0)


@pytest.mark.parametrize(
    ("chunk_size", "columns"),
    [
        (2, [2] * 10),
        (4, [4] * 5),
        (7, [7, 4, 4, 4, 4, 4]),
        (20, [20, 4, 4, 4, 4, 4]),
        (100, [20, 4, 4, 4, 4, 4]),
    ],
)
def test_a_chunk_size_beyond_the_budget_is_reduced(monkeypatch, chunk_size, columns):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 4 * 30 * 8)
    x = np.linspace(0.5, 1.5, 20)
    f = Counter(dense_rows(30))
    J = dm.jacobian_fwd(f, x, chunk_size=chunk_size)
    assert columns == f.columns
    np.testing.assert_allclose(J, dense_rows_by_hand(30, x), rtol=1e-12, atol=1e-13)


def test_a_structure_that_stays_sparse_needs_no_chunks(monkeypatch):
    """A dense block would be 40 * 40 * 8 bytes; three slots per element never ask for one."""
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 2000)
    u = np.linspace(-1.0, 1.0, 40)
    f = Counter(burgers)
    for is_sparse in (True, False):
        J = dm.jacobian_fwd(f, u, sparse=is_sparse)
        J = J.toarray() if is_sparse else J
        np.testing.assert_allclose(J, burgers_by_hand(u), rtol=1e-13, atol=1e-14)
    assert [40, 40] == f.columns


def test_a_later_chunk_may_be_the_one_that_is_too_wide(monkeypatch):
    """The first half of the inputs is seen element by element, the second by every element."""
    n, m = 60, 50

    def f(x):
        y = np.zeros(m, like=x)
        y[:30] = x[:30] ** 2
        for i in range(30, 60):
            y = y + x[i] * np.cos(np.arange(m) * i)
        return y

    x = np.linspace(0.5, 1.5, n)
    expected = np.zeros((m, n))
    expected[np.arange(30), np.arange(30)] = 2 * x[:30]
    for i in range(30, 60):
        expected[:, i] = np.cos(np.arange(m) * i)
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 12 * m * 8)
    for is_sparse in (False, True):
        counter = Counter(f)
        J = dm.jacobian_fwd(counter, x, chunk_size=30, sparse=is_sparse)
        J = J.toarray() if is_sparse else J
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-13)
        assert 30 == counter.columns[0]
        assert 30 == counter.columns[1]  # given up
        assert 30 == sum(counter.columns[2:])
        assert max(counter.columns[2:]) <= 12


def test_a_pass_given_up_runs_finally_blocks_but_no_handlers(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 30 * 8)
    left, handled = [], []

    def f(x):
        try:
            return dense_rows(30)(x)
        except Exception:
            handled.append(x)
            raise
        finally:
            left.append(x.level.n)

    x = np.linspace(0.5, 1.5, 20)
    J = dm.jacobian_fwd(f, x)
    assert [20, 10, 10] == left
    assert [] == handled
    np.testing.assert_allclose(J, dense_rows_by_hand(30, x), rtol=1e-12, atol=1e-13)


def test_a_pass_given_up_leaves_arguments_and_results_as_they_were(monkeypatch):
    """f writes into its argument before the pass is given up."""
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 30 * 8)

    def f(x):
        x *= 2.0
        return dense_rows(30)(x)

    x = np.linspace(0.5, 1.5, 20)
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(np.linspace(0.5, 1.5, 20), x)
    assert np.array_equal(dense_rows(30)(2 * x), y)
    np.testing.assert_allclose(J, 2 * dense_rows_by_hand(30, 2 * x), rtol=1e-12, atol=1e-13)


def test_several_arguments_beyond_the_budget(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 4 * 30 * 8)
    a, b = np.linspace(0.5, 1.0, 7), np.linspace(1.0, 1.5, 6)
    f = Counter(lambda a, b: dense_rows(30)(np.concatenate([a, b])))
    expected = dense_rows_by_hand(30, np.concatenate([a, b]))
    for is_sparse in (False, True):
        f.columns.clear()
        Ja, Jb = dm.jacobian_fwd(f, a, b, argnums=(0, 1), sparse=is_sparse)
        check_passes(f.columns, 13, 4)
        J = np.hstack([J.toarray() if is_sparse else J for J in (Ja, Jb)])
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-13)


def test_the_auxiliary_output_of_a_pass_given_up_is_not_returned(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 30 * 8)
    count = iter(range(100))

    def f(x):
        number = next(count)
        return dense_rows(30)(x), number

    J, aux = dm.jacobian_fwd(f, np.linspace(0.5, 1.5, 20), has_aux=True)
    assert 1 == aux
    assert 3 == next(count)


def test_nested_calls_beyond_the_budget(monkeypatch):
    """The inner call works in chunks by itself; the outer one is asked only for what is its own."""
    n, m = 12, 20
    x = np.linspace(0.5, 1.5, n)
    A = np.add.outer(np.arange(float(m)), np.arange(float(n))) % 7 - 3
    outer, inner = [], []

    def g(x):
        inner.append(x.level.n)
        return np.sin(A @ x).sum()

    def gradient(x):
        outer.append(x.level.n)
        return dm.jacobian_fwd(g, x)

    H = -(A.T * np.sin(A @ x)) @ A
    np.testing.assert_allclose(dm.jacobian_fwd(gradient, x), H, rtol=1e-11, atol=1e-12)
    unlimited = len(outer), len(inner)
    assert (1, 1) == unlimited
    for budget in (100_000, 10_000, 3_000, 1_000, 200, 1):
        outer.clear()
        inner.clear()
        monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", budget)
        actual = dm.jacobian_fwd(gradient, x)
        np.testing.assert_allclose(actual, H, rtol=1e-11, atol=1e-12)
        # Every outer pass is one call of the gradient; those after the last one given up cover n.
        assert outer[0] == n
        assert inner[0] == n
        if len(outer) > 1:
            assert n <= sum(outer[1:])
    assert len(outer) > n
    assert len(inner) > len(outer)


def test_jvp_and_hand_made_duals_know_no_budget(monkeypatch):
    """One direction cannot be cut into fewer; hand-made Duals have no driver to ask."""
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10)
    x = np.linspace(0.5, 1.5, 20)
    y, y_dot = dm.jvp(dense_rows(30), x, x)
    np.testing.assert_allclose(y_dot, dense_rows_by_hand(30, x) @ x, rtol=1e-12, atol=1e-12)
    d = dense_rows(30)(dm.Dual(x, np.eye(20)))
    np.testing.assert_allclose(d.tangent.T, dense_rows_by_hand(30, x), rtol=1e-12, atol=1e-13)


def test_custom_rules_beyond_the_budget(monkeypatch):
    """A rule gets dense directions: 20 columns of 20 numbers each, 10 at a time."""

    @dm.custom_jvp
    def squared(x):
        return x**2

    directions = []

    @squared.def_jvp
    def squared_jvp(primals, tangents):
        directions.append(tangents[0])
        return primals[0] ** 2, 2 * primals[0] * tangents[0]

    x = np.linspace(0.5, 1.5, 20)
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 20 * 8)
    f = Counter(squared)
    J = dm.jacobian_fwd(f, x, sparse=True)
    np.testing.assert_allclose(J.toarray(), np.diag(2 * x), rtol=1e-15)
    assert [20, 10, 10] == f.columns
    assert np.array_equal(np.eye(20), directions)


def test_the_budget_is_not_an_exception_that_users_catch():
    assert not issubclass(ChunkNeeded, Exception)
    with levels.open_level(4) as level:
        need = ChunkNeeded(level, 3)
    assert (level, 3, "3 columns at a time") == (need.level, need.columns, str(need))
