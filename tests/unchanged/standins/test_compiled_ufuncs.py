"""Numba's ufuncs inside f, against closed forms; Numba's compiler meets the user's code alone."""

import math

import numpy as np
import pytest

import dualmc as dm

numba = pytest.importorskip("numba")

X = np.array([1.0, -2.0, 0.5])
SLOPES = np.array([math.cos(1.0), -4.0, math.cos(0.5)])


@numba.vectorize
def bent(x):
    return math.sin(x) if x > 0 else x * x


@numba.vectorize(["float64(float64, float64)"])
def product(x, y):
    return x * y


@numba.guvectorize(["void(float64[:], float64, float64[:], float64[:])"], "(n),()->(n),()")
def scaled(a, s, b, c):
    c[0] = 0.0
    for i in range(a.shape[0]):
        b[i] = math.exp(a[i]) * s
        c[0] += a[i] ** 2


class Model:
    act = bent

    def __init__(self):
        self.table = {"act": bent}


model = Model()
WAYS = {
    "by name": lambda x: bent(x),
    "class attribute": lambda x: Model.act(x),
    "table": lambda x: model.table["act"](x),
    "is f": bent,
}
JACOBIANS = {
    "forward": dm.jacobian_fwd,
    "reverse": dm.jacobian_rev,
    "one column": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True).toarray(),
}


@pytest.mark.parametrize("mode", JACOBIANS)
@pytest.mark.parametrize("way", WAYS)
def test_by_element(way, mode):
    np.testing.assert_allclose(JACOBIANS[mode](WAYS[way], X), np.diag(SLOPES), rtol=1e-14)
    np.testing.assert_array_equal(dm.value_and_jacobian_fwd(WAYS[way], X)[0], bent(X))


@pytest.mark.parametrize("mode", JACOBIANS)
def test_broadcast(mode):
    J = JACOBIANS[mode](lambda x: product(x[:, None], x).sum(axis=1), X)
    np.testing.assert_allclose(J, np.diag(np.full(3, X.sum())) + X[:, None], rtol=1e-14)
    assert float(dm.derivative(lambda t: product(t, 3.0), 2.0)) == 3.0


@pytest.mark.parametrize("mode", JACOBIANS)
def test_cores(mode):
    J = JACOBIANS[mode](lambda x: scaled(x, x[0])[0], X)
    want = np.diag(np.exp(X) * X[0])
    want[:, 0] += np.exp(X)
    np.testing.assert_allclose(J, want, rtol=1e-14)
    J = JACOBIANS[mode](lambda x: scaled(x[:, None] * np.ones(2), 2.0)[1], X)  # a loop of three
    np.testing.assert_allclose(J, np.diag(4 * X), rtol=1e-14)
    with pytest.raises(ValueError, match="dimensions"):
        JACOBIANS[mode](lambda x: scaled(x[0], x[0])[0], X)


def test_second_derivatives():
    H = dm.hessian(lambda x: np.sum(bent(x) ** 2), X)
    want = 2 * SLOPES**2 + 2 * bent(X) * np.array([-math.sin(1.0), 2.0, -math.sin(0.5)])
    np.testing.assert_allclose(H, np.diag(want), rtol=1e-13)


def test_refused():
    with pytest.raises(NotImplementedError, match="out="):
        dm.jacobian_fwd(lambda x: bent(x, out=np.zeros(3)), X)


def test_compiled_while_a_call_runs():
    """Numba reads the code of its functions whenever it first meets a type."""

    @numba.njit
    def inner(t):
        return math.sin(t)

    @numba.njit
    def outer(t):
        return inner(t) + np.zeros(1)[0]

    def compiled(t):
        return outer(t)

    def f(x):
        y = compiled(x[0])
        assert call_plainly(2.0) == math.sin(2.0)
        return y

    @dm.as_is
    def call_plainly(t):
        return outer(t)

    J = dm.jacobian_fwd(f, X)
    np.testing.assert_allclose(J, [math.cos(1.0), 0, 0], rtol=1e-14)
    assert len(outer.nopython_signatures) == 1
