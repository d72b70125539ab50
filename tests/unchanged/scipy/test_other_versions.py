"""A SciPy that differs from those dualmc was written for: what has no stand-in is refused."""

import subprocess
import sys

import pytest

UNLIKE = """
import warnings
import numpy as np
import scipy.interpolate, scipy.linalg
import dualmc as dm
{break_it}
x = np.array([0.5, 2.0])
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    assert np.array_equal(dm.jacobian_fwd(lambda x: x * 3.0, x), 3.0 * np.eye(2))
(warning,) = seen
assert warning.category is RuntimeWarning
text = str(warning.message)
assert "scipy.interpolate of scipy " + scipy.__version__ in text and "dualmc[sparse]" in text, text

A = np.array([[2.0, 1.0], [0.0, 4.0]])
J = dm.jacobian_fwd(lambda x: scipy.linalg.solve(A, x), x)
assert np.allclose(J, [[0.5, -0.125], [0.0, 0.25]], rtol=1e-14)

t = np.linspace(0.0, 3.0, 6)
for f in (
    scipy.interpolate.CubicSpline(t, t**2),
    scipy.interpolate.PPoly(np.ones((2, 5)), t),
    lambda x: scipy.interpolate.PPoly(np.ones((2, 5)) * x[0], t)(1.0),
    lambda x: scipy.interpolate.CubicSpline(t, t**2 * x[0])(1.0),
    lambda x: scipy.interpolate.make_interp_spline(t, t * x[1])(1.0),
):
    for verb in (dm.jacobian_fwd, dm.jacobian_rev):
        try:
            verb(f, x)
        except (dm.TangentLostError, dm.MissingRuleError):
            continue
        raise SystemExit("a derivative of what is not known")
"""
BREAKS = {
    "a method that is missing": "del scipy.interpolate.PPoly.integrate",
    "a function that is missing": "del scipy.interpolate.splantider",
    "a class that is missing": "del scipy.interpolate.RBFInterpolator",
}


@pytest.mark.parametrize("how", BREAKS)
def test_unlike(how):
    code = UNLIKE.format(break_it=BREAKS[how])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
