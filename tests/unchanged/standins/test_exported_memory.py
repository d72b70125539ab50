"""Buffers, conversions, and the classes ndarray and matrix in code left as it is."""

import math

import numpy as np
import pytest
from adapted_judge import MODES, assert_right, by_element, by_slice

import dualmc as dm
import dualmc.numpy as dnp
from dualmc.duals import levels
from dualmc.unchanged.standins.table import STANDINS

MAKERS = {
    "zeros": lambda n: np.zeros(n),
    "zeros shape": lambda n: np.zeros((n,)),
    "ones": lambda n: np.ones(n),
    "full": lambda n: np.full(n, 2.0),
    "eye": lambda n: np.eye(n)[0],
    "identity": lambda n: np.identity(n)[1],
    "arange": lambda n: np.arange(float(n)),
    "linspace": lambda n: np.linspace(0.0, 1.0, n),
    "zeros_like": lambda n: np.zeros_like(np.linspace(1.0, 2.0, n)),
    "full_like": lambda n: np.full_like(np.ones(n), 0.5),
    "array": lambda n: np.array([0.0] * n),
    "asarray": lambda n: np.asarray([1.0] * n),
    "array of array": lambda n: np.array(np.ones(n)),
    "copy": lambda n: np.copy(np.ones(n)),
    "from file": lambda n: np.frombuffer(np.ones(n).tobytes()).copy() if n < 0 else np.ones(n),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("program", [by_element, by_slice])
def test_a_buffer_holds_what_is_stored(program, make):
    assert_right(program(make))


def test_an_empty_buffer():
    assert_right(by_element(lambda n: np.empty(n)))
    assert_right(by_element(lambda n: np.empty_like(np.ones(n))))


CONVERSIONS = {
    "array": lambda x: np.array([[x[0], 1.0], [x[1], x[2]]]) @ np.array([x[0], 2.0]),
    "array dtype": lambda x: np.array([x[0], x[1] ** 2], dtype=float),
    "array of the input": lambda x: np.array(x) * x,
    "array ndmin": lambda x: np.array(x, ndmin=2) * x,
    "asarray": lambda x: np.asarray(x) ** 2,
    "asarray dtype": lambda x: np.asarray(x, dtype=float) ** 2,
    "asarray list": lambda x: np.asarray([x[0], x[1] * x[2]]),
    "ascontiguousarray": lambda x: np.ascontiguousarray(x[::-1]) * x,
    "asarray_chkfinite": lambda x: np.asarray_chkfinite(x) * x,
    "atleast_1d": lambda x: np.atleast_1d(x[0]) * x,
    "fromiter": lambda x: np.fromiter((v * v for v in x), float),
    "fromiter count": lambda x: np.fromiter((v * v for v in x), float, 2),
    "full": lambda x: np.full((2, 2), x[0] * x[1]),
    "full dtype": lambda x: np.full(2, x[0], dtype=float) * x[1],
    "arange": lambda x: np.arange(x[0], 3.1 + x[0], x[0] + 0.5),
    "list": lambda x: sum(list(x * x)) * x,
    "map": lambda x: np.array(list(map(math.tanh, x))),
    "sorted": lambda x: np.array(sorted(x, reverse=True)) * x,
    "zip": lambda x: np.array([a * b for a, b in zip(x, x[::-1], strict=True)]),
    "vectorize": lambda x: np.vectorize(lambda v: v**2 if v > 1 else v)(x),
    "vectorize two": lambda x: np.vectorize(lambda v, w: v * w)(x, x[0]),
    "isinstance array": lambda x: x * x if isinstance(x, np.ndarray) else x * 0,
    "isinstance float": lambda x: np.array([v * v if isinstance(v, float) else 0.0 for v in x]),
    "isscalar": lambda x: x[0] * x if np.isscalar(x[0]) else x * 0,
    "complex buffer": lambda x: by_element(lambda n: np.zeros(n, complex))(x).real,
    "2-D buffer": lambda x: (np.zeros((3, 3)) + np.eye(3) * x) @ x,
    "joined with constants": lambda x: np.hstack([np.zeros(2), x * x, [1.0]]),
    "out": lambda x: np.multiply(x, x, out=np.zeros(3)),
    "np.add.at": lambda x: add_at(x),
    "fill_diagonal": lambda x: diagonal(x),
}


def add_at(x):
    out = np.zeros(2)
    np.add.at(out, [0, 1, 1], x * x)
    return out


def diagonal(x):
    out = np.zeros((3, 3))
    np.fill_diagonal(out, x * x)
    return out


@pytest.mark.parametrize("f", CONVERSIONS.values(), ids=CONVERSIONS)
def test_a_conversion_keeps_derivatives(f):
    assert_right(f)


def test_a_buffer_without_derivative_is_a_plain_array():
    def f(x):
        out = np.zeros(3)
        out[1] = 2.0
        assert isinstance(out, np.ndarray) and out.dtype == float
        assert [0.0, 2.0, 0.0] == out.tolist() == list(out)
        assert 2.0 == float(out[1]) and 2.0 == out.sum() and "2." in str(out)
        return out * x

    assert_right(f)


def test_integer_and_boolean_buffers_stay_plain():
    def f(x):
        order, mask = np.zeros(3, int), np.ones(3, bool)
        assert type(order) is type(mask) is type(np.arange(3)) is not dm.Dual
        order[:] = [2, 0, 1]
        return x[order] * x[mask]

    assert_right(f)


def test_stand_ins_are_the_originals_outside_of_a_call():
    assert levels.current() is None
    for standin in (STANDINS[np.zeros], dnp.zeros):
        assert type(standin(3)) is np.ndarray
    assert type(dnp.array([1.0])) is np.ndarray
    assert dnp.sin is np.sin and "zeros" in dir(dnp)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("make", [np.matrix, np.asmatrix])
def test_numpys_matrix_refuses(mode, make):
    def f(x):
        a = make(np.eye(3) * 2)
        assert isinstance(a, np.matrix)
        return np.asarray(a @ np.ones(3)).ravel() * x

    assert np.array_equal(2 * np.eye(3), mode(f, np.ones(3)))
    with pytest.raises(dm.MissingRuleError, match="does not differentiate numpy.matrix") as caught:
        mode(lambda x: make(x) * 2, np.ones(3))
    assert "and @ for products" in str(caught.value)
