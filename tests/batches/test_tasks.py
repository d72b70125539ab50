"""Points as tasks of an executor: the results of one batch, and errors that say where."""

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm

X = np.random.default_rng(8).uniform(0.1, 1.0, (60, 3))


class Here(Executor):
    """Computes at once, or is broken from the `lost`-th task on."""

    _max_workers = 2

    def __init__(self, lost=10**9):
        self.lost = lost
        self.tasks = []

    def submit(self, task, *args):
        future = Future()
        self.tasks.append(args)
        if len(self.tasks) > self.lost:
            future.set_exception(BrokenExecutor("a worker was killed"))
        else:
            future.set_result(task(*args))
        return future


def f(x):
    return {"a": x * x[0], "b": x[1] ** 2} if x[2] > 0 else None


def expected():
    a = [x[0] * np.eye(3) + np.outer(x, [1, 0, 0]) for x in X]
    return a, [[0, 2 * x[1], 0] for x in X]


@pytest.mark.parametrize("chunk_size", [None, 1, 7, 100])
def test_stretches_are_put_together_in_order(chunk_size):
    with ThreadPoolExecutor(3) as executor:
        y, J = dm.value_and_jacobian_fwd(f, X, batch=True, executor=executor, chunk_size=chunk_size)
    a, b = expected()
    np.testing.assert_allclose(J["a"], a, 1e-15)
    np.testing.assert_allclose(J["b"], b, 1e-15)
    np.testing.assert_allclose(y["b"], X[:, 1] ** 2, 1e-15)


def test_arguments_are_cut_with_the_points():
    T = np.arange(60.0)
    with ThreadPoolExecutor(2) as executor:
        J = dm.jacobian_fwd(
            lambda t, d, k: t * d["x"] * k, T, {"x": X}, 2.0, argnums=0, batch=(0, 1),
            executor=executor, chunk_size=8,
        )  # fmt: skip
    np.testing.assert_allclose(J, 2 * X)


def test_what_a_broken_executor_loses_is_computed_here():
    with pytest.warns(RuntimeWarning, match="the other 45 points of f are computed here"):
        J = dm.jacobian_fwd(f, X, batch=True, executor=Here(lost=5), chunk_size=5)
    np.testing.assert_allclose(J["a"], expected()[0], 1e-15)


def test_an_error_says_at_which_point_of_all():
    def fails(x):
        if x[0] == X[47, 0]:
            raise RuntimeError("the sensor is broken")
        return x

    with pytest.raises(RuntimeError, match="the sensor is broken") as caught:
        dm.jacobian_fwd(fails, X, batch=True, executor=Here(), chunk_size=10)
    assert caught.value.__notes__ == [
        "jacobian_fwd: this is at point 47 of 60.",
        "This was in the chunk of points 40 to 49.",
    ]


def test_shapes_that_differ_between_stretches():
    def some(x):
        return x[:2] if x[0] > X[30, 0] else x

    Z = X[np.argsort(X[:, 0])]
    at = np.flatnonzero(Z[:, 0] > X[30, 0])[0]
    with pytest.raises(ValueError, match="f returns other shapes at other points"):
        dm.jacobian_fwd(some, Z, batch=True, executor=Here(), chunk_size=int(at))


def test_out_is_refused_and_inside_of_a_derivative_all_is_computed_here():
    with pytest.raises(ValueError, match="out= takes no batch="):
        dm.jacobian_fwd(np.sin, X, batch=True, out=np.zeros((60, 3, 3)))
    executor = Here()

    def total(s):
        return dm.jacobian_fwd(lambda x: x * s, X, batch=True, executor=executor).sum()

    assert dm.derivative(total, 2.0) == pytest.approx(180.0)
    assert not executor.tasks
