"""`check_jacobian` judges by f itself, untouched, on plain numbers of its own."""

import math

import numba
import numpy as np
import pytest

import dualmc as dm

WEIGHTS = np.array([1.0, 2.0])


def scaled(v):
    return 10 * v if type(v) is np.ndarray else v


def by_class(x):
    return x**2 if x.__class__ is np.ndarray else 5 * x


def by_type_of_number(t):
    return t**2 if type(t) is float else t


def by_numpy_type(t):
    return t**2 if type(t) is np.float64 else t


def by_text(x):
    return x**2 if repr(x).startswith("array([") else x


def by_length(p):
    return p[0] if hasattr(p[0], "__len__") else p[0] ** 2


def by_refusal(x):
    try:
        return float(x[0]) ** 2 + x[0]
    except TypeError:
        return 1.0 * x[0]


def by_shape(x):
    return x if hasattr(x[0], "level") else np.append(x, x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("f", "x", "right"),
    [
        (by_class, [1.0, 3.0], [[2, 0], [0, 6]]),
        (lambda x: np.sum(scaled(WEIGHTS)) * x, 2.0, 30.0),
        (by_type_of_number, 3.0, 6.0),
        (by_numpy_type, np.float64(3.0), 6.0),
        (by_text, [1.0, 3.0], [[2, 0], [0, 6]]),
        (by_length, [3.0], [6]),
        (by_refusal, [3.0], [7]),
        (by_shape, [3.0, 1.0], [[1, 0], [0, 1], [1, 0], [0, 1]]),
    ],
)
def test_another_way_on_duals_is_never_called_right(f, x, right):
    with dm.refusals("warn"):
        J = dm.jacobian_fwd(f, x)
        found = dm.check_jacobian(f, x)
    assert bool(found) == (np.shape(J) == np.shape(right) and np.allclose(J, right))
    if not found:
        assert found.method == "plain value"
        assert "on Duals" in found.cause and found.cause in str(found)


def squares(x):
    x *= x
    return x + 1.0


def first_entry(x):
    x[0] = 2 * x[0]
    return x**2


def through_a_view(x):
    y = x[1:]
    y -= x[0]
    return x**3


def sorted_in_place(x):
    x.sort()
    return x * np.arange(1.0, 4.0)


@pytest.mark.parametrize("f", [squares, first_entry, through_a_view, sorted_in_place])
def test_functions_that_write_into_their_argument(f):
    x = np.array([1.3, 1.5, 0.2])
    before = x.copy()
    found = dm.check_jacobian(f, x)
    assert found and found.cause == ""
    np.testing.assert_array_equal(before, x)


def test_two_arguments_written():
    def swap(a, b):
        a[...], b[...] = b * a, a.copy()
        return a + 3 * b

    a, b = np.array([1.0, 2.0]), np.array([0.5, 4.0])
    assert dm.check_jacobian(swap, a, b, argnums=(0, 1))
    assert (a == [1.0, 2.0]).all() and (b == [0.5, 4.0]).all()


@numba.njit
def compiled(x):
    total = 0.0
    for v in x:
        total += math.sin(v) * v
    return total


@numba.njit
def compiled_in_place(x):
    for i in range(x.size):
        x[i] *= x[0]
    return x


@numba.njit
def wrapping(x):
    h = 1
    for _ in range(70):
        h *= 3  # leaves the integers of 64 bits
    return x * (h % 7)


def test_compiled_functions():
    assert dm.check_jacobian(compiled, np.array([0.3, 2.0]))
    assert dm.check_jacobian(compiled_in_place, np.array([0.3, 2.0]))


def test_compiled_integers_that_wrap_are_seen():
    x = np.array([0.3])
    found = dm.check_jacobian(wrapping, x)
    J = dm.jacobian_fwd(wrapping, x)
    assert bool(found) == np.allclose(J, wrapping(x) / x)


def test_not_repeatable_is_said_of_what_is_not():
    counter = iter(range(100))
    found = dm.check_jacobian(lambda x: x * next(counter), [1.0])
    assert not found and "not repeatable: two plain calls" in found.cause
    assert "not repeatable" not in dm.check_jacobian(np.abs, [0.0]).cause


def test_rounding_is_not_another_way():
    # The functions of math and of NumPy round differently.
    assert dm.check_jacobian(lambda x: math.exp(x) * math.tanh(x) - math.gamma(x), 3.7)
    x = np.float32(1.7)
    found = dm.check_jacobian(lambda t: np.exp(np.sin(t)) * t, x, rtol=1e-5)
    assert found.method != "plain value"


def test_values_that_are_not_finite_are_compared_too():
    assert dm.check_jacobian(lambda x: np.where(x > 0, x, np.nan), [1.0, 2.0])
    found = dm.check_jacobian(lambda x: x if hasattr(x, "level") else x * np.inf, [1.0, 2.0])
    assert not found and found.method == "plain value"


def test_complex_outputs():
    assert dm.check_jacobian(lambda x: np.exp(1j * x), [1.0, 2.0])
    found = dm.check_jacobian(lambda x: np.abs(x) * 1j, [1.0, 0.0])
    assert not found and "a kink" in found.cause


def test_f_that_is_no_function_of_plain_numbers_fails_as_it_is():
    def f(x):
        if type(x) is np.ndarray:
            raise KeyError("plain")
        return x

    with pytest.raises(KeyError, match="plain"):
        dm.check_jacobian(f, [1.0])
