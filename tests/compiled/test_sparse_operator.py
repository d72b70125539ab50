"""Sparse Jacobians in compiled code, and prepared ones: the pattern is of an example."""

import threading

import numba
import numpy as np
import pytest
from scipy import sparse

import dualmc as dm

pytestmark = pytest.mark.slow


@numba.njit
def reaction(u, rate):
    """A stencil whose derivatives are known; cubic, so that Newton needs several steps."""
    n = u.size
    out = np.empty(n)
    for i in range(n):
        left = u[i - 1] if i > 0 else 1.0
        right = u[i + 1] if i < n - 1 else 1.0
        out[i] = left - 2.0 * u[i] + right - rate * u[i] ** 3
    return out


def exact(u, rate):
    ones = np.ones(u.size - 1)
    return sparse.diags_array([ones, -2 - 3 * rate * u**2, ones], offsets=[-1, 0, 1]).tocsr()


@numba.njit
def gated(x):
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = x[i] * x[0] if x[i] > 0 else x[i] + x[i - 1]
    return out


def matrix(jac, data):
    return sparse.csr_array((data, jac.indices, jac.indptr), jac.shape)


def test_newton_in_compiled_code():
    n = 50
    jac = dm.jit_jacobian(reaction, sparse=(np.ones(n), 1.0), value=True)

    @numba.njit
    def newton(u, rate, starts, columns):
        """Gauss-Seidel sweeps solve the linear systems, by rows compressed."""
        for _ in range(30):
            y, data = jac(u, rate)
            d = np.zeros(u.size)
            for _ in range(6000):
                for i in range(u.size):
                    s = -y[i]
                    p = 1.0
                    for k in range(starts[i], starts[i + 1]):
                        if columns[k] == i:
                            p = data[k]
                        else:
                            s -= data[k] * d[columns[k]]
                    d[i] = s / p
            u = u + d
        return u

    u = newton(np.ones(n), 0.1, jac.indptr, jac.indices)
    assert np.max(np.abs(reaction(u, 0.1))) < 1e-11
    for rate in (0.1, -3.0):
        y, data = jac(u, rate)
        np.testing.assert_array_equal(y, reaction(u, rate))
        np.testing.assert_allclose(matrix(jac, data).toarray(), exact(u, rate).toarray())
    with pytest.raises(ValueError, match="as many inputs"):
        jac(np.ones(n + 1), 0.1)


def test_another_branch_raises_until_it_is_included():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    jac = dm.jit_jacobian(gated, sparse=x)
    assert jac.shape == (4, 4) and jac.indices.size == 7
    other = np.array([1.0, 2.0, -3.0, 4.0])

    @numba.njit
    def called(x):
        return jac(x)

    for f in (jac, called):
        with pytest.raises(ValueError, match="include"):
            f(other)
    before = jac(x)
    jac.include(other)
    for point in (x, other):
        for f in (jac, called):
            found = matrix(jac, f(point)).toarray()
            np.testing.assert_array_equal(found, dm.jacobian_fwd(gated.py_func, point))
    assert before.size == 7 and jac(x).size == jac.indices.size > 7
    with pytest.raises(ValueError, match="include"):
        jac(np.array([1.0, -2.0, 3.0, -4.0]))
    with pytest.raises(ValueError, match="shape"):
        jac.include(np.ones(5))


@numba.njit
def looked_up(x, table, k, gains):
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = x[table[i]] * x[k] + gains[0] * x[i]
        if gains[1] > 0:
            out[i] += x[-1]
    return out


def test_other_arguments_are_checked_too():
    x, table = np.arange(1.0, 6.0), np.array([0, 1, 2, 3, 4])
    jac = dm.jit_jacobian(looked_up, sparse=(x, table, 0, np.array([1.0, -1.0])))
    for args in (
        (x, table[::-1].copy(), 0, np.array([1.0, -1.0])), (x, table, 1, np.array([1.0, -1.0])),
        (x, table, 0, np.array([1.0, 1.0])),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="include"):
            jac(*args)
        found = dm.jacobian_fwd(looked_up, *args, sparse=True)
        expected = dm.jacobian_fwd(looked_up.py_func, *args)
        np.testing.assert_allclose(found.toarray(), expected)
    same = x, table, 0, np.array([3.0, -2.0])
    found = matrix(jac, jac(*same)).toarray()
    np.testing.assert_allclose(found, dm.jacobian_fwd(looked_up.py_func, *same))


def test_derived_again():
    """The nonzeros of a Jacobian are differentiated like any compiled function."""
    u = np.array([0.5, 1.0, 2.0])
    jac = dm.jit_jacobian(reaction, sparse=(u, 1.0))

    @numba.njit
    def sum_of_squares(u):
        data = jac(u, 1.0)
        total = 0.0
        for v in data:
            total += v * v
        return total

    d = -2 - 3 * u**2
    np.testing.assert_allclose(dm.jacobian_fwd(sum_of_squares, u), 2 * d * -6 * u)


def test_options():
    x = np.ones(3)
    for given in (True, "csr"):
        with pytest.raises(TypeError, match="example"):
            dm.jit_jacobian(gated, sparse=given)
    with pytest.raises(TypeError, match="colours"):
        dm.jit_jacobian(gated, sparse=x, chunk_size=2)
    with pytest.raises(ValueError, match="out of range"):
        dm.jit_jacobian(gated, sparse=x, argnums=1)
    with pytest.raises(TypeError, match="compiled by Numba"):
        dm.jit_jacobian(gated.py_func, sparse=x)


def test_prepared():
    J = dm.prepare(gated, np.array([1.0, 2, 3, 4]), sparse=True)
    assert J.reason is None
    for x in ([1.0, 2, 3, 4], [1.0, 2, -3, 4], [-1.0, -2, 3, 4], [1.0, 2, 3, 4], [1.0, -1]):
        x = np.array(x)
        expected = dm.jacobian_fwd(gated.py_func, x)
        np.testing.assert_array_equal(J(x).toarray(), expected)
        y, found = J.value_and_jacobian(x)
        np.testing.assert_array_equal(found.toarray(), expected)
        np.testing.assert_array_equal(y, gated(x))
    for name in ("csc", "coo"):
        J = dm.prepare(gated, np.ones(3), sparse=name)
        assert J(np.ones(3)).format == name
    J = dm.prepare(reaction, np.ones(3), 2.0, sparse=True)
    u = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(J(u, 3.0).toarray(), exact(u, 3.0).toarray())


def test_threads_find_patterns_side_by_side():
    points = [np.random.default_rng(k).normal(size=40) for k in range(12)]
    expected = [dm.jacobian_fwd(gated.py_func, x) for x in points]
    wrong = []

    def run(k):
        for i in range(len(points)):
            j = (i + 5 * k) % len(points)
            found = dm.jacobian_fwd(gated, points[j], sparse=True)
            if not np.array_equal(found.toarray(), expected[j]):
                wrong.append(j)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@numba.njit
def by_mode(u, mode):
    out = np.empty(u.size)
    for i in range(u.size):
        out[i] = u[i] if mode > 1 else u[i - 1]
    return out


def test_numbers_of_another_type_are_not_taken_for_the_example():
    u = np.ones(3)
    jac = dm.jit_jacobian(reaction, sparse=(u, 1.0))
    with pytest.raises(numba.core.errors.TypingError, match="types"):
        jac(u, 1)
    np.testing.assert_allclose(jac(u[::-1], 1.0), jac(u, 1.0))
    jac = dm.jit_jacobian(by_mode, sparse=(u, 2.0))
    with pytest.raises(ValueError, match="include"):
        jac(u, 1)


def test_callers_are_not_kept_on_disk(tmp_path, monkeypatch):
    """Their machine code holds an address of this process."""
    file = tmp_path / "caller.py"
    file.write_text(
        "import numba\n"
        "jac = None\n"
        "@numba.njit(cache=True)\n"
        "def caller(x):\n"
        "    return jac(x).sum()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import caller

    x = np.array([1.0, 2.0, 3.0])
    caller.jac = dm.jit_jacobian(gated, sparse=x)
    with pytest.warns(numba.core.errors.NumbaWarning, match="dynamic globals"):
        assert caller.caller(x) == 2.0 + 2 + 1 + 3 + 1


@numba.njit
def written(out, u, rate):
    for i in range(u.size):
        out[i] = u[i] ** 2 * rate if u[i] > 0 else u[i - 1]


@numba.njit
def written_alike(out, u, rate):
    for i in range(u.size):
        out[i] = u[i] ** 2 * rate * u[0]


def test_result_written_to_an_argument_and_nonzeros_in_place():
    u, out = np.array([1.0, 2.0, -3.0]), np.full(3, 7.0)
    expected = [[6.0, 0, 0], [0, 12.0, 0], [0, 1.0, 0]]
    jac = dm.jit_jacobian(written, argnums=1, out=0, sparse=(out, u, 3.0))
    np.testing.assert_array_equal(matrix(jac, jac(out, u, 3.0)).toarray(), expected)
    np.testing.assert_array_equal(out, [3.0, 12.0, 2.0])
    with pytest.raises(ValueError, match="include"):
        jac(out, -u, 3.0)
    into = dm.jit_jacobian(written_alike, argnums=1, out=0, inplace=True, sparse=(out, u, 3.0))
    data = np.full(into.indices.size, np.nan)
    assert (
        into(data, out, u, 3.0) is data or into(data, out, u, 3.0).ctypes.data == data.ctypes.data
    )
    np.testing.assert_array_equal(
        matrix(into, data).toarray(), [[9.0, 0, 0], [12.0, 12.0, 0], [27.0, 0, -18.0]]
    )
    np.testing.assert_array_equal(out, [3.0, 12.0, 27.0])
    with pytest.raises(ValueError, match="another size"):
        into(np.empty(2), out, u, 3.0)
    for wrong in (np.empty(10)[::2], np.empty(5, np.float32)):
        with pytest.raises(numba.core.errors.TypingError, match="contiguous array"):
            into(wrong, out, u, 3.0)
    with pytest.raises(ValueError, match="out must be"):
        dm.jit_jacobian(written, argnums=1, out=1, sparse=(out, u, 3.0))


@numba.njit
def counting(x, calls):
    """Writes into an argument that it reads."""
    calls[0] += 1.0
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = x[i] * calls[0] if x[i] > 0 else x[i - 1] * calls[0]
    return out


def test_arguments_written_to_are_as_before_when_the_pattern_is_found_anew():
    for x in ([1.0, 2.0, 3.0], [1.0, -2.0, 3.0], [-1.0, -2.0, -3.0]):
        x = np.array(x)
        y, J = dm.value_and_jacobian_fwd(counting, x, np.zeros(1), sparse=True)
        np.testing.assert_array_equal(y, counting(x, np.zeros(1)))
        np.testing.assert_array_equal(J.toarray() @ x, y)  # homogeneous of degree 1


@numba.njit
def mixed(x):
    s = 0.0
    for v in x:
        s += v
    return x * s


def test_prepared_dense_jacobians_of_many_columns():
    """By colours where few entries vary, by sweeps of all columns elsewhere; with branches."""
    rng = np.random.default_rng(0)
    J = dm.prepare(gated, rng.normal(size=300))
    for _ in range(3):
        x = rng.normal(size=300)
        x[0] = abs(x[0])
        np.testing.assert_array_equal(J(x), dm.jacobian_fwd(gated.py_func, x))
    x = rng.normal(size=130)
    np.testing.assert_allclose(
        dm.prepare(mixed, x)(x), np.sum(x) * np.eye(130) + x[:, None], rtol=1e-13, atol=1e-14
    )
