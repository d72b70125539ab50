"""Plain f that calls compiled functions: each call with derivatives is one step.

Oracles: the complex step through the Python body of the helper, closed forms, and the same f with
``helper.py_func`` in the helper's place.
"""

import threading
import warnings
from typing import NamedTuple

import numba
import numpy as np
import pytest

import dualmc as dm
from dualmc.compiled.helpers import known, policy
from dualmc.errors import CompiledFallbackWarning

pytestmark = pytest.mark.slow

X = np.array([0.3, 0.5, 0.7])


@numba.njit
def field(y, p=2.0):
    out = np.empty(y.size)
    for i in range(y.size):
        out[i] = p * y[i] * y[(i + 1) % y.size] + y[i] ** 3
    return out


@numba.njit
def series(a, b):
    total = 0.0
    for i in range(4):
        total += a * b**i
    return total


@numba.njit
def fill(y, d):
    for i in range(y.size):
        d[i] = y[i] ** 2 * y[0]


@numba.njit
def halve(y):
    for i in range(y.size):
        y[i] = y[i] / 2 + y[i] ** 2


@numba.njit
def outer(y):
    total = 0.0
    for v in field(y):
        total += v * v
    return total


@numba.njit
def several(y, z):
    s = 0.0
    table = np.zeros((y.size, 2))
    is_large = np.zeros(y.size, np.bool_)
    for i in range(y.size):
        s += y[i] * z
        table[i, 0] = y[i] ** 2
        table[i, 1] = y[i] * z
        is_large[i] = y[i] > 0.4
    return s, table, y.size, is_large


class Pair(NamedTuple):
    low: float
    high: float


@numba.njit
def ends(y):
    low = high = y[0]
    for v in y:
        low = min(low, v)
        high = max(high, v)
    return Pair(low, high)


@numba.njit
def kept(y):
    count = 0
    for v in y:
        if v > 0.4:
            count += 1
    out = np.empty(count)
    j = 0
    for v in y:
        if v > 0.4:
            out[j] = v**2
            j += 1
    return out


@numba.njit
def by_mode(y, mode, shift):
    out = np.empty_like(y)
    for i in range(y.size):
        out[i] = y[i] ** 2 if mode == "square" else y[i] ** 3
        if shift is not None:
            out[i] += shift
    return out


def written(fill_in):
    def f(x):
        d = np.zeros(3)
        fill_in(x, d)
        return d * x[1]

    return f


def mutated(change):
    def f(x):
        y = x * 1.0
        change(y)
        return y * x

    return f


def in_parts(helper):
    def f(x):
        s, table, count, is_large = helper(x, x[1])
        assert type(count) is int and is_large.dtype == bool
        return s * table[:, 0] + count * table[:, 1] * is_large

    return f


def of_ends(helper):
    def f(x):
        pair = helper(x)
        return np.array([pair.low * x[1], pair.high**2])

    return f


CASES = {
    "array": lambda h: lambda x: h(x) * x[0],
    "expression": lambda h: lambda x: np.sum(h(x * 2.0, 3.0) ** 2) * x,
    "keyword": lambda h: lambda x: h(p=x[0], y=x),
    "default": lambda h: lambda x: h(x[:2]) + h(x[1:], x[0]),
    "strided": lambda h: lambda x: h(np.stack([x, 2 * x], 1)[:, 0]),
    "within": lambda h: lambda x: np.concatenate([h(h(x)), x]),
}
PROGRAMS = {
    **{name: (make, field) for name, make in CASES.items()},
    "numbers": (lambda h: lambda x: np.array([h(x[0], x[1]), h(x[2], 3.0), h(0.5, x[0])]), series),
    "helper of helpers": (lambda h: lambda x: h(x) * x, outer),
    "out-argument": (written, fill),
    "in place": (mutated, halve),
    "tuple": (in_parts, several),
    "named tuple": (of_ends, ends),
    "shape by values": (lambda h: lambda x: np.sum(h(x)) * x, kept),
    "string, None": (lambda h: lambda x: h(x, "square", None) + h(x, "cube", x[0]), by_mode),
}


def complex_jacobian(f, x):
    """The Jacobian by the complex step, of the Python code."""
    columns = []
    for j in range(x.size):
        z = x.astype(complex)
        z[j] += 1e-30j
        columns.append(np.imag(f(z)) / 1e-30)
    return np.stack(columns, axis=-1)


def complexified(helper):
    """The Python function on complex numbers: arrays that it makes are complex, it compares real
    parts."""
    return ORACLES.get(helper, helper.py_func)


def _field(y, p=2.0):
    return p * y * np.roll(y, -1) + y**3


def _fill(y, d):
    d.dtype = complex
    d[:] = y**2 * y[0]


ORACLES = {
    field: _field,
    outer: lambda y: np.sum(_field(y) ** 2),
    kept: lambda y: y[y.real > 0.4] ** 2,
    ends: lambda y: Pair(y[np.argmin(y.real)], y[np.argmax(y.real)]),
    several: lambda y, z: (np.sum(y * z), np.stack([y**2, y * z], 1), y.size, y.real > 0.4),
    by_mode: lambda y, mode, s: (y**2 if mode == "square" else y**3) + (0 if s is None else s),
}


def _written(fill_in):
    return lambda x: x**2 * x[0] * x[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(name):
    make, helper = PROGRAMS[name]
    f = make(helper)
    want = complex_jacobian((_written if helper is fill else make)(complexified(helper)), X)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), want, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dm.jacobian_rev(f, X), want, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X, chunk_size=2), want, rtol=1e-13, atol=1e-15)
    J = dm.jacobian_fwd(f, X, sparse=True).toarray()
    np.testing.assert_allclose(J, want, rtol=1e-13, atol=1e-15)
    y, y_dot = dm.jvp(f, (X,), (X,))
    np.testing.assert_array_equal(y, f(X))
    np.testing.assert_allclose(y_dot, want @ X, rtol=1e-13, atol=1e-15)
    y, pullback = dm.vjp(f, X)
    np.testing.assert_array_equal(y, f(X))
    np.testing.assert_allclose(pullback(y), y @ want, rtol=1e-13, atol=1e-15)
    assert any(not way.is_pythons and way._sweeps for way in known.of(helper).ways.values())


@pytest.mark.parametrize("name", ["array", "numbers", "out-argument", "tuple"])
def test_second_derivatives(name):
    make, helper = PROGRAMS[name]

    def scalar(h):
        f = make(h)
        return lambda x: np.sum(f(x) ** 2)

    H = dm.hessian(scalar(helper), X)
    np.testing.assert_allclose(H, dm.hessian(scalar(helper.py_func), X), rtol=1e-13)


def same_as_python(make, helper, x, rtol=1e-13):
    """`f` with the compiled helper is `f` with its Python function, in all modes."""
    f, g = make(helper), make(helper.py_func)
    want = dm.jacobian_fwd(g, x)
    for J in (dm.jacobian_fwd(f, x), dm.jacobian_rev(f, x), dm.jacobian_fwd(f, x, sparse=True)):
        J = J.toarray().reshape(want.shape) if hasattr(J, "toarray") else J
        np.testing.assert_allclose(J, want, rtol=rtol, atol=rtol)
    return want


def is_compiled(helper):
    ways = known.of(helper).ways.values()
    return bool(ways) and all(not way.is_pythons for way in ways)


# --- prepare, explain, compare ------------------------------------------------------------------


def test_prepare():
    f = PROGRAMS["array"][0](field)
    prepared = dm.prepare(f, X)
    for x in (X, 2 * X, X[::-1].copy()):
        np.testing.assert_allclose(prepared(x), complex_jacobian(CASES["array"](_field), x), 1e-13)
    assert 3 == prepared.replays + prepared.fresh_calls


def test_prepare_of_what_takes_many_steps():
    @numba.njit
    def decay(y):
        for _ in range(500):
            y = y - 0.001 * y**2
        return y

    def f(x):
        return decay(x[0]) * x[1]

    prepared = dm.prepare(f, X[:2])
    for x in (X[:2], X[1:]):
        np.testing.assert_allclose(prepared(x), dm.jacobian_fwd(f, x), rtol=1e-14)
        z, z_dot = x[0], 1.0
        for _ in range(500):
            z, z_dot = z - 0.001 * z**2, z_dot * (1 - 0.002 * z)
        np.testing.assert_allclose(prepared(x), [z_dot * x[1], z], rtol=1e-12)


def test_prepare_sees_another_function():
    scope = {"h": field}

    def f(x):
        return scope["h"](x) * x[0]

    prepared = dm.prepare(f, X)
    prepared(X)
    scope["h"] = numba.njit(lambda y: y * 2.0)
    np.testing.assert_allclose(prepared(X), dm.jacobian_fwd(lambda x: 2 * x * x[0], X))


def test_explain_names_the_helper():
    text = str(dm.explain(lambda x: np.sum(field(x) * x), X))
    assert "field(x)" in text


def test_compare():
    dm.compare(lambda x: np.sum(field(x) * x), X)
    assert dm.check_jacobian(lambda x: field(x) * x[0], X).ok


# --- what is left to Python ----------------------------------------------------------------------


def test_what_numba_cannot_compile_warns_once():
    @numba.njit
    def roots(y):
        total = 0.0
        for v in np.roots(np.array([1.0, 0.0, -2.0])).real:
            total += v
        out = y.copy()
        for i in range(y.size):
            out[i] = y[i] ** 2 * total
        z = complex(y[0], 1.0) * y[1]
        return out, z.real

    def f(x):
        y, z = roots(x)
        return y * z

    with pytest.warns(CompiledFallbackWarning, match="roots"):
        J = dm.jacobian_fwd(f, X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(J, dm.jacobian_fwd(f, X))
    assert not is_compiled(roots)


def test_short_functions_run_as_python_for_a_while():
    @numba.njit
    def short(a, b):
        return a * b + a

    def f(x):
        total = x[0]
        for _ in range(50):
            total = short(total, x[1])
        return total

    want = [(1 + X[1]) ** 50, 50 * X[0] * (1 + X[1]) ** 49]
    for _ in range(2):
        np.testing.assert_allclose(dm.jacobian_fwd(f, X[:2]), want, rtol=1e-13)
        np.testing.assert_allclose(dm.gradient(f, X[:2]), want, rtol=1e-13)
        assert known.of(short).is_patient == (not known.of(short).quick)
        known.of(short)._left = 0
        known.of(short).run_as_python()
    assert known.of(short).quick
    np.testing.assert_allclose(dm.jacobian_fwd(f, X[:2], sparse=True).toarray()[0], want, 1e-13)


def test_short_functions_of_arrays(monkeypatch):
    monkeypatch.setattr(policy, "PATIENCE", 30)

    @numba.njit
    def lorenz(y, s):
        out = np.empty(3)
        out[0] = s * (y[1] - y[0])
        out[1] = y[0] * (28.0 - y[2]) - y[1]
        out[2] = y[0] * y[1] - 2.0 * y[2]
        return out

    want = [[-9, 9, 0], [28 - X[2], -1, -X[0]], [X[1], X[0], -2]]
    for _ in range(3):
        np.testing.assert_allclose(dm.jacobian_fwd(lambda x: lorenz(x, 9.0), X), want)
        np.testing.assert_allclose(dm.jacobian_rev(lambda x: lorenz(x, 9.0), X), want)
    assert is_compiled(lorenz)
    assert "lorenz(x, 9)" in str(dm.explain(lambda x: np.sum(lorenz(x, 9.0)), X))
    prepared = dm.prepare(lambda x: lorenz(x, 9.0), X)
    np.testing.assert_allclose(prepared(X), want)


def test_policy():
    assert policy.Code(field.py_func).has_loops and policy.Code(outer.py_func).has_loops
    assert not policy.Code(lambda x: x + 1).has_loops
    assert policy.Code(lambda x: np.random.rand() * x).is_random  # noqa: NPY002


def test_random_numbers():
    @numba.njit
    def noisy(y):
        total = 0.0
        for v in y:
            total += v * np.random.rand()  # noqa: NPY002
        return total

    y, J = dm.value_and_jacobian_fwd(lambda x: noisy(x), X)
    np.testing.assert_allclose(y, J @ X, rtol=1e-14)  # the same draws
    with pytest.warns(UserWarning, match="random numbers"):
        prepared = dm.prepare(lambda x: noisy(np.ones(2)) * x, X)
    assert not np.array_equal(prepared(X), prepared(X))


def test_structures_of_arguments():
    @numba.njit
    def of_pair(pair, k):
        total = 0.0
        for v in pair[0]:
            total += v * pair[1] * k[0][1]
        return total

    k = (np.array([1.0, 3.0]), 2)
    same_as_python(lambda h: lambda x: h((x, x[0]), k) * x, of_pair, X)
    same_as_python(lambda h: lambda x: h((x, 2.0), k) * x, of_pair, X)


def test_structures_that_are_recorded():
    @numba.njit
    def of_pair(pair):
        total = 0.0
        for v in pair[0]:
            total += v * pair[1]
        return total

    f = lambda x: of_pair((x, x[0]))  # noqa: E731
    np.testing.assert_allclose(dm.prepare(f, X)(X), dm.jacobian_fwd(f, X), rtol=1e-14)
    dm.explain(f, X)


def test_constant_structures():
    @numba.njit
    def scaled(y, table):
        out = np.empty(y.size)
        for i in range(y.size):
            out[i] = y[i] ** 2 * table[0][i] + table[1]
        return out

    table = (np.array([1.0, 3.0, 4.0]), 2)
    J = same_as_python(lambda h: lambda x: h(x, table), scaled, X)
    np.testing.assert_allclose(J, np.diag(2 * X * table[0]))
    assert is_compiled(scaled)


# --- memory ---------------------------------------------------------------------------------------


def test_a_helper_that_returns_its_argument():
    @numba.njit
    def same(y):
        for v in y:
            if v > 1e9:
                return y
        return y

    @numba.njit
    def rest(y):
        for v in y:
            if v > 1e9:
                return y[1:]
        return y[1:]

    def f(h):
        def g(x):
            y = x * 2.0
            z = h(y)
            z[0] = x[1] ** 2
            return y

        return g

    np.testing.assert_allclose(dm.jacobian_fwd(f(same), X), [[0, 1, 0], [0, 2, 0], [0, 0, 2]])
    np.testing.assert_allclose(dm.jacobian_rev(f(same), X), [[0, 1, 0], [0, 2, 0], [0, 0, 2]])
    np.testing.assert_allclose(dm.jacobian_fwd(f(rest), X), [[2, 0, 0], [0, 1, 0], [0, 0, 2]])
    np.testing.assert_allclose(dm.jacobian_rev(f(rest), X), [[2, 0, 0], [0, 1, 0], [0, 0, 2]])


def test_new_arrays_of_helpers_take_derivatives():
    @numba.njit
    def workspace(n):
        out = np.zeros(n)
        for i in range(n):
            out[i] = i
        return out

    def f(x):
        w = workspace(3)
        w[1] = x[0] ** 2
        return w * x

    want = [[0, 0, 0], [2 * X[0] * X[1], X[0] ** 2, 0], [0, 0, 2]]
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), want)
    np.testing.assert_allclose(dm.jacobian_rev(f, X), want)


def test_writes_to_views_and_to_what_overlaps():
    def rows(h):
        def f(x):
            d = np.zeros((3, 2))
            h(x, d[:, 0])
            h(d[:, 0] * 1.0, d[:, 1])
            return d.ravel()

        return f

    def overlapping(h):
        def f(x):
            y = np.concatenate([x, x])
            h(y[:3], y[1:4])
            return y

        return f

    same_as_python(rows, fill, X)
    same_as_python(overlapping, fill, X)


def test_writes_beside_numbers():
    @numba.njit
    def scaled(z, y, w, d):
        for i in range(y.size):
            d[i] = y[i] * z + d[i] * w

    def make(h):
        def f(x):
            d = x * x
            h(np.sum(x), x[::-1], x[0], d)
            h(x[0], x, 2.0, d)
            return d

        return f

    same_as_python(make, scaled, X)
    assert is_compiled(scaled)


def test_writes_of_the_same_value():
    """The value that was there, with another derivative."""
    x = np.zeros(3)

    def f(x):
        d = np.zeros(3)
        linear(x, d)
        return d

    @numba.njit
    def linear(y, d):
        for i in range(y.size):
            d[i] = 3.0 * y[i]

    for J in (dm.jacobian_fwd(f, x), dm.jacobian_rev(f, x)):
        np.testing.assert_allclose(J, 3 * np.eye(3))
    np.testing.assert_allclose(dm.prepare(f, x)(X), 3 * np.eye(3))


def test_writes_that_types_do_not_tell():
    @numba.njit
    def flatly(y, d):
        for i in range(y.size):
            d.flat[i] = y[i] ** 2

    @numba.njit
    def diagonal(y, d):
        for _ in range(1):
            np.fill_diagonal(d, y[0] ** 2)

    def first(h):
        def f(x):
            d = np.zeros(3)
            h(x, d)
            return d

        return f

    def second(h):
        def f(x):
            d = x[:, None] * x
            h(x, d)
            return d

        return f

    for J in (dm.jacobian_fwd(first(flatly), X), dm.jacobian_rev(first(flatly), X)):
        np.testing.assert_allclose(J, np.diag(2 * X))
    want = dm.jacobian_fwd(lambda x: x[:, None] * x * (1 - np.eye(3)) + np.eye(3) * x[0] ** 2, X)
    for J in (dm.jacobian_fwd(second(diagonal), X), dm.jacobian_rev(second(diagonal), X)):
        np.testing.assert_allclose(J, want, rtol=1e-14)


def test_writes_into_plain_arrays():
    @numba.njit
    def counted(y, counts, d):
        for i in range(y.size):
            counts[i] += 1
            d[i] = y[i] ** 2 * counts[i]

    counts = np.zeros(3, int)

    def f(x):
        d = np.zeros(3)
        counted(x, counts, d)
        return d

    np.testing.assert_allclose(dm.jacobian_fwd(f, X), np.diag(2 * X))
    assert 1 == counts[0] == counts[2]
    np.testing.assert_allclose(dm.jacobian_rev(f, X), np.diag(4 * X))
    lost = np.zeros(3)

    def lossy(x):
        fill(x, lost)
        return lost * x

    with pytest.raises(dm.errors.TangentLostError):
        dm.jacobian_fwd(lossy, X)


def test_read_only_and_empty():
    x = X.copy()
    x.flags.writeable = False
    np.testing.assert_allclose(dm.jacobian_fwd(lambda x: field(x), x), dm.jacobian_fwd(_field, X))
    assert (0, 0) == dm.jacobian_fwd(lambda x: field(x), np.zeros(0)).shape
    f = lambda x: np.concatenate([field(x[:0]), x])  # noqa: E731
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), np.eye(3))
    np.testing.assert_allclose(dm.jacobian_rev(f, X), np.eye(3))


# --- numbers, errors, threads ---------------------------------------------------------------------


def test_float32():
    x = X.astype(np.float32)
    f = PROGRAMS["array"][0](field)
    J = dm.jacobian_fwd(f, x)
    np.testing.assert_allclose(J, dm.jacobian_fwd(PROGRAMS["array"][0](field.py_func), x), 1e-5)
    y, y_dot = dm.jvp(lambda x: series(x[0], x[1]) * x, (x,), (x,))
    want, want_dot = dm.jvp(lambda x: series.py_func(x[0], x[1]) * x, (x,), (x,))
    assert y.dtype == want.dtype and y_dot.dtype == want_dot.dtype
    np.testing.assert_allclose(y_dot, want_dot, 1e-5)


def test_numbers_are_pythons():
    def f(x):
        y = series(x[0], x[1])
        assert isinstance(y, float) and not isinstance(y, np.floating)
        return y

    dm.jacobian_fwd(f, X)
    with pytest.raises(ZeroDivisionError):
        dm.jacobian_fwd(lambda x: 1 / series(x[0], x[1]), np.zeros(2))


def test_errors_are_the_helpers():
    @numba.njit
    def positive(y):
        for v in y:
            if v < 0:
                raise ValueError("negative")
        return y * 1.0 if y.size > 5 else np.sqrt(y[0])

    @numba.njit
    def root(y):
        for v in y:
            if v < 0:
                raise ValueError("negative")
        return np.sqrt(y[0])

    def f(x):
        try:
            return root(x) * x
        except ValueError as error:
            assert str(error) == "negative"
            return x**2

    np.testing.assert_allclose(dm.jacobian_fwd(f, -X), np.diag(-2 * X))
    with pytest.raises(ValueError, match="negative"):
        dm.gradient(lambda x: root(x), -X)


def test_infinite_slopes_are_as_the_rules_say():
    @numba.njit
    def root(y):
        total = 0.0
        for v in y:
            total += np.sqrt(v)
        return total

    x = np.array([0.0, 4.0])
    f = lambda h: lambda x: h(x * np.array([0.0, 1.0])) + h(x)  # noqa: E731
    same_as_python(f, root, x)


def test_many_inputs_are_left_to_the_tape():
    x = np.linspace(0.1, 1, 3000)

    @numba.njit
    def energy(y):
        s = 0.0
        for v in y:
            s += v**3
        return s

    np.testing.assert_allclose(dm.gradient(lambda x: energy(x), x), 3 * x**2, rtol=1e-14)
    np.testing.assert_allclose(dm.gradient(lambda x: energy(x[:900]), x)[:900], 3 * x[:900] ** 2)


def test_threads():
    f = PROGRAMS["array"][0](field)
    want = complex_jacobian(CASES["array"](_field), X)
    wrong = []

    def work():
        for _ in range(20):
            if not np.allclose(dm.jacobian_fwd(f, X), want, rtol=1e-13):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_function_is_untouched():
    @numba.njit
    def own(y):
        total = 0.0
        for v in y:
            total += v**2
        return total

    own(X)
    before = list(own.signatures), dict(own.targetoptions)
    dm.jacobian_fwd(lambda x: own(x) * x, X)
    dm.gradient(lambda x: own(x), X)
    assert before == (list(own.signatures), dict(own.targetoptions))


def test_closures_and_methods():
    def scaled_by(k):
        @numba.njit
        def h(y):
            out = np.empty(y.size)
            for i in range(y.size):
                out[i] = k * y[i] ** 2
            return out

        return h

    class Model:
        def __init__(self):
            self.rhs = scaled_by(3.0)

        def __call__(self, x):
            return self.rhs(x)

    for f in (Model(), scaled_by(3.0), lambda x: [scaled_by(3.0)][0](x)):
        np.testing.assert_allclose(dm.jacobian_fwd(f, X), np.diag(6 * X))
        np.testing.assert_allclose(dm.jacobian_rev(f, X), np.diag(6 * X))


def test_kinks_are_reported():
    @numba.njit
    def bent(y):
        total = 0.0
        for v in y:
            total += abs(v)
        return total

    with dm.kinks("raise"), pytest.raises(dm.errors.KinkError):
        dm.gradient(lambda x: bent(x), np.array([0.0, 1.0]))
