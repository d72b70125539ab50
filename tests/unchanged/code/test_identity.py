"""Functions and classes that f is given, or finds in tables, are those that it knows by name."""

import numpy as np
import pytest

import dualmc as dm

X = np.array([1.5, 2.0])


class Euler:
    def step(self, x):
        return np.sin(x) * np.zeros(1)


class Heun:
    def step(self, x):
        return np.cos(x) * np.zeros(1)


class Ralston(Heun):
    def step(self, x):
        return super().step(x)


def euler(x):
    return np.sin(x) * np.zeros(1)


def heun(x):
    return np.cos(x) * np.zeros(1)


ORDERS = {Euler: 2.0, Heun: 5.0, Ralston: 7.0}
BY_FUNCTION = {euler: 2.0, heun: 5.0}


def _helper(method):
    return 5.0 if method is heun else 2.0


def _made_within(method):
    class Other(method):
        pass

    return 5.0 if Other != method and Other not in ORDERS and method in ORDERS else 2.0


CASES = {
    "class_is": (lambda c: 5.0 if c is Heun else 2.0, Heun, Euler),
    "class_in_a_tuple": (lambda c: 5.0 if c in (Heun, Ralston) else 2.0, Heun, Euler),
    "class_in_a_table": (lambda c: ORDERS[c], Heun, Euler),
    "class_in_a_table_made_there": (lambda c: {Euler: 2.0, Heun: 5.0}[c], Heun, Euler),
    "class_of_an_object": (lambda c: 5.0 if type(c) is Heun else 2.0, Heun(), Euler()),
    "class_of_an_object_in_a_list": (lambda c: 5.0 if type(c[0]) is Heun else 2.0, [Heun()], [0]),
    "class_of_an_object_in_a_table": (lambda c: ORDERS[type(c)], Heun(), Euler()),
    "class_of_an_object_made_there": (lambda c: ORDERS[type(Heun() if c else Euler())], 1, 0),
    "class_of_a_base": (lambda c: 5.0 if type(c) is Heun else 2.0, Heun(), Ralston()),
    "class_made_there": (_made_within, Heun, int),
    "subclass": (lambda c: 5.0 if issubclass(c, Heun) else 2.0, Ralston, Euler),
    "function_is": (lambda c: 5.0 if c is heun else 2.0, heun, euler),
    "function_in_a_helper": (_helper, heun, euler),
    "function_in_a_table": (lambda c: BY_FUNCTION[c], heun, euler),
    "function_in_a_table_made_there": (lambda c: {euler: 2.0, heun: 5.0}[c], heun, euler),
    "function_of_numpy": (lambda c: 5.0 if c is np.zeros else 2.0, np.zeros, np.ones),
}  # fmt: skip
MODES = {
    "forward": dm.jacobian_fwd,
    "reverse": dm.jacobian_rev,
    "prepared": lambda f, x, c: dm.prepare(f, x, c)(x, c),
    "prepared_with_another": lambda f, x, c: _prepared_with_another(f, x, c),
}


def _prepared_with_another(f, x, c):
    others = next((a, b) for _, a, b in CASES.values() if c is a or c is b)
    J = dm.prepare(f, x, next(a for a in others if a is not c))
    J(x, c)
    return J(x, c)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_identity(name, mode):
    factor, *arguments = CASES[name]
    for c, right in zip(arguments, (5.0, 2.0), strict=True):
        if name == "class_made_there" and c is int:
            right = 2.0
        assert np.array_equal(MODES[mode](lambda x, c: x * factor(c), X, c), right * np.eye(2))
