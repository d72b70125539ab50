"""f takes the way that it takes on plain numbers: by the text of a number, by single dispatch."""

import functools
import math

import numpy as np
import pytest

import dualmc as dm

X = np.array([-1.5, 3.0])


@functools.singledispatch
def generic(x):
    return 5 * x


@generic.register(np.ndarray)
def of_array(x):
    out = np.zeros(2)
    out[:] = x**2
    return out


@generic.register(float)
def of_number(x):
    return math.sin(x)


@generic.register
def of_list(x: list):
    return np.array(x) ** 3


def doubled_by_text(x):
    return 2 * x if str(x[0]).startswith("-") else x


def by_length_of_text(x):
    return len(str(x[0])) * x


def by_repr(x):
    return x**2 if repr(x).startswith("array([") else x


def by_percent(x):
    return {"-1.5": 7.0}.get("%s" % x[0], 1.0) * x  # noqa: UP031


def by_text_of_a_list(x):
    return x**2 if str(list(x)) == str(list(X)) else x


def by_text_of_a_sum(x):
    return np.sum(x) * (3.0 if repr(np.sum(x)) == repr(np.float64(1.5)) else 1.0)


CASES = [
    (generic, np.diag(2 * X)),
    (lambda x: generic(x[1]), [0.0, math.cos(3.0)]),
    (lambda x: generic([x[0], x[1]]), np.diag(3 * X**2)),
    (lambda x: np.sum(generic(x)) + generic(x[0]) + generic(np.ones(2))[0], None),
    (doubled_by_text, 2 * np.eye(2)),
    (by_length_of_text, 4 * np.eye(2)),
    (by_repr, np.diag(2 * X)),
    (by_percent, 7 * np.eye(2)),
    (by_text_of_a_list, np.diag(2 * X)),
    (by_text_of_a_sum, [3.0, 3.0]),
]


@pytest.mark.parametrize("mode", ["jacobian_fwd", "jacobian_rev", "prepare", "chunks"])
@pytest.mark.parametrize(("f", "J"), CASES)
def test_the_way_of_plain_numbers(f, J, mode):
    if J is None:
        J = 2 * X + [math.cos(X[0]), 0.0]
    if mode == "prepare":
        found = dm.prepare(f, X)(X)
    elif mode == "chunks":
        found = dm.jacobian_fwd(f, X, chunk_size=1)
    else:
        found = getattr(dm, mode)(f, X)
    np.testing.assert_allclose(found, J, rtol=1e-14)


def test_inside_of_two_derivatives():
    def f(x):
        return x**3 if str(x) == str(np.float64(2.0)) else x

    assert float(dm.derivative(lambda x: dm.derivative(f, x), 2.0)) == 12.0
    assert float(dm.hessian(f, 2.0)) == 12.0


def test_registered_later():
    @functools.singledispatch
    def late(x):
        return 5 * x

    assert float(dm.derivative(late, 2.0)) == 5.0
    late.register(float)(lambda x: x**2)
    assert float(dm.derivative(late, 2.0)) == 4.0


def test_a_prepared_function_reads_other_text():
    J = dm.prepare(doubled_by_text, X)
    np.testing.assert_array_equal(J(-X), np.eye(2))
    np.testing.assert_array_equal(J(X), 2 * np.eye(2))


def test_a_dual_made_by_hand_shows_its_tangent():
    d = dm.Dual([1.0, 2.0], [3.0, 4.0])
    assert "tangent of shape" in repr(d) and str(d) == "Dual([1. 2.])"


def by_exact_type(t):
    return t**2 if type(t) is float else 5 * t


@pytest.mark.parametrize(
    ("x", "slope"), [(3.0, 6.0), (np.float64(3.0), 5.0), (np.array(3.0), 5.0), (np.float32(3), 5.0)]
)
def test_a_float_of_pythons_is_one(x, slope):
    for go in (dm.derivative, dm.jacobian_fwd, dm.jacobian_rev, dm.gradient):
        assert float(go(by_exact_type, x)) == slope
    assert float(dm.jvp(by_exact_type, x, 1.0)[1]) == slope
    assert float(dm.derivative(lambda t: by_exact_type(t) * 1.0, x)) == slope


def test_a_float_of_pythons_in_a_prepared_function():
    with pytest.warns(UserWarning, match="asks for the type of an argument"):
        J = dm.prepare(by_exact_type, 3.0)
    assert [float(J(t)) for t in (3.0, 4.0, np.float64(4.0), np.array(4.0))] == [6.0, 8.0, 5.0, 5.0]
    assert str(dm.explain(by_exact_type, 3.0)).count("2")


def test_explain_names_the_arrays_around_f():
    X, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 0.5])
    text = str(dm.explain(lambda w: np.mean((b - X @ w) ** 2), np.array([0.1, 0.2])))
    assert "X" in text and "b" in text and "c1" not in text
    text = str(dm.explain(lambda w: np.sum(AROUND * w), np.array([0.1, 0.2])))
    assert "AROUND" in text


AROUND = np.array([2.0, 5.0])


FLOAT_ATTRIBUTES = {
    "hasattr shape": lambda x: x if hasattr(x, "shape") else 2 * x,
    "getattr ndim": lambda x: 2 * x if getattr(x, "ndim", None) is None else x,
    "hasattr hex": lambda x: 2 * x if hasattr(x, "hex") else x,
    "getattr real": lambda x: x + getattr(x, "real", 0.0),
    "repr": lambda x: 2 * x if repr(x) == "1.5" else x,
}


@pytest.mark.parametrize("name", FLOAT_ATTRIBUTES)
def test_a_float_of_pythons_has_no_attributes_of_arrays(name):
    f = FLOAT_ATTRIBUTES[name]
    for got in (dm.derivative(f, 1.5), dm.jacobian_rev(f, 1.5), dm.jacobian_fwd(f, 1.5)):
        assert got == 2.0
    # Of g(z) = z f'(z), of which f' is 2 at every float.
    if not name.startswith("repr"):
        assert dm.derivative(lambda z: z * dm.derivative(f, z), 1.5) == 2.0
    if name != "repr":  # of another number it is another factor
        with pytest.warns(UserWarning, match="asks for the type of an argument"):
            prepared = dm.prepare(f, 1.5)
        assert prepared(2.5) == 2.0


def test_a_number_of_numpys_has_them():
    f = lambda x: 2 * x if hasattr(x, "shape") else x  # noqa: E731
    assert dm.derivative(f, np.float64(1.5)) == 2.0
    assert dm.gradient(lambda x: f(x[0]), np.array([1.5, 2.0]))[0] == 2.0
