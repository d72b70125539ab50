"""Functions that take derivatives themselves are prepared, or the reason says truly why not.

Oracles are closed forms.
"""

import functools
import warnings

import numpy as np
import pytest

import dualmc as dm

pytestmark = pytest.mark.usefixtures("always_replayed")

TABLE = {"gradient": dm.gradient}
X = np.array([0.5, 1.0, 1.5, 2.0])


def local(x):
    return np.sum(x[1:] ** 2 * np.sin(x[:-1]))


def local_gradient(x):
    g = np.zeros_like(x)
    g[1:] += 2 * x[1:] * np.sin(x[:-1])
    g[:-1] += x[1:] ** 2 * np.cos(x[:-1])
    return g


def local_hessian(x):
    H = np.zeros((x.size, x.size))
    for i in range(1, x.size):
        H[i, i] += 2 * np.sin(x[i - 1])
        H[i - 1, i - 1] -= x[i] ** 2 * np.sin(x[i - 1])
        H[i, i - 1] += 2 * x[i] * np.cos(x[i - 1])
        H[i - 1, i] += 2 * x[i] * np.cos(x[i - 1])
    return H


CUBES = {
    "gradient": (lambda x: dm.gradient(local, x), local_hessian),
    "partial": (functools.partial(dm.gradient, local), local_hessian),
    "jacobian-partial": (functools.partial(dm.jacobian_fwd, local), local_hessian),
    "reverse": (lambda x: dm.jacobian_rev(local, x), local_hessian),
    "hvp": (
        lambda x: dm.hvp(lambda u: np.sum(u**3), x, np.ones(4)),
        lambda x: np.diag(np.full(4, 6.0)),
    ),
    "hvp-of-x": (lambda x: dm.hvp(lambda u: np.sum(u**3), x, x), lambda x: np.diag(12 * x)),
    "jvp": (lambda x: dm.jvp(lambda u: u**3, x, 2 * x)[1], lambda x: np.diag(18 * x**2)),
    "vjp": (lambda x: dm.vjp(lambda u: u**3, x)[1](x), lambda x: np.diag(9 * x**2)),
    "vjp-value": (lambda x: dm.vjp(lambda u: u**3, x)[0] * x[0], lambda x: np.diag(3 * x**2) * x[0]
                  + np.outer(x**3, np.eye(4)[0])),
    "hessian": (lambda x: dm.hessian(lambda u: np.sum(u**3), x) @ x, lambda x: np.diag(12 * x)),
    "value-and-gradient": (
        lambda x: np.multiply(*dm.value_and_gradient(lambda u: np.sum(u**2), x)),
        lambda x: 4 * np.outer(x, x) + 2 * np.sum(x**2) * np.eye(4),
    ),
    "derivative": (
        lambda x: np.stack([dm.derivative(np.sin, v) for v in x]),
        lambda x: np.diag(-np.sin(x)),
    ),
    "inner-branch": (
        lambda x: dm.gradient(lambda u: np.sum(u**2) if u[0] > 0.9 else np.sum(u**3), x),
        lambda x: np.diag(np.full(4, 2.0)) if x[0] > 0.9 else np.diag(6 * x),
    ),
    "in-a-loop": (
        lambda x: sum(dm.gradient(lambda u: np.sum(u**k), x) for k in range(2, 5)),  # noqa: B023
        lambda x: np.diag(2 + 6 * x + 12 * x**2),
    ),
    "among-other-steps": (
        lambda x: np.exp(x) * dm.gradient(local, x),
        lambda x: np.exp(x)[:, None] * local_hessian(x) + np.diag(np.exp(x) * local_gradient(x)),
    ),
    "uses-variables-of-f": (
        lambda x: dm.gradient(lambda u: np.sum(u**2 * x), x),
        lambda x: np.diag(4 * x),
    ),
    "of-a-table": (lambda x: TABLE["gradient"](local, x), local_hessian),
    "sparse": (
        lambda x: dm.jacobian_fwd(lambda u: u**2, x, sparse=True).toarray() @ np.ones(4),
        lambda x: np.diag(np.full(4, 2.0)),
    ),
}  # fmt: skip
NOT_REPLAYED = {
    "uses-variables-of-f": "hands to gradient raised TangentLostError there, perhaps since it uses",
    "sparse": "f calls jacobian_fwd with options whose results are no arrays",
}


@pytest.mark.parametrize("name", CUBES)
def test_a_function_that_differentiates(name):
    g, jacobian = CUBES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        prepared = dm.prepare(g, np.ones(4))
    for x in (X, X + 1, np.ones(4)):
        expected = jacobian(x)
        if name == "sparse":
            with pytest.raises(TypeError):
                prepared(x)
            continue
        np.testing.assert_allclose(prepared(x), expected, rtol=1e-12, atol=1e-12)
    assert (prepared.reason is None) == (name not in NOT_REPLAYED), prepared.reason
    if name in NOT_REPLAYED:
        assert NOT_REPLAYED[name] in prepared.reason


def test_explain_says_what_it_cannot_look_into():
    with pytest.raises(TypeError, match="cannot look into gradient, which f calls"):
        dm.explain(lambda x: dm.gradient(local, x), X)
