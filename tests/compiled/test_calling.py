"""The verbs on functions compiled by Numba: what they return, and what they do not change."""

import gc
import pickle
import subprocess
import sys
import threading
import warnings

import numba
import numpy as np
import pytest

import dualmc as dm
from dualmc import forward

pytestmark = pytest.mark.slow

X = np.array([0.3, 1.7, -0.4])


@numba.njit
def f(x):
    out = np.empty(x.size + 1)
    total = 0.0
    for i in range(x.size):
        out[i] = np.sin(x[i]) * x[0]
        total += x[i] ** 2
    out[x.size] = total
    return out


def jacobian_of_f(x):
    J = np.zeros((x.size + 1, x.size))
    J[:-1] = np.diag(np.cos(x) * x[0])
    J[:-1, 0] += np.sin(x)
    J[-1] = 2 * x
    return J


@numba.njit
def product(a, b, c=2.0):
    total = 0.0
    for i in range(a.size):
        total += a[i] ** 2 * b * c
    return total


def test_jacobian():
    for n in (1, 2, 3, 7, 8, 9, 17, 40):
        x = np.linspace(-1, 2, n)
        np.testing.assert_allclose(dm.jacobian_fwd(f, x), jacobian_of_f(x), rtol=1e-15, atol=1e-16)
        np.testing.assert_array_equal(dm.jacobian_fwd(f, x), dm.jacobian_fwd(f, x, chunk_size=3))


def test_value_is_that_of_the_function_to_the_bit():
    y, J = dm.value_and_jacobian_fwd(f, X)
    np.testing.assert_array_equal(y, f(X))
    np.testing.assert_allclose(J, jacobian_of_f(X), rtol=1e-15)
    y, J = dm.value_and_jacobian_fwd(product, X, 1.5)
    assert y == product(X, 1.5) and np.ndim(y) == 0
    np.testing.assert_allclose(J, 2 * X * 1.5 * 2.0)


def test_the_at_once_path_is_the_general_one():
    forward.swift.clear()
    first = dm.jacobian_fwd(f, X)
    assert 3 in forward.swift[id(f)]
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), first)
    _, general = dm.value_and_jacobian_fwd(f, X)
    np.testing.assert_array_equal(general, first)


def test_argnums():
    J = dm.jacobian_fwd(product, X, 1.5, argnums=(0, 1))
    assert type(J) is tuple
    np.testing.assert_allclose(J[0], 6 * X)
    np.testing.assert_allclose(J[1], 2 * np.sum(X**2))
    np.testing.assert_allclose(dm.jacobian_fwd(product, X, 1.5, 3.0, argnums=2), 1.5 * X @ X)
    reverse = dm.jacobian_fwd(product, X, 1.5, argnums=(1, 0))
    np.testing.assert_allclose(reverse[1], 6 * X)
    np.testing.assert_allclose(reverse[0], 2 * np.sum(X**2))
    np.testing.assert_allclose(dm.derivative(numba.njit(lambda t: t**3), 2.0), 12.0)


def test_jvp():
    t = np.array([1.0, -2.0, 0.5])
    y, y_dot = dm.jvp(f, X, t)
    np.testing.assert_array_equal(y, f(X))
    np.testing.assert_allclose(y_dot, jacobian_of_f(X) @ t, rtol=1e-14)
    y, y_dot = dm.jvp(product, (X, 1.5), (t, 2.0))
    assert y == product(X, 1.5)
    np.testing.assert_allclose(y_dot, 6 * X @ t + 2 * X @ X * 2.0)


@numba.njit
def table(x):
    return np.sin(x) * x[0, 0]


@numba.njit
def matrix(x):
    out = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = x[i, j] * x[j, i]
    return out


def test_shapes_and_layouts():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    J = dm.jacobian_fwd(matrix, x)
    assert J.shape == (2, 2, 2, 2)
    np.testing.assert_array_equal(J, dm.jacobian_fwd(matrix.py_func, x))
    np.testing.assert_array_equal(dm.jacobian_fwd(matrix, np.asfortranarray(x)), J)
    np.testing.assert_array_equal(dm.jacobian_fwd(matrix, np.repeat(x, 2, 1)[:, ::2]), J)
    read_only = x.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(dm.jacobian_fwd(matrix, read_only), J)
    denominator = dm.jacobian_fwd(matrix, x, layout="denominator")
    np.testing.assert_array_equal(denominator, np.transpose(J, (2, 3, 0, 1)))
    np.testing.assert_array_equal(dm.jit_jacobian(matrix)(x), J)


def test_integers_lists_and_empty():
    np.testing.assert_allclose(dm.jacobian_fwd(f, [1, 2]), jacobian_of_f(np.array([1.0, 2.0])))
    empty = dm.jacobian_fwd(numba.njit(lambda x: x * 2.0), np.zeros(0))
    assert empty.shape == (0, 0)
    assert dm.jacobian_fwd(numba.njit(lambda x: np.ones(3)), np.ones(2)).shape == (3, 2)


def test_single_precision():
    x = X.astype(np.float32)
    g = numba.njit(lambda x: x * x[0])
    y, J = dm.value_and_jacobian_fwd(g, x)
    assert y.dtype == J.dtype == np.float32
    np.testing.assert_allclose(J, np.eye(3) * x[0] + np.outer(x, [1, 0, 0]), rtol=1e-6)


def test_inputs_are_never_changed():
    @numba.njit
    def writes(x):
        x[0] = x[1] * 3.0
        x[1] *= x[0]
        return x

    x = X.copy()
    expected = np.array([[0.0, 3.0, 0.0], [0.0, 6 * X[1], 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(dm.jacobian_fwd(writes, x), expected)
    np.testing.assert_allclose(dm.jacobian_fwd(writes, x, chunk_size=1), expected)
    np.testing.assert_array_equal(x, X)


def test_the_dispatcher_is_not_changed():
    g = numba.njit(lambda x: np.sin(x))
    g(X)
    before = dict(vars(g)), g.signatures, dict(g.targetoptions)
    dm.jacobian_fwd(g, X)
    dm.jit_jacobian(g)(X)
    dm.hessian(numba.njit(lambda x: np.sum(x)), X)
    assert (dict(vars(g)), g.signatures, dict(g.targetoptions)) == before
    assert "Dual" not in repr(g.signatures)


def test_further_arguments():
    @numba.njit
    def g(x, scale, pair, option=None, mode="sum"):
        y = x * scale[0] + pair[0] * pair[1]
        if option is not None:
            y = y * option
        return np.sum(y) if mode == "sum" else np.sum(y * y)

    scale, pair = np.array([2.0]), (3.0, 4)
    np.testing.assert_allclose(dm.jacobian_fwd(g, X, scale, pair), np.full(3, 2.0))
    np.testing.assert_allclose(dm.jacobian_fwd(g, X, scale, pair, 5.0), np.full(3, 10.0))
    J = dm.jacobian_fwd(g, X, scale, pair, None, "squares")
    np.testing.assert_allclose(J, 2 * (2 * X + 12) * 2)


def test_errors_of_the_function_are_its_own():
    @numba.njit
    def g(x):
        if x[0] > 1.0:
            raise ValueError("too large")
        return x / (x[0] - 1.0)

    np.testing.assert_allclose(dm.jacobian_fwd(g, X), dm.jacobian_fwd(g.py_func, X), rtol=1e-14)
    with pytest.raises(ValueError, match="too large"):
        dm.jacobian_fwd(g, np.array([2.0, 1.0]))

    @numba.njit
    def divides(x):
        return 1.0 / x[0]

    with pytest.raises(ZeroDivisionError):
        dm.jacobian_fwd(divides, np.zeros(2))


def test_shapes_that_depend_on_the_chunk_or_differ():
    @numba.njit
    def ragged(x):
        return x, x[1:]

    with pytest.raises(ValueError, match="shape"):
        dm.jit_jacobian(ragged)(X)


def test_what_cannot_be_compiled_runs_as_python_with_a_warning():
    @numba.njit
    def g(x):
        w = np.linalg.eigvals(np.outer(x, x) + np.eye(x.size))
        return w.real

    with pytest.warns(dm.CompiledFallbackWarning, match="line") as found:
        dm.jacobian_fwd(g, X)
    assert found[0].filename == __file__
    assert "test_calling.py" in str(found[0].message) and "eigvals" in str(found[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dm.jacobian_fwd(g, X)  # said once
    with pytest.raises(numba.core.errors.TypingError, match="dualmc cannot compile"):
        dm.jit_jacobian(g)(X)


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="numba.njit"):
        dm.jit_jacobian(lambda x: x)
    with pytest.raises((TypeError, ValueError), match="chunk_size"):
        dm.jit_jacobian(f, chunk_size=0)
    with pytest.raises((TypeError, ValueError), match="argnums"):
        dm.jit_jacobian(f, argnums=3)
    with pytest.raises(TypeError, match="argnum"):
        dm.jacobian_fwd(f, X, argnum=0)


def test_functions_are_freed():
    g = numba.njit(lambda x: x * 3.0)
    dm.jacobian_fwd(g, X)
    key = id(g)
    assert list(forward.swift[key]) == [3]
    del g
    gc.collect()
    assert key not in forward.swift


def test_threads():
    jac = dm.jit_jacobian(f)
    expected = jacobian_of_f(X)
    wrong = []

    def run():
        for _ in range(200):
            if not np.allclose(jac(X), expected, rtol=1e-14):
                wrong.append(1)
            if not np.allclose(dm.jacobian_fwd(f, X), expected, rtol=1e-14):
                wrong.append(1)

    threads = [threading.Thread(target=run) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong


@numba.njit
def promoted(x):
    w = np.eye(2)
    w[0, 1] = x[0]
    return w @ x


def test_first_calls_from_several_threads():
    """Each compiles for arguments of its own, at the second try."""
    jac = dm.jit_jacobian(promoted)
    x = np.array([1.0, 2.0])
    given = [x, x.astype(np.float32), np.repeat(x, 2)[::2]]
    found = {}

    def run(i):
        found[i] = jac(given[i])

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for i in range(3):
        np.testing.assert_array_equal(found[i], [[3.0, 1.0], [0.0, 1.0]])


def test_pickled():
    """Also in a process that has met no compiled function."""
    jac = dm.jit_jacobian(f, chunk_size=2)
    expected = jac(X).tolist()
    assert pickle.loads(pickle.dumps(jac))(X).tolist() == expected
    text = "import pickle, sys; print(pickle.load(sys.stdin.buffer)(%r).tolist())"
    code = f"from numpy import array; {text % X}"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(jac), capture_output=True, check=True
    )
    assert eval(done.stdout) == expected


def test_called_from_compiled_code():
    jac = dm.jit_jacobian(f, value=True)

    @numba.njit
    def norms(x, count):
        total = 0.0
        for _ in range(count):
            y, J = jac(x)
            total += np.sum(J * J) + y[0]
        return total

    assert np.isclose(norms(X, 3), 3 * (np.sum(jacobian_of_f(X) ** 2) + f(X)[0]))


def test_one_inside_another():
    """The derivative of a Newton iteration that uses a Jacobian: implicit differentiation."""

    @numba.njit
    def residual(y, p):
        out = np.empty(2)
        out[0] = y[0] ** 2 + p[0] * y[1] - 3.0
        out[1] = y[0] * y[1] - p[1]
        return out

    jac = dm.jit_jacobian(residual, chunk_size=2)

    @numba.njit
    def root(p):
        y0, y1 = p[0] * 0 + 1.5, p[0] * 0 + 1.0
        for _ in range(30):
            y = np.empty(2)
            y[0], y[1] = y0, y1
            J, r = jac(y, p), residual(y, p)
            det = J[0, 0] * J[1, 1] - J[0, 1] * J[1, 0]
            y0 = y0 - (J[1, 1] * r[0] - J[0, 1] * r[1]) / det
            y1 = y1 - (J[0, 0] * r[1] - J[1, 0] * r[0]) / det
        out = np.empty(2)
        out[0], out[1] = y0, y1
        return out

    p = np.array([1.1, 0.9])
    y = root(p)
    np.testing.assert_allclose(residual(y, p), 0, atol=1e-14)
    by_y = np.array([[2 * y[0], p[0]], [y[1], y[0]]])
    by_p = np.array([[y[1], 0.0], [0.0, -1.0]])
    np.testing.assert_allclose(dm.jacobian_fwd(root, p), -np.linalg.solve(by_y, by_p), rtol=1e-13)


def test_sweeps_are_never_those_of_a_function_that_is_gone():
    """Ids come again: with `prepare` and without, no entry outlives its function."""
    g = numba.njit(lambda x: x * 2.0)
    key = id(g)
    dm.jacobian_fwd(g, X)
    dm.prepare(g, X)
    dm.jacobian_fwd(g, X[:2])
    assert sorted(forward.swift[key]) == [2, 3]
    del g
    gc.collect()
    assert key not in forward.swift


def test_constants_that_meet_derivatives_later():
    """A covariance that begins as a constant matrix, as filters have it."""

    @numba.njit
    def filtered(q):
        F = np.array([[1.0, 0.1], [0.0, 1.0]])
        P = np.eye(2)
        for _ in range(3):
            P = F @ P @ F.T + np.diag(np.array([q[0], q[1]]))
        return P[0]

    q = np.array([0.1, 0.2])
    expected = dm.jacobian_fwd(filtered.py_func, q)
    np.testing.assert_allclose(dm.jacobian_fwd(filtered, q), expected, rtol=1e-14)


@numba.njit
def chained(x):
    total = 0.0
    for i in range(x.size - 1):
        total += x[i] * x[i + 1] ** 2
    return total


def test_no_slow_way_is_taken_silently():
    with pytest.warns(dm.CompiledFallbackWarning, match="float16"):
        g = dm.jacobian_fwd(chained, np.array([1.0, 2.0], np.float16))
    np.testing.assert_array_equal(g, [4.0, 4.0])
    x = np.linspace(-1, 1, 2100)
    with pytest.warns(dm.CompiledFallbackWarning, match="2100"):
        g = dm.gradient(chained, x)
    exact = np.append(x[1:] ** 2, 0.0) + np.append(0.0, 2 * x[:-1] * x[1:])
    np.testing.assert_allclose(g, exact, rtol=1e-14, atol=1e-15)


def test_aux():
    @numba.njit
    def f(x):
        return x * x[0], x.size

    J, aux = dm.jacobian_fwd(f, X, has_aux=True)
    np.testing.assert_allclose(J, np.eye(3) * X[0] + np.outer(X, [1.0, 0.0, 0.0]), rtol=1e-15)
    assert aux == 3


def test_what_cannot_be_compiled_is_said_once():
    @numba.njit
    def g(x):
        return np.linalg.eigvals(np.outer(x, x) + np.eye(x.size)).real

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        dm.value_and_jacobian_fwd(g, X)
        dm.value_and_jacobian_fwd(g, 2 * X)
    assert [w.category for w in found] == [dm.CompiledFallbackWarning]


def test_explain_and_compare_open_the_function():
    @numba.njit
    def g(x):
        return np.sin(x**2)

    steps = dm.explain(g, 1.0).steps
    assert [step.equation for step in steps] == ["u1 = x^2", "y = sin(u1)"]
    found, expected = (dm.compare(h, np.ones(20)) for h in (g, g.py_func))
    counts = [[m.multiplications for m in c.modes] for c in (found, expected)]
    assert counts[0] == counts[1] and found.function == "g"
