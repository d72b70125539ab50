"""A call without options takes fewer steps than one with them, to the same bits."""

import ast
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import dualmc as dm
from dualmc.calls.structures import structured
from dualmc.duals import levels
from dualmc.passes import forward_pass, jacobian
from dualmc.tangents import dense_tangent

X = np.array([0.7, -1.3, 2.1])
M = np.array([[0.7, -1.3, 2.1], [1.1, 0.2, -0.4]])
C = np.array([3.0, 1.0, 2.0])


def written(x):
    x[0] = x[1] * 2
    return x


def filled(x):
    y = np.zeros(4)
    y[1:] = np.sin(x)
    return y


def ended(x):
    kept.append(x)
    return x * 2


kept: list = []

CASES = {
    "identity": (lambda x: x, X),
    "element-wise": (lambda x: np.sin(x) * x, X),
    "one number": (lambda x: np.sum(x * x), X),
    "an item": (lambda x: x[1], X),
    "matrix": (lambda x: x @ x.T, M),
    "Fortran order": (lambda x: x * 2, np.asfortranarray(M)),
    "strided": (lambda x: x / 3, M[:, ::2]),
    "reversed": (lambda x: x**2, X[::-1]),
    "float": (lambda t: np.array([t, t * t]), 1.3),
    "float to float": (lambda t: math.sin(t) * t, 1.3),
    "no dimensions": (lambda t: t * t, np.array(1.3)),
    "empty": (lambda x: x * 2, np.zeros(0)),
    "many": (lambda x: x[1:] * x[:-1], np.linspace(0, 1, 40)),
    "sixteen": (lambda x: x[1:] - x[:-1], np.linspace(0, 1, 16)),
    "seventeen": (lambda x: x[1:] - x[:-1], np.linspace(0, 1, 17)),
    "no inputs": (lambda x: np.ones(2), X),
    "whole numbers": (lambda x: np.sign(x).astype(int), X),
    "a view": (lambda x: x[::2], X),
    "transposed": (lambda x: x.T, M),
    "broadcast": (lambda x: np.broadcast_to(x[:1], (2, 3)), X),
    "list": (lambda x: [x[0], 2.0, x[1] * x[2]], X),
    "tuple of arrays": (lambda x: (x, x * 2), X),
    "dict": (lambda x: {"a": x[0], "b": x[1:]}, X),
    "complex": (lambda x: np.exp(1j * x), X),
    "0 times inf": (lambda x: np.array([0.0, np.inf, np.nan]) * x, X),
    "float32": (lambda x: x.astype(np.float32), X),
    "written to": (written, X),
    "filled": (filled, X),
    "kept": (ended, X),
    "integers": (lambda x: x * 2, [1, 2]),
    "of float32": (lambda x: x * 2, X.astype(np.float32)),
}


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def bits(found):
    """All that tells two results apart."""
    if isinstance(found, (tuple, list)):
        return [bits(part) for part in found]
    if isinstance(found, dict):
        return {key: bits(part) for key, part in found.items()}
    a = np.asarray(found)
    return type(found), a.dtype, a.shape, a.flags.writeable, a.tobytes()


@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_as_with_options(name):
    f, x = CASES[name]
    before = bits(x)
    for _ in range(3):
        both = dm.value_and_jacobian_fwd(f, x)
        assert bits(dm.value_and_jacobian_fwd(f, x, argnums=0)) == bits(both)
        assert bits(dm.jacobian_fwd(f, x)) == bits(both[1])
        assert bits(dm.jacobian_fwd(f, x, has_aux=False)) == bits(both[1])
        assert bits(x) == before
        assert levels.current() is None


@pytest.mark.parametrize("name", ["identity", "matrix", "written to", "many"])
def test_an_array_that_may_not_be_written_to(name):
    f, x = CASES[name]
    x = read_only(x)
    assert bits(dm.jacobian_fwd(f, x)) == bits(dm.jacobian_fwd(f, x, argnums=0))


def test_further_arguments():
    def f(x, a, b):
        return a * x + b["shift"] * x[0]

    given = X, C, {"shift": 2.0}
    J = dm.jacobian_fwd(f, *given)
    expected = np.diag(C)
    expected[:, 0] += 2.0
    np.testing.assert_array_equal(J, expected)
    assert bits(J) == bits(dm.jacobian_fwd(f, *given, argnums=0))


def test_a_further_argument_of_a_call_that_has_ended():
    kept.clear()
    dm.jacobian_fwd(ended, C)
    np.testing.assert_array_equal(dm.jacobian_fwd(lambda x, a: a * x, X, kept[-1]), np.diag(C))


def test_within_another_call():
    def f(x):
        return dm.jacobian_fwd(lambda t: x * t**2, X) @ x

    def g(x):
        return dm.jacobian_fwd(lambda t: x * t**2, X, argnums=0) @ x

    expected = np.diag(4 * X * X)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), expected, rtol=1e-15)
    assert bits(dm.jacobian_fwd(f, X)) == bits(dm.jacobian_fwd(g, X))


def eigenvalues(t):
    return np.linalg.eigvalsh(np.diag(t))


@pytest.mark.parametrize(
    ("f", "x"), [(lambda t: np.abs(t) * t, np.zeros(2)), (eigenvalues, np.ones(2))]
)
def test_kinks_and_values_that_meet_within_another_call(f, x):
    usual = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), x)
    optioned = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x, argnums=0), x, argnums=0)
    assert bits(usual) == bits(optioned)


def test_what_does_not_fit_is_made_in_chunks(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 8 * 40 * 10)
    called = []

    def f(x):
        called.append(x.level.n)
        return np.cumsum(np.exp(x))[:30] @ np.ones((30, 40))

    x = np.linspace(0, 1, 40)
    J = dm.jacobian_fwd(f, x)
    widths = called[:]
    called.clear()
    assert bits(J) == bits(dm.jacobian_fwd(f, x, argnums=0))
    assert widths == called
    assert len(widths) > 2


def test_too_little_memory_is_said():
    def f(x):
        raise MemoryError("no room")

    for options in ({}, {"argnums": 0}):
        with pytest.raises(MemoryError, match="3 inputs do not fit into memory: no room"):
            dm.jacobian_fwd(f, X, **options)
    assert levels.current() is None


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_errors_of_f_leave_nothing_behind(error):
    def f(x):
        if math.cos(x[0]) > -2:
            raise error("f's own")
        return x

    code = f.__code__
    for _ in range(3):
        for options in ({}, {"argnums": 0}):
            with pytest.raises(error, match="f's own"):
                dm.jacobian_fwd(f, X, **options)
            assert levels.current() is None
            assert f.__code__ is code


class Table:
    """f returns what it keeps where it is called at the same point again."""

    def __init__(self):
        self.x = self.y = None

    def __call__(self, x):
        if self.x is None or not np.array_equal(x, self.x):
            self.x, self.y = x, x * x
        return self.y


def test_a_function_that_remembers():
    f = Table()
    f(X)
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), np.diag(2 * X))


# --- What a call finds changed since the last one -------------------------------------------------

shift = np.sin
space = SimpleNamespace(f=np.cos)


def through_names(x):
    return shift(x) + math.exp(x[0])


def test_a_global_name_that_leads_elsewhere(monkeypatch):
    slope = np.exp(X[0]) * np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(dm.jacobian_fwd(through_names, X), np.diag(np.cos(X)) + slope)
    monkeypatch.setattr(sys.modules[__name__], "shift", lambda x: x * math.sin(x[1]))
    expected = np.sin(X[1]) * np.eye(3) + slope
    expected[:, 1] += X * np.cos(X[1])
    np.testing.assert_allclose(dm.jacobian_fwd(through_names, X), expected)
    monkeypatch.undo()
    np.testing.assert_allclose(dm.jacobian_fwd(through_names, X), np.diag(np.cos(X)) + slope)


def test_code_that_was_exchanged_by_the_user():
    def f(x):
        return x * 2

    def g(x):
        return math.sin(x[0]) * x

    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), 2 * np.eye(3))
    f.__code__ = g.__code__
    expected = math.sin(X[0]) * np.eye(3)
    expected[:, 0] += X * math.cos(X[0])
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), expected)
    assert f.__code__ is g.__code__


def test_defaults_of_functions_of_the_same_code():
    def sine(t):
        return math.sin(t)

    def square(t):
        return t * t

    def made(g):
        def f(x, *, g=g):
            return g(x[0]) * x

        return f

    for _ in range(2):
        for g, y, slope in ((sine, math.sin, math.cos), (square, lambda t: t * t, lambda t: 2 * t)):
            expected = y(X[0]) * np.eye(3)
            expected[:, 0] += X * slope(X[0])
            np.testing.assert_allclose(dm.jacobian_fwd(made(g), X), expected)


def test_a_function_marked_to_be_left_as_it_is():
    def f(x):
        return x + np.zeros(3)

    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), np.eye(3))
    dm.as_is(f)
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), np.eye(3))


# --- How much a call does -------------------------------------------------------------------------


def python_calls(call):
    """How many Python functions `call` runs, itself left out."""
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event == "call"

    known = set(structured.known)
    structured.known.clear()  # of other tests: else every call asks whether f is one of them
    for _ in range(5):
        call()
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
        structured.known.update(known)
    return count - 1


def identity(x):
    return x


ONE = np.ones(1)


CALLS = {"jacobian_fwd": 20, "value_and_jacobian_fwd": 20, "derivative": 27, "gradient": 30,
         "value_and_gradient": 30}  # fmt: skip


def counted():
    """The Python calls of each verb, in a process that has done nothing else."""
    points = {"derivative": 1.3, "gradient": ONE, "value_and_gradient": ONE}
    return {
        name: python_calls(lambda name=name: getattr(dm, name)(identity, points.get(name, X)))
        for name in CALLS
    }


def test_the_python_calls_of_a_call():
    """What other tests have met, and dualmc looks for since, would be counted too."""
    paths = [os.path.dirname(__file__), *sys.path]
    code = f"import sys; sys.path[:] = {paths!r}; import test_whole; print(test_whole.counted())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = ast.literal_eval(shown.stdout)
    assert found.keys() == CALLS.keys()
    assert {name: found[name] for name in CALLS if found[name] > CALLS[name]} == {}
    assert min(found.values()) > 10


def test_only_what_is_usual_goes_the_short_way(monkeypatch):
    met = []
    monkeypatch.setattr(jacobian, "whole", lambda *args: met.append(1) or whole(*args))
    whole = forward_pass.whole
    dm.jacobian_fwd(identity, X)
    assert met
    met.clear()
    dm.jacobian_fwd(identity, X, sparse=False)
    dm.jacobian_fwd(identity, [1.0, 2.0])
    with dm.kinks("warn"):
        dm.jacobian_fwd(identity, X)
    assert not met
