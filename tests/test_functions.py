"""Every idiom of `function_cases.py`: the value is NumPy's bit for bit, J the oracle's."""

from collections import Counter

import numpy as np
import pytest
from function_cases import CASES, DIFF, STEP, complex_step, differences, expected_jacobian

import dualmc as dm
from dualmc import registry, rules

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def assert_close(expected, actual, rtol):
    """Relative to the largest entry, so that entries which cancel to 0 are compared with it."""
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)


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
    actual = dm.jacobian_fwd(case.f, case.x)
    assert type(actual) is np.ndarray
    assert np.shape(case.f(case.x.copy())) + case.x.shape == actual.shape
    assert_close(expected, actual, 1e-12 if case.oracle == STEP else 1e-8)


@every_case
def test_value_and_jacobian_come_from_one_pass(case):
    _, J = dm.value_and_jacobian_fwd(case.f, case.x)
    assert np.array_equal(dm.jacobian_fwd(case.f, case.x), J, equal_nan=True)


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
    known = {*registry.FUNCTIONS, *registry.UFUNCS, *registry.REDUCTIONS, *rules.RULES}
    known = {f for f in known if not isinstance(f, np.ufunc) or getattr(np, f.__name__, 0) is f}
    missing = known - Recorder.called - UNREACHABLE
    names = sorted(f"{f[0].__name__}.{f[1]}" if type(f) is tuple else f.__name__ for f in missing)
    assert [] == names
