"""Elementary functions of compiled scalars against mpmath, over their domains and at their edges.

The points and the exact derivatives are those of `cases.py`.  All functions stand in one compiled
function, each of its own variables, so that what belongs to another must be exactly 0.
"""

import math

import numba
import numpy as np
import pytest
from cases import CASES
from ulps import errors_in_ulps, samples

import dualmc as dm

pytestmark = pytest.mark.slow

# As operators: the ufunc itself makes an array of two numbers in Numba, or has no scalar form.
OPERATORS = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
    "remainder": "{} % {}", "negative": "-{}", "positive": "+{}",
}  # fmt: skip
NOT_IN_NUMBA = ("heaviside",)
COUNT = 40


def table(count):
    return [
        case
        for case in CASES
        if len(case.derivatives) == count
        and None not in case.derivatives
        and case.name not in NOT_IN_NUMBA
        and case.name != "ldexp"
    ]


ONE, TWO = table(1), table(2)


def compiled(cases, names):
    """A function of vectors `names`, whose element i goes into function i."""
    items = []
    for i, case in enumerate(cases):
        args = [f"{name}[{i}]" for name in names]
        called = f"np.{case.name}({', '.join(args)})"
        items.append(OPERATORS.get(case.name, called).format(*args))
    scope = {"np": np, "math": math}
    exec(f"def f({', '.join(names)}): return ({', '.join(items)},)", scope)
    return numba.njit(error_model="numpy")(scope["f"])


OF_ONE, OF_TWO = compiled(ONE, ["a"]), compiled(TWO, ["a", "b"])
JAC_ONE = dm.jit_jacobian(OF_ONE, chunk_size=1, value=True)
JAC_TWO = dm.jit_jacobian(OF_TWO, argnums=(0, 1), chunk_size=1, value=True)
JAC_EACH = [dm.jit_jacobian(OF_TWO, argnums=i, chunk_size=1, value=True) for i in (0, 1)]


def diagonal(J):
    off = J[~np.eye(len(J), dtype=bool)]
    assert (off == 0).all()
    return np.diag(J)


def columns_of(cases, argnum):
    """Points for all functions at once, the shorter columns repeated."""
    known = [samples(case.function, argnum, COUNT) for case in cases]
    most = max(len(k.exact) for k in known)
    args = [
        np.array([np.resize(k.arguments[j], most) for k in known])
        for j in range(len(cases[0].derivatives))
    ]
    return known, args, most


@pytest.mark.parametrize("argnum", [0, 1, 2])
def test_partials_within_a_few_ulps(argnum):
    cases, jac, values = (ONE, JAC_ONE, OF_ONE) if argnum == 2 else (TWO, JAC_TWO, OF_TWO)
    argnum %= 2
    known, args, most = columns_of(cases, argnum)
    got = np.empty((len(cases), most))
    for k in range(most):
        at = [np.ascontiguousarray(a[:, k]) for a in args]
        y, J = jac(*at)
        np.testing.assert_array_equal(y, values(*at))
        got[:, k] = diagonal(J if cases is ONE else J[argnum])
    for case, k, row in zip(cases, known, got, strict=True):
        errors = errors_in_ulps(row[: len(k.exact)], k)
        worst = int(np.argmax(errors))
        # A product of a partial and the 1 of an input, rounded once.
        assert errors[worst] <= case.ulps + 1, (
            case.name, [a[worst] for a in k.arguments], row[worst], errors[worst],
        )  # fmt: skip


def assert_edge(name, point, got, expected):
    expected = float(expected)
    same = got == expected or (np.isnan(got) and np.isnan(expected))
    close = np.isfinite(expected) and abs(got - expected) <= 1e-15 * abs(expected)
    assert same or close, (name, point, got, expected)


def test_edges_of_functions_of_one():
    most = max(len(case.edges) for case in ONE)
    for k in range(most):
        rows = [case.edges[k % len(case.edges)] for case in ONE]
        x = np.array([row[0] for row in rows])
        y, J = JAC_ONE(x)
        np.testing.assert_array_equal(y, OF_ONE(x))
        for case, row, got in zip(ONE, rows, diagonal(J), strict=True):
            assert_edge(case.name, row[0], got, row[1])


@pytest.mark.parametrize("alone", [False, True])
def test_edges_of_functions_of_two(alone):
    tables = [
        (case.edges_alone if alone and case.edges_alone is not None else case.edges) for case in TWO
    ]
    for k in range(max(map(len, tables))):
        rows = [table[k % len(table)] if table else ((1.0, 2.0), (None, None)) for table in tables]
        a, b = (np.array([float(row[0][j]) for row in rows]) for j in (0, 1))
        if alone:
            found = [jac(a, b)[1] for jac in JAC_EACH]
        else:
            found = JAC_TWO(a, b)[1]
        for j in (0, 1):
            for case, row, got in zip(TWO, rows, np.diag(found[j]), strict=True):
                if row[1][j] is not None:
                    assert_edge(case.name + " by " + "ab"[j], row[0], got, row[1][j])
