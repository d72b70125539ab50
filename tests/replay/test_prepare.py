"""`prepare`: replays are what a fresh call gives, wherever f goes; what cannot be replayed says so.

Oracles are complex steps, differences and closed forms.
"""

import math
import threading
import warnings

import numpy as np
import pytest
from function_cases import CASES, STEP, expected_jacobian
from oracles import assert_close, complex_step, differences
from sparse_functions import brusselator

import dualmc as dm

rng = np.random.default_rng(7)
A = rng.normal(size=(4, 4))
B = rng.normal(size=(3, 4))
D2 = rng.normal(size=(6, 5, 2)) ** 2


# --- What is replayed ----------------------------------------------------------------------------


def bratu(x):
    U = x.reshape(3, -1)
    F = 4 * U - 0.3 * np.exp(U)
    F[1:, :] -= U[:-1, :]
    F[:-1, :] -= U[1:, :]
    F[:, 1:] -= U[:, :-1]
    return F.ravel()


def bodies(s):
    pos = s[: s.size // 2].reshape(-1, 2)
    d = pos[None, :, :] - pos[:, None, :]
    r2 = np.sum(d**2, axis=-1) + 0.01
    acc = np.sum(d / r2[..., None] ** 1.5, axis=1)
    return np.concatenate([s[s.size // 2 :], acc.ravel()])


def runge_kutta(x):
    for _ in range(3):
        k = x * (1.0 + A @ x)
        x = x + 0.05 * (k + (x + 0.1 * k) * (1.0 + A @ (x + 0.1 * k)))
    return x


def buffer(x):
    out = np.zeros(x.size + 2)
    for i in range(x.size):
        out[i] += math.sin(x[i]) * x[i - 1]
    out[-2:] = x[:2] * 3.0
    return out


def kernel_matrix(x):
    K = np.exp(-np.sum(D2 * x[:2] ** 2, axis=-1))
    return K * x[2]


REPLAYED = {
    "element-wise": (lambda x: np.sin(x**2) / (1 + np.exp(-x)), 4),
    "sum": (lambda x: np.sum(np.cos(x) * x), 5),
    "chain": (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), 6),
    "long-chain": (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2), 40),
    "roll": (lambda x: (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x, 7),
    "slices": (brusselator, 10),
    "two-axes": (bratu, 12),
    "broadcast": (bodies, 12),
    "products": (runge_kutta, 4),
    "buffer": (buffer, 4),
    "matrix": (lambda x: np.tanh(B @ x) @ B, 4),
    "large-product": (lambda x: np.ones((9, 30)) * 0.1 @ np.sin(x), 30),
    "matrices": (lambda x: (x.reshape(2, 3) @ x.reshape(3, 2)).ravel(), 6),
    "stack-of-matrices": (lambda x: x.reshape(2, 1, 3) @ np.sin(x).reshape(2, 3, 1), 6),
    "dot": (lambda x: np.dot(x, x) * x, 3),
    "outer": (lambda x: np.outer(x, np.exp(x)), 3),
    "inner": (lambda x: np.inner(x[:2], x[2:]), 4),
    "cross": (lambda x: np.cross(x.reshape(2, 3), x[:3]), 6),
    "einsum": (lambda x: np.einsum("i,kij,j->k", x, A.reshape(4, 2, 2), x), 2),
    "cumsum": (lambda x: np.cumsum(np.sin(x)), 5),
    "diff": (lambda x: np.diff(x**2) * 2.0, 5),
    "mean": (lambda x: x - np.mean(x * x), 5),
    "mean-axis": (lambda x: np.mean(x.reshape(2, 3) ** 2, axis=0), 6),
    "var": (lambda x: np.var(x) + np.std(x.reshape(2, 3), axis=1), 6),
    "norm": (lambda x: x / np.linalg.norm(x), 4),
    "kernel": (kernel_matrix, 3),
    "powers": (lambda x: (x**2) ** 1.5 + x**3 + (x**2) ** -0.5 + (x**2) ** 0.3, 3),
    "power-of": (lambda x: 2.0**x + np.exp(x) ** x[::-1], 3),
    "exp-family": (lambda x: np.expm1(x) + np.log1p(x**2) + np.exp2(x) + np.log2(2 + x**2), 3),
    "hyperbolic": (lambda x: np.sinh(x) + np.cosh(x) * np.tanh(x) + np.arcsinh(x), 3),
    "inverse": (lambda x: np.arcsin(x / 9) + np.arctan(x) + np.arccos(x / 9), 3),
    "concatenate": (lambda x: np.concatenate([x[:2] * x[2:], [5.0], np.sqrt(x**2 + 1)]), 4),
    "list": (lambda x: [x[0] * x[1], 3.0, np.sin(x[2])], 3),
    "scalars": (lambda x: sum(x[i] * x[i - 1] ** 2 for i in range(len(x))), 8),
    "gather": (lambda x: x[[0, 2, 2, 1]] * x[1:2], 3),
    "repeat": (lambda x: np.repeat(x, 3) * np.tile(x, 3), 3),
    "triangle": (lambda x: np.tril(np.outer(x, x)) + np.diag(x), 3),
    "pad": (lambda x: np.concatenate([np.zeros(2), x, np.ones(1)])[1:-1] ** 2, 4),
    "constant": (lambda x: np.array([1.0, 2.0]), 3),
    "no-elements": (lambda x: x[:0], 3),
    "identity": (lambda x: x, 3),
    "nothing-varies": (lambda x: 0.0 * x, 3),
}


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", REPLAYED)
def test_replay_is_the_complex_step(name, sparse):
    f, n = REPLAYED[name]
    points = 0.3 + np.random.default_rng(n).normal(size=(3, n))
    prepared = dm.prepare(f, points[0], sparse=sparse)
    for x in points:
        before = x.copy()
        J = prepared(x)
        oracle = {"buffer": _of_buffer, "var": _by_differences, "norm": _by_differences}.get(name)
        expected = complex_step(f, x) if oracle is None else oracle(f, x)
        if sparse:
            J = J.toarray().reshape(expected.shape)
        assert expected.shape == J.shape
        assert_close(expected, J, 1e-8 if oracle is _by_differences else 1e-12)
        np.testing.assert_array_equal(before, x)
    assert (prepared.replays, prepared.fresh_calls, prepared.reason) == (3, 0, None)


def _by_differences(f, x):
    return differences(f, x, 1e-3)


def _of_buffer(f, x):
    n = x.size
    J = np.zeros((n + 2, n))
    for i in range(n):
        J[i, i] += math.cos(x[i]) * x[i - 1]
        J[i, i - 1] += math.sin(x[i])
    J[n, 0] = J[n + 1, 1] = 3.0
    return J


IN_PARTS = {
    "where": (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), x**2), lambda x: np.where(
        x > 0, 0.5 / np.sqrt(np.abs(x)), 2 * x)),
    "maximum": (lambda x: np.maximum(0, x) + np.minimum(x, 0.5), lambda x: np.where(
        x > 0, 1.0, 0.0) + np.where(x < 0.5, 1.0, 0.0)),
    "abs": (np.abs, np.sign),
    "sign": (lambda x: np.sign(x) * x**2, lambda x: 2 * np.abs(x)),
    "floor": (lambda x: np.floor(x) * x, np.floor),
    "mask": (lambda x: (x > 0) * x**2, lambda x: (x > 0) * 2 * x),
    "masks": (lambda x: np.where((x > 0) & ~(x > 1), x**2, x), lambda x: np.where(
        (x > 0) & (x <= 1), 2 * x, 1.0)),
    "clip": (lambda x: np.clip(x, -0.5, 0.5) ** 2, lambda x: np.where(np.abs(x) < 0.5, 2 * x, 0.0)),
    "copysign": (lambda x: np.copysign(x, -1.0), lambda x: -np.sign(x)),
    "remainder": (lambda x: np.remainder(x, 0.7) * x, lambda x: np.remainder(x, 0.7) + x),
    "isnan": (lambda x: np.where(np.isnan(x), 0.0, 2 * x), lambda x: 2.0 + 0 * x),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_PARTS)
def test_what_each_element_decides_needs_no_new_path(name):
    f, derivative = IN_PARTS[name]
    points = rng.normal(size=(4, 6))
    prepared = dm.prepare(f, points[0])
    for x in points:
        assert_close(np.diag(derivative(x)), prepared(x), 1e-12)
    assert (prepared.paths, prepared.replays) == (1, 4)


def test_extrema_follow_their_element():
    prepared = dm.prepare(lambda x: np.max(x.reshape(2, 3), axis=1), np.arange(6.0))
    np.testing.assert_array_equal(prepared([3.0, 2, 1, 4, 6, 5])[:, [0, 4]], np.eye(2))
    np.testing.assert_array_equal(prepared([3.0, 3, 1, 4, 6, 5])[0], [0.5, 0.5, 0, 0, 0, 0])
    softmax = dm.prepare(
        lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))), np.ones(3)
    )
    x = np.array([1.0, 3.0, 2.0])
    s = np.exp(x) / np.exp(x).sum()
    assert_close(np.diag(s) - np.outer(s, s), softmax(x), 1e-12)
    assert softmax.replays == 1


# --- Ways through f ------------------------------------------------------------------------------


def test_a_branch_is_guarded():
    def f(x):
        if x[0] > 0:
            return x**2
        return -x

    prepared = dm.prepare(f, [1.0, 2.0])
    np.testing.assert_array_equal(prepared([3.0, 2.0]), np.diag([6.0, 4.0]))
    np.testing.assert_array_equal(prepared([-3.0, 2.0]), -np.eye(2))
    assert (prepared.paths, prepared.replays, prepared.fresh_calls) == (2, 1, 1)
    for sign in (1.0, -1.0, 1.0):
        expected = np.diag([2.0, 4.0]) if sign > 0 else -np.eye(2)
        np.testing.assert_array_equal(prepared([sign, 2.0]), expected)
    assert (prepared.paths, prepared.replays, prepared.fresh_calls) == (2, 4, 1)


WAYS = {
    "count": (lambda x: sum(x[0] ** k for k in range(int(x[1]))), [0.5, 3.2], [0.5, 4.1]),
    "position": (lambda x: x[int(x[0])] ** 2, [1.1, 5.0, 7.0], [2.2, 5.0, 7.0]),
    "argmax": (lambda x: x[np.argmax(x)] ** 2, [1.0, 5.0, 7.0], [1.0, 9.0, 7.0]),
    "mask": (lambda x: np.sum(x[x > 1] ** 2), [0.5, 2.0, 3.0], [1.5, 2.0, 0.3]),
    "round": (lambda x: x * round(x[0]), [1.2, 1.0], [2.3, 1.0]),
    "while": (lambda x: _halved(x), [5.0, 1.0], [50.0, 1.0]),
    "any": (lambda x: x**2 if np.any(x > 3) else x, [1.0, 2.0], [1.0, 4.0]),
    "all-close": (lambda x: x**2 if np.allclose(x, 1.0) else x, [1.0, 1.0], [1.0, 4.0]),
    "order": (lambda x: x[np.argsort(x)] * [1.0, 10.0], [1.0, 2.0], [4.0, 2.0]),
    "floor": (lambda x: x * math.floor(x[0]), [1.5, 2.0], [2.5, 2.0]),
    "equality": (lambda x: x**2 if x[0] == x[1] else x, [1.0, 1.0], [1.0, 2.0]),
    "truth": (lambda x: x**2 if x[0] else x, [1.0, 1.0], [0.0, 2.0]),
    "float-of-floor": (lambda x: x * float(np.floor(x[0])), [1.5, 2.0], [3.5, 2.0]),
    "list": (lambda x: x * (1 if 2.0 in x else 3), [1.0, 2.0], [1.0, 3.0]),
    "format": (lambda x: x * len(f"{x[0]:.0f}"), [1.0, 2.0], [100.0, 3.0]),
}


def _halved(x):
    while x[0] > 1:
        x = x / 2
    return x


@pytest.mark.parametrize("name", WAYS)
def test_another_way_is_never_replayed(name):
    f, first, second = WAYS[name]
    first, second = np.array(first), np.array(second)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these are not replayed at all
        prepared = dm.prepare(f, first)
    for x in (first, second, first, second):
        assert_close(dm.jacobian_rev(f, x), prepared(x), 1e-12)


def test_ways_that_change_all_the_time_are_not_all_compiled():
    prepared = dm.prepare(lambda x: x * round(x[0]), [1.0])
    for k in range(2, 40):
        np.testing.assert_array_equal(prepared([float(k)]), [[k]])
    assert prepared.paths <= 7
    assert prepared.fresh_calls == 38


# --- Arguments -----------------------------------------------------------------------------------


def test_further_arguments_may_change():
    def rhs(t, y, k, mode):
        return y * math.sin(t) * k if mode == "sin" else y * t

    t, y, k = 0.5, np.array([1.0, 2.0]), np.array([3.0, 4.0])
    prepared = dm.prepare(rhs, t, y, k, "sin", argnums=1)
    assert_close(np.diag(k * math.sin(t)), prepared(t, y, k, "sin"), 1e-12)
    assert_close(np.diag(2 * k * math.sin(0.7)), prepared(0.7, y, 2 * k, "sin"), 1e-12)
    assert (prepared.paths, prepared.fresh_calls) == (1, 0)
    assert_close(np.eye(2) * 0.7, prepared(0.7, y, k, "linear"), 1e-12)
    assert_close(np.eye(2) * 0.9, prepared(0.9, y, k, "linear"), 1e-12)
    assert (prepared.paths, prepared.fresh_calls) == (2, 1)


def test_integers_beside_x_are_part_of_the_way():
    prepared = dm.prepare(lambda x, n: x**n, [2.0], 3)
    assert prepared([2.0], 3) == 12.0
    assert prepared([2.0], 2) == 4.0
    assert prepared([2.0], np.array(2)) == 4.0


def test_an_argument_array_of_integers_may_not_be_changed_unnoticed():
    where = np.array([0, 1])
    prepared = dm.prepare(lambda x, i: x[i] ** 2, [2.0, 3.0, 4.0], where)
    np.testing.assert_array_equal(prepared([2.0, 3.0, 4.0], where)[:, :2], np.diag([4.0, 6.0]))
    where[0] = 2
    np.testing.assert_array_equal(prepared([2.0, 3.0, 4.0], where)[0], [0.0, 0.0, 8.0])


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("argnums", [0, (0, 1), 1])
@pytest.mark.parametrize("sparse", [False, True])
def test_options_are_those_of_jacobian_fwd(layout, argnums, sparse):
    def f(x, y):
        return np.sin(x) * y[1:] + np.sum(y)

    x, y = np.arange(6.0).reshape(2, 3), np.arange(4.0)
    options = {"argnums": argnums, "sparse": sparse, "layout": layout}
    prepared = dm.prepare(f, x, y, **options)
    for p, q in ((x, y), (x + 1, y / 2)):
        expected, actual = dm.jacobian_fwd(f, p, q, **options), prepared(p, q)
        value, again = prepared.value_and_jacobian(p, q)
        assert_close(f(p, q), value, 1e-12)
        assert type(expected) is type(actual) is type(again)
        for e, a, b in zip(*map(_as_tuple, (expected, actual, again)), strict=True):
            assert e.shape == a.shape
            assert type(e) is type(a) is type(b)
            for J in (a, b):
                assert_close(*(m.toarray() if sparse else m for m in (e, J)), 1e-12)
    assert prepared.fresh_calls == 0


def _as_tuple(J):
    return J if isinstance(J, tuple) else (J,)


def test_scalars():
    prepared = dm.prepare(lambda x: x**3, 2.0)
    assert type(prepared(3.0)) is type(dm.jacobian_fwd(lambda x: x**3, 3.0))
    assert prepared(3.0) == 27.0
    assert prepared(np.float64(3.0)) == prepared(3) == 27.0
    y, J = prepared.value_and_jacobian(3.0)
    assert (y, J) == (27.0, 27.0)


def test_other_shapes_are_recorded_anew():
    prepared = dm.prepare(np.cumsum, np.ones(3))
    for n in (3, 4, 3, 4, 5):
        np.testing.assert_array_equal(prepared(np.ones(n)), np.tril(np.ones((n, n))))
    assert prepared.paths == 3


def test_layouts_in_memory_do_not_matter():
    x = np.arange(12.0).reshape(3, 4)
    prepared = dm.prepare(lambda x: x[:, 0] * x[0, 1], x)
    for other in (np.asfortranarray(x), x[::-1][::-1], np.arange(24.0).reshape(3, 8)[:, ::2] / 2):
        assert_close(dm.jacobian_rev(lambda x: x[:, 0] * x[0, 1], other), prepared(other), 1e-12)


def test_other_dtypes_run_as_ever():
    prepared = dm.prepare(np.sin, [1.0, 2.0])
    J = prepared(np.array([1.0, 2.0], np.float32))
    assert J.dtype == np.float32
    assert prepared.fresh_calls == 1
    assert prepared([1, 2])[0, 0] == np.cos(1.0)
    with pytest.raises(TypeError, match="prepare|jacobian_fwd"):
        prepared([1j, 2.0])
    with pytest.warns(UserWarning, match="not replayed.*float64"):
        dm.prepare(np.sin, np.array([1.0], np.float32))


def test_results_are_the_callers_own():
    prepared = dm.prepare(lambda x: x[1:] * x[:-1], np.ones(4), sparse=True)
    J = prepared(np.arange(4.0))
    J.data[:] = 7.0
    J.indices[:] = 0
    J.indptr[:] = 0
    expected = np.array([[1.0, 0, 0, 0], [0, 2, 1, 0], [0, 0, 3, 2]])
    np.testing.assert_array_equal(prepared(np.arange(4.0)).toarray(), expected)
    dense = dm.prepare(lambda x: 2.0 * x, np.ones(2))
    dense(np.ones(2))[:] = 9.0
    np.testing.assert_array_equal(dense(np.ones(2)), 2 * np.eye(2))


def test_inside_another_derivative():
    prepared = dm.prepare(lambda x: x**3, [1.0, 2.0])
    H = dm.jacobian_fwd(lambda x: prepared(x), [1.0, 2.0])
    assert_close(np.array([[[6.0, 0], [0, 0]], [[0, 0], [0, 12.0]]]), H, 1e-12)
    assert prepared.replays == 0


def test_threads():
    prepared = dm.prepare(runge_kutta, np.ones(4))
    points = rng.normal(size=(40, 4)) * 0.1
    expected = [dm.jacobian_rev(runge_kutta, x) for x in points]
    wrong = []

    def work(start):
        for k in range(start, 40, 4):
            for _ in range(20):
                if not np.allclose(prepared(points[k]), expected[k], rtol=1e-12, atol=1e-14):
                    wrong.append(k)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# --- Awkward points ------------------------------------------------------------------------------

AWKWARD = {
    "silenced": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0.0, 4.0], np.diag([0.0, 0.25])),
    "infinite": (np.sqrt, [0.0, 4.0], np.diag([np.inf, 0.25])),
    "norm-at-0": (np.linalg.norm, [0.0, 0.0], np.zeros(2)),
    "power-at-0": (lambda x: x**0.5, [0.0, 4.0], np.diag([np.inf, 0.25])),
    "zero-factor": (lambda x: 0.0 * np.sqrt(x), [0.0, 1.0], np.zeros((2, 2))),
    "tie": (lambda x: np.maximum(x[0], x[1]), [1.0, 1.0], np.array([0.5, 0.5])),
    "relu-at-0": (lambda x: np.maximum(0, x), [0.0, 1.0], np.diag([0.0, 1.0])),
    "tiny-power": (lambda x: x**1.7, [1e-200, 1.0], np.diag([1.7e-140, 1.7])),
    "nan": (lambda x: x * x[0], [np.nan, 1.0], np.array([[np.nan, 0.0], [1.0, np.nan]])),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_points_are_as_in_a_fresh_call(name):
    f, x, expected = AWKWARD[name]
    prepared = dm.prepare(f, np.array([2.0, 3.0]))
    with np.errstate(all="ignore"):
        J = prepared(np.array(x))
        np.testing.assert_array_equal(dm.jacobian_fwd(f, x), J)
    np.testing.assert_allclose(J, expected, rtol=1e-13)
    assert prepared.paths == 1


# --- Many idioms ---------------------------------------------------------------------------------

SAMPLE = CASES[3::17]


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.name)
def test_idioms(case):
    """Prepared near by, called at the point of the oracle; replayed or not, the answer is right."""
    near = case.x * (1 + 1e-4 * np.random.default_rng(0).normal(size=case.x.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        prepared = dm.prepare(case.f, near)
    assert_close(expected_jacobian(case), prepared(case.x), 1e-12 if case.oracle == STEP else 1e-8)
