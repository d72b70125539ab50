"""What `batch=` may be, what axis it needs, and what there is without points."""

import numpy as np
import pytest
from expecting import raises_literally as raises

import dualmc as dm

X = np.ones((4, 3))


def f(x, *rest):
    return np.sum(x**2)


VERBS = [
    "jacobian_fwd",
    "value_and_jacobian_fwd",
    "jacobian_rev",
    "value_and_jacobian_rev",
    "gradient",
    "value_and_gradient",
    "hessian",
]


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_that_has_it(name):
    verb = getattr(dm, name)
    at_each = [verb(f, x) for x in X]
    found = verb(f, X, batch=True)
    if type(found) is tuple:
        y, J = zip(*at_each, strict=True)
        np.testing.assert_array_equal(found[0], y)
        np.testing.assert_array_equal(found[1], J)
    else:
        np.testing.assert_array_equal(found, at_each)


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("batch", [3, 0, "all", "True"])
def test_what_batch_may_be(name, batch):
    with raises(
        ValueError,
        f'{name}: batch must be True, False, "broadcast" or a tuple of positions of arguments, got '
        f"batch={batch!r}.",
    ):
        getattr(dm, name)(f, X, batch=batch)


def test_positions_that_there_are_not():
    with raises(
        ValueError,
        "gradient: batch=(2,) is out of range: f is called with 2 positional arguments, numbered "
        "from 0.",
    ):
        dm.gradient(f, X, 1.0, batch=(2,))
    with raises(ValueError, "gradient: batch must name at least one argument, got ()."):
        dm.gradient(f, X, batch=())


def test_axes_of_points():
    with raises(
        ValueError,
        "gradient: x has an axis of points under batch=, so its shape is (points, ...); got a "
        "single number. batch=(...) names the arguments that have such an axis.",
    ):
        dm.gradient(f, 1.0, batch=True)
    with raises(
        ValueError,
        "gradient: argument 0 has 4 points, but argument 1 has 5. The first axis of each is that "
        "of the points; batch=(...) names the arguments that have one.",
    ):
        dm.gradient(f, X, np.ones(5), batch=(0, 1))


def test_options_without_a_form_for_points():
    with pytest.raises(ValueError, match="sparse= has no form for them. scipy.sparse.block_diag"):
        dm.jacobian_fwd(f, X, batch=True, sparse=True)
    with pytest.raises(ValueError, match="has_aux=True is not served under batch="):
        dm.gradient(lambda x: (f(x), 1), X, batch=True, has_aux=True)
    with pytest.raises(ValueError, match='layout must be "numerator" or "denominator"'):
        dm.jacobian_fwd(f, X, batch=True, layout="other")
    with pytest.raises(ValueError, match="chunk_size must be a positive int"):
        dm.jacobian_fwd(f, X, batch=True, chunk_size=0)
    with pytest.raises(TypeError, match="gradient needs a function"):
        dm.gradient(3, X, batch=True)
    with pytest.raises(TypeError, match="gradient needs the points"):
        dm.gradient(f, batch=True)


def test_one_point_and_none():
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X[:1], batch=True), 2 * X[:1])
    with pytest.raises(ValueError, match="there are no points, and what shape f returns is not"):
        dm.jacobian_fwd(f, X[:0], batch=True)
    assert dm.prepare(f, X[0])(X[:0], batch=True).shape == (0, 3)
    assert dm.jacobian_fwd(lambda x: x * x, X[:0], batch="broadcast").shape == (0, 3, 3)
