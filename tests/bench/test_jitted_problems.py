"""The problems of bench/problems/jitted: f, its Jacobian by hand, differences and f in JAX agree.

Oracles: the complex step through the Python body of f; the reactions of POLLU as a table; JAX where
it is installed.
"""

import benches
import numpy as np
import pytest

pytestmark = pytest.mark.slow

with benches.importable():
    from problems import PROBLEMS as PLAIN
    from problems.jitted import PROBLEMS, differences, hand, lstm, rosenbrock
    from tools import namespaces

STEP = 1e-30
SMALL = [name for name in PROBLEMS if not name.endswith(("256", "1024", "4096"))]


def complex_step(f, x):
    """The Jacobian of f's Python body, whose `np.empty` is made to hold complex numbers."""

    class Complex:
        def __getattr__(self, name):
            return getattr(np, name)

        def empty(self, shape):
            return np.empty(shape, complex)

    body = namespaces.under(f.py_func, namespaces.Namespace(Complex()))
    columns = [np.imag(body(x + 1j * STEP * e)) / STEP for e in np.eye(x.size)]
    return np.stack(columns, axis=-1)


def whole(problem, J):
    return J if problem.pattern is None else problem.pattern.matrix(J).toarray()


def relative_error(J, expected):
    return np.max(np.abs(J - expected)) / np.max(np.abs(expected))


@pytest.mark.parametrize("name", SMALL)
def test_jacobian_by_hand_and_by_differences(name):
    problem = PROBLEMS[name]()
    expected = complex_step(problem.f, problem.x)
    assert relative_error(whole(problem, problem.jacobian(problem.x)), expected) < 1e-14
    J = differences.of(problem)(problem.x)
    assert relative_error(whole(problem, J), expected) < 1e-9


def test_pollu_by_its_table_of_reactions():
    case, problem = PLAIN["pollu"].build(20), PROBLEMS["pollu"]()
    y = np.random.default_rng(0).uniform(0.1, 1.0, 20)
    np.testing.assert_allclose(problem.f(y), case.f(y), rtol=1e-13)


def test_brusselator_by_hand_where_it_is_large():
    dense = PROBLEMS["brusselator_dense-64"]().jacobian
    problem = PROBLEMS["brusselator-256"]()
    pattern, x = problem.pattern, problem.x
    np.testing.assert_array_equal(whole(problem, problem.jacobian(x)), dense(x))
    # Columns of one colour share no row.
    for row in range(x.size):
        seen = pattern.colours[pattern.indices[pattern.indptr[row] : pattern.indptr[row + 1]]]
        assert len(set(seen)) == len(seen)


def test_hessian_by_hand_of_rosenbrock():
    from scipy.optimize import rosen_hess

    x = np.random.default_rng(1).uniform(0.5, 1.5, 6)
    np.testing.assert_allclose(rosenbrock.rosenbrock_hessian(x), rosen_hess(x), rtol=1e-14)


@pytest.mark.parametrize("name", SMALL)
def test_in_jax(name):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    problem = PROBLEMS[name]()
    found = problem.in_jax(jax.numpy)(jax.numpy.asarray(problem.x))
    np.testing.assert_allclose(found, problem.f(problem.x), rtol=1e-13)


# --- ADBench's -----------------------------------------------------------------------------------


def test_loss_of_a_network_of_zeros():
    problem = lstm.lstm(characters=5)
    start, text = problem.args
    # Every bit is predicted 0: exp(0) for each of them, and 2.
    expected = np.sum(text[1:]) * np.log(lstm.BITS + 2.0) / (4 * lstm.BITS)
    found = problem.f(np.zeros(problem.x.size), np.zeros_like(start), text)
    assert found == pytest.approx(expected, rel=1e-14)


def test_a_hand_at_rest_turned_and_moved():
    from scipy.spatial.transform import Rotation

    problem = hand.hand(7)
    model, points, nearest = problem.args
    pose = np.zeros(26)
    pose[:6] = 0.3, -0.5, 0.2, 1.0, 2.0, 3.0
    moved = Rotation.from_rotvec(pose[:3]).apply(model.vertices[nearest, :3]) + pose[3:6]
    np.testing.assert_allclose(problem.f(pose, *problem.args), np.ravel(points - moved), rtol=1e-13)


@pytest.mark.parametrize(
    "build", [lambda: lstm.lstm(6), lambda: hand.hand(7)], ids=["lstm", "hand"]
)
def test_long_problems_in_jax(build):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    problem = build()
    expected = problem.f(problem.x, *problem.args)
    np.testing.assert_allclose(problem.in_jax(jax.numpy)(problem.x), expected, rtol=1e-13)


def test_unrolled_and_scanned_lstm_in_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    problem = lstm.lstm(4)
    expected = problem.f(problem.x, *problem.args)
    found = problem.in_jax(jax.numpy, scanned=False)(problem.x)
    assert float(found) == pytest.approx(expected, rel=1e-14)
