"""Random programs of analytic NumPy steps against the complex step."""

import numpy as np
from drawn_programs import actions, arrays_and_keys, play, points, programs, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import complex_step, extrapolated

import dualmc as dm

thorough = settings(
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def assert_close(expected, actual):
    assert expected.shape == actual.shape
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-13 * scale)


def check(program, x):
    def f(x):
        return run(program, x)

    expected = complex_step(f, x)
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(np.asarray(f(x)), y)
    assert_close(expected, J)
    J = dm.jacobian_fwd(f, x, sparse=True).toarray()
    assert_close(expected, J.reshape(expected.shape))
    assert_close(expected, dm.jacobian_fwd(f, x, chunk_size=3))


@thorough
@given(programs, st.integers(3, 6).flatmap(points))
def test_few_inputs(program, x):
    check(program, x)


@thorough
@given(programs, st.sampled_from([17, 24]).flatmap(points))
def test_many_inputs(program, x):
    check(program, x)


@thorough
@given(programs, st.integers(3, 6).flatmap(points))
def test_hessian(program, x):
    """By nesting, against differences of the complex step."""

    def g(x):
        y = run(program, x)
        return sum(y) if isinstance(y, list) else np.sum(y)

    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(g, x), x)
    scale = max(1.0, np.max(np.abs(H)))
    np.testing.assert_allclose(H, H.T, rtol=1e-10, atol=1e-11 * scale)

    def quotient(e):
        return (complex_step(g, x + e) - complex_step(g, x - e)) / (2 * np.max(e))

    for i, row in enumerate(H):
        e = np.zeros(x.size)
        e[i] = 1e-3
        expected = extrapolated([quotient(e), quotient(e / 2)])
        np.testing.assert_allclose(row, expected, rtol=1e-6, atol=1e-7 * scale)


# --- Any index, read and written -----------------------------------------------------------------


@thorough
@given(arrays_and_keys)
def test_any_index_selects_rows_of_the_identity(shape_and_key):
    shape, key = shape_and_key
    n = int(np.prod(shape))
    x = np.linspace(0.5, 2.5, n).reshape(shape)
    # Entry [i] of this array is the gradient of x[i].
    parts = key if isinstance(key, tuple) else (key,)
    full = (
        (*parts, slice(None)) if any(k is Ellipsis for k in parts) else (*parts, ..., slice(None))
    )
    expected = np.eye(n).reshape((*shape, n))[full]
    for sparse in (False, True):
        y, J = dm.value_and_jacobian_fwd(lambda x: x[key], x, sparse=sparse)
        assert np.array_equal(x[key], y)
        J = J.toarray() if sparse else J
        assert np.array_equal(expected.reshape(np.shape(y) + (n,)).ravel(), J.ravel())


@thorough
@given(arrays_and_keys, st.booleans(), st.sampled_from(["=", "+=", "*=", "view", "flat"]))
def test_any_assignment(shape_and_key, is_scalar, operator):
    shape, key = shape_and_key
    x = np.linspace(0.5, 2.5, int(np.prod(shape))).reshape(shape)

    def f(x):
        y = 3.0 * x
        new = x[0].sum() if is_scalar else np.sin(y[key]) * x.sum()
        if operator == "=":
            y[key] = new
        elif operator == "+=":
            y[key] += new
        elif operator == "*=":
            y[key] *= new
        elif operator == "view":
            z = y[::-1]
            z[key] = new
            z[key] = z[key] * 2.0
        else:
            z = y.reshape(-1)
            z[::2] = x.sum()
            y[key] = new
            y = y * z.reshape(shape)
        return y

    expected = complex_step(f, x)
    assert_close(expected, dm.jacobian_fwd(f, x))
    J = dm.jacobian_fwd(f, x, sparse=True).toarray()
    assert_close(expected, J.reshape(expected.shape))


# --- Any sequence of views and writes ------------------------------------------------------------


@settings(thorough, max_examples=300)
@given(
    st.lists(actions, min_size=2, max_size=12), st.sampled_from([(3,), (2, 3), (2, 1, 2), (5, 4)])
)
def test_any_sequence_of_views_and_writes(steps, shape):
    def f(x):
        return play(steps, x)

    x = np.cos(np.arange(np.prod(shape))).reshape(shape) + 1.5
    expected = complex_step(f, x)
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(f(x.copy()), y)
    assert_close(expected, J)
    J = dm.jacobian_fwd(f, x, sparse=True).toarray()
    assert_close(expected, J.reshape(expected.shape))
