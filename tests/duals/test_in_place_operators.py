"""In-place operators of Duals: what is changed, what is replaced and what is refused."""

import contextlib
import operator
import re

import numpy as np
import pytest

import dualmc as dm


@contextlib.contextmanager
def raises(kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        yield


# --- In-place operators --------------------------------------------------------------------------

IN_PLACE = [
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    operator.ifloordiv,
    operator.imod,
    operator.ipow,
]


@pytest.mark.parametrize("operate", IN_PLACE)
def test_numbers_are_replaced(operate):
    """An element behaves as NumPy's scalars do: a new object, the old one as it was."""
    x = np.float64(2.5)
    array = dm.Dual([2.5, 1.0], [3.0, 4.0])
    for d in (dm.Dual(2.5, 3.0), array[0]):
        kept = d
        new = operate(d, 2.0)
        assert new is not kept
        assert operate(x, 2.0) == new.primal
        assert (2.5, 3.0) == (kept.primal, kept.tangent)
    assert np.array_equal([2.5, 1.0], array.primal)
    assert np.array_equal([3.0, 4.0], array.tangent)


@pytest.mark.parametrize("operate", IN_PLACE)
def test_arrays_are_changed(operate):
    x, t = np.array([2.5, -1.5, 4.0]), np.array([3.0, 4.0, 5.0])
    d = dm.Dual(x, t)
    view, kept = d[::-1], +d
    new = operate(d, np.array([2.0, 3.0, 2.0]))
    assert new is d
    plain = {
        operator.iadd: (x + [2, 3, 2], t),
        operator.isub: (x - [2, 3, 2], t),
        operator.imul: (x * [2, 3, 2], t * [2, 3, 2]),
        operator.itruediv: (x / [2, 3, 2], t / [2, 3, 2]),
        operator.ifloordiv: (x // [2, 3, 2], 0 * t),
        operator.imod: (x % [2, 3, 2], t),
        operator.ipow: (x ** [2, 3, 2], t * [2, 3, 2] * x ** [1, 2, 1]),
    }[operate]
    assert np.array_equal(plain[0], d.primal)
    np.testing.assert_allclose(d.tangent, plain[1], rtol=1e-15)
    assert np.array_equal(plain[0][::-1], view.primal)
    np.testing.assert_allclose(view.tangent, plain[1][::-1], rtol=1e-15)
    assert np.array_equal(x, kept.primal)
    assert np.array_equal(t, kept.tangent)


def test_matmul_in_place():
    x, t = np.arange(4.0).reshape(2, 2), np.arange(4.0, 8.0).reshape(2, 2)
    A = np.array([[1.0, 2.0], [0.0, 1.0]])
    d = dm.Dual(x, t)
    kept = d
    d @= A
    assert d is kept
    assert np.array_equal(x @ A, d.primal)
    assert np.array_equal(t @ A, d.tangent)


def test_an_in_place_operator_keeps_the_dtype():
    d = dm.Dual(np.ones(2, np.float32), np.ones(2, np.float32))
    d += np.array([0.1, 0.2])
    d *= np.float64(3.0)
    assert np.float32 == d.dtype == d.tangent.dtype
    x = np.ones(2, np.float32)
    x += np.array([0.1, 0.2])
    x *= np.float64(3.0)
    assert np.array_equal(x, d.primal)


@pytest.mark.parametrize(
    "operate", [operator.iadd, operator.isub, operator.imul, operator.itruediv]
)
def test_an_integer_array_does_not_take_a_dual(operate):
    """As ``int_array += 0.5`` is an error of NumPy's; the array is as it was."""
    for d in (dm.Dual([1.5, 2.5], [1.0, 1.0]), np.floor(dm.Dual([1.5, 2.5], [1.0, 1.0]))):
        a = np.array([1, 2])
        with pytest.raises(TypeError):
            operate(a, d)
        assert np.array_equal([1, 2], a)


def test_a_float_array_does_not_take_a_dual():
    a = np.zeros(2)
    with raises(dm.TangentLostError, "numpy.add cannot write a Dual into a plain float64 array"):
        a += dm.Dual([0.5, 1.5], [1.0, 1.0])
    assert np.array_equal([0.0, 0.0], a)
    a += np.floor(dm.Dual([0.5, 1.5], [1.0, 1.0]))
    assert np.array_equal([0.0, 1.0], a)


@pytest.mark.parametrize("other", [1j, np.array([1j, 2.0]), dm.Dual([1j, 2.0], [1.0, 1.0])])
def test_a_float_dual_does_not_take_complex_numbers(other):
    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    with pytest.raises(TypeError):
        d += other
    assert np.array_equal([0.5, 1.5], d.primal)
    assert np.array_equal([1.0, 2.0], d.tangent)


def test_an_in_place_operator_does_not_broadcast_its_left_side():
    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    with pytest.raises(ValueError):
        d += np.ones((3, 2))
    assert np.array_equal([0.5, 1.5], d.primal)
    assert np.array_equal([1.0, 2.0], d.tangent)


def test_unknown_operands():
    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    for other in (None, "x", object(), {}):
        for operate in (operator.add, operator.mul, operator.pow, operator.matmul, operator.iadd):
            with pytest.raises(TypeError):
                operate(d, other)
        with pytest.raises(TypeError):
            other - d
    for operate in (operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift):
        with pytest.raises(TypeError):
            operate(d, 1)
        with pytest.raises(TypeError):
            operate(1, d)
    with pytest.raises(TypeError):
        operator.invert(d)
    with pytest.raises(TypeError):
        pow(d, 2, 3)


def test_operands_that_know_duals_better():
    """Another class's reflected operator is asked, as Python does."""

    class Unit:
        def __radd__(self, other):
            return "added"

        def __rmatmul__(self, other):
            return "multiplied"

    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    assert "added" == d + Unit()
    assert "multiplied" == d @ Unit()
