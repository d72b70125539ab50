"""What code does with a name: where it only calls a function of NumPy's, it may find another."""

import math

import numpy as np

import dualmc as dm
from dualmc.unchanged.copies import uses

X = np.array([3.0, 2.0])


def test_functions_that_code_holds_are_numpys_own():
    held = []

    def act(x, function):
        held.append(function)
        return np.tanh(x) if function is np.tanh else -x

    def called(x):
        return np.exp([x[0], 1.0]) + act(x, np.tanh)

    for f, x in ((called, X), (lambda x: act(x, np.exp), X)):
        dm.jacobian_fwd(f, x)
    assert [np.tanh, np.exp] == held
    assert type(held[0]) is np.ufunc
    slopes = 1 / np.cosh(X) ** 2
    np.testing.assert_allclose(dm.jacobian_fwd(lambda x: act(x, np.tanh), X), np.diag(slopes))
    table = {np.sin: np.cos}
    J = dm.jacobian_fwd(lambda x: table[np.sin](x), X)
    np.testing.assert_allclose(J, -np.diag(np.sin(X)))
    J = dm.jacobian_fwd(lambda x: x * (np is held and 1 or isinstance(np.exp, np.ufunc)), X)
    np.testing.assert_array_equal(J, np.eye(2))


def _names(f):
    return uses.renamed(f.__code__, globals()).co_names


def test_which_names_are_only_called():
    mark = uses.MARK
    assert "np" + mark in _names(lambda x: np.exp(x))
    assert "np" + mark in _names(lambda x: np.add.reduce(x) + np.linalg.norm(x) * np.pi)
    assert "np" + mark in _names(lambda x: np.sum(x, axis=0) + np.zeros(3))
    assert "np" + mark in _names(lambda x: np.stack(*x))
    assert "np" + mark + "exp" in _names(lambda x: x is np.exp)
    assert "np" + mark + "exp" + mark + "sin" in _names(lambda x: (np.sin, np.exp, np.cos(x)))
    assert "np" + mark + "linalg.norm" in _names(lambda x: map(np.linalg.norm, np.exp(x)))
    assert "np" in _names(lambda x: [np, np.exp(x)])
    assert "np" in _names(lambda x: x.np + np.exp(x))
    assert "math" in _names(lambda x: math.exp(x))
    assert uses.split("np" + mark) == ("np", frozenset())
    assert uses.split("np" + mark + "exp" + mark + "sin") == ("np", {"exp", "sin"})
