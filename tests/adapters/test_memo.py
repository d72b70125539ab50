"""What `scipy_jac` remembers: by bits, by what f reads, and nothing that is not so any more."""

import copy
import functools
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

import dualmc as dm


def counted(f):
    """f, and a function that tells its runs: counted where nobody looks for the state of f."""
    count = threading.local()
    count.n = 0

    def run(*args, **kwargs):
        count.n += 1
        return f(*args, **kwargs)

    return run, lambda: count.n


def square(x, a=1.0):
    return a * x * x


X = np.array([1.0, -2.0, 3.0])


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# --- One evaluation for two questions -------------------------------------------------------------


def test_a_pair_is_one_run_once_pairs_are_asked_for():
    f, runs = counted(square)
    J = dm.scipy_jac(f)
    took = []
    for k in range(4):
        before = runs()
        y, slope = J.fun(X + k), J.jac(X + k)
        np.testing.assert_array_equal(y, square(X + k))
        np.testing.assert_array_equal(slope, np.diag(2 * (X + k)))
        took.append(runs() - before)
    # At the first point nobody knew that the Jacobian would follow, and f was new to dualmc.
    assert took[1:] == [1, 1, 1]


def test_the_jacobian_first_and_both_again():
    f, runs = counted(square)
    J = dm.scipy_jac(f, "root")
    J.jac(X + 1)
    before = runs()
    J.jac(X)
    J.fun(X)
    J.value_and_jac(X)
    J(X)
    assert runs() - before == 1
    J.fun(-X)
    J.fun(-X)
    assert runs() - before == 2


def test_value_and_jac_runs_f_once():
    f, runs = counted(lambda x: np.sum(x * x))
    J = dm.scipy_jac(f, "minimize")
    J.value_and_jac(-X)  # code that is new to dualmc may be begun anew
    before = runs()
    y, g = J.value_and_jac(X)
    assert (float(y), runs() - before) == (14.0, 1)
    np.testing.assert_array_equal(g, 2 * X)


# --- What counts as the same point ----------------------------------------------------------------


def test_in_place_changes_of_x_are_seen():
    J = dm.scipy_jac(square)
    x = X.copy()
    J.fun(x)
    for _ in range(5):
        x += 1.0
        assert same_bits(J.fun(x), square(x))
        np.testing.assert_array_equal(J.jac(x), np.diag(2 * x))
        x[1] = 7.0
        np.testing.assert_array_equal(J.jac(x), np.diag(2 * x))


def test_results_are_the_callers_own():
    """least_squares scales J in place, lmfit too; a memo must not learn of it."""
    J = dm.scipy_jac(square)
    for sparse in (False, True):
        J = dm.scipy_jac(square, sparse=sparse)
        J.fun(X)[:] = 99.0
        found = J.jac(X)
        if sparse:
            found.data[:] = 99.0
        else:
            found *= 99.0
        J.fun(X)[:] = 99.0
        assert same_bits(J.fun(X), square(X))
        again = J.jac(X)
        np.testing.assert_array_equal(again.toarray() if sparse else again, np.diag(2 * X))


def test_a_function_that_hands_out_its_own_array():
    kept = np.array([1.0, 2.0, 3.0])
    J = dm.scipy_jac(lambda x: kept * x if x[0] else kept)
    J.fun(np.zeros(3))[:] = 5.0  # f's own array, as without a memo
    assert same_bits(J.fun(np.zeros(3)), kept)
    assert same_bits(kept, np.full(3, 5.0))


def test_zeros_of_both_signs_and_nans_are_points_of_their_own():
    f, runs = counted(lambda x: np.copysign(1.0, x) * x)
    J = dm.scipy_jac(f)
    plus, minus = np.array([0.0]), np.array([-0.0])
    J.fun(plus), J.jac(plus)
    assert J.jac(minus)[0, 0] == -1.0
    assert J.jac(plus)[0, 0] == 1.0
    nan = np.array([np.nan])
    f, runs = counted(square)
    J = dm.scipy_jac(f, "root")
    J.jac(plus)
    before = runs()
    J.jac(nan)
    assert np.isnan(J.fun(nan)) and np.isnan(J.jac(nan)).all()
    assert runs() - before == 1  # NaN is itself, by its bits


def test_another_shape_dtype_and_order():
    J = dm.scipy_jac(square)
    for x in (X, X[:2], X[:0], np.float64(2.0), np.ones((2, 2)), np.ones((2, 2), order="F"),
              X.astype(np.float32), X.astype(int), [1.0, 2.0], 3.0):  # fmt: skip
        for _ in range(2):
            assert same_bits(J.fun(np.asarray(x)), square(np.asarray(x)))
            expected = dm.jacobian_fwd(square, x)
            assert same_bits(J.jac(x), expected)


def test_further_arguments_changed_in_place_or_given_by_keyword():
    data = np.array([2.0, 3.0, 4.0])
    table = {"k": [1.0]}
    f = lambda x, a, *, t: a * x * t["k"][0]  # noqa: E731
    J = dm.scipy_jac(f)
    for _ in range(3):
        assert same_bits(J.fun(X, data, t=table), f(X, data, t=table))
        np.testing.assert_array_equal(J.jac(X, data, t=table), np.diag(data * table["k"][0]))
        data[1] += 1.0
        np.testing.assert_array_equal(J.jac(X, data, t=table), np.diag(data * table["k"][0]))
        table["k"][0] += 1.0
        np.testing.assert_array_equal(J.jac(X, data, t=table), np.diag(data * table["k"][0]))
    np.testing.assert_array_equal(J.hess(1.0, 2.0, t=table), 0.0)


# --- What f reads, and does -----------------------------------------------------------------------

SCALE = 2.0


def test_globals_closures_attributes_and_code_that_change():
    global SCALE
    weights, holder = np.ones(3), type("Holder", (), {"k": 1.0})()
    f = lambda x: SCALE * holder.k * weights * x  # noqa: E731
    J = dm.scipy_jac(f)

    def check():
        assert same_bits(J.fun(X), f(X))
        np.testing.assert_array_equal(J.jac(X), np.diag(SCALE * holder.k * weights))

    def after_value(change):
        """A change between the two questions: the value is then the old one, and J the new."""
        J.fun(X)
        change()
        np.testing.assert_array_equal(J.jac(X), np.diag(SCALE * holder.k * weights))
        check()

    check()
    for k in (2.0, 3.0, 4.0):
        after_value(lambda k=k: weights.fill(k))
        after_value(lambda k=k: setattr(holder, "k", k))
    SCALE = 5.0
    check()
    SCALE = 2.0
    check()
    f.__code__ = (lambda x: SCALE * holder.k * weights * x * 2.0).__code__
    np.testing.assert_array_equal(J.jac(X), np.diag(2 * SCALE * holder.k * weights))


def test_a_function_that_changes_its_arguments():
    def f(x):
        y = x * 3.0
        x[0] = 0.0
        return y

    J = dm.scipy_jac(f)
    x = X.copy()
    assert same_bits(J.fun(x), 3.0 * X)
    assert x[0] == 0.0  # as f does
    assert "changes its arguments" in J.reason and "changes its arguments" in repr(J)
    x = X.copy()
    assert same_bits(J.fun(x), 3.0 * X)
    assert x[0] == 0.0
    np.testing.assert_array_equal(J.jac(X.copy()), 3 * np.eye(3))


def test_a_function_whose_state_decides_is_asked_each_time():
    calls = []

    def f(x):
        calls.append(1)
        return x * len(calls)

    J = dm.scipy_jac(f)
    assert same_bits(J.fun(X), X * 1.0)
    slope = J.jac(X)
    np.testing.assert_array_equal(slope, slope[0, 0] * np.eye(3))
    assert slope[0, 0] in range(2, len(calls) + 1)
    y = J.fun(X)
    assert same_bits(y, X * y[0]) and y[0] > 1.0


class Remembering:
    """f that keeps its last point, or all of them, as users write it."""

    def __init__(self, keeps):
        self.keeps = keeps
        self.seen = []

    def __call__(self, x):
        for point, value in self.seen:
            if np.array_equal(x, point):
                return value
        y = np.sin(x)
        self.seen.append((np.array(x) if self.keeps == "arrays" else [*x], y))
        return y


@pytest.mark.parametrize("keeps", ["arrays", "lists"])
@pytest.mark.parametrize("ask", ["fun", "f"])
@pytest.mark.parametrize("what", ["jac", "hess", "hessp"])
def test_a_memory_of_f_does_not_make_derivatives_vanish(keeps, ask, what):
    """The value comes from a call on plain numbers, which f finds again on Duals."""
    f = Remembering(keeps)
    g = f if what == "jac" else lambda x: np.sum(f(x))
    J = dm.scipy_jac(g)
    more = (X,) if what == "hessp" else ()
    refused = 0
    for k in range(4):
        x = X + k
        try:
            (J.fun if ask == "fun" else g)(x)
            found = getattr(J, what)(x, *more)
        except dm.TangentLostError:
            refused += 1
        else:
            expected = {"jac": np.cos(x), "hess": -np.sin(x), "hessp": -np.sin(x) * X}[what]
            expected = expected if what == "hessp" else np.diag(expected)
            np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert refused


def test_a_memory_beside_what_cannot_be_compared():
    stream = iter("abc")
    seen = Remembering("arrays")

    def f(x):
        return seen(x) if stream else x

    J = dm.scipy_jac(f)
    J.fun(X)
    assert "cannot be compared" in J.reason
    with pytest.raises(dm.TangentLostError, match="seems to return what it remembers"):
        J.jac(X)


@pytest.mark.parametrize("kinked", [np.abs, lambda x: np.maximum(x, 0.0), np.linalg.norm])
@pytest.mark.parametrize("x", [np.zeros(3), [0, 0, 0], np.zeros(3, np.float32)])
def test_a_kink_is_no_memory(kinked, x):
    """An object has a state, which might be one."""
    model = Model()
    J = dm.scipy_jac(lambda x: model.k * kinked(x), "root")
    for _ in range(3):
        assert not J.jac(x).any()


def test_a_log_of_points_is_no_memory():
    log = []

    def f(x):
        log.append(np.array(x))
        return np.sin(x)

    J = dm.scipy_jac(f)
    for k in range(6):
        assert same_bits(J.fun(X + k), np.sin(X + k))
        np.testing.assert_allclose(J.jac(X + k), np.diag(np.cos(X + k)), rtol=1e-15)
    assert len(log) <= 2 * 6 + 1 + 3


def test_what_cannot_be_compared_is_run_afresh():
    stream = iter([1.0, 2.0, 3.0, 4.0])
    f = lambda x, g: x * next(g)  # noqa: E731
    J = dm.scipy_jac(f)
    assert [float(J.fun(1.0, stream)) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert "cannot be compared" in J.reason
    outside = iter([1.0, 2.0, 3.0])
    J = dm.scipy_jac(lambda x: x * next(outside))
    assert [float(J.fun(1.0)) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert "cannot be compared" in J.reason


def test_random_numbers_are_drawn_anew():
    generator = np.random.default_rng(1)
    expected = np.random.default_rng(1).standard_normal(3)
    J = dm.scipy_jac(lambda x: x + generator.standard_normal())
    found = [float(J.fun(float(k))) - k for k in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_errors_pass_and_leave_what_was_known():
    f, runs = counted(lambda x: square(x) if x[0] > 0 else 1 / 0)
    J = dm.scipy_jac(f)
    J.fun(X), J.jac(X)
    for call in (J.fun, J.jac, J.value_and_jac):
        with pytest.raises(ZeroDivisionError):
            call(-X)
    assert same_bits(J.fun(X), square(X))
    np.testing.assert_array_equal(J.jac(X), np.diag(2 * X))


@pytest.mark.parametrize("kind", [list, tuple, np.array, np.float32, lambda y: y.astype(int)])
def test_kinds_of_results(kind):
    f = lambda x: kind([x[0] * x[1], x[2]])  # noqa: E731
    J = dm.scipy_jac(f, "root")
    if kind is np.float32 or kind is np.array or kind in (list, tuple):
        for _ in range(3):
            assert same_bits(np.asarray(J.fun(X)), np.asarray(f(X)))
            assert same_bits(J.jac(X), dm.jacobian_fwd(f, X))
            assert same_bits(np.asarray(J.fun(X)), np.asarray(f(X)))


def test_numbers_as_results():
    for f in (lambda x: float(np.sum(x * x)), lambda x: np.sum(x * x), lambda x: np.sum(x * x)[()]):
        J = dm.scipy_jac(f)
        for x in (X, 2 * X, 3 * X):
            assert same_bits(J.fun(x), f(x))
            np.testing.assert_array_equal(J.jac(x), 2 * x)
            assert same_bits(J.fun(x), f(x))


def test_complex_points_are_refused():
    J = dm.scipy_jac(lambda x: x * x)
    with pytest.raises(TypeError, match="real x; got dtype complex128"):
        J.jac(X + 1j)
    assert same_bits(J.fun(X + 1j), (X + 1j) ** 2)  # f itself may be asked


# --- Functions of every kind ----------------------------------------------------------------------


class Model:
    def __init__(self):
        self.k = 2.0

    def residual(self, x):
        return self.k * x

    def __call__(self, x):
        return self.k * x


@pytest.mark.parametrize("make", [lambda m: m, lambda m: m.residual,
                                  lambda m: functools.partial(m.residual)])  # fmt: skip
def test_methods_objects_and_partials(make):
    model = Model()
    J = dm.scipy_jac(make(model))
    for k in (2.0, 3.0, 4.0):
        model.k = k
        assert same_bits(J.fun(X), k * X)
        np.testing.assert_array_equal(J.jac(X), k * np.eye(3))
        model.k = k + 0.5
        np.testing.assert_array_equal(J.jac(X), (k + 0.5) * np.eye(3))


def test_compiled_and_built_in_functions():
    compiled = numba.njit(lambda x: x * x)
    for f, slope in ((compiled, 2 * X), (np.sin, np.cos(X)), (np.exp, np.exp(X))):
        J = dm.scipy_jac(f)
        for x in (X, X.copy()):
            assert same_bits(J.fun(x), f(x))
            np.testing.assert_allclose(J.jac(x), np.diag(slope), rtol=1e-15)


# --- Threads, processes, outer derivatives --------------------------------------------------------


def test_threads():
    J = dm.scipy_jac(square)
    points = [np.full(3, float(k % 7)) for k in range(200)]
    begin = threading.Barrier(4)

    def work(part):
        begin.wait()
        return [(J.fun(x), J.jac(x), x) for x in points[part::4]]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = [item for part in pool.map(work, range(4)) for item in part]
    finally:
        sys.setswitchinterval(interval)
    for y, slope, x in found:
        np.testing.assert_array_equal(y, x * x)
        np.testing.assert_array_equal(slope, np.diag(2 * x))


@pytest.mark.parametrize("travel", [lambda a: pickle.loads(pickle.dumps(a)), copy.copy,
                                    copy.deepcopy])  # fmt: skip
def test_copies_remember_nothing_and_know_their_options(travel):
    J = dm.scipy_jac(square, sparse="csc", prepare=False)
    J.fun(X), J.jac(X)
    other = travel(J)
    assert other.jac(X).format == "csc"
    fun, jac = travel((J.fun, J.jac))
    assert same_bits(fun(X), square(X))
    np.testing.assert_array_equal(jac(X).toarray(), np.diag(2 * X))


def test_inside_another_derivative():
    """Duals are never remembered: neither those of x, nor those that a closure holds."""
    optimize = pytest.importorskip("scipy.optimize")
    J = dm.scipy_jac(square)
    J.fun(X)
    np.testing.assert_array_equal(dm.jacobian_fwd(J.fun, X), np.diag(2 * X))
    np.testing.assert_array_equal(dm.jacobian_fwd(lambda x: np.diag(J.jac(x)), X), 2 * np.eye(3))
    assert same_bits(J.fun(X), square(X))

    def root(a):
        equation = dm.scipy_jac(lambda x: x * x - a)
        return optimize.root(equation.fun, [1.0], jac=equation.jac).x[0]

    assert dm.derivative(root, 2.0) == pytest.approx(0.5 / np.sqrt(2.0), rel=1e-12)


def test_kinks_are_reported_for_every_jacobian():
    J = dm.scipy_jac(np.abs)
    zero = np.zeros(2)
    J.fun(zero), J.jac(zero)
    with dm.kinks("raise"), pytest.raises(dm.KinkError):
        J.jac(zero)
    with pytest.warns(dm.KinkWarning), dm.kinks("warn"):
        J.value_and_jac(zero)
