"""Names that are assigned to while f runs: every load finds what the name leads to then."""

import math
import sys
import types

import numpy as np
import pytest

import dualmc as dm

X = np.array([0.7, 1.3])
BOTH = np.array([[math.cos(0.7), 0.0], [-math.sin(0.7), 0.0]])  # of sin x0 and of cos x0

ACT = math.sin
BACKEND = math


class Owner:
    act = staticmethod(math.sin)


def by_name(t):
    return ACT(t)


def by_backend(t):
    return BACKEND.sin(t)


def use(function):
    global ACT
    ACT = function


def in_another_function(x):
    use(math.sin)
    first = by_name(x[0])
    use(math.cos)
    return np.array([first, by_name(x[0])])


def and_back(x):
    use(math.cos)
    second = by_name(x[0])
    use(math.sin)
    return np.array([by_name(x[0]), second])


def by_globals(x):
    globals()["ACT"] = math.sin
    first = by_name(x[0])
    globals()["ACT"] = math.cos
    return np.array([first, by_name(x[0])])


def of_its_own(x):
    global ACT
    ACT = math.sin
    first = ACT(x[0])
    ACT = math.cos
    return np.array([first, ACT(x[0])])


def of_a_module(x):
    here = sys.modules[__name__]
    here.ACT = math.sin
    first = by_name(x[0])
    here.ACT = math.cos
    return np.array([first, by_name(x[0])])


def whole_module(x):
    global BACKEND
    BACKEND = math
    first = by_backend(x[0])
    BACKEND = types.SimpleNamespace(sin=math.cos)
    second = by_backend(x[0])
    BACKEND = math
    return np.array([first, second])


def of_a_class(x):
    Owner.act = staticmethod(math.sin)
    first = Owner.act(x[0])
    Owner.act = staticmethod(math.cos)
    return np.array([first, Owner.act(x[0])])


def closures():
    act = math.sin

    def set_act(function):
        nonlocal act
        act = function

    def f(x):
        set_act(math.sin)
        first = act(x[0])
        set_act(math.cos)
        return np.array([first, act(x[0])])

    return f


FUNCTIONS = [
    in_another_function, and_back, by_globals, of_its_own, of_a_module, whole_module, of_a_class,
    closures(),
]  # fmt: skip
MODES = {
    "forward": dm.jacobian_fwd,
    "reverse": dm.jacobian_rev,
    "one column": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "prepared": lambda f, x: dm.prepare(f, x)(x),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:prepare")
def test_names_assigned_to_during_a_call(f, mode):
    for _ in range(2):
        np.testing.assert_allclose(MODES[mode](f, X), BOTH, rtol=1e-14)
    np.testing.assert_allclose(f(X), [math.sin(0.7), math.cos(0.7)], rtol=1e-15)
