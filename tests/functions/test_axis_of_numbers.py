"""Axes of a number: what NumPy does with axis=0 and axis=-1 of 0-d arrays, Duals do too."""

import functools
import warnings

import numpy as np
import pytest

import dualmc as dm

FIRST = {
    "quantile": (0.5,), "nanquantile": (0.5,), "percentile": (50,), "nanpercentile": (50,),
    "take": (0,), "repeat": (2,), "roll": (1,), "partition": (0,), "argpartition": (0,),
    "append": (1.0,),
}  # fmt: skip
NAMES = """
sum prod mean std var max min amax amin ptp cumsum cumprod nansum nanprod nanmean nanstd nanvar
nanmax nanmin nancumsum nancumprod median nanmedian quantile percentile nanquantile nanpercentile
argmax argmin sort argsort all any count_nonzero average diff trapezoid cumulative_sum
cumulative_prod flip roll squeeze expand_dims take repeat unique gradient partition argpartition
nanargmax nanargmin linalg.norm linalg.vector_norm append unwrap
add.reduce multiply.reduce maximum.reduce minimum.reduce hypot.reduce logaddexp.reduce fmax.reduce
fmin.reduce subtract.reduce logaddexp2.reduce logical_and.reduce add.accumulate multiply.accumulate
maximum.accumulate subtract.accumulate
""".split()
KEPT = "sum prod max min nansum nanprod nanmean nanmax nanmin add.reduce hypot.reduce".split()
MODES = {
    "forward": dm.value_and_jacobian_fwd,
    "sparse": lambda f, x: dm.value_and_jacobian_fwd(f, x, sparse=True),
    "reverse": dm.value_and_jacobian_rev,
    "prepared": lambda f, x: dm.prepare(f, x).value_and_jacobian(x),
}


def outcome(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except (TypeError, ValueError, IndexError):
            return None


@pytest.mark.table(2)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "options"), [(n, {}) for n in NAMES] + [(n, {"keepdims": True}) for n in KEPT]
)
def test_axes_of_a_number(name, options, mode):
    function = functools.reduce(getattr, name.split("."), np)
    for axis in (0, -1, (), None, 1):
        if axis == () and mode == "prepared":
            continue

        def f(x, axis=axis):
            return function(x, *FIRST.get(name, ()), axis=axis, **options)

        right = outcome(lambda f=f: f(np.float64(2.5)))
        found = outcome(lambda f=f: MODES[mode](f, 2.5))
        assert (right is None) == (found is None), f"axis {axis}"
        if right is None:
            continue
        y, J = found
        np.testing.assert_array_equal(right, y)
        assert np.shape(right) == np.shape(y)
        J = J.toarray() if hasattr(J, "toarray") else J
        h = 1e-6  # all are x, 1 or 0, or constant
        up, down = (outcome(lambda f=f, x=x: f(np.float64(x))) for x in (2.5 + h, 2.5 - h))
        slopes = (np.asarray(up, float) - np.asarray(down, float)) / (2 * h)
        np.testing.assert_allclose(np.ravel(slopes), np.ravel(J), atol=1e-8)


def test_the_softmax_of_one_number():
    def f(s):
        return np.exp(s - np.max(s, axis=-1)) / np.sum(np.exp(s), axis=-1)

    for mode in (dm.derivative, dm.jacobian_rev):
        np.testing.assert_allclose(-np.exp(-2.0), mode(f, 2.0), rtol=1e-14)
    np.testing.assert_allclose(np.exp(-2.0), dm.hessian(f, 2.0), rtol=1e-13)
