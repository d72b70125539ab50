"""``float(x)`` and its kin where adapted code calls them: the value of Python's, the derivative."""

import array
import builtins
import decimal
import functools
import itertools
import logging
import math
import warnings

import numpy as np
import pytest

import dualmc as dm
from dualmc.unchanged.standins.table import CALLED

# What adapted code finds where it calls these names.
to_float, to_complex = CALLED[builtins.float], CALLED[builtins.complex]
to_map, to_min, to_max, to_sorted = (CALLED[f] for f in (map, min, max, sorted))
to_array, to_decimal = CALLED[array.array], CALLED[decimal.Decimal]
to_float64, to_float32, to_int64 = (CALLED[k] for k in (np.float64, np.float32, np.int64))
to_complex128 = CALLED[np.complex128]

X = np.array([1.5, 2.5])
OUTER = np.array([[3.0, 0.0], [2.5, 1.5]])  # of x[0] * x
MODES = {
    "forward": dm.jacobian_fwd,
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True).toarray().squeeze(),
    "reverse": dm.jacobian_rev,
    "prepared": lambda f, x: _prepared(f)(x),
}


def _prepared(f):
    return dm.prepare(f, X + 0.25)  # recorded elsewhere


class Quantity:
    def __init__(self, value):
        self.value = value

    def __float__(self):
        return to_float(self.value)

    def __complex__(self):
        return to_complex(self.value)


CASES = {
    "float": (lambda x: to_float(x[0]) * x, OUTER),
    "float of a float": (lambda x: to_float(to_float(x[0])) * x, OUTER),
    "float of an array without axes": (lambda x: to_float(x[0, ...]) * x, OUTER),
    "float of an array of objects": (
        lambda x: to_float(np.array(x[0], object)) * x, OUTER),
    "float of an object": (lambda x: to_float(Quantity(x[0])) * x, OUTER),
    "float of a constant": (lambda x: to_float(np.zeros(2)[0] + 2.0) * x, 2 * np.eye(2)),
    "float of a sum": (lambda x: to_float(np.sum(x)) * x, [[5.5, 1.5], [2.5, 6.5]]),
    "its class": (lambda x: x**2 if to_float(x[0]).__class__ is float else x, np.diag(2 * X)),
    "math": (lambda x: math.exp(to_float(x[0])) * x,
             math.exp(1.5) * np.array([[2.5, 0.0], [2.5, 1.0]])),
    "numpy.float64": (lambda x: to_float64(x[0]) * x, OUTER),
    "numpy.float64 of an array": (lambda x: to_float64(x) * x, np.diag(2 * X)),
    "numpy.float64 of a list": (lambda x: to_float64([x[0], 2.0]) * x, [[3.0, 0], [0, 2]]),
    "numpy.float64 of an object": (lambda x: to_float64(Quantity(x[0])) * x, OUTER),
    "numpy.float64 is no float": (
        lambda x: x**2 if to_float64(to_float(x[0])).__class__ is np.float64 else x,
        np.diag(2 * X)),
    "numpy.float32": (lambda x: to_float32(x[0]) * x, OUTER),
    "complex": (lambda x: abs(to_complex(x[0], x[1])) ** 2, 2 * X),
    "complex of one": (
        lambda x: np.real(to_complex(x[0]) * 1j * to_complex(0, x[1])), [-2.5, -1.5]),
    "complex of an object": (lambda x: np.real(to_complex(Quantity(x[0])) ** 2), [3.0, 0.0]),
    "numpy.complex128": (lambda x: np.real(to_complex128(x[0]) ** 2), [3.0, 0.0]),
    "int": (lambda x: int(x[0]) * x, np.eye(2)),
    "numpy.int64": (lambda x: to_int64(x[0]) * x, np.eye(2)),
    "bool": (lambda x: bool(x[0]) * x, np.eye(2)),
    "round": (lambda x: round(x[1]) * x, 2 * np.eye(2)),
    "round to digits": (lambda x: round(x[0] / 7, 2) * x, 0.21 * np.eye(2)),
    "map": (lambda x: sum(to_map(float, x)) * x, [[5.5, 1.5], [2.5, 6.5]]),
    "map of two": (lambda x: sum(to_map(complex, x, x)).real * x, [[5.5, 1.5], [2.5, 6.5]]),
    "reduce": (lambda x: CALLED[functools.reduce](lambda a, b: a * b, x), [2.5, 1.5]),
    "accumulate": (lambda x: list(CALLED[itertools.accumulate](x, math.hypot))[1],
                   X / math.hypot(1.5, 2.5)),
    "min": (lambda x: to_min(x, key=float) * x, OUTER),
    "max with a default": (lambda x: to_max([], key=float, default=x[0]) * x, OUTER),
    "sorted": (lambda x: to_sorted(x[::-1], key=float)[0] * x, OUTER),
    "array.array": (lambda x: to_array("d", [x[0], 3.0])[0] * x, OUTER),
    "array.array written to": (lambda x: np.array(_written(to_array("d", x))) * x,
                               [[3.0, 0.0], [7.5, 4.5]]),
}  # fmt: skip


def _written(a):
    a.append(0.0)
    a[1] = 3 * a[0]
    assert isinstance(a, array.array) and a.itemsize == 8 and a.typecode == "d"
    return a[:2].tolist()


@pytest.mark.table(2)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:prepare. f is not replayed:UserWarning")
def test_derivatives(name, mode):
    f, J = CASES[name]
    tolerance = 1e-6 if "32" in name else 1e-14
    np.testing.assert_allclose(MODES[mode](f, X), J, rtol=tolerance, atol=1e-15)
    value = dm.value_and_jacobian_fwd(f, X)[0]
    np.testing.assert_array_equal(value, f(X))


def test_second_derivatives():
    f = lambda x: to_float(x[0]) ** 3 * to_float(to_complex(x[1], x[0]).real)  # noqa: E731
    want = [[6 * 1.5 * 2.5, 3 * 1.5**2], [3 * 1.5**2, 0.0]]
    np.testing.assert_allclose(dm.hessian(f, X), want, rtol=1e-14)
    np.testing.assert_allclose(dm.hvp(f, X, np.ones(2)), np.sum(want, 1), rtol=1e-14)
    inner = lambda t: dm.derivative(lambda s: to_float(s * t) ** 2, to_float(t))  # noqa: E731
    assert dm.derivative(inner, 1.5) == 2 * 3 * 1.5**2  # of 2 t**3


def test_float32_stays_narrow_until_it_is_a_float():
    x = np.float32(0.1)
    value, slope = dm.jvp(lambda t: to_float(t) * 3.0, x, np.float32(1.0))
    assert float(value) == float(x) * 3.0 and float(slope) == 3.0
    value, slope = dm.jvp(lambda t: to_float(t) * np.float32(3.0), x, np.float32(1.0))
    assert value.dtype == np.float32 and slope.dtype == np.float32


def test_a_second_x_after_an_error():
    def f(x):
        if x[0] > 2.0:
            raise KeyError(to_float(x[0]))
        return to_float(x[0]) * x

    J = dm.prepare(f, X)
    with pytest.raises(KeyError):
        J(X + 1)
    np.testing.assert_array_equal(J(X), OUTER)
    np.testing.assert_array_equal(J([1.0, 3.0]), [[2.0, 0.0], [3.0, 1.0]])


def test_a_float_in_two_places():
    def f(x):
        a = to_float(x[0])
        out = np.zeros(2)
        out[0] = a
        a *= 2.0
        out[1] = a
        x[0] = 5.0
        return out + a

    for mode in MODES.values():
        np.testing.assert_array_equal(mode(f, X), [[3.0, 0.0], [4.0, 0.0]])


def test_they_are_the_originals_elsewhere():
    assert to_float() == 0.0 and to_float("1.5") == 1.5 and to_float(b" 2 ") == 2.0
    assert type(to_float(np.float64(1.5))) is float and type(to_complex("1+2j")) is complex
    assert type(to_float64(3)) is np.float64 and to_float64([1, 2]).tolist() == [1.0, 2.0]
    assert type(to_array("d", [1.0])) is array.array and to_array("i", [1])[0] == 1
    assert list(to_map(float, ["1", "2"])) == [1.0, 2.0] and to_decimal("0.5") == 0.5
    for wrong in ("x", None, [1.0], 1j):
        with pytest.raises((ValueError, TypeError)) as expected:
            float(wrong)
        with pytest.raises(expected.type, match=r".*") as caught:
            to_float(wrong)
        assert str(caught.value) == str(expected.value)


def test_what_has_no_float_is_refused_as_by_python():
    for f in (lambda x: to_float(x), lambda x: to_float(x.reshape(2, 1))):
        with pytest.raises(TypeError, match="can be converted to Python scalars"):
            dm.jacobian_fwd(f, X)
    with pytest.raises(TypeError, match="second arg"):
        dm.jacobian_fwd(lambda x: to_complex(x[0], "1") * x, X)
    with pytest.raises(TypeError, match="__round__"):
        dm.jacobian_fwd(round, X)


def test_what_carries_no_derivative_is_refused():
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        with pytest.raises(dm.TangentLostError, match=r"decimal.Decimal\(x\) would lose"):
            mode(lambda x: float(to_decimal(x[0])) * x, X)
        with pytest.raises(dm.TangentLostError, match="lose"):
            mode(lambda x: to_array("d", x).tobytes()[0] * x, X)
        assert mode(lambda x: float(to_decimal(np.ones(2)[0])) * x, X)[0, 0] == 1.0


# --- Text ----------------------------------------------------------------------------------------

READ_AGAIN = {
    "str": lambda x: to_float(str(x[0])),
    "repr of a float": lambda x: to_float(repr(to_float(x[0]))),
    "f-string": lambda x: to_float(f" {x[0]:.12g} "),
    "percent": lambda x: to_float("%.3f" % x[0]),  # noqa: UP031
    "format": lambda x: to_float("{:e}".format(x[0])),  # noqa: UP032
    "of a list": lambda x: to_float(str(list(x * 1.0)).split("(")[1].split(")")[0]),
    "of an array": lambda x: to_float(str(x)[1:-1].split()[1]),
    "numpy": lambda x: to_float64(str(x[0])),
    "complex": lambda x: to_complex(str(x[0])).real,
    "through map": lambda x: next(to_map(float, [str(x[0])])),
    "decimal": lambda x: float(to_decimal(str(x[0]))),
}


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev, dm.hessian])
@pytest.mark.parametrize("name", READ_AGAIN)
def test_text_that_is_read_again_is_refused(name, mode):
    with pytest.raises(dm.TangentLostError, match="made of a number that has a derivative"):
        mode(lambda x: np.sum(READ_AGAIN[name](x) * x), X / 7)


def test_other_text_is_read():
    def f(x):
        assert f"{x[0]} {x}"
        return to_float("0.25") * to_float("1e3") * x

    for mode in MODES.values():
        np.testing.assert_array_equal(mode(f, X), 250 * np.eye(2))
    show = lambda x: to_float(str(x[0] * 0.0 + 2.0)) * x  # noqa: E731
    with pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(show, X)
    assert to_float("2.0") == 2.0  # the call has ended


def test_formatted_and_logged(caplog):
    """ "%.3f" % x is text made of the value, also in code that nobody adapted."""

    def f(x):
        logging.getLogger("steps").warning("x %.3f %5.1e %s", x[0], x[1], np.float32(2) * x[0])
        found = "%.2f|%d|%g|%r" % (x[0], x[1], x[0], to_float(x[0]))  # noqa: UP031
        assert found == "1.50|2|1.5|1.5" and b"%.1f" % x[0] == b"1.5"
        assert f"{x[0]:.1f} {x[1]}" == "1.5 2.5" == "{:.1f} {}".format(*x)
        return {"1.50": 7.0}["%.2f" % x[0]] * x  # noqa: UP031

    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        for g in (f, dm.as_is(f)):
            caplog.clear()
            np.testing.assert_array_equal(mode(g, X), 7 * np.eye(2))
            assert "x 1.500 2.5e+00 3.0\n" in caplog.text
    with pytest.raises(dm.TangentLostError, match="lose the derivative"):
        dm.jacobian_fwd(dm.as_is(lambda x: 3 % math.fabs(x[0]) * x), X)


def test_a_prepared_function_formats_anew():
    J = dm.prepare(lambda x: {"1.50": 7.0}.get("%.2f" % x[0], 3.0) * x, X)  # noqa: UP031
    np.testing.assert_array_equal(J(X), 7 * np.eye(2))
    np.testing.assert_array_equal(J(X + 1), 3 * np.eye(2))


@pytest.mark.parametrize(
    ("f", "x", "right"),
    [
        (float, 1.25, 1.0),
        (complex, 1.25, 1.0),
        (np.float64, 1.25, 1.0),
        (abs, -1.25, -1.0),
        (math.exp, 0.0, 1.0),
        (sum, [1.0, 2.5], [1.0, 1.0]),
        (max, [1.0, 2.5], [0.0, 1.0]),
        (functools.partial(pow, 3.0), 0.0, math.log(3.0)),
    ],
)
def test_functions_of_python_as_f(f, x, right):
    for mode in (dm.jacobian_fwd, dm.jacobian_rev, lambda f, x: dm.prepare(f, x)(x)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # complex numbers are not recorded
            np.testing.assert_allclose(mode(f, x), right, rtol=1e-15)
