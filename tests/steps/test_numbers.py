"""Scalar code: numbers taken out of vectors, combined, and joined again, by the short way.

Every function is also differentiated with more inputs than the short way serves (so that tangents
are sparse), and the awkward values are those of the conventions.
"""

import math

import numpy as np
import pytest
from oracles import complex_step

import dualmc as dm
from dualmc.kernels import compiling
from dualmc.steps import lists

X = np.array([0.7, -1.3, 2.1, 0.4])


def robertson(y):
    a, b, c = y[0], y[1], y[2]
    return [-0.04 * a + 1e4 * b * c, 0.04 * a - 1e4 * b * c - 3e7 * b**2, 3e7 * b**2]


SCALAR = {
    "reactions": robertson,
    "quotients": lambda x: [x[0] / x[1], 2.0 / x[2], x[3] / 4, x[0] / x[0]],
    "signs": lambda x: [-x[0], x[1] - x[2], 1.0 - x[3], x[2] - 1],
    "same": lambda x: [x[0] * x[0], x[1] + x[1], x[2] - x[2]],
    "functions": lambda x: [np.sin(x[0]), np.exp(x[1]) * x[0], np.tanh(x[2] / x[3])],
    "powers": lambda x: [x[0] ** 2, x[2] ** 1.7, 2.0 ** x[1], x[2] ** x[0], x[1] ** 3],
    "sum": lambda x: sum(x[i] ** 2 * x[i - 1] for i in range(4)),
    "recurrence": lambda x: _recurrence(x),
    "mixed-list": lambda x: np.array([x[0], 1.5, 2.0 * x[3], np.float64(7.0)]),
    "nested-list": lambda x: np.array([[x[0], x[1]], [0.0, x[2] * x[3]]]),
    "whole-numbers": lambda x: [x[0] * 2, 3 * x[1], x[2] + 1, x[3] / 2],
    "numpy-numbers": lambda x: [x[0] * np.float64(2.0), np.float64(3.0) / x[1], x[2] + np.int8(1)],
    "with-vector": lambda x: x * x[0] + x[1] / np.sum(x),
    "with-constants": lambda x: x[0] * (1 - np.exp(-x[2] * np.linspace(0.1, 2.0, 5))),
    "last": lambda x: [x[-1] * x[-2], x[-4]],
    "of-two": lambda x: [
        np.power(x[0], x[2]), np.float_power(x[3], x[1]), np.power(2.5, x[1]), x[0] ** x[3]
    ],
    "odd-constants": lambda x: [x[0] * True, x[1] * 10**20, x[2] * np.float32(0.5), 3**40 - x[3]],
    "views": lambda x: [x[1:][0] * x[::2][1], x[:][1:][-1], x.reshape(2, 2)[1, 0] * x[::-1][0]],
    "elements": lambda x: [
        a * b for a, b in zip(np.outer(x, x)[1], (1.5 * x)[::-1], strict=True)
    ],
    "filled": lambda x: _filled(x),
    "rotated": lambda x: _rotated(x),
    "two-axes": lambda x: np.sin(x.reshape(2, 2)) * x.reshape(2, 2) / 3.0 + x.reshape(2, 2),
}  # fmt: skip


def _filled(x):
    out = np.zeros_like(x)
    for i in range(4):
        out[i] = x[i] * x[i - 1] - 0.5
        out[i] += np.sin(out[i - 1])
        out[i] *= x[0]
    return out


def _rotated(x):
    y = x * x
    a, b = y[0], y[1]
    y[0] = a * np.cos(x[2]) - b * np.sin(x[2])
    y[1] = a * np.sin(x[2]) + b * np.cos(x[2])
    return [y[0], y[1], a, b * y[3]]


def _recurrence(x):
    s = x[0]
    for i in range(12):
        s = s * x[i % 4] * 0.5 + x[1] / (2.0 + s * s)
    return s


def close(expected, actual, rtol=1e-13):
    scale = max(1.0, np.max(np.abs(expected)))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("chunk_size", [None, 1, 3])
@pytest.mark.parametrize("name", SCALAR)
def test_scalar_code_is_the_complex_step(name, chunk_size):
    f = SCALAR[name]
    expected = complex_step(lambda x: np.array(f(x)), X)
    close(expected, dm.jacobian_fwd(f, X, chunk_size=chunk_size))
    close(expected, dm.jacobian_rev(f, X))


@pytest.mark.parametrize("name", SCALAR)
def test_more_inputs_change_nothing(name):
    """Beside 20 further inputs the tangents start sparse."""
    f = SCALAR[name]
    many = np.concatenate([X, np.ones(20)])
    J = dm.jacobian_fwd(lambda x: f(x[:4]), many)
    close(dm.jacobian_fwd(f, X), J[..., :4])
    assert not J[..., 4:].any()


@pytest.mark.parametrize("name", SCALAR)
def test_the_value_is_what_numpy_computes(name):
    y, _ = dm.value_and_jacobian_fwd(SCALAR[name], X)
    np.testing.assert_array_equal(np.array(SCALAR[name](X)), y)


# Numbers whose square, root or reciprocal glibc's pow rounds otherwise than one operation does.
ODD = [2.3286992967991376, 0.8885267091217487, 2.285188015156939, 1.4837914821421536,
       2.4374008619603305, 2.451629085499565]  # fmt: skip
POWERS = {
    "numbers": lambda a: [b**c for b in a for c in (2, 3, 0.5, -1, -2, 1.7, 0, 1)],
    "reflected": lambda a: [c**b for b in a for c in (2, 3.0, 0.5)],
    "two": lambda a: [b**c for b in a for c in a],
    "numpy-numbers": lambda a: [c**b + b**c for b in a for c in a.dtype.type([2.0, 3.1, 0.5])],
    "of-a-sum": lambda a: [np.sum(a[i:]) ** c for i in range(len(a)) for c in (2, 0.5, -1, 1.7)],
    "in-place": lambda a: _in_place(a),
    "arrays": lambda a: np.concatenate([a**2, a**0.5, a**-1, a**1.7, a**a, 2.0**a]),
    "functions": lambda a: [np.power(b, c) for b in a for c in (2, 0.5, -1, 1.7)],
}


def _in_place(a):
    found = []
    for b in a:
        b **= 2
        found.append(b)
        b **= b
        found.append(b)
    return found


@pytest.mark.parametrize("call", [dm.value_and_jacobian_fwd, dm.value_and_jacobian_rev])
@pytest.mark.parametrize("count", [2, 40])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", POWERS)
def test_powers_of_numbers_are_rounded_as_numpy_rounds_them(name, dtype, count, call):
    x = np.concatenate([ODD, np.random.default_rng(5).uniform(0.1, 3.0, 34)])[:count].astype(dtype)
    y, _ = call(POWERS[name], x)
    np.testing.assert_array_equal(np.array(POWERS[name](x)), y)


def test_powers_of_numbers_under_nesting_are_rounded_as_numpy_rounds_them():
    x = np.array(ODD)

    def squares(x):
        return dm.value_and_jacobian_fwd(POWERS["numbers"], x)[0]

    y, J = dm.value_and_jacobian_fwd(squares, x)
    np.testing.assert_array_equal(np.array(POWERS["numbers"](x)), y)
    np.testing.assert_array_equal(dm.jacobian_fwd(POWERS["numbers"], x), J)


def test_products_of_complex_numbers_are_rounded_as_numpy_rounds_them():
    rng = np.random.default_rng(6)
    z = rng.normal(size=20) + 1j * rng.normal(size=20)
    for f in (
        lambda z: np.array([a * b for a in z for b in z]),
        lambda z: np.array([a * (0.3 + 1.7j) + (0.1 - 2.9j) * a for a in z]),
        lambda z: np.array([np.complex128(0.3 + 1.7j) * a * np.float64(0.7) for a in z]),
        lambda z: z * z[::-1],
    ):
        y, _ = dm.value_and_jacobian_fwd(lambda x, f=f: f(x * z).imag, np.ones(20))
        np.testing.assert_array_equal(f(z).imag, y)


@pytest.mark.parametrize("name", SCALAR)
def test_second_derivatives(name):
    f = SCALAR[name]
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), X)
    close(complex_step(lambda x: _jacobian_of(f, x), X), H, 1e-10)


def _jacobian_of(f, z):
    """First derivatives at a complex point, by eighth-order differences."""
    columns = []
    for i in range(z.size):
        e = np.zeros(z.size)
        e[i] = 2e-3
        columns.append(
            sum(
                w * (np.array(f(z + k * e)) - np.array(f(z - k * e)))
                for k, w in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))
            )
            / 2e-3
        )
    return np.stack(columns, axis=-1)


AWKWARD = {
    # Where the derivative of the root is infinite.
    "times-0": (lambda x: 0.0 * np.sqrt(x[0]), [0.0, 0.0]),
    "times-1": (lambda x: 1.0 * np.sqrt(x[0]), [math.inf, 0.0]),
    "times-another": (lambda x: np.sqrt(x[0]) * x[1], [math.inf, 0.0]),
    "0-tangent": (lambda x: np.sqrt(x[0]) + x[1] * 3.0, [math.inf, 3.0]),
    "quotient-of-infinity": (lambda x: x[1] / (x[0] + math.inf), [0.0, 0.0]),
    "divided-by-0": (lambda x: x[1] / x[0], [-math.inf, math.inf]),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_values_are_those_of_vectors(name):
    f, expected = AWKWARD[name]
    x = np.array([0.0, 1.0])
    with np.errstate(all="ignore"):
        J = dm.jacobian_fwd(f, x)
        whole = dm.jacobian_fwd(lambda x: f([x[:1], x[1:]])[0], x)
    np.testing.assert_array_equal(whole, J)
    np.testing.assert_array_equal(np.abs(expected), np.abs(J))


def test_other_precisions_keep_their_own():
    x = X.astype(np.float32)
    J = dm.jacobian_fwd(lambda x: [x[0] * x[1], x[2] / 3], x)
    assert J.dtype == np.float32
    close(np.array([[-1.3, 0.7, 0, 0], [0, 0, 1 / 3, 0]]), J, 1e-6)


def test_an_element_of_an_array_that_is_written_later_is_a_copy():
    def f(x):
        y = 1.0 * x
        first = y[0]
        y[0] = y[1] * 2.0
        again = y[0]
        y[1] = 0.0
        return [first, again, y[0], y[1]]

    expected = np.array([[1.0, 0, 0, 0], [0, 2, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), expected)


def test_what_is_returned_is_the_callers_own():
    for f, x in ((lambda x: x, [3.0]), (lambda x: x[0], [3.0]), (np.copy, [1.0, 2.0])):
        J = dm.jacobian_fwd(f, x)
        expected = J.copy()
        J += 1.0
        np.testing.assert_array_equal(dm.jacobian_fwd(f, x), expected)


def test_lists_that_are_not_joined_the_short_way():
    seen = []

    def f(x):
        plain = [1.0, 2.0]
        seen.append(lists.joined(plain))
        seen.append(lists.joined([x, x[0]]))
        seen.append(lists.joined([x[0], "text"]))
        return np.array([x[0], 1, x[1]])

    close(np.array([[1.0, 0], [0, 0], [0, 1]]), dm.jacobian_fwd(f, [1.0, 2.0]))
    assert seen == [None, None, None]


def test_numbers_of_two_calls_do_not_meet_unnoticed():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x[0]) or x, [1.0])
    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.jacobian_fwd(lambda x: np.array([x[0], kept[0]]), [1.0])
    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.jacobian_fwd(lambda x: x[0] * kept[0], [1.0])


def test_zeros_have_no_sign():
    J = dm.jacobian_fwd(lambda x: [-2.0 * x[0], -x[0] - 3.0 * x[1], x[2] / -4.0, -x[3]], X)
    assert not np.signbit(J[J == 0]).any()
    for n in (3, 20):
        for f in (lambda x: 1.0 - x**2, lambda x: -(x**2), lambda x: -2.0 * x**2):
            for is_sparse in (False, True):
                J = dm.jacobian_fwd(f, np.zeros(n), sparse=is_sparse)
                assert not np.signbit(J.data if is_sparse else J).any()


def straight_line(seed, length):
    """A random program of `length` steps on numbers, whose results stay of moderate size."""

    def f(x):
        rng = np.random.default_rng(seed)
        known = [x[int(i)] for i in rng.permutation(x.size)]
        for _ in range(length):
            a, b = (known[int(i)] for i in rng.integers(len(known), size=2))
            c = float(rng.uniform(0.5, 2.0))
            known.append(STEPS[int(rng.integers(len(STEPS)))](a, b, c))
        return np.array([*known[-6:], sum(known)])

    return f


STEPS = [
    lambda a, b, c: a + b,
    lambda a, b, c: a - b,
    lambda a, b, c: np.sin(a) * np.cos(b),
    lambda a, b, c: a / (c + b * b),
    lambda a, b, c: c - a,
    lambda a, b, c: np.tanh(c * a),
    lambda a, b, c: c / (4.0 + np.sin(a)),
    lambda a, b, c: -a + int(2 * c) * b / 8,
    lambda a, b, c: (1.5 + np.sin(a)) ** c - np.exp(-(b**2)),
    lambda a, b, c: np.sqrt(2.0 + np.cos(a)) * np.arctan(b),
]


@pytest.mark.table(4)
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n", [2, 7, 16, 17, 40])
def test_random_programs(n, seed):
    """Numbers of few inputs and of many, on dense and on sparse levels, whole and in chunks."""
    f, x = straight_line(seed, 3 * n), np.random.default_rng(n).uniform(-1.0, 1.0, n)
    expected = complex_step(f, x)
    close(expected, dm.jacobian_fwd(f, x), 1e-12)
    close(expected, dm.jacobian_fwd(f, x, sparse=True).toarray(), 1e-12)
    close(expected, dm.jacobian_fwd(f, x, chunk_size=max(1, n // 3)), 1e-12)
    np.testing.assert_array_equal(f(x), dm.value_and_jacobian_fwd(f, x)[0])


@pytest.mark.parametrize("n", [3, 9, 20])
def test_numbers_of_several_arguments(n):
    def f(a, b):
        return [
            a[0] * b[1],
            a[-1] / (2.0 + b[0] * b[0]),
            b[n - 1] - a[1],
            sum(a[i] * b[i] for i in range(n)),
        ]

    a, b = np.linspace(0.1, 1.0, n), np.linspace(-1.0, 2.0, n)
    expected = complex_step(lambda z: np.array(f(z[:n], z[n:])), np.concatenate([a, b]))
    for chunk_size in (None, 2):
        J = dm.jacobian_fwd(f, a, b, argnums=(0, 1), chunk_size=chunk_size)
        close(expected, np.concatenate(J, axis=1))
    close(expected[:, n:], dm.jacobian_fwd(f, a, b, argnums=1))


@pytest.mark.parametrize("n", [4, 30])
def test_functions_of_two_numbers(n):
    x = np.concatenate([X, np.ones(n - 4)])
    J = dm.jacobian_fwd(
        lambda x: [np.hypot(x[0], x[1]), np.arctan2(x[2], x[3]), np.hypot(3, x[2])], x
    )
    expected, r2 = np.zeros((3, n)), x[2] ** 2 + x[3] ** 2
    expected[0, :2] = x[:2] / math.hypot(x[0], x[1])
    expected[1, 2:4] = x[3] / r2, -x[2] / r2
    expected[2, 2] = x[2] / math.hypot(3, x[2])
    close(expected, J)


@pytest.mark.parametrize("n", [4, 36])
@pytest.mark.parametrize("sparse", [False, True])
def test_second_derivatives_of_elements(n, sparse):
    """Where the numbers taken out are Duals of an outer call, from vectors, tables and views."""

    def f(x):
        a, b = x.reshape(2, -1), x[1:]
        return a[0, 0] * b[0] ** 2 * np.sin(a[1, -1]) + x[2] * x[2] * x[0] / b[-1]

    def first(x):
        return dm.jacobian_fwd(f, x)

    x = np.linspace(0.5, 1.5, n)
    H = dm.jacobian_fwd(first, x, sparse=sparse)
    H = H.toarray() if sparse else H
    expected = complex_step(gradient_by_hand, x)
    close(expected, H)


def gradient_by_hand(x):
    """The gradient of the function above by hand."""
    g = 0 * x
    last, end = x[-1], x[x.size - 1]
    g[0] += x[1] ** 2 * np.sin(last) + x[2] ** 2 / end
    g[1] += 2 * x[0] * x[1] * np.sin(last)
    g[2] += 2 * x[2] * x[0] / end
    g[-1] += x[0] * x[1] ** 2 * np.cos(last) - x[2] ** 2 * x[0] / end**2
    return g


def test_an_index_out_of_range_is_numpys_error():
    for n in (3, 30):
        for i in (n, -n - 1):
            with pytest.raises(IndexError, match="out of bounds"):
                dm.jacobian_fwd(lambda x, i=i: x[i] * 2.0, np.ones(n))


def test_overflow_warns_as_numpy_does():
    for n in (3, 30):
        with pytest.warns(RuntimeWarning, match="overflow"):
            dm.jacobian_fwd(lambda x: x[0] * x[1] * 10.0, np.full(n, 1e200))
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide"):
            dm.jacobian_fwd(lambda x: 1.0 / x[0], np.zeros(n))


def test_entries_that_happen_to_be_0_are_stored():
    J = dm.jacobian_fwd(lambda x: [x[0] ** 2, x[1] * x[2], x[0] - x[0]], np.zeros(20), sparse=True)
    assert J.nnz == 4 and not J.toarray().any()


def test_numbers_cost_no_kernels():
    """Scalar code launches nothing but what hands the Jacobian out."""
    f, x = robertson, np.array([0.8, 3e-5, 0.2])
    dm.jacobian_fwd(f, x)
    with compiling.counted() as launches:
        dm.jacobian_fwd(f, x)
    assert sum(launches.values()) <= 1
