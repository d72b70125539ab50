"""Derivatives of derivatives of compiled elementary functions, over their domains, against mpmath.

Those that cancel where the text of a first partial is derived again, beside some that do not.
"""

import numba
import numpy as np
import pytest
from cases import CASE_OF
from higher_judge import error, exact_rows, usable

import dualmc as dm

pytestmark = pytest.mark.slow

ONE = (np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arctanh, np.tanh, np.cbrt, np.exp, np.log1p)
TWO = (np.hypot, np.logaddexp, np.arctan2)
TOLERANCE = 1e-12


def twice(functions, count):
    """The second derivatives of all functions at once, each of its own variables."""
    items = []
    for i, function in enumerate(functions):
        args = ", ".join(f"x[{count * i + j}]" for j in range(count))
        items.append(f"np.{function.__name__}({args})")
    scope = {"np": np}
    exec(f"def f(x): return ({', '.join(items)},)", scope)
    f = numba.njit(error_model="numpy")(scope["f"])
    return dm.jit_jacobian(dm.jit_jacobian(f, chunk_size=count), chunk_size=count)


@pytest.mark.parametrize("functions, count", [(ONE, 1), (TWO, 2)])
def test_second_derivatives(functions, count):
    H = twice(functions, count)
    columns = [usable(CASE_OF[function], 2, 7) for function in functions]
    most = max(len(column[0]) for column in columns)
    points = np.stack([np.resize(c, most) for column in columns for c in column], axis=1)
    got = np.stack([H(np.ascontiguousarray(x)) for x in points])
    for i, (function, column) in enumerate(zip(functions, columns, strict=True)):
        block = got[:, i, count * i : count * (i + 1), count * i : count * (i + 1)]
        for j in range(count):
            for k in range(count):
                known = exact_rows(CASE_OF[function], column, [j, k])
                for row, value, *at in zip(known, block[:, j, k], *column, strict=False):
                    if row is not None:
                        assert error(float(value), row) <= TOLERANCE, (function, at, value)


def test_powers_where_the_exponent_is_0():
    f = numba.njit(lambda x: x[0] ** x[1])
    H = dm.jit_jacobian(dm.jit_jacobian(f, chunk_size=2), chunk_size=2)
    for a in (2.0, 0.3):
        expected = [[0, 1 / a], [1 / a, np.log(a) ** 2]]
        np.testing.assert_allclose(H(np.array([a, 0.0])), expected, rtol=1e-14, atol=1e-16)
