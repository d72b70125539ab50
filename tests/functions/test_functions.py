"""Every idiom of `function_cases`: the value is NumPy's bit for bit, J the oracle's."""

from collections import Counter

import numpy as np
import pytest
from axes_and_shapes import ALONG, LONG_AXIS, PER_AXIS, PRODUCTS, SHAPES
from function_cases import CASES, DIFF, STEP, expected_jacobian
from oracles import among_dummies, assert_close, complex_step, differences
from points import spread

import dualmc as dm
from dualmc.rules import registry, table

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
def test_value_is_what_numpy_computes(case):
    expected = np.asarray(case.f(case.x.copy()))
    actual, _ = dm.value_and_jacobian_fwd(case.f, case.x)
    actual = np.asarray(actual)
    assert expected.shape == actual.shape
    assert expected.dtype == actual.dtype
    assert np.array_equal(expected, actual, equal_nan=True)


@every_case
def test_jacobian_is_what_the_oracle_computes(case):
    expected = expected_jacobian(case)
    _, actual = dm.value_and_jacobian_fwd(case.f, case.x)
    assert type(actual) is np.ndarray
    assert np.shape(case.f(case.x.copy())) + case.x.shape == actual.shape
    assert_close(expected, actual, 1e-12 if case.oracle == STEP else 1e-8)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.oracle == STEP], ids=lambda case: case.name
)
def test_the_two_oracles_agree(case):
    """A row marked "complex step" that is not analytic would be judged by a wrong oracle."""
    assert_close(complex_step(case.f, case.x), differences(case.f, case.x), 1e-8)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.oracle == DIFF], ids=lambda case: case.name
)
def test_differences_do_not_straddle_a_kink(case):
    """Another step gives the same limit."""
    expected = differences(case.f, case.x)
    assert_close(expected, differences(case.f, case.x, step=6e-3), 1e-8)


def test_names_are_unique():
    assert [] == [name for name, count in Counter(c.name for c in CASES).items() if count > 1]


# --- Every axis and every pair of shapes ----------------------------------------------------------


def judge(f, x, oracle=differences, rtol=1e-8):
    """Against the oracle, from a dense start and from a sparse one; the value bit for bit."""
    expected = oracle(f, x)
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(f(x.copy()), y)
    assert_close(expected, J, rtol)
    g, z = among_dummies(f, x, 17)
    y, J = dm.value_and_jacobian_fwd(g, z)
    assert np.array_equal(f(x.copy()), y)
    assert_close(expected, J[..., : x.size].reshape(expected.shape), rtol)
    assert not J[..., x.size :].any()


@pytest.mark.table(2)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ALONG)
def test_reductions_along_every_axis(name, shape):
    function, x = ALONG[name], spread(*shape, low=0.4)
    axes = [None, *range(-len(shape), len(shape))]
    axes += [(0, -1), tuple(range(len(shape)))] if len(shape) > 1 else [(0,)]
    for axis in axes:
        lengths = [shape[a] for a in np.atleast_1d(range(len(shape)) if axis is None else axis)]
        if name in ("std", "nanvar", "var") and np.prod(lengths) == 1:
            continue  # a kink of std
        if name in ("quantile", "ptp", "average") and isinstance(axis, tuple):
            continue
        judge(lambda x, a=axis: np.sin(function(x, axis=a)), x)
        judge(lambda x, a=axis: function(x, axis=a, keepdims=True) * x, x)


@pytest.mark.table(2)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", [*PER_AXIS, *LONG_AXIS])
def test_functions_along_every_axis(name, shape):
    function, x = (PER_AXIS | LONG_AXIS)[name], spread(*shape)
    for axis in range(-len(shape), len(shape)):
        if name in LONG_AXIS and shape[axis] == 1:
            continue
        judge(lambda x, a=axis: np.sin(function(x, axis=a)), x)


@pytest.mark.parametrize(
    ("function", "left", "right"),
    [(function, *pair) for function, pairs in PRODUCTS for pair in pairs],
    ids=lambda p: getattr(p, "__name__", str(p)),
)
def test_products_of_every_shape(function, left, right):
    m = int(np.prod(left))
    x = spread(m + int(np.prod(right)), low=0.4, high=2.3)
    a, b = x[:m].reshape(left), x[m:].reshape(right)

    def both(x):
        return function(x[:m].reshape(left), x[m:].reshape(right))

    def from_outputs(x):
        x = np.sin(x) + x[0]
        return function(x[:m].reshape(left), x[m:].reshape(right) * x[1])

    for f, point in [
        (both, x),
        (from_outputs, x),
        (lambda a: function(a, b), a),
        (lambda b: function(a, b), b),
        (lambda a: function(np.exp(a) * np.sum(a), b), a),
        (lambda b: function(a, np.exp(b) * np.sum(b)), b),
    ]:
        judge(f, point, complex_step, 1e-12)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize(
    "f",
    [
        np.sin,
        np.sum,
        np.prod,
        np.cumsum,
        np.cumprod,
        np.sort,
        np.ravel,
        np.transpose,
        lambda x: x * 2 + x,
        lambda x: np.sum(x, axis=0),
        lambda x: np.prod(x, axis=-1),
        lambda x: np.concatenate([x, x]),
        lambda x: np.stack([x, 2 * x]),
        lambda x: np.where(x > 0, x, -x),
        lambda x: x[..., :0],
        lambda x: x[[]] if len(x) else x,
        lambda x: np.outer(x, x),
        lambda x: np.matmul(x.T, x),
        lambda x: np.max(x, initial=0.0),
        lambda x: np.pad(x, 1),
        lambda x: np.flip(np.roll(x, 1)),
        lambda x: np.zeros_like(x) + x,
    ],
)
def test_empty_arrays(f, shape):
    y, J = dm.value_and_jacobian_fwd(f, np.zeros(shape))
    assert np.array_equal(f(np.zeros(shape)), y)
    assert np.shape(y) + shape == J.shape
    # The same inside a larger problem, where it is the output that is empty.
    y, J = dm.value_and_jacobian_fwd(lambda z: f(z[:0].reshape(shape)), np.ones(20))
    assert np.array_equal(f(np.zeros(shape)), y)
    assert (*np.shape(y), 20) == J.shape
    assert not J.any()


# --- The table of rules and the table of cases ---------------------------------------------------


class Recorder(np.ndarray):
    """An array that notes which NumPy functions and ufuncs it is given to directly."""

    called: set = set()
    depth = 0

    def __array_function__(self, function, types, args, kwargs):
        return self._note(function, super().__array_function__, function, types, args, kwargs)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        def plain(a):
            return a.view(np.ndarray) if isinstance(a, Recorder) else a

        key = ufunc if method == "__call__" else (ufunc, method)
        if out is not None:
            kwargs["out"] = tuple(plain(a) for a in out)
        if not isinstance(kwargs.get("where", True), bool):
            kwargs["where"] = plain(kwargs["where"])
        result = self._note(key, getattr(ufunc, method), *map(plain, inputs), **kwargs)
        if out is not None:
            return out[0] if len(out) == 1 else out
        results = result if isinstance(result, tuple) else (result,)
        wrapped = [r.view(Recorder) if isinstance(r, np.ndarray) else r for r in results]
        return tuple(wrapped) if isinstance(result, tuple) else wrapped[0]

    def _note(self, key, call, *args, **kwargs):
        if Recorder.depth == 0:
            Recorder.called.add(key)
        Recorder.depth += 1
        try:
            return call(*args, **kwargs)
        finally:
            Recorder.depth -= 1


# What arrays of floats never reach, or what takes no array at all.
UNREACHABLE = {
    np.isnat,
    np.format_float_positional,
    np.format_float_scientific,
    np.ravel_multi_index,
    np.unravel_index,
}


def test_every_function_with_a_handler_has_a_case():
    Recorder.called.clear()
    for case in CASES:
        case.f(case.x.copy().view(Recorder))
    known = {*registry.FUNCTIONS, *registry.UFUNCS, *registry.REDUCTIONS, *table.RULES}
    known = {f for f in known if not isinstance(f, np.ufunc) or getattr(np, f.__name__, 0) is f}
    missing = known - Recorder.called - UNREACHABLE
    names = sorted(f"{f[0].__name__}.{f[1]}" if type(f) is tuple else f.__name__ for f in missing)
    assert [] == names
