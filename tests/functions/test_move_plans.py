"""Plans of moves: slices, joins, `np.where`, gathers, sums and products give what handlers give.

Every program runs with plans, twice so that the second run finds those that the first has made, and
without; value and Jacobian are compared bit for bit.  Programs write to arrays and to views of
them, so that a view that was derived too early, or shares what it must not, is found.
"""

import numpy as np
import pytest

import dualmc as dm
from dualmc.duals import signatures
from dualmc.rules import registry

PROGRAMS = 60
C = np.cos(np.arange(400.0))


def bits(a):
    return np.ascontiguousarray(a).view(np.int64)


def compared(f, x, **options):
    """Run `f` with plans and without; the Jacobian."""
    found = []
    for enabled in (True, True, False):
        was, signatures.State.enabled = signatures.State.enabled, enabled
        try:
            found.append(dm.jacobian_fwd(f, x, **options))
        finally:
            signatures.State.enabled = was
    for J in found[:2]:
        assert np.array_equal(bits(J), bits(found[2]))
    return found[2]


class Program:
    """A random program of moves, writes and arithmetic: the same steps at every call."""

    def __init__(self, seed):
        self.seed = seed

    def __call__(self, x):
        rng = np.random.default_rng(self.seed)
        arrays = [x * 1.0, np.sin(x), C[: x.size].copy()]
        for _ in range(14):
            step = STEPS[rng.integers(len(STEPS))]
            y = step(rng, arrays)
            if y is not None and 0 < y.size <= 400:
                arrays.append(y)
        return np.concatenate([np.ravel(a) for a in arrays])


def some(rng, arrays, ndim=None):
    fit = [a for a in arrays if np.ndim(a) and (ndim is None or np.ndim(a) == ndim)]
    return fit[rng.integers(len(fit))]


def alike(rng, arrays):
    a = some(rng, arrays)
    return a, some(rng, [b for b in arrays if np.shape(b) == np.shape(a)])


def a_slice(rng, n):
    start, stop = sorted(int(i) for i in rng.integers(0, n + 1, 2))
    step = int(rng.choice([1, 1, 2, -1]))
    if step < 0:
        return slice(None, None, -1) if rng.integers(2) else slice(stop, None, -1)
    return slice(start or None, stop if rng.integers(2) else stop - n or None, step)


def sliced(rng, arrays):
    a = some(rng, arrays)
    if a.ndim == 1:
        return a[a_slice(rng, a.size)]
    key = tuple(a_slice(rng, n) for n in a.shape)
    return a[[key, (..., key[-1]), (key[0], 0), (None, *key), 0][rng.integers(5)]]


def reshaped(rng, arrays):
    a = some(rng, arrays)
    if a.ndim == 2:
        return [a.T, a.ravel, a.reshape(-1)][i]() if (i := rng.integers(3)) == 1 else a.T
    n = next((m for m in (2, 3) if a.size % m == 0), 1)
    return a.reshape(n, -1) if rng.integers(2) else a[:, None]


def gathered(rng, arrays):
    a = some(rng, arrays)
    index = rng.integers(-len(a), len(a), 4)
    return a[index] if rng.integers(2) else a[np.arange(len(a)) % 2 == 0]


def rolled(rng, arrays):
    a = some(rng, arrays)
    function = [np.roll, np.tile, np.repeat][rng.integers(3)]
    return function(a, int(rng.integers(1, 3)))


def joined(rng, arrays):
    a, b = alike(rng, arrays)
    function = [np.concatenate, np.stack, np.hstack, np.vstack][rng.integers(4)]
    return function([a, b, a] if rng.integers(2) else (b, a))


def joined_along(rng, arrays):
    a, b = alike(rng, arrays)
    return np.concatenate([a, C[: a.size].reshape(a.shape), b], axis=-1)


def chosen(rng, arrays):
    a, b = alike(rng, arrays)
    if rng.integers(2):
        b = 0.5
    mask = rng.random(a.shape) > rng.choice([0.5, 0.5, -1.0])
    return np.where(mask, a, b) if rng.integers(2) else np.where(mask, b, a)


def chosen_by_value(rng, arrays):
    a, b = alike(rng, arrays)
    return np.where(a > b, a, b)


def computed(rng, arrays):
    a, b = alike(rng, arrays)
    return [a * b, a - b, a + 1.5, np.sin(a), 0.5 * a][rng.integers(5)]


def difference(rng, arrays):
    a = some(rng, arrays)
    return a[1:] - a[:-1]


def written(rng, arrays):
    a, b = alike(rng, [c for c in arrays if c is not arrays[2]])
    if not np.shares_memory(C, getattr(a, "primal", a)):
        a[1:] = 2.0 * b[1:]


def added(rng, arrays):
    a, b = alike(rng, [c for c in arrays if c is not arrays[2]])
    if not np.shares_memory(C, getattr(a, "primal", a)):
        a[: len(a) // 2] += np.sin(b[: len(a) // 2])


def element(rng, arrays):
    a = some(rng, [c for c in arrays if c is not arrays[2]])
    i = int(rng.integers(len(a)))
    a[i] = a[-1] * 0.5


STEPS = [sliced, sliced, reshaped, gathered, rolled, joined, joined_along, chosen, chosen_by_value,
         computed, computed, difference, written, added, element]  # fmt: skip


@pytest.mark.table(4)
@pytest.mark.parametrize("seed", range(PROGRAMS))
@pytest.mark.parametrize("n", [6, 24])
def test_random_programs_have_the_same_bits_without_plans(n, seed):
    x = np.linspace(0.2, 0.9, n)
    J = compared(Program(seed), x)
    assert np.isfinite(J).all() and J.any()


@pytest.mark.parametrize("seed", range(10))
def test_random_programs_in_chunks(seed):
    x = np.linspace(0.2, 0.9, 24)
    f = Program(seed)
    assert np.array_equal(compared(f, x, chunk_size=7), compared(f, x, sparse=False))


@pytest.mark.parametrize("seed", range(8))
def test_second_derivatives_of_random_programs(seed):
    f = Program(seed)
    x = np.linspace(0.2, 0.9, 6)

    def hessian(enabled):
        was, signatures.State.enabled = signatures.State.enabled, enabled
        try:
            return dm.hessian(lambda x: np.sum(f(x) ** 2), x)
        finally:
            signatures.State.enabled = was

    assert np.array_equal(bits(hessian(True)), bits(hessian(False)))


# --- By hand: what a plan must not assume --------------------------------------------------------


@pytest.mark.parametrize("n", [6, 24])
def test_views_see_writes_to_their_root_and_the_reverse(n):
    def f(x):
        r = 3.0 * x
        part, inner = r[1:], r[1:][1:]
        before = part * 1.0
        r[2] = x[0] * x[1]
        after = part * 1.0
        inner[0] = x[2] ** 2
        part[0] = 7.0
        return np.concatenate([before, after, part, inner, r])

    x = np.linspace(0.2, 0.9, n)
    J = compared(f, x)
    m = n - 1
    assert np.array_equal(J[:m], 3.0 * np.eye(n)[1:])
    assert J[m + 1, 0] == x[1] and J[m + 1, 1] == x[0]  # r[2] through part, as it was then
    assert not J[2 * m].any()  # part[0]
    assert J[2 * m + 1, 2] == 2 * x[2] and J[3 * m, 2] == 2 * x[2]  # r[2] through part and inner


@pytest.mark.parametrize("n", [6, 24])
def test_joins_choices_and_gathers_copy(n):
    def f(x):
        r = x * 1.0
        copies = [np.concatenate([r, r]), np.where(r > 0, r, 0.0), r[np.arange(n)], np.roll(r, 1)]
        r[...] = 5.0
        for c in copies:
            c[0] = 2.0 * c[1]
        return np.concatenate([*copies, r])

    J = compared(f, np.linspace(0.2, 0.9, n))
    E = np.eye(n)
    for copy in (J[: 2 * n], J[2 * n : 3 * n], J[3 * n : 4 * n]):
        assert np.array_equal(copy[1:n], E[1:]) and np.array_equal(copy[0], 2 * E[1])
    assert np.array_equal(J[4 * n + 1 : 5 * n], E[:-1])
    assert not J[5 * n :].any()


@pytest.mark.parametrize("n", [6, 24])
def test_conditions_that_change_choose_anew(n):
    x = np.linspace(-0.9, 0.9, n)

    def f(x):
        return np.where(x > 0.0, np.sin(x), x * x)

    for shift in (0.0, 0.31, -0.4, 2.0, -2.0, 0.31):
        J = compared(f, x + shift)
        at = x + shift
        assert np.array_equal(J, np.diag(np.where(at > 0, np.cos(at), 2 * at)))


@pytest.mark.parametrize("n", [6, 24])
def test_keys_that_are_equal_but_mean_another_thing(n):
    x = np.linspace(0.2, 0.9, n)

    def f(x):
        X = x.reshape(2, -1)
        parts = [x[1:], X[1, :], X[0, 1:], X[True, 1:], x[np.int64(1) :], X[1], x[None][0, 1:]]
        assert X[True].shape == (1, *X.shape)
        with pytest.raises(TypeError):
            x[1.0:]
        with pytest.raises(IndexError):
            X[1.0, 1:]
        return np.concatenate([np.ravel(p) for p in parts])

    positions = np.arange(n)
    X = positions.reshape(2, -1)
    rows = [positions[1:], X[1], X[0, 1:], X[:, 1:].ravel(), positions[1:], X[1], positions[1:]]
    rows[3] = X[True, 1:].ravel()
    for _ in range(2):
        assert np.array_equal(compared(f, x), np.eye(n)[np.concatenate(rows)])


@pytest.mark.parametrize(
    "use",
    [
        lambda x, old: np.concatenate([old[0], x]),
        lambda x, old: np.concatenate([x, old[0]]),
        lambda x, old: np.where(C[:24] > 0, x, old[0]),
        lambda x, old: np.where(C[:24] > 0, old[0], 0.0) + x,
        lambda x, old: old[1] + x[1:],
        lambda x, old: old[0][1:] + x[1:],
        lambda x, old: np.roll(old[0], 1) + x,
        lambda x, old: old[0][[1, 2]] + x[:2],
    ],
)
def test_a_dual_of_a_call_that_has_ended_is_refused(use):
    kept = []

    def f(x):
        kept.append((x, x[1:]))
        return np.concatenate([x, np.where(C[:24] > 0, x, 0.0), np.roll(x, 1), x[[1, 2]]])

    x = np.linspace(0.2, 0.9, 24)
    for _ in range(2):
        dm.jacobian_fwd(f, x)
    with pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(lambda x: use(x, kept[-1]), x)


@pytest.mark.parametrize("n", [6, 24])
def test_rows_of_a_matrix_have_plans(n):
    """By an integer too; and see what is written to the matrix, and the reverse."""
    x, planned = np.linspace(0.2, 0.9, n), []

    @dm.as_is
    def f(x):
        X = np.reshape(3.0 * x, (2, n // 2))
        first, last, part = X[0], X[-1], X[1][1:]
        planned.append(all(row._signature is not None for row in (first, last, part)))
        with pytest.raises(IndexError):
            X[2]
        before = first * last
        X[0, 1] = x[0] * x[1]
        last[0] = 7.0
        return np.concatenate([before, first, X[1], part])

    J = compared(f, x)
    assert planned[:2] == [True, True] and not planned[2]
    half, E = n // 2, 3.0 * np.eye(n)
    u, v = E[:half], E[half:]
    assert np.array_equal(J[:half], 3.0 * (x[half:, None] * u + x[:half, None] * v))
    assert J[half + 1, 0] == x[1] and J[half + 1, 1] == x[0] and not J[n].any()
    assert np.array_equal(J[n + 1 : n + half], v[1:]) and np.array_equal(J[n + half :], v[1:])


@pytest.mark.parametrize("n", [6, 24])
def test_the_second_call_runs_plans_and_no_handlers(n, monkeypatch):
    x = np.linspace(0.2, 0.9, n)

    def f(x):
        y = np.concatenate([x[1:], C[:2], x])
        z = np.where(C[: y.size] > 0, y, 0.0)
        return np.roll(z, 1) + np.stack([z, y])[1][::-1]

    dm.jacobian_fwd(f, x)
    calls = []
    for function in (np.concatenate, np.where, np.roll, np.stack):
        entry = registry.FUNCTIONS[function]

        def handler(*args, entry=entry, function=function, **kwargs):
            calls.append(function)
            return entry.handler(*args, **kwargs)

        monkeypatch.setitem(registry.FUNCTIONS, function, entry._replace(handler=handler))
    dm.jacobian_fwd(f, x)
    assert not calls
    monkeypatch.setattr(signatures.State, "enabled", False)
    dm.jacobian_fwd(f, x)
    assert len(calls) == 4


# --- Sums and products ---------------------------------------------------------------------------

A = np.cos(np.arange(400.0)).reshape(20, 20)


def matrix(x):
    side = int(x.size**0.5)
    return np.reshape(x[: side * side], (side, side))


REDUCTIONS = {
    "sum": lambda x, X: np.sum(X, axis=0),
    "sum-all": lambda x, X: np.sum(np.exp(X)),
    "sum-keepdims": lambda x, X: X * X.sum(axis=-1, keepdims=True),
    "sum-transposed": lambda x, X: np.sum(X.T, axis=0) * np.sin(X.T).sum(1),
    "mean": lambda x, X: np.exp(X).mean(axis=1) * np.mean(x),
    "mean-of-products": lambda x, X: np.sin(np.mean(X * X, axis=0)),
    "prod": lambda x, X: np.prod(1.0 + 0.1 * X, axis=1),
    "var": lambda x, X: np.var(X, axis=0) + X.var(ddof=1) + np.std(np.sin(x)),
    "norm": lambda x, X: np.linalg.norm(X, axis=1) * np.linalg.norm(np.exp(x)),
    "max": lambda x, X: np.max(np.sin(7.0 * X), axis=1) * np.min(np.cos(5.0 * x)),
    "cumsum": lambda x, X: np.cumsum(np.exp(x))[::2] * np.cumsum(x)[::2],
    "cumsum-axis": lambda x, X: np.cumsum(X * X, axis=0),
    "sum-three-axes": lambda x, X: np.sum(X[:, :, None] * A[:2, 0], axis=1),
    "sums-of-sums": lambda x, X: np.sum(np.sum(X * x[0], axis=0, keepdims=True), axis=1),
}
PRODUCTS = {
    "image": lambda x, X: A[:5, : x.size] @ np.sin(x) if x.size <= 20 else A @ x[:20],
    "image-seeds": lambda x, X: A[: len(X), : len(X)] @ X[0],
    "dot": lambda x, X: x @ x + x[::2] @ np.exp(x[::2]) * np.dot(C[: x.size], x),
    "rows": lambda x, X: np.concatenate([X[0] @ X, X @ X[1], np.dot(np.sin(X), X[1])]),
    "matrices": lambda x, X: X @ X.T @ A[: len(X), : len(X)],
    "constants": lambda x, X: A[: len(X), : len(X)] @ np.exp(X) @ A[: len(X), : len(X)],
    "einsum": lambda x, X: np.einsum("ij,jk->ik", X, np.exp(X)) + np.einsum("i,i->", x, x),
    "einsum-constant": lambda x, X: np.einsum("ij,j->i", A[: len(X), : len(X)], np.exp(X[0])),
    "few-slots": lambda x, X: (X[:, :2] @ A[:2, :3]) @ A[:3, :4],
    "fortran": lambda x, X: np.asfortranarray(A)[: len(X), : len(X)] @ X @ X.T,
}


@pytest.mark.table(4)
@pytest.mark.parametrize("name", [*REDUCTIONS, *PRODUCTS])
@pytest.mark.parametrize(
    "n, options",
    [(9, {}), (16, {}), (25, {}), (64, {}), (25, {"chunk_size": 7}), (36, {"sparse": False})],
)
def test_reductions_and_products_have_the_same_bits_without_plans(name, n, options):
    f = {**REDUCTIONS, **PRODUCTS}[name]
    J = compared(lambda x: f(x, matrix(x)), np.linspace(0.2, 0.9, n), **options)
    assert np.isfinite(J).all() and J.any()


@pytest.mark.parametrize("name", [*REDUCTIONS, *PRODUCTS])
@pytest.mark.parametrize("n", [9, 64])
def test_infinite_derivatives_are_those_without_plans(name, n):
    f = {**REDUCTIONS, **PRODUCTS}[name]
    x = np.linspace(0.2, 0.9, n)
    x[[0, 3]] = 0.0  # where the square root has an infinite derivative, and 0 a factor of it
    with np.errstate(all="ignore"):
        J = compared(lambda x: f(np.sqrt(x), matrix(np.sqrt(x))), x)
    assert J.any()


@pytest.mark.parametrize("n", [9, 64])
def test_sums_and_products_run_plans_the_second_time(n, monkeypatch):
    def f(x):
        X = matrix(x)
        return np.sum(X, axis=0) * np.mean(x) + x @ x + np.linalg.norm(x) + np.prod(x)

    x = np.linspace(0.2, 0.9, n)
    dm.jacobian_fwd(f, x)
    calls = []
    for function in (np.sum, np.mean, np.prod, np.linalg.norm):
        entry = registry.FUNCTIONS[function]
        handler = lambda *args, function=function, **kwargs: calls.append(function)  # noqa: E731
        monkeypatch.setitem(registry.FUNCTIONS, function, entry._replace(handler=handler))
    entry = registry.UFUNCS[np.matmul]
    handler = lambda *args, **kwargs: calls.append(np.matmul)  # noqa: E731
    monkeypatch.setitem(registry.UFUNCS, np.matmul, entry._replace(handler=handler))
    dm.jacobian_fwd(f, x)
    assert not calls


# --- Names of plans ------------------------------------------------------------------------------

ALIKE = [  # keys of which one could be taken for the other
    ((12, 3, 4), np.s_[0::2], np.s_[0, None, 2]),
    ((12, 3, 4), np.s_[1:2:3], np.s_[1, 2, 3]),
    ((4, 3, 4, 5), np.s_[1:2:3], np.s_[1, 2, 3]),
    ((4, 3, 4, 5), np.s_[1:3:1], np.s_[1, 2, 1]),
    ((5, 4), np.s_[:], np.s_[None, None, None]),
    ((5, 4), np.s_[0:2:1], np.s_[[0, 2, 1]]),
    ((5, 4), np.s_[1:2], np.s_[1, 2, None]),
    ((3, 4), np.s_[1, :2], np.s_[1, None, 2]),
]


@pytest.mark.parametrize("options", [{}, {"sparse": True}, {"chunk_size": 3}], ids=str)
@pytest.mark.parametrize(("shape", "one", "other"), ALIKE, ids=str)
def test_keys_that_look_alike(shape, one, other, options):
    """The parts of x * x by both keys, in both orders: their derivative is 2 x where x is read."""
    x = np.linspace(0.5, 1.5, np.prod(shape))
    places = np.arange(x.size).reshape(shape)
    for keys in ((one, other), (other, one)):

        def f(x, keys=keys):
            y = (x * x).reshape(shape)
            return np.concatenate([np.ravel(y[key]) for key in keys])

        read = np.concatenate([np.ravel(places[key]) for key in keys])
        J = np.zeros((read.size, x.size))
        J[np.arange(read.size), read] = 2 * x[read]
        found = dm.jacobian_fwd(f, x, **options)
        assert np.array_equal(J, found.toarray() if options.get("sparse") else found)


@pytest.mark.parametrize("call", ["jacobian_fwd", "gradient", "hessian"])
def test_views_of_a_number(call):
    """A number that was computed as one, seen as arrays."""

    def f(x):
        number = np.float64(x[0] * 1.0) * x[1]
        parts = number[..., None], number[None], number[()], np.reshape(number, (1, 1))
        return sum(np.sum(part) * (i + 1.0) for i, part in enumerate(parts))

    x = np.array([2.0, 3.0, 5.0])
    expected = {
        "jacobian_fwd": [30.0, 20.0, 0.0],
        "gradient": [30.0, 20.0, 0.0],
        "hessian": [[0.0, 10.0, 0.0], [10.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    }
    assert np.array_equal(getattr(dm, call)(f, x), expected[call])


def test_gathers_of_an_array_without_tangents():
    """No column is there at all."""
    f = lambda x: np.sum((0.0 * np.ones((3, 3)) + np.zeros(9).reshape(3, 3) * 1.0)[[0, 1]]) + x[0]  # noqa: E731
    assert np.array_equal([1.0, 0.0], dm.jacobian_fwd(f, np.array([1.0, 2.0])))
