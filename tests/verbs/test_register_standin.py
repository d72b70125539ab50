"""`register_standin`: functions of other packages, replaced while they are differentiated."""

import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from struct import pack

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.special
from expecting import raises
from scipy.signal import lfilter

import dualmc as dm
from dualmc.duals import levels
from dualmc.unchanged.standins.table import STANDINS

X = np.array([3.0, 0.5, -1.0])
POWERS = np.tril(0.5 ** abs(np.subtract.outer(np.arange(3), np.arange(3))))
CALLS: list = []


@pytest.fixture(autouse=True)
def _table_as_before():
    CALLS.clear()
    dm.derivative(scipy.special.erf, 0.5)  # the stand-ins for SciPy are in the table then
    before = dict(STANDINS)
    yield
    for function in (lfilter, pack, scipy.signal.detrend):
        if STANDINS.get(function) is not before.get(function):
            dm.unregister_standin(function)
    assert STANDINS == before


def filtered(x):
    """y[i] = x[i] + y[i - 1] / 2, of which the Jacobian is `POWERS`."""
    return lfilter([1.0], [1.0, -0.5], x)


def filtered_by_attribute(x):
    return scipy.signal.lfilter([1.0], [1.0, -0.5], x)


def filtered_in_a_closure():
    inner = partial(lfilter, [1.0], [1.0, -0.5])
    return lambda x: inner(x)


@dm.custom_jvp
def recursion(b, a, x):
    CALLS.append("recursion")
    return lfilter(b, a, x)


@recursion.def_jvp
def _(primals, tangents):
    b, a, x = primals
    return recursion(b, a, x), lfilter(b, a, tangents[2])


def steps(b, a, x):
    CALLS.append("steps")
    y = [x[0]]
    for v in x[1:]:
        y.append(v - a[1] * y[-1])
    return np.stack(y)


MODES = {
    "forward": dm.jacobian_fwd,
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True).toarray(),
    "reverse": dm.jacobian_rev,
    "columns": lambda f, x: np.stack([dm.jvp(f, x, e)[1] for e in np.eye(3)], 1),
    "rows": lambda f, x: np.stack([dm.vjp(f, x)[1](e) for e in np.eye(3)]),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("standin", [recursion, steps], ids=["custom_jvp", "numpy"])
@pytest.mark.parametrize(
    "f",
    [filtered, filtered_by_attribute, filtered_in_a_closure()],
    ids=["name", "attribute", "cell"],
)
def test_code_that_calls_the_function_finds_the_standin(f, standin, mode):
    assert dm.register_standin(lfilter, standin) is standin
    np.testing.assert_allclose(MODES[mode](f, X), POWERS, rtol=1e-14)
    assert CALLS


def test_it_is_found_by_code_that_was_differentiated_before():
    with pytest.raises(Exception):  # noqa: B017  (until SciPy's function has a derivative)
        dm.jacobian_fwd(filtered, X)
        raise ValueError
    dm.register_standin(lfilter, steps)
    np.testing.assert_allclose(dm.jacobian_fwd(filtered, X), POWERS, rtol=1e-14)
    assert ["steps"] == CALLS
    dm.register_standin(lfilter, recursion)
    np.testing.assert_allclose(dm.jacobian_fwd(filtered, X), POWERS, rtol=1e-14)
    assert "recursion" in CALLS


def test_second_derivatives():
    dm.register_standin(lfilter, recursion)

    def energy(x):
        return np.sum(filtered(x) ** 2) / 2

    np.testing.assert_allclose(dm.hessian(energy, X), POWERS.T @ POWERS, rtol=1e-13)
    np.testing.assert_allclose(dm.hvp(energy, X, X), POWERS.T @ POWERS @ X, rtol=1e-13)


def test_prepared():
    dm.register_standin(lfilter, steps)
    J = dm.prepare(lambda x: np.sin(filtered(x)), X)
    for x in (X, X + 0.25, X * 1.5):
        y = np.linalg.solve(np.linalg.inv(POWERS), x)
        np.testing.assert_allclose(J(x), np.cos(y)[:, None] * POWERS, rtol=1e-11)


def test_compiled_functions_in_every_way_they_are_named():
    dm.register_standin(pack, lambda form, value: 3.0 * value)
    assert 12.0 == dm.derivative(lambda x: pack("d", x) * 4.0, 2.0)
    assert 12.0 == dm.derivative(lambda x: struct.pack("d", x) * 4.0, 2.0)


def test_the_decorator_and_keyword_arguments():
    @dm.register_standin(scipy.signal.detrend)
    def detrend(data, axis=-1, type="linear"):
        assert type == "constant"
        return data - np.mean(data)

    J = dm.jacobian_fwd(lambda x: scipy.signal.detrend(data=x, type="constant"), X)
    np.testing.assert_allclose(J, np.eye(3) - 1 / 3, rtol=1e-15)
    np.testing.assert_array_equal(detrend(X, type="constant"), X - np.mean(X))


# --- Where the function is what it was ------------------------------------------------------------


def test_outside_of_calls_and_on_constants():
    before = lfilter
    dm.register_standin(lfilter, steps)
    assert lfilter is before and scipy.signal.lfilter is before
    assert 8 == len(pack("d", 1.0))

    def f(x):
        return x * lfilter([1.0], [1.0, -0.5], np.ones(3) + 0.0 * len(x))[2] + len(pack("d", 1.0))

    dm.register_standin(pack, lambda *args: 1 / 0)
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), 1.75 * np.eye(3))
    np.testing.assert_allclose(filtered(X), POWERS @ X, rtol=1e-15)


def test_the_standin_calls_the_function_itself():
    def doubled(form, value):
        return 2.0 * value + len(pack(form, 1.0))

    dm.register_standin(pack, doubled)
    y, y_dot = dm.jvp(lambda x: pack("d", x), 1.5, 1.0)
    assert (11.0, 2.0) == (y, y_dot)


def test_a_function_that_its_standin_hands_the_dual_refuses_it():
    dm.register_standin(pack, lambda form, value: pack(form, value))
    with pytest.raises((TypeError, struct.error)):
        dm.derivative(lambda x: pack("d", x), 1.5)
    assert levels.current() is None
    dm.register_standin(pack, lambda form, value: 2.0 * value)
    assert 2.0 == dm.derivative(lambda x: pack("d", x), 1.5)


def test_after_an_error_the_standin_is_found_again():
    def faulty(form, value):
        if value > 2:
            raise KeyError("too large")
        return value * value

    dm.register_standin(pack, faulty)
    with pytest.raises(KeyError, match="too large"):
        dm.derivative(lambda x: pack("d", x), 3.0)
    assert 3.0 == dm.derivative(lambda x: pack("d", x), 1.5)


def test_threads_have_standins_of_their_own():
    inside, go_on = threading.Event(), threading.Event()

    def waiting(form, value):
        if value > 2:
            inside.set()
            go_on.wait(10)
        return value * value

    dm.register_standin(pack, waiting)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(dm.derivative, lambda x: pack("d", x), 3.0)
        inside.wait(10)
        assert 2.0 == dm.derivative(lambda x: pack("d", x), 1.0)
        go_on.set()
        assert 6.0 == slow.result()


def test_unregistered():
    dm.register_standin(pack, lambda form, value: 2.0 * value)
    assert 2.0 == dm.derivative(lambda x: pack("d", x), 1.5)
    dm.unregister_standin(pack)
    with pytest.raises((TypeError, struct.error)):
        dm.derivative(lambda x: pack("d", x), 1.5)
    with raises(ValueError, "unregister_standin: no stand-in is registered for _struct.pack."):
        dm.unregister_standin(pack)


def test_a_standin_of_the_users_comes_before_those_of_dualmc():
    function = scipy.linalg.norm
    before = STANDINS.get(function)
    dm.register_standin(function, lambda a: 7.0 * a[0])
    try:
        assert [7.0, 0, 0] == dm.gradient(lambda x: scipy.linalg.norm(x), X).tolist()
    finally:
        dm.unregister_standin(function)
    assert STANDINS.get(function) is before
    np.testing.assert_allclose(dm.gradient(lambda x: scipy.linalg.norm(x), X), X / np.sqrt(10.25))


# --- What is refused ------------------------------------------------------------------------------


class Model:
    def run(self, x):
        return x


@pytest.mark.parametrize(
    ("function", "standin", "error", "said"),
    [
        (3, len, TypeError, "register_standin needs a function of a package, got int."),
        ([], len, TypeError, "register_standin needs a function of a package, got list."),
        (np.sinh, len, TypeError, "numpy.sinh is a ufunc. Give its partial derivatives with"),
        (Model, len, TypeError, "Model is a class, which code does not call by a name"),
        (Model.run, len, TypeError, "Model.run is a method, which"),
        (Model().run, len, TypeError, "Model.run is a method, which"),
        (pack, 3, TypeError, "register_standin(_struct.pack, ...) needs a function to take its"),
        (pack, pack, ValueError, "_struct.pack cannot stand for itself."),
        (np.sum, len, ValueError, "dualmc has its own derivative of numpy.sum; it cannot be"),
        (np.zeros, len, ValueError, "dualmc has its own derivative of numpy.zeros; it cannot"),
        (__import__("math").sin, len, ValueError, "dualmc has its own derivative of math.sin;"),
    ],
)  # fmt: skip
def test_refused(function, standin, error, said):
    with raises(error, said):
        dm.register_standin(function, standin)


def test_nothing_to_unregister():
    with raises(ValueError, "no stand-in is registered for scipy.signal.lfilter."):
        dm.unregister_standin(lfilter)
