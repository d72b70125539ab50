"""Structure that is remembered: found again by identity, never shared with what is written.

Jacobians of linear functions are compared with what NumPy makes of the rows of the identity.
"""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dualmc as dm
from dualmc.duals.levels import Level
from dualmc.tangents import csr, slots, structure, unions

sparse = pytest.importorskip("scipy.sparse")


@pytest.fixture(autouse=True)
def _fresh():
    structure.forget()
    yield
    structure.forget()


def both(f, x, expected, **options):
    """The Jacobian of f three times, as structure is found, remembered, and dense."""
    for _ in range(3):
        J = dm.jacobian_fwd(f, x, sparse=True, **options)
        np.testing.assert_array_equal(J.toarray(), expected)
        assert J.has_canonical_format
    np.testing.assert_array_equal(dm.jacobian_fwd(f, x, **options), expected)


# --- Random linear programs against the matrices that they are ------------------------------------

N = 24
steps = st.lists(
    st.one_of(
        st.tuples(st.just("slice"), st.integers(0, 5), st.integers(1, 3)),
        st.tuples(st.just("roll"), st.integers(-3, 3)),
        st.tuples(st.just("flip")),
        st.tuples(st.just("shift"), st.integers(1, 3)),
        st.tuples(st.just("write"), st.integers(0, 4), st.integers(-2, 2)),
        st.tuples(st.just("join")),
        st.tuples(st.just("choose"), st.integers(1, 4)),
        st.tuples(st.just("take"), st.integers(0, 1000)),
        st.tuples(st.just("pairs")),
    ),
    max_size=7,
)


def walk(a, program):
    """The program on a vector, or on the rows of its Jacobian: every step is linear."""
    for name, *options in program:
        if name == "slice":
            a = a[options[0] :: options[1]] if a.shape[0] > options[0] + 8 else a
        elif name == "roll":
            a = np.roll(a, options[0], axis=0) if a.ndim > 1 else np.roll(a, options[0])
        elif name == "flip":
            a = a[::-1] + 2 * a
        elif name == "shift":
            k = options[0]
            a = a[k:] - 3 * a[:-k] if a.shape[0] > k + 4 else a
        elif name == "write":
            b = np.zeros_like(a)
            b[options[0] :] = a[options[0] :] * 2
            b[: options[0]] += a[: options[0]] - a[-options[0] :][: options[0]]
            b[options[1]] = a[0] - b[options[1]]
            a = b
        elif name == "join":
            a = np.concatenate([a[:3], np.zeros_like(a[:2]), a[::-1] - a])
        elif name == "choose":
            mask = np.arange(a.shape[0]) % options[0] == 0
            a = np.where(mask if a.ndim == 1 else mask[:, None], a, np.roll(a, 1, 0) + a)
        elif name == "take":
            a = a[np.random.default_rng(options[0]).integers(0, a.shape[0], a.shape[0])] + a
        elif name == "pairs":
            a = a[: a.shape[0] // 2 * 2]
            a = np.sum(a.reshape((-1, 2, *a.shape[1:])), axis=1) if a.shape[0] > 12 else a
    return a


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(1, N))
def test_linear_programs(program, chunk):
    x = np.linspace(0.5, 1.5, N)
    expected = walk(np.eye(N), program)
    for options in ({}, {}, {"chunk_size": chunk}, {"chunk_size": chunk}):
        J = dm.jacobian_fwd(lambda x: walk(x, program), x, sparse=True, **options)
        np.testing.assert_array_equal(J.toarray(), expected)
        J = dm.jacobian_fwd(lambda x: walk(x, program), x, **options)
        np.testing.assert_array_equal(J, expected)


# --- What must not be mistaken for what was met before --------------------------------------------


def test_keys_tell_indices_apart():
    keys = [
        structure.key_of(index)
        for index in (0, slice(0, 1), (0, 1, 2), slice(0, 1, 2), (slice(0, 1, 2),) * 2, None, ...)
    ]
    assert len(set(keys)) == len(keys)
    assert structure.key_of([0]) is None
    assert structure.key_of(np.int64(0)) == structure.key_of(0)
    assert structure.key_of(np.True_) is None
    assert structure.key_of(True) is None
    a, b = np.array([0, 1]), np.array([0, 1], bool)
    assert structure.content_of(a) != structure.content_of(b)
    assert structure.content_of(a) == structure.content_of(a.copy())
    assert structure.content_of(a) != structure.content_of(a[::-1])
    assert structure.content_of(a) != structure.content_of(a[None])


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_masks_and_indices_that_change_between_calls(dtype):
    x, i = np.linspace(0.5, 1.5, 20), np.eye(20)
    index, mask = np.arange(20, dtype=dtype), np.zeros(20, bool)
    for _ in range(3):
        index[:] = np.roll(index, 1)  # the same arrays, other contents
        mask[:] = index % 3 == 0
        both(lambda x: x[index], x, i[index])
        both(lambda x: np.where(mask, x, x[::-1]), x, np.where(mask[:, None], i, i[::-1]))
        both(lambda x: x[mask], x, i[mask])


def test_a_branch_on_values_takes_its_own_structure():
    def f(x):
        return x[1:] + x[:-1] if x[0] > 1 else x[:-1] - x[1:]

    i = np.eye(30)
    for first in (0.5, 1.5, 0.5):
        x = np.full(30, first)
        both(f, x, i[1:] + i[:-1] if first > 1 else i[:-1] - i[1:])


def test_writing_into_the_result_changes_no_later_one():
    x = np.ones(20)
    f = lambda x: x[1:] * 2 + x[:-1]  # noqa: E731
    for _ in range(3):
        J = dm.jacobian_fwd(f, x, sparse=True)
        np.testing.assert_array_equal(J.toarray(), 2 * np.eye(20)[1:] + np.eye(20)[:-1])
        J.indices[:] = 0
        J.indptr[:] = 0
        J.data[:] = 7


def test_writes_do_not_reach_columns_that_are_remembered():
    def f(x):
        a = x[1:] + x[:-1]
        b = a.copy()
        c = np.zeros_like(a)
        c[:] = a
        for i in range(3):  # large and small writes, to what was read and what was not
            c[i] = x[0]
            b[i:] += x[-1]
            c[i + 1] = c[i] + b[i]
        return np.stack([a, b, c])

    n = 30
    i = np.eye(n)
    a = i[1:] + i[:-1]
    b, c = a.copy(), a.copy()
    for k in range(3):
        c[k] = i[0]
        b[k:] += i[-1]
        c[k + 1] = c[k] + b[k]
    for _ in range(3):
        J = dm.jacobian_fwd(f, np.linspace(0.5, 1.5, n), sparse=True).toarray()
        np.testing.assert_array_equal(J, np.concatenate([a, b, c]))


@pytest.mark.parametrize("shape", [(0,), (1,), (20, 0), (1, 20)])
def test_small_and_empty_inputs(shape):
    n = int(np.prod(shape))
    J = dm.jacobian_fwd(lambda x: (x + x[::-1]) * 1.5, np.ones(shape), sparse=True)
    axis = np.arange(n).reshape(shape)[::-1].reshape(-1)
    np.testing.assert_array_equal(J.toarray(), 1.5 * (np.eye(n) + np.eye(n)[axis]))


def test_a_budget_that_is_spent(monkeypatch):
    monkeypatch.setattr(structure, "BUDGET", 2000)
    x = np.linspace(0.5, 1.5, 60)
    i = np.eye(60)
    f = lambda x: np.roll(x, 1)[1:] - 2 * x[1:] + np.concatenate([x[2:], x[:1]])  # noqa: E731
    both(f, x, np.roll(i, 1, 0)[1:] - 2 * i[1:] + np.concatenate([i[2:], i[:1]]))
    assert sum(structure.BUDGET - s.room for s in structure._recent.values()) <= 2000


def test_a_pass_beyond_the_budget_keeps_little_alive(monkeypatch):
    n = 60
    shift = np.eye(n)[np.arange(-1, n - 1)]
    kept = []

    def f(x):
        y = x
        for k in range(12):
            y = 0.5 * y + np.roll(x, k)
            kept.append(bytes_alive(structure._recent[n]))
        return y

    expected = 0.5**12 * np.eye(n)
    for k in range(12):
        expected = expected + 0.5 ** (11 - k) * np.linalg.matrix_power(shift, k)
    for budget in (structure.BUDGET, 8000):
        monkeypatch.setattr(structure, "BUDGET", budget)
        structure.forget()
        kept.clear()
        for _ in range(2):
            J = dm.jacobian_fwd(f, np.ones(n), sparse=True)
            np.testing.assert_allclose(J.toarray(), expected, rtol=1e-13, atol=1e-15)
        assert max(kept) <= budget
    assert kept[-1] <= budget / 8


def bytes_alive(structures):
    """Bytes of the arrays that are remembered, or that keys name."""
    arrays = [a for _, owners, made in structures.found.values() for a in (*owners, *made)]
    return sum({id(a): a.nbytes for a in arrays if a is not None}.values())


def test_what_is_kept_is_bounded():
    for n in range(20, 60):
        dm.jacobian_fwd(lambda x: x[1:] + x[:-1], np.ones(n), sparse=True)
    assert len(structure._recent) * structure.BUDGET <= structure.TOTAL


def doubled(x):
    """Each step needs columns of its own."""
    y = x
    for k in range(1, 9):
        y = 0.5 * y + np.roll(x, k)
    return y


def test_what_is_asked_for_again_and_again_is_remembered_in_full(monkeypatch):
    n = 60
    x, expected = np.linspace(0.5, 1.5, n), dm.jacobian_fwd(doubled, np.ones(n))
    monkeypatch.setattr(structure, "BUDGET", 8000)
    structure.forget()
    for _ in range(structure.AGAIN):
        np.testing.assert_array_equal(dm.jacobian_fwd(doubled, x, sparse=True).toarray(), expected)
        assert structure._recent[n].is_full
    dm.jacobian_fwd(doubled, x, sparse=True)
    kept = structure._recent[n]
    assert not kept.is_full and kept.budget == structure.LARGE
    count = len(kept.found)
    np.testing.assert_array_equal(dm.jacobian_fwd(doubled, x, sparse=True).toarray(), expected)
    assert structure._recent[n] is kept and len(kept.found) == count


def test_what_is_larger_than_that_keeps_what_it_meets_first(monkeypatch):
    n, found = 60, []
    x, expected = np.linspace(0.5, 1.5, n), dm.jacobian_fwd(doubled, np.ones(n))
    monkeypatch.setattr(structure, "BUDGET", 8000)
    monkeypatch.setattr(structure, "LARGE", 12000)
    monkeypatch.setattr(structure, "STALE", structure.AGAIN + 4)
    structure.forget()
    united = []
    monkeypatch.setattr(
        unions, "_united", lambda a, b, unite=unions._united: united.append(a) or unite(a, b)
    )
    budgets, counts = [], []
    for _ in range(2 * structure.STALE):
        united.clear()
        np.testing.assert_array_equal(dm.jacobian_fwd(doubled, x, sparse=True).toarray(), expected)
        kept = structure._recent[n]
        assert bytes_alive(kept) <= kept.budget
        budgets.append(kept.budget)
        counts.append(len(united))
        found.append(len(kept.found))
    once = [8000] * structure.AGAIN + [12000] * 4
    assert budgets == once * 2  # what is there now may be another function
    first, again = counts[structure.AGAIN], counts[structure.AGAIN + 1 : structure.STALE]
    assert all(0 < count < first for count in again)
    assert len(set(found[structure.AGAIN + 1 : structure.STALE])) == 1  # nothing piles up


def test_all_that_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(structure, "BUDGET", 8000)
    monkeypatch.setattr(structure, "LARGE", 10**5)
    monkeypatch.setattr(structure, "TOTAL", 10**5 + 2 * 8000)
    structure.forget()
    for n in (60, 60, 60, 60, 61, 62, 61, 62, 63, 60, 60):
        dm.jacobian_fwd(doubled, np.ones(n), sparse=True)
        assert sum(map(bytes_alive, structure._recent.values())) <= structure.TOTAL
        assert n in structure._recent
    assert len(structure._recent) < 5


def test_positions_are_remembered_by_their_contents_and_counted():
    n = structure.CONTENT // 8 + 50
    x, i = np.linspace(0.5, 1.5, n), np.arange(n)[::-1].copy()
    f = lambda x: x[i] * x  # noqa: E731
    for step in range(4):
        J = dm.jacobian_fwd(f, x, sparse=True)
        np.testing.assert_array_equal(J @ np.ones(n), x + x[i])
        kept = structure._recent[n]
        assert kept.budget - kept.room >= i.nbytes * 2
        if step == 1:
            i[:2] = i[1::-1]  # the same array, other contents
    assert structure.content_of(np.zeros(structure.CONTENT + 1, bool)) is None
    assert structure.content_of(np.zeros(structure.POSITIONS // 8 + 1, int)) is None


@pytest.mark.parametrize("condition", [np.ones(20, bool), True, [1.0] * 20, np.ones((1, 1))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_choice_that_always_holds_keeps_the_columns(condition, dtype):
    x, i, seen = np.linspace(0.5, 1.5, 20).astype(dtype), np.eye(20), []

    def f(x):
        a = x[::-1] * 2
        b = np.where(condition, a, x)
        c = np.where(condition, a, dtype(3))
        seen.extend(y._tangent.col is a._tangent.col for y in (b, c) if y.shape == a.shape)
        b[..., 0] = 0  # writes to the one do not reach the others
        c[..., 1] *= 5
        return np.stack([a, b.reshape(20), c.reshape(20)])

    a = 2 * i[::-1]
    b, c = a.copy(), a.copy()
    b[0], c[1] = 0, 5 * c[1]
    for _ in range(2):
        J = dm.jacobian_fwd(f, x, sparse=True)
        assert J.dtype == dtype
        np.testing.assert_array_equal(J.toarray(), np.concatenate([a, b, c]))
    assert all(seen) and (seen or np.ndim(condition) == 2)


def test_the_second_call_finds_all_structure(monkeypatch):
    def f(x):
        y = np.zeros_like(x)
        y[1:-1] = x[2:] - 2 * x[1:-1] + x[:-2]
        y[0] += x[1]
        y[-1] = x[-2] - 3 * x[-1]
        return np.concatenate([y, np.where(y > 0, np.roll(x, 1), x)]).reshape(-1, 2).sum(axis=1)

    x = np.linspace(0.5, 1.5, 100)
    first = dm.jacobian_fwd(f, x, sparse=True)

    def refuse(*args):
        raise AssertionError("found anew")

    monkeypatch.setattr(unions, "_united", refuse)
    monkeypatch.setattr(slots, "Compacted", refuse)
    monkeypatch.setattr(csr, "_pattern", refuse)
    second = dm.jacobian_fwd(f, x, sparse=True)
    assert np.array_equal(first.toarray(), second.toarray())


def test_threads_share_structure():
    n, errors = 80, []
    i = np.eye(n)
    expected = i[2:] - 2 * i[1:-1] + i[:-2]

    def work():
        for _ in range(30):
            J = dm.jacobian_fwd(lambda x: x[2:] - 2 * x[1:-1] + x[:-2], np.ones(n), sparse=True)
            if not np.array_equal(J.toarray(), expected):
                errors.append(J)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_inner_calls_of_the_same_size():
    """``d/dx (J_g(x) @ 1)`` with an inner call of as many inputs."""
    n = 20
    x = np.linspace(0.5, 1.5, n)

    def f(x):
        return np.sum(dm.jacobian_fwd(lambda y: y[1:] * y[:-1], x), axis=1)

    both(f, x, np.eye(n)[1:] + np.eye(n)[:-1])


# --- Indices wider than int32 ---------------------------------------------------------------------


def test_index_type_is_as_narrow_as_the_entries_allow(monkeypatch):
    f = lambda x: x[1:] - x[:-1]  # noqa: E731
    for limit, dtype in ((38, np.int32), (37, np.int64)):
        structure.forget()
        monkeypatch.setattr(csr, "INT32", limit)
        for _ in range(2):
            J = dm.jacobian_fwd(f, np.ones(20), sparse=True)
            assert dtype == J.indices.dtype == J.indptr.dtype
            np.testing.assert_array_equal(J.toarray(), np.eye(20)[1:] - np.eye(20)[:-1])


# --- Unions ---------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 5), st.integers(0, 5), st.sampled_from([3, 64, 700]))
def test_unions_of_random_structures(seed, width_a, width_b, size):
    """A stencil with elements that differ, few or many, against a dense sum."""
    rng = np.random.default_rng(seed)
    n = 12
    level = Level(n)

    def random_tangent(width):
        columns = np.sort(rng.permutation(n)[:width])
        col = np.tile(columns[:, None], (1, size)).astype(np.int32)
        coef = rng.integers(-4, 5, (width, size)).astype(float)
        for i in rng.integers(0, size, rng.integers(0, 50)):
            used = int(rng.integers(0, width + 1))
            col[:, i], coef[used:, i] = -1, 0
            col[:used, i] = np.sort(rng.permutation(n)[:used])
        return slots.SparseTangent(level, coef, col)

    def dense(t):
        block = np.zeros((n, size))
        for s in range(t.col.shape[0]):
            used = np.flatnonzero(t.col[s] >= 0)
            np.add.at(block, (t.col[s, used], used), t.coef[s, used])
        return block

    t, u = random_tangent(width_a), random_tangent(width_b)
    f, g = rng.integers(-3, 4, (2, size)).astype(float)
    for _ in range(2):
        for sum_, expected in (
            (unions.merged(t, u), dense(t) + dense(u)),
            (unions.merged(t, u, -1), dense(t) - dense(u)),
            (unions.merged_products(t, f, u, g), dense(t) * f + dense(u) * g),
        ):
            found = dense(sum_) if sum_.is_sparse else sum_.dense()
            np.testing.assert_array_equal(found, expected)
            if sum_.is_sparse:
                col = np.where(sum_.col < 0, n, sum_.col)
                assert (np.diff(col, axis=0) >= 0).all()
                assert (sum_.coef[sum_.col < 0] == 0).all()


def test_strong_zeros_and_nan_through_a_union():
    x = np.full(20, 1.0)
    x[3] = 0.0

    def f(x):
        with np.errstate(all="ignore"):
            y = np.where(x > 0, np.sqrt(x), 0.0)  # no derivative at 3
            return y[1:] * (1 / x[:-1])  # 1/x is infinite at 3

    J = dm.jacobian_fwd(f, x, sparse=True).toarray()
    # Row 2 is y[3] / x[2], row 3 is y[4] / x[3].
    expected = np.zeros((19, 20))
    for i in range(19):
        if i != 2 and i != 3:
            expected[i, i + 1], expected[i, i] = 0.5, -1.0
    expected[3, 4], expected[3, 3] = np.inf, -np.inf
    np.testing.assert_array_equal(J, expected)
