"""Floats of Python's stay floats under Python's operators, and raise what floats raise."""

import fractions
import math
import operator

import numpy as np
import pytest

import dualmc as dm
from dualmc.unchanged.standins.table import CALLED

to_float = CALLED[float]
MODES = {
    "forward": dm.jacobian_fwd,
    "reverse": dm.jacobian_rev,
    "gradient": dm.gradient,
    "prepared": lambda f, x: dm.prepare(f, x + 1.0)(x),
}
OPERATIONS = {
    "add": lambda t: t + 1, "radd": lambda t: 1.5 + t, "sub": lambda t: t - t * 0.5,
    "mul": lambda t: 2 * t, "div": lambda t: t / 3, "rdiv": lambda t: 3 / t,
    "floordiv": lambda t: t // 2 + t, "mod": lambda t: t % 2.0, "rmod": lambda t: 5 % t,
    "pow": lambda t: t**2, "rpow": lambda t: 2.0**t, "powers": lambda t: t**t,
    "neg": lambda t: -t, "pos": lambda t: +t, "abs": lambda t: abs(-t),
    "sum": lambda t: sum([t, t]),
    "math": lambda t: math.sin(t), "hypot": lambda t: math.hypot(t, 2.0),
    "in place": lambda t: operator.iadd(t, 1.0),
}  # fmt: skip
NUMPYS = {
    "ufunc": lambda t: np.sin(t), "sqrt": lambda t: np.sqrt(t), "sum": lambda t: np.sum(t),
    "scalar": lambda t: np.float64(2) * t, "right": lambda t: t * np.float64(2),
    "element": lambda t: (t * np.ones(2))[0],
}  # fmt: skip


def _by_class(operation, kind):
    return lambda t: t**3 if operation(t).__class__ is kind else 5 * t


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.filterwarnings("ignore:prepare. f is not replayed:UserWarning")
def test_operators_of_floats_give_floats(name, mode):
    f = _by_class(OPERATIONS[name], float)
    assert float(MODES[mode](f, 1.5)) == 3 * 1.5**2
    assert f(1.5) == 1.5**3  # as on plain numbers
    assert float(dm.derivative(lambda t: t * dm.derivative(f, t), 1.5)) == 9 * 1.5**2
    elements = _by_class(OPERATIONS[name], np.float64)
    if name not in ("math", "hypot"):  # whose results are floats
        assert dm.gradient(lambda x: elements(x[0]), np.array([1.5]))[0] == 3 * 1.5**2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NUMPYS)
@pytest.mark.filterwarnings("ignore:prepare. f is not replayed:UserWarning")
def test_numpys_numbers_win(name, mode):
    f = _by_class(NUMPYS[name], np.float64)
    assert f(1.5) == 1.5**3
    assert float(MODES[mode](f, 1.5)) == 3 * 1.5**2


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_slopes(name):
    f = OPERATIONS[name]
    for x in (1.5, 0.3):
        value, slope = dm.value_and_jacobian_fwd(f, x)
        assert value == f(x)
        h = 1e-4
        stencil = (8 * (f(x + h) - f(x - h)) - f(x + 2 * h) + f(x - 2 * h)) / (12 * h)
        assert abs(slope - stencil) < 1e-9
        assert dm.jacobian_rev(f, x) == slope


def _caught(operation, error=ZeroDivisionError):
    def f(t):
        try:
            return operation(t)
        except error:
            return 3 * t

    return f


RAISING = {
    "quotient": lambda t: t / (t - 1.5), "of a constant": lambda t: 1 / (t - 1.5),
    "by a constant": lambda t: t / (0.0 * 1), "floor": lambda t: 5.0 // (t - 1.5),
    "remainder": lambda t: t % (t - 1.5), "divmod": lambda t: divmod(t, t - 1.5)[1],
    "rdivmod": lambda t: divmod(2.0, t - 1.5)[1], "power": lambda t: (t - 1.5) ** -1,
    "fractional": lambda t: (t - 1.5) ** -0.5,
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", RAISING)
@pytest.mark.filterwarnings("ignore:prepare. f is not replayed:UserWarning")
def test_divisions_by_zero_raise_as_of_floats(name, mode):
    f = _caught(RAISING[name])
    g = lambda t: f(to_float(t))  # noqa: E731
    assert f(1.5) == 4.5 and float(MODES[mode](g, 1.5)) == 3.0
    elements = lambda x: f(to_float(x[0]))  # noqa: E731
    assert dm.gradient(elements, np.array([1.5]))[0] == 3.0


def test_divisions_of_numpys_numbers_do_not():
    f = _caught(lambda t: t / (t - 1.5))
    for x in (1.5, np.float64(1.5), np.array([1.5])):
        with np.errstate(all="ignore"):
            assert np.isinf(dm.value_and_jacobian_fwd(lambda x: np.sum(f(x)), x)[0])


def test_overflow_and_complex_roots():
    f = _caught(lambda t: (to_float(t) * 1e10) ** 1000, OverflowError)
    assert float(dm.derivative(f, 1.5)) == 3.0 == float(dm.jacobian_rev(f, 1.5))
    root = lambda t: abs((-to_float(t)) ** 0.5 + 1.0) ** 2  # noqa: E731  1 + t, of 1 + i sqrt(t)
    for go in (dm.derivative, dm.jacobian_rev):
        assert abs(float(go(root, 2.0)) - 1.0) < 1e-15
    value, _ = dm.value_and_jacobian_fwd(lambda t: ((-to_float(t)) ** 0.5).imag, 2.0)
    assert value == ((-2.0) ** 0.5).imag


@pytest.mark.filterwarnings("ignore:prepare. f is not replayed:UserWarning")
def test_beside_fractions():
    third = fractions.Fraction(1, 3)
    f = lambda t: (t / third - third * t) ** 2 + third / t + (t + third) * (third - t)  # noqa: E731
    for go in (dm.derivative, dm.jacobian_rev, lambda f, x: dm.prepare(f, x)(x)):
        for x in (1.5, np.float64(1.5)):
            want = 2 * (8 / 3) ** 2 * 1.5 - 1 / (3 * 1.5**2) - 2 * 1.5
            assert abs(float(go(f, x)) - want) < 1e-14
    with pytest.raises(dm.TangentLostError, match="lose|lost"):
        dm.derivative(lambda t: fractions.Fraction(t) * t, 1.5)
