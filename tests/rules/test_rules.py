"""The rule table against mpmath: every partial, over its domain, at its edges, in every form.

Propagation is not tested here; what the derivatives must be stands in `cases.py`.
"""

import itertools

import mpmath
import numpy as np
import pytest
from cases import CASE_OF, CASES
from mpmath import mp
from ulps import (
    DIGITS,
    arguments,
    by_array,
    by_kernel,
    error_in_ulps,
    errors_in_ulps,
    samples,
)

import dualmc as dm
from dualmc.kernels import stamped
from dualmc.rules.table import RULES

# Those of NumPy; other tests bring in rules of SciPy's functions, and some of their own.
RULE_OF = {f: rule for f, rule in RULES.items() if getattr(np, f.__name__, None) is f}
COUNT = 60
# NumPy's own float32 functions (exp, tan, cbrt, ...) are up to 4 ulp off, and a partial may use
# the square of one.
ULPS32 = 10

PARTIALS = [
    (case, argnum)
    for case in CASES
    for argnum, derivative in enumerate(case.derivatives)
    if derivative is not None
]
# Constants need no kernel, and a few functions have none.
COMPILED = [
    (case, argnum)
    for case, argnum in PARTIALS
    if RULE_OF[case.function].kernel and callable(RULE_OF[case.function].partials[argnum])
]


def is_compiled(case):
    return any(case is compiled for compiled, _ in COMPILED)


def parametrize_partials(partials):
    ids = [f"{case.name}-{case.argument_names[argnum]}" for case, argnum in partials]
    return pytest.mark.parametrize("case, argnum", partials, ids=ids)


def parametrize_cases(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


every_partial = parametrize_partials(PARTIALS)
every_case = parametrize_cases(CASES)


def _worst(case, argnum, got, known, dtype="float64"):
    errors = errors_in_ulps(got, known, dtype)
    i = int(np.argmax(errors))
    at = tuple(float(column[i]) for column in known.arguments)
    what = f"d/d{case.argument_names[argnum]} of {case.name} at {at}: {errors[i]:.3g} ulp off"
    return errors[i], what


# --- The tables agree about what exists -----------------------------------------------------------


def test_every_rule_has_a_case_and_the_reverse():
    assert {f.__name__ for f in RULE_OF} == {f.__name__ for f in CASE_OF}
    assert set(RULE_OF) == set(CASE_OF)
    assert len(CASES) == len(CASE_OF)


@every_case
def test_case_is_complete(case):
    rule = RULE_OF[case.function]
    assert len(case.derivatives) == len(rule.partials)
    assert rule.integer == tuple(i for i, d in enumerate(case.derivatives) if d is None)
    assert (case.edges_alone is None) == (rule.alone is None)
    assert case.reason or (case.ulps <= 4 and case.size is None)
    assert len(samples(case.function, 0, COUNT).exact) >= COUNT


def test_error_in_ulps_counts_ulps():
    one = mp.mpf(1)
    assert error_in_ulps(1 + 2.0**-52, one, one) == 1
    assert error_in_ulps(1 + 2.0**-23, one, one, "float32") == 1
    assert error_in_ulps(-1.0, one, one) > 1e15
    assert error_in_ulps(0.0, one, one) > 1e15
    assert error_in_ulps(np.nan, one, one) == np.inf
    assert error_in_ulps(np.inf, mp.mpf(10) ** 309, one) == 0
    assert error_in_ulps(np.inf, -(mp.mpf(10) ** 309), one) == np.inf
    assert error_in_ulps(1e308, mp.mpf(10) ** 309, mp.mpf(10) ** 309) > 1e15
    assert error_in_ulps(0.0, mp.mpf(10) ** -309, mp.mpf(10) ** -309) == 0
    assert error_in_ulps(1e-300, mp.mpf(10) ** -309, mp.mpf(10) ** -309) == np.inf
    assert error_in_ulps(1e-300, mp.mpf(0), mp.mpf(0)) == np.inf


# --- Values over the domain ----------------------------------------------------------------------


@every_partial
def test_partial_on_arrays(case, argnum):
    known = samples(case.function, argnum, COUNT)
    got = by_array(RULE_OF[case.function], case.function, argnum, known.arguments)
    error, message = _worst(case, argnum, got, known)
    assert error <= case.ulps, message


@parametrize_partials(COMPILED)
def test_partial_in_its_kernel(case, argnum):
    rule = RULE_OF[case.function]
    known = samples(case.function, argnum, COUNT)
    got = by_kernel(rule, case.function, argnum, known.arguments, stamped)
    error, message = _worst(case, argnum, got, known)
    assert error <= case.ulps, message


@parametrize_cases([c for c in CASES if len(c.derivatives) == 2 and is_compiled(c)])
def test_kernel_of_both_arguments(case):
    """One pass gives ``c*da + g*db``: slots (1, 0), (0, 1) and (2, -3) show each and the sum."""
    rule = RULE_OF[case.function]
    a, b = arguments(case.function, COUNT, 0)
    with np.errstate(all="ignore"):
        y = case.function(a, b)
    coef_a = np.repeat([[1.0], [0.0], [2.0]], y.size, axis=1)
    coef_b = np.repeat([[0.0], [1.0], [-3.0]], y.size, axis=1)
    out = np.empty_like(coef_a)
    stamped.push_both(case.function, rule.partials)(a, 1, b, 1, y, coef_a, coef_b, out)
    for argnum in (0, 1):
        # The same compiled partial, so the same digits up to contraction.
        one = by_array(rule, case.function, argnum, (a, b))
        if callable(rule.partials[argnum]):
            one = by_kernel(rule, case.function, argnum, (a, b), stamped)
        np.testing.assert_array_equal(out[argnum], one)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out[2], 2 * out[0] + -3 * out[1])


@every_partial
def test_partial_in_float32(case, argnum):
    known = samples(case.function, argnum, COUNT, 0, "float32")
    got = by_array(RULE_OF[case.function], case.function, argnum, known.arguments)
    error, message = _worst(case, argnum, got, known, "float32")
    assert error <= ULPS32, message


@every_partial
def test_float32_stays_float32(case, argnum):
    known = samples(case.function, argnum, COUNT, 0, "float32")
    x = known.arguments[argnum]

    def f(t):
        columns = list(known.arguments)
        columns[argnum] = t
        return case.function(*columns)

    with np.errstate(all="ignore"):
        y, y_dot = dm.jvp(f, x, np.ones_like(x))
        expected = f(x)
    assert y.dtype == y_dot.dtype == expected.dtype
    if case.function is not np.float_power:
        assert y_dot.dtype == np.float32
    np.testing.assert_array_equal(y, expected)
    error, message = _worst(case, argnum, y_dot, known, "float32")
    assert error <= ULPS32 or case.edges_alone is not None, message


# --- Edges ---------------------------------------------------------------------------------------


def _edges(rows):
    """Edge rows as pairs of tuples, for one argument too."""
    return [(row if isinstance(row[0], tuple) else ((row[0],), (row[1],))) for row in rows]


def _assert_same(got, expected, what):
    np.testing.assert_allclose(
        np.asarray(got).item(), expected, rtol=4e-16, atol=0, equal_nan=True, err_msg=str(what)
    )


@every_case
def test_edges_of_the_partials(case):
    rule = RULE_OF[case.function]
    for xs, expected in _edges(case.edges):
        columns = tuple(np.array([x]) for x in xs)
        for argnum, d in enumerate(expected):
            if d is None:
                continue
            what = f"{case.name}{xs}, argument {argnum}"
            _assert_same(by_array(rule, case.function, argnum, columns)[0], d, what)
            if rule.kernel and callable(rule.partials[argnum]):
                got = by_kernel(rule, case.function, argnum, columns, stamped)[0]
                _assert_same(got, d, f"{what}, kernel")


@every_case
def test_edges_of_derivatives(case):
    """Through the public functions, every argument with a derivative active at once."""
    for xs, expected in _edges(case.edges):
        numbers = tuple(i for i, d in enumerate(expected) if d is not None)
        with np.errstate(all="ignore"):
            if len(xs) == 1:
                got = (dm.derivative(case.function, *xs),)
            else:
                got = dm.jacobian_fwd(case.function, *xs, argnums=numbers)
        for i, d in zip(numbers, got, strict=True):
            _assert_same(d, expected[i], f"{case.name}{xs}, argument {i}")


@every_case
def test_edges_with_one_argument_active(case):
    """The other argument is a constant: ties go to the constant."""
    rows = case.edges if case.edges_alone is None else case.edges_alone
    for xs, expected in _edges(rows):
        for i, d in enumerate(expected):
            if d is None:
                continue

            def f(t, xs=xs, i=i):
                return case.function(*xs[:i], t, *xs[i + 1 :])

            with np.errstate(all="ignore"):
                _assert_same(dm.derivative(f, xs[i]), d, f"{case.name}{xs}, argument {i}")


# --- Other payloads ------------------------------------------------------------------------------


@parametrize_cases([c for c in CASES if c.complex_derivatives is not None])
def test_complex_values_of_a_real_parameter(case, rng):
    """``t -> f(t z)`` at t = 1 has derivative ``sum z_i df/dz_i``, each z_i active in turn."""
    count = 40
    zs = [
        np.exp(rng.uniform(-7, 2, count) + 1j * rng.uniform(-np.pi, np.pi, count))
        for _ in case.complex_derivatives
    ]
    for argnum, derivative in enumerate(case.complex_derivatives):

        def f(t, argnum=argnum):
            return case.function(*(t * z if i == argnum else z for i, z in enumerate(zs)))

        with np.errstate(all="ignore"):
            got = dm.derivative(f, 1.0)
        with mp.workdps(DIGITS):
            for i in range(count):
                at = [mp.mpc(complex(z[i])) for z in zs]
                exact = at[argnum] * derivative(*at)
                error = abs(mp.mpc(complex(got[i])) - exact) / abs(exact) * 2**52
                assert error <= case.complex_ulps, (case.name, argnum, at)


@pytest.mark.parametrize(
    "function, x", [(np.tan, 1 + 400j), (np.tanh, 400 + 1j), (np.arctan, 1e-9 + 1j)]
)
def test_complex_derivative_where_it_is_delicate(function, x):
    exact = {
        np.tan: lambda z: mp.sec(z) ** 2,
        np.tanh: lambda z: mp.sech(z) ** 2,
        np.arctan: lambda z: 1 / ((1 + 1j * z) * (1 - 1j * z)),
    }[function]
    with mp.workdps(400):
        expected = complex(x * exact(mp.mpc(x)))
    got = complex(dm.derivative(lambda t: function(t * x), 1.0))
    assert abs(got - expected) <= 1e-14 * abs(expected)


def _nested(function, xs, order):
    """The mixed derivative of `function` at `xs`, by one call of `derivative` per order."""
    if not any(order):
        return function(*xs)
    i = next(i for i, k in enumerate(order) if k)
    rest = tuple(k - (i == j) for j, k in enumerate(order))
    return dm.derivative(lambda t: _nested(function, (*xs[:i], t, *xs[i + 1 :]), rest), xs[i])


SMOOTH = [(c, (1.7 if c.function is np.arccosh else 0.6, -0.35)) for c in CASES]
# Points where a partial changes its formula, or where a symmetry makes lower orders vanish.
SMOOTH += [
    (CASE_OF[f], (x, b))
    for f, x, b in [
        *((f, 0.0, -0.35) for f in (np.exp, np.expm1, np.log1p, np.square, np.sin, np.cos, np.tan)),
        *((f, 0.0, -0.35) for f in (np.arcsin, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh)),
        *((f, x, 0.0) for f in (np.arctan, np.arcsinh) for x in (1e-9, 2e8, -3.0)),
        *((np.tanh, x, 0.0) for x in (-20.0, 5.0, 1e-9)),
        *((np.sinc, x, 0.0) for x in (1e-9, 1.0, 2.0, -3.0, 0.5, 0.49999)),
        *((np.power, a, b) for a, b in [(2.0, 0.0), (2.0, 1.0), (1.0, 2.0), (1e-80, 2.5)]),
        *((np.power, a, b) for a, b in [(1e9, 20.0), (0.5, 200.5), (1.0000001, -1e9)]),
        *((f, a, b) for f in (np.logaddexp, np.logaddexp2) for a, b in [(1.5, 1.5), (0.0, 30.0)]),
        *((f, a, b) for f in (np.hypot, np.arctan2) for a, b in [(0.0, 2.0), (3.0, 0.0)]),
        (np.multiply, 0.0, 0.0),
        (np.divide, 0.0, 2.0),
    ]
]


@pytest.mark.parametrize("case, point", SMOOTH, ids=[f"{c.name}-{p}" for c, p in SMOOTH])
def test_partials_are_differentiated_in_turn(case, point):
    """All derivatives of orders two and three: each partial as a function of Duals."""
    count = len(case.derivatives) if None not in case.derivatives else 1
    xs = point[:count] if count == len(case.derivatives) else (point[0], 3)
    for order in itertools.product(range(4), repeat=count):
        if sum(order) not in (2, 3) or any(order) and case.derivatives[_first(order)] is None:
            continue
        i = _first(order)
        rest = [k - (i == j) for j, k in enumerate(order)] + [0] * (len(xs) - count)
        step = min([1.0, *(abs(x) for x in xs if x)]) * mp.mpf(10) ** -25
        with mp.workdps(150):
            at = [mp.mpf(x) for x in xs]
            exact = float(mpmath.diff(case.derivatives[i], at, tuple(rest), h=step))
            size = float(abs(case.derivatives[i](*at)))
        with np.errstate(all="ignore"):
            got = _nested(case.function, xs, order)
        np.testing.assert_allclose(
            float(got), exact, rtol=1e-11, atol=1e-14 * size, err_msg=f"order {order}"
        )


def _first(order):
    return next(i for i, k in enumerate(order) if k)
