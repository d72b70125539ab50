"""Whether a user's function, as it is, has right derivatives; programs that fill buffers."""

import numpy as np
from oracles import differences

import dualmc as dm

X = np.array([0.5, 1.2, 2.0])
MODES = [dm.jacobian_fwd, dm.jacobian_rev]


def assert_right(f, x=X, rtol=1e-8):
    """In both modes, against differences of the plain function; and from many inputs too."""
    expected = differences(lambda x: np.asarray(f(x), float), x)
    for differentiate in MODES:
        np.testing.assert_allclose(differentiate(f, x), expected, rtol=rtol, atol=rtol)
    many = np.concatenate([x, np.ones(20)])
    J = dm.jacobian_fwd(lambda z: f(z[: x.size]), many)
    np.testing.assert_allclose(J[..., : x.size], expected, rtol=rtol, atol=rtol)


def by_element(make):
    def f(x):
        out = make(3)
        for i in range(3):
            out[i] = x[i] * x[i - 1]
        return out

    return f


def by_slice(make):
    def f(x):
        out = make(3)
        out[1:] += x[:2] ** 2
        out[0] = x[2]
        return out * out

    return f
