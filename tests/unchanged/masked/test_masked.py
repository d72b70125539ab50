"""Masked arrays beside x, and numpy.ma applied to x.

The oracle is numpy.ma itself on plain numbers: the value and the mask of every result, and the
differences of the whole function for the derivative.  Masked elements have no value: what is
compared is what is filled, compressed or reduced.
"""

import operator

import numpy as np
import pytest
from entries import parts
from oracles import differences

import dualmc as dm

ma = np.ma
X = np.array([2.2, 0.7, 4.3, 1.6])
OBS = ma.array([1.0, 2.0, -999.0, 0.5], mask=[0, 0, 1, 0])
NAN = ma.masked_invalid([1.0, np.nan, 2.0, 3.0])
OPEN = ma.array([1.0, 2.0, 3.0, 4.0])  # without a mask
NONE = ma.array([1.0, 2.0, 3.0, 4.0], mask=True)
ROWS = ma.array(np.arange(1.0, 9.0).reshape(2, 4), mask=[[0, 0, 1, 0], [1, 0, 1, 0]])


def arithmetic():
    found = {}
    for name in "add sub mul truediv floordiv pow mod".split():
        op = getattr(operator, name)
        found[f"x {name} c"] = lambda x, c, op=op: op(x, c)
        found[f"c {name} x"] = lambda x, c, op=op: op(c, x)
        found[f"number {name} c"] = lambda x, c, op=op: op(x[1], c)
        found[f"c {name} number"] = lambda x, c, op=op: op(c, x[1])
        found[f"result {name} c"] = lambda x, c, op=op: op(x + c, c)
        found[f"c {name} result"] = lambda x, c, op=op: op(c, x + c)
        found[f"array {name} result"] = lambda x, c, op=op: op(X, x + c)
        found[f"result {name} array"] = lambda x, c, op=op: op(x + c, X)
        found[f"x {name} result"] = lambda x, c, op=op: op(x, x + c)
        found[f"result {name} 2"] = lambda x, c, op=op: op(x + c, 2.0)
        found[f"2 {name} result"] = lambda x, c, op=op: op(2.0, x + c)
    for name in "iadd isub imul itruediv".split():
        op = getattr(operator, name)
        found[f"result {name} x"] = lambda x, c, op=op: op(x + c, x)
        found[f"result {name} c"] = lambda x, c, op=op: op(x * 2.0 - c, c)
    for ufunc in (np.hypot, np.arctan2, np.maximum, np.divide, np.multiply):
        found[f"{ufunc.__name__}(x, c)"] = lambda x, c, ufunc=ufunc: ufunc(x, c)
        found[f"{ufunc.__name__}(c, x)"] = lambda x, c, ufunc=ufunc: ufunc(c, x)
    for ufunc in (np.exp, np.log, np.sqrt, np.negative, np.absolute, np.square, np.sin):
        found[f"{ufunc.__name__}(x * c)"] = lambda x, c, ufunc=ufunc: ufunc(x * c)
    for name in "exp log sqrt log10 arctan absolute tan arccosh".split():
        function = getattr(ma, name)
        found[f"ma.{name}(x)"] = lambda x, c, function=function: function(x) + c
        found[f"ma.{name}(x - c)"] = lambda x, c, function=function: function(x - c)
    for name in "add subtract multiply divide power hypot arctan2 maximum minimum".split():
        function = getattr(ma, name)
        found[f"ma.{name}(x, c)"] = lambda x, c, function=function: function(x, c)
        found[f"ma.{name}(c, x)"] = lambda x, c, function=function: function(c, x)
    return found


def of_results():
    found = {}
    for name in "sum prod mean var std max min".split():
        found[f"(x - c).{name}()"] = lambda x, c, name=name: getattr(x - c, name)()
        found[f"np.{name}(x * c)"] = lambda x, c, name=name: getattr(np, name)(x * c)
        found[f"ma.{name}(c / x)"] = lambda x, c, name=name: getattr(ma, name)(c / x)
        found[f"rows.{name}(0)"] = lambda x, c, name=name: getattr(x * ROWS, name)(axis=0)
        found[f"rows.{name}(1)"] = lambda x, c, name=name: getattr(x * ROWS, name)(axis=-1)
    return found | {
        "cumsum": lambda x, c: (x - c).cumsum(),
        "cumprod": lambda x, c: np.cumprod(x - c),
        "ptp": lambda x, c: (x - c).ptp(),
        "anom": lambda x, c: (x - c).anom(),
        "dot": lambda x, c: ma.dot(x - c, X),
        "dot of x": lambda x, c: ma.dot(c, x),
        "c.dot(x)": lambda x, c: c.dot(x),
        "dot of rows": lambda x, c: ma.dot(x * ROWS, X),
        "average": lambda x, c: ma.average(x * c),
        "weighted": lambda x, c: ma.average(x * c, weights=[1.0, 2.0, 3.0, 4.0]),
        "weighted by x": lambda x, c: ma.average(c, weights=x),
        "weighted rows": lambda x, c: ma.average(x * ROWS, axis=1, weights=[1.0, 2.0, 3.0, 4.0]),
        "filled": lambda x, c: (x - c).filled(7.0),
        "compressed": lambda x, c: (x * c).compressed(),
        "ma.filled": lambda x, c: ma.filled(x * c, 3.0),
        "data": lambda x, c: (x * c).data,
        "asarray": lambda x, c: np.asarray(x - c),
        "getdata": lambda x, c: ma.getdata(x / c),
        "item": lambda x, c: (x - c)[0] * x[1],
        "slice": lambda x, c: (x - c)[1:] * x[:-1],
        "mask index": lambda x, c: (x - c)[np.array([True, False, True, True])],
        "reshape": lambda x, c: (x - c).reshape(2, 2).sum(axis=0),
        "np.reshape": lambda x, c: np.reshape(x - c, (2, 2)).T,
        "ravel": lambda x, c: (x * ROWS).ravel(),
        "squeeze": lambda x, c: (x - c).reshape(1, 4).squeeze(),
        "swapaxes": lambda x, c: np.swapaxes(x * ROWS, 0, 1),
        "sum of both": lambda x, c: np.sum((x - c) ** 2) + np.sum((c - x) ** 2) / np.mean(x * c),
        "reduced twice": lambda x, c: ((x * ROWS - c) ** 2).sum(axis=0).mean(),
        "count": lambda x, c: (x - c).sum() / (x - c).count(),
        "choose": lambda x, c: ma.where(x > 1.0, x * c, x),
        "choose masked": lambda x, c: ma.where(x > 1.0, x, ma.masked),
        "write": lambda x, c: written(x - c, 0, x[1]),
        "write masked": lambda x, c: written(x - c, 1, ma.masked),
        "write result": lambda x, c: written(x * 2.0 - c, slice(1, 3), (x * c)[1:3]),
        "copy": lambda x, c: (x - c).copy(),
        "astype": lambda x, c: (x - c).astype(float),
        "compared": lambda x, c: (x > c).filled(False) * x,
        "compared result": lambda x, c: ((x - c) > 0.5).filled(False) * x,
        "ma.greater": lambda x, c: ma.greater(x, c).filled(False) * x,
        "ma.less of results": lambda x, c: ma.less(2.0, x - c).filled(True) * x,
        "equal": lambda x, c: ((x - c) == (x - c)).filled(False) * x,
    }  # fmt: skip


def of_x():
    return {
        "masked_invalid": lambda x, c: ma.masked_invalid(x) ** 2,
        "masked_where": lambda x, c: ma.masked_where(x > 2.0, x) * x,
        "masked_greater": lambda x, c: ma.masked_greater(x, 2.0),
        "masked_less": lambda x, c: ma.masked_less(x * c, 1.0),
        "masked_equal": lambda x, c: ma.masked_equal(x // 1.0, 4.0) * x,
        "filled with its own": lambda x, c: ma.masked_equal(x // 1.0, 4.0).filled() * x,
        "fill value": lambda x, c: ma.array(x, mask=[0, 1, 0, 1], fill_value=3.0)[:3].filled() * 2,
        "fill value of a result": lambda x, c: (ma.array(c, fill_value=3.0) * x).filled() / 2,
        "fill value of a ufunc": lambda x, c: np.exp(ma.array(x - c, fill_value=3.0)).filled(),
        "masked_inside": lambda x, c: ma.masked_inside(x, 1.0, 3.0),
        "masked_outside": lambda x, c: ma.masked_outside(x, 3.0, 1.0),
        "fix_invalid": lambda x, c: ma.fix_invalid(x * 2.0),
        "array": lambda x, c: ma.array(x, mask=[0, 1, 0, 0]) - c,
        "masked_array": lambda x, c: ma.masked_array(x, [0, 1, 0, 0]) - c,
        "MaskedArray": lambda x, c: ma.MaskedArray(x, mask=c.mask) * 2.0,
        "array of a list": lambda x, c: ma.array([x[0], 2.0, x[1], x[2]], mask=c.mask) * x,
        "array of a result": lambda x, c: ma.array(x - c, mask=[1, 0, 0, 0]),
        "asarray": lambda x, c: ma.asarray(x) - c,
        "max": lambda x, c: ma.max(ma.array(x, mask=[0, 0, 1, 0])),
        "power": lambda x, c: ma.power(x, 3.0) - c,
        "sqrt of negative": lambda x, c: ma.sqrt(x - 1.0),
        "log of negative": lambda x, c: ma.log(x - 1.0) + c,
        "divide by zero": lambda x, c: x / ma.array([1.0, 0.0, 2.0, 3.0]),
        "is masked": lambda x, c: x * (2.0 if ma.is_masked(x - c) else 3.0),
        "is an array": lambda x, c: x * (2.0 if isinstance(x - c, ma.MaskedArray) else 3.0),
    }


def written(a, key, value):
    a[key] = value
    return a


CONSTANTS = {"a mask": OBS, "nan": NAN, "no mask": OPEN}
EXPRESSIONS = arithmetic() | of_results() | of_x()


def filled(y):
    """What can be compared of a result: the numbers, and where they are."""
    if y is ma.masked:
        return np.zeros(())
    if ma.isMaskedArray(y):
        return np.stack([y.filled(0.25), 1.0 * np.where(ma.getmaskarray(y), 1.0, 0.0)])
    return np.asarray(y)


def numbers(y):
    """As `filled`, in the user's code."""
    if y is np.ma.masked:
        return np.zeros(())
    if isinstance(y, np.ma.MaskedArray):
        return np.stack([y.filled(0.25), 1.0 * np.where(np.ma.getmaskarray(y), 1.0, 0.0)])
    return np.asarray(y)


MODES = {
    "forward": dm.value_and_jacobian_fwd,
    "one column": lambda f, x: dm.value_and_jacobian_fwd(f, x, chunk_size=1),
    "reverse": dm.value_and_jacobian_rev,
}


def checked(run, f, expected):
    want = differences(expected, X)
    value, J = run(f, X)
    np.testing.assert_allclose(value, expected(X), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(J, want, rtol=1e-7, atol=1e-7)


# Whose data under the mask are NaN: nothing to compare.
_DATA = ("data", "asarray", "getdata")


@pytest.mark.table
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize("names", parts(EXPRESSIONS), ids=lambda names: names[0])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_what_numpy_ma_does(names, constant, mode):
    c = CONSTANTS[constant]
    for name in names:
        expression = EXPRESSIONS[name]
        if constant == "nan" and name in _DATA:
            continue
        try:
            checked(
                MODES[mode],
                lambda x, e=expression: numbers(e(x, c)),
                lambda x, e=expression: filled(e(x, c)),
            )
        except Exception as error:
            error.add_note(f"in {name}")
            raise


@pytest.mark.parametrize(
    "name",
    ["x sub c", "c sub x", "c truediv x", "result pow 2", "np.std(x * c)", "masked_where", "choose",
     "filled", "compared", "log(x * c)", "(x - c).max()", "masked_invalid"],
)  # fmt: skip
def test_prepared(name):
    def f(x, expression=EXPRESSIONS[name]):
        return numbers(expression(x, OBS))

    J = dm.prepare(f, np.array([0.3, 1.7, 2.9, 3.1]))
    for x in (X, X[::-1].copy(), X + 1.0, np.array([0.3, 1.7, 2.9, 3.1])):
        want = differences(lambda x: filled(EXPRESSIONS[name](x, OBS)), x)
        for _ in range(2):
            np.testing.assert_allclose(J(x), want, rtol=1e-7, atol=1e-7)


def test_a_mask_that_depends_on_values_is_guarded():
    J = dm.prepare(lambda x: np.ma.masked_greater(x, 2.0).sum(), [1.0, 3.0])
    assert np.array_equal(J([1.0, 3.0]), [1.0, 0.0])
    assert np.array_equal(J([3.0, 1.0]), [0.0, 1.0])
    assert np.array_equal(J([1.0, 1.5]), [1.0, 1.0])
    assert np.array_equal(J([1.0, 3.0]), [1.0, 0.0])


# --- Closed forms --------------------------------------------------------------------------------

A = ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
GRADIENTS = {
    "residual": (lambda p: np.sum((p - A) ** 2), [4.0, 1.0, 2.0], [6.0, 0.0, -2.0]),
    "on the left": (lambda p: np.sum((A - p) ** 2), np.zeros(3), [-2.0, 0.0, -6.0]),
    "mean": (lambda p: np.mean((p - A) ** 2), np.zeros(3), [-1.0, 0.0, -3.0]),
    "product": (lambda p: np.sum(p * A), np.ones(3), [1.0, 0.0, 3.0]),
    "hypot": (
        lambda p: np.sum(np.hypot(p, ma.array([3.0, 2.0, 0.0], mask=[0, 1, 0]))),
        [4.0, 1.0, 2.0],
        [0.8, 0.0, 1.0],
    ),
    "not a number": (
        lambda p: np.sum((p - ma.masked_invalid([1.0, np.nan])) ** 2),
        [3.0, 1.0],
        [4.0, 0.0],
    ),
    "logarithm": (lambda p: np.sum(np.ma.log(p)), [4.0, 5.0], [0.25, 0.2]),
    "logarithm of 0": (lambda p: np.sum(np.ma.log(p)), [4.0, 0.0], [0.25, 0.0]),
    "root of a negative": (lambda p: np.sum(np.ma.sqrt(p)), [4.0, -1.0], [0.25, 0.0]),
    "maximum": (
        lambda p: np.ma.max(np.ma.array(p, mask=[0, 0, 1])),
        [1.0, 4.0, 9.0],
        [0.0, 1.0, 0.0],
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_closed_forms(name):
    f, x, want = GRADIENTS[name]
    x = np.array(x)
    for got in (dm.gradient(f, x), dm.jacobian_fwd(f, x), dm.prepare(f, x)(x)):
        np.testing.assert_allclose(got, want, rtol=1e-15)
    assert np.array_equal(dm.jvp(f, x, np.ones_like(x))[1], dm.jacobian_fwd(f, x).sum())


def test_a_masked_right_hand_side():
    f = lambda x: np.linalg.solve(np.eye(2) * x[0], np.ma.array([1.0, 2.0]) - x)  # noqa: E731
    try:
        J = dm.jacobian_fwd(f, [2.0, 3.0])
    except (dm.TangentLostError, dm.MissingRuleError):
        return
    np.testing.assert_allclose(J, [[-0.25, 0.0], [0.25, -0.5]])


def test_higher_derivatives():
    f = lambda p: np.sum(((p - A) ** 2 / (1.0 + p)) ** 2)  # noqa: E731
    x = np.array([0.5, 1.5, 2.5])
    g = lambda p, a: 2 * (p - a) ** 3 * (p + a + 2) / (1 + p) ** 3  # noqa: E731
    G = g(x, A.data) * [1, 0, 1]
    np.testing.assert_allclose(dm.gradient(f, x), G, rtol=1e-13)
    H = np.diag(differences(lambda p: g(p, A.data) * [1, 0, 1], x).diagonal())
    for got in (
        dm.hessian(f, x),
        dm.jacobian_fwd(lambda x: dm.gradient(f, x), x),
        dm.jacobian_rev(lambda x: dm.jacobian_fwd(f, x), x),
        dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), x),
    ):
        np.testing.assert_allclose(got, H, rtol=1e-8, atol=1e-9)


def test_nothing_but_masked():
    for f in (lambda x: (x - NONE).filled(2.0), lambda x: x * (x - NONE).count()):
        assert not dm.jacobian_fwd(f, X).any()
    for f in (lambda x: (x - NONE).sum(), lambda x: (x - NONE).mean(), lambda x: (x - NONE).max()):
        assert not dm.jacobian_fwd(lambda x, f=f: x * (f(x) is not np.ma.masked), X).any()
        with pytest.raises(TypeError, match="masked array"):
            dm.jacobian_fwd(f, X)


def test_the_constant_is_not_written_to():
    before = OBS.copy()
    dm.gradient(lambda x: np.sum((x - OBS) ** 2 + (OBS - x) ** 2), X)
    assert np.array_equal(before.data, OBS.data)
    assert np.array_equal(before.mask, OBS.mask)
    with pytest.raises(TypeError):
        dm.gradient(lambda x: np.sum(operator.isub(OBS.copy(), x)), X)


def test_classes_of_masked_arrays():
    class Named(ma.MaskedArray):
        """New names only."""

        def total(self):
            return self.sum()

    class Doubling(ma.MaskedArray):
        def sum(self, *args, **options):
            return 2 * super().sum(*args, **options)

    c = Named(OBS.data, mask=OBS.mask)
    got = dm.gradient(lambda x: np.sum((x - c) ** 2 + np.hypot(c, x)), X)
    np.testing.assert_allclose(
        got, (2 * (X - OBS.data) + X / np.hypot(X, OBS.data)) * ~OBS.mask, rtol=1e-14
    )
    c = Doubling(OBS.data, mask=OBS.mask)
    for f in (lambda x: (x - c).sum(), lambda x: (c * x).sum(), lambda x: np.hypot(x, c).sum()):
        with pytest.raises(dm.TangentLostError, match="Doubling"):
            dm.gradient(f, X)


def test_shared_data():
    """``numpy.ma.array(a)`` shares the memory of `a`."""

    def f(x):
        a = x * 1.0
        m = np.ma.array(a, mask=[0, 1, 0, 0])
        m[0] = 5.0 * x[3]
        return a

    want = np.diag([0.0, 1.0, 1.0, 1.0])
    want[0, 3] = 5.0
    assert np.array_equal(dm.jacobian_fwd(f, X), want)
    assert np.array_equal(dm.jacobian_rev(f, X), want)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.ma.median(np.ma.array(x, mask=[0, 1, 0, 0])),
        lambda x: np.ma.polyfit(x, OBS, 1),
        lambda x: np.ma.concatenate([x, OBS]),
        lambda x: np.concatenate([x - OBS, x]),
        lambda x: np.stack([x, OBS]),
        lambda x: np.median(x - OBS),
        lambda x: np.linalg.norm(x - OBS),
        lambda x: np.dot(x, OBS),
        lambda x: np.where(X > 1.0, x, OBS),
        lambda x: np.add.outer(x, OBS),
        lambda x: np.add(x, OBS, out=x * 1.0),
        lambda x: np.add.reduce(x - OBS),
        lambda x: np.interp(x, OBS, X),
        lambda x: (x - OBS).view(np.float32),
        lambda x: x @ OBS,
        lambda x: np.full_like(x, OBS),
    ],
)
def test_refused_by_name(f):
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        with pytest.raises((dm.TangentLostError, dm.MissingRuleError), match="ask|Mask"):
            jacobian(f, X)


def test_numpy_ma_without_derivatives_is_numpy_ma():
    def f(x):
        m = np.ma.masked_greater(np.array([1.0, 5.0, 2.0]), 4.0)
        return x * np.ma.median(m) + m.sum() + np.ma.std([1.0, 2.0])

    assert np.array_equal(dm.jacobian_fwd(f, X), 1.5 * np.eye(4))
    np.testing.assert_allclose(dm.value_and_jacobian_fwd(f, X)[0], f(X), rtol=1e-15)
