"""Operators and ufuncs of arrays in compiled code: broadcast, in place, of any memory layout."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, in_single, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

X = np.array([0.7, -1.3, 2.1, 0.4])
TABLE = np.arange(12.0).reshape(3, 4) - 4.0
WHOLE = np.arange(4)


@numba.njit
def arithmetic(x):
    s = x[0]
    out = np.empty((22, x.size))
    out[0] = x + 1.0
    out[1] = 1.0 - x
    out[2] = x * x + 2.0 * x
    out[3] = x / s
    out[4] = 3.0 / x
    out[5] = -x
    out[6] = +x
    out[7] = 1.0 - x * s + s / x
    out[8] = x**2
    out[9] = x**3 + x**2 * s
    out[10] = x**-2
    out[11] = 2.0**x
    out[12] = (x * x) ** s
    out[13] = x % 0.3
    out[14] = x // 0.3 + x
    out[15] = 2 % x
    out[16] = x + WHOLE
    out[17] = WHOLE * x
    out[18] = x - True
    out[19] = (x > 0.5) * x
    out[20] = x[::-1] * x
    out[21] = x * x[1:2]
    return out


@numba.njit
def of_one(x):
    p = x * x + 0.1
    u = x / 3.0
    out = np.empty((33, x.size))
    out[0] = np.exp(x)
    out[1] = np.exp2(x)
    out[2] = np.expm1(x)
    out[3] = np.log(p)
    out[4] = np.log2(p)
    out[5] = np.log10(p)
    out[6] = np.log1p(p)
    out[7] = np.sqrt(p)
    out[8] = np.cbrt(x)
    out[9] = np.square(x)
    out[10] = np.reciprocal(x)
    out[11] = np.sin(x)
    out[12] = np.cos(x)
    out[13] = np.tan(x)
    out[14] = np.arcsin(u)
    out[15] = np.arccos(u)
    out[16] = np.arctan(x)
    out[17] = np.sinh(x)
    out[18] = np.cosh(x)
    out[19] = np.tanh(x)
    out[20] = np.arcsinh(x)
    out[21] = np.arccosh(p + 1.0)
    out[22] = np.arctanh(u)
    out[23] = np.deg2rad(x)
    out[24] = np.rad2deg(x)
    out[25] = np.radians(x)
    out[26] = np.degrees(x)
    out[27] = np.abs(x)
    out[28] = np.fabs(x)
    out[29] = np.negative(x)
    out[30] = np.positive(x)
    out[31] = np.conjugate(x)
    out[32] = np.sinc(x)
    return out


@numba.njit
def of_two(x):
    s, y = x[2], x[::-1]
    p = np.abs(x)
    out = np.empty((24, x.size))
    out[0] = np.add(x, s)
    out[1] = np.subtract(1.0, x)
    out[2] = np.multiply(x, y)
    out[3] = np.divide(x, s)
    out[4] = np.true_divide(s, x)
    out[5] = np.power(p, s)
    out[6] = np.power(x, 3)
    out[7] = np.power(p, y)
    out[8] = np.float_power(x, 2)
    out[9] = np.arctan2(x, y)
    out[10] = np.arctan2(0.5, x)
    out[11] = np.hypot(x, s)
    out[12] = np.logaddexp(x, y)
    out[13] = np.logaddexp2(x, 0.3)
    out[14] = np.maximum(x, s)
    out[15] = np.maximum(x, 0.5)
    out[16] = np.minimum(y, x)
    out[17] = np.fmax(x, 0.0)
    out[18] = np.fmin(1.0, x)
    out[19] = np.fmod(x, s)
    out[20] = np.remainder(x, 0.3)
    out[21] = np.mod(x, s)
    out[22] = np.copysign(x, y)
    out[23] = np.copysign(s, x) * 2.0
    return out


@numba.njit
def of_primals(x):
    out = np.empty((6, x.size))
    between = np.logical_and(x > -1.0, np.logical_not(x >= 1.0))
    tests = (x == x[1]) | (x != x[2]) ^ np.isnan(x) | ~np.signbit(x)
    whole = np.floor(x) + np.ceil(x) * x + np.trunc(x) + np.rint(x) - np.sign(x)
    steps = np.floor(x)
    steps[0] = x[1]
    quotients = np.floor_divide(x, 0.4)
    quotients[1] = x[0]
    kept = x[np.logical_or(x < 0.0, np.isfinite(x))]
    out[0], out[1], out[2], out[3] = between * x, tests * x, whole, steps
    out[4], out[5] = quotients, kept
    return out


def test_arithmetic_of_arrays_numbers_and_duals():
    agrees(arithmetic, X)


def test_functions_of_one_array():
    jac = agrees(of_one, X)
    np.testing.assert_allclose(np.diag(jac[0]), np.exp(X), rtol=1e-15)


def test_functions_of_two_arrays_or_an_array_and_a_number():
    agrees(of_two, X)


def test_comparisons_give_booleans_and_what_jumps_can_be_written_over():
    agrees(of_primals, X)


@numba.njit
def spread(x, table):
    column = x.reshape(4, 1)
    three = x.reshape(2, 1, 2)
    scalar = x[0] + np.zeros(())
    turned = (x.reshape(2, 2) * 2.0).T
    four = x[:3].reshape(1, 3, 1, 1) * three.reshape(1, 2, 1, 2)[:, :1] - table.reshape(3, 1, 2, 2)
    flat = (column * x + x * table[0] - column).ravel()
    both = ((turned + turned) * x[:2] + turned[::-1, ::-1] / turned).ravel()
    cube = (three * x.reshape(2, 2) + three * three[::-1]).ravel()
    return np.concatenate((flat, (x * table + scalar * table).ravel(), both, cube, four.ravel()))


def test_broadcasting_of_zero_to_four_dimensions():
    agrees(spread, X, TABLE)


def test_arrays_of_any_layout():
    @numba.njit
    def f(x, table):
        return table * x + x[:3][:, None]

    for given in (np.asfortranarray(TABLE), np.repeat(TABLE, 2, axis=1)[::-1, ::2]):
        agrees(f, X, given)
    agrees(f, np.repeat(X, 2)[::-2], TABLE)


@numba.njit
def in_place(x, table):
    a = x.copy()
    a += 1
    a *= x
    a -= table[0]
    a /= x[2]
    a **= 2
    a %= 0.7
    b = np.zeros(4)
    b += x
    b[1:] *= x[:-1]
    b[::-1] -= a
    b //= 0.25
    b += a
    c = np.ones((3, 4))
    c *= x
    c[:, 1] += x[0]
    c.T[::2] -= x[:3]
    np.exp(a, b)
    np.add(c, x, c)
    d = np.empty(4)
    np.multiply(table[1], 2.0, d)
    d[0] = x[0]
    return np.concatenate((a, b, d, c.ravel()))


def test_in_place_and_with_an_array_for_the_result():
    agrees(in_place, X, TABLE)


def test_overlapping_operands_give_what_numba_gives():
    """Numba's loops do not look for overlap: the derivatives are those of the values it gives."""

    @numba.njit
    def f(x):
        a = x * 1.0
        a += a[::-1]
        b = x * 1.0
        b[1:] *= b[:-1]
        return np.concatenate((a, b))

    @numba.njit
    def element_by_element(x):
        a, b = x.copy(), x.copy()
        for i in range(x.size):
            a[i] += a[x.size - 1 - i]
            if i:
                b[i] *= b[i - 1]
        return np.concatenate((a, b))

    y, jac = dm.jit_jacobian(f, value=True, chunk_size=4)(X)
    np.testing.assert_array_equal(y, f(X))
    np.testing.assert_array_equal(y, element_by_element(X))
    close(jac, dm.jacobian_fwd(element_by_element.py_func, X))


def test_division_by_zero_is_that_of_arrays():
    @numba.njit
    def f(x):
        y = x - x[0]
        z = x * 1.0
        z /= y
        return np.concatenate((x / y, x % y, z, x / 0.0))

    with np.errstate(all="ignore"):
        y, jac = dm.jit_jacobian(f, value=True, chunk_size=4)(X)
        np.testing.assert_array_equal(y, f(X))
    assert not np.isfinite(jac[0]).all()


def test_arrays_of_other_sizes_and_empty_ones():
    of_any = numba.njit(lambda x: np.sin(x) * x + x[::-1] / 2.0)
    jac = dm.jit_jacobian(of_any, chunk_size=4)
    for n in (0, 1, 3, 9):
        x = np.linspace(0.2, 3.0, n)
        close(jac(x), dm.jacobian_fwd(of_any.py_func, x))


def test_shapes_that_do_not_agree_raise():
    @numba.njit
    def f(x):
        return x[:2] * x[1:]

    @numba.njit
    def g(x):
        y = x[:2].copy()
        y += x
        return y

    with pytest.raises(ValueError, match="broadcast"):
        dm.jit_jacobian(f, chunk_size=4)(X)
    with pytest.raises(ValueError, match="broadcast"):
        dm.jit_jacobian(g, chunk_size=4)(X)


def test_an_array_of_whole_numbers_does_not_take_duals():
    @numba.njit
    def f(x, given):
        given += x
        return given * 1.0

    with pytest.raises(Exception, match=r"cannot hold the result of \+="):
        dm.jit_jacobian(f, chunk_size=4)(X, np.zeros(4, np.int64))


def test_single_precision_stays_single():
    @numba.njit
    def f(x):
        y = np.exp(x) * x
        y += x**2
        return y / x[0]

    x = X.astype(np.float32)
    y, jac = in_single(f, x)
    assert y.dtype == jac.dtype == np.float32
    np.testing.assert_array_equal(y, f(x))
    close(jac, dm.jacobian_fwd(f.py_func, x.astype(float)), 2e-6)


def test_second_derivatives():
    @numba.njit
    def f(x):
        y = np.sin(x) * x[::-1] + x**3 / (1.0 + x * x)
        y *= x[0]
        return np.maximum(y, 0.1) + np.hypot(x, x[1])

    close(second(f, X), second_expected(f, X))


def test_complex_steps_agree():
    @numba.njit
    def f(x):
        a = np.exp(x) * np.sin(x[::-1]) / (x * x + 1.0)
        a -= x[0] * x**3
        return a

    jac = dm.jit_jacobian(f, chunk_size=4)(X)
    h = 1e-200
    steps = X + 1j * h * np.eye(4)
    close(jac, np.array([f.py_func(z).imag / h for z in steps]).T, 1e-14)
