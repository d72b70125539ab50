"""Random programs on the tape, and random compositions: the two modes are transposes."""

import numpy as np
from drawn_programs import (
    actions,
    arrays_and_keys,
    play,
    points,
    programs,
    run,
    squash,
)
from function_cases import CASES, STEP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import complex_step
from reverse_judge import assert_close, judge

import dualmc as dm

thorough = settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# --- Random programs -----------------------------------------------------------------------------


@thorough
@given(programs, st.integers(3, 6).flatmap(points))
def test_any_program(program, x):
    judge(lambda x: run(program, x), x)


@thorough
@given(
    st.lists(actions, min_size=2, max_size=12), st.sampled_from([(3,), (2, 3), (2, 1, 2), (5, 4)])
)
def test_any_sequence_of_views_and_writes(steps, shape):
    x = np.cos(np.arange(np.prod(shape))).reshape(shape) + 1.5
    judge(lambda x: play(steps, x), x)


@thorough
@given(arrays_and_keys, st.booleans(), st.sampled_from(["=", "+=", "view"]))
def test_any_assignment(shape_and_key, is_scalar, operator):
    shape, key = shape_and_key
    x = np.linspace(0.5, 2.5, int(np.prod(shape))).reshape(shape)

    def f(x):
        y = 3.0 * x
        new = x[0].sum() if is_scalar else np.sin(y[key]) * x.sum()
        if operator == "=":
            y[key] = new
        elif operator == "+=":
            y[key] += new
        else:
            z = y[::-1]
            z[key] = new
            z[key] = z[key] * 2.0
        return y

    judge(f, x)


def table(v):
    return np.cos(np.outer(v, v[::-1]))


# Of two arrays of four numbers and four constants: a new one.
FUNCTIONS = {
    "add": lambda a, b, c: a + b,
    "multiply": lambda a, b, c: a * b,
    "divide": lambda a, b, c: a / squash(b),
    "power": lambda a, b, c: squash(a) ** squash(b),
    "times constants": lambda a, b, c: c * a,
    "constants over": lambda a, b, c: c / squash(a),
    "to constant powers": lambda a, b, c: squash(a) ** c,
    "constant to powers": lambda a, b, c: (c * c + 0.5) ** np.sin(a),
    "from constants": lambda a, b, c: c - a,
    "by integers": lambda a, b, c: a * np.arange(4),
    "by float32": lambda a, b, c: a * c.astype(np.float32),
    "sin": lambda a, b, c: np.sin(a),
    "gauss": lambda a, b, c: np.exp(-(squash(a) ** 2)),
    "sqrt": lambda a, b, c: np.sqrt(squash(a)),
    "negative": lambda a, b, c: -a,
    "square": lambda a, b, c: np.square(np.sin(a)),
    "dot": lambda a, b, c: np.sin(a) * (a @ b),
    "matrix": lambda a, b, c: table(c) @ a,
    "matrix from the right": lambda a, b, c: a @ table(c),
    "product of matrices": lambda a, b, c: (a.reshape(2, 2) @ b.reshape(2, 2)).ravel(),
    "inner": lambda a, b, c: np.inner(a, c) * np.sin(b),
    "convolve": lambda a, b, c: np.convolve(a, c, "same"),
    "einsum": lambda a, b, c: np.einsum("i,j,j->i", np.sin(a), b, c),
    "outer": lambda a, b, c: np.outer(a, np.cos(b)).sum(axis=0),
    "kron": lambda a, b, c: np.kron(a[:2], np.sin(b[1:3])),
    "where": lambda a, b, c: np.where(c > 0, a, b),
    "concatenate": lambda a, b, c: np.concatenate([a[1:], b])[:4],
    "stack": lambda a, b, c: np.stack([a, b]).mean(axis=0),
    "sum": lambda a, b, c: a.sum() * np.sin(b),
    "prod": lambda a, b, c: np.prod(squash(a)) * b / 8,
    "cumsum": lambda a, b, c: np.cumsum(a),
    "cumprod": lambda a, b, c: np.cumprod(squash(a) / 2),
    "roll": lambda a, b, c: np.roll(a, 1) + b,
    "take": lambda a, b, c: a[[0, 0, 3, 2]] * np.cos(b),
    "diff": lambda a, b, c: np.append(np.diff(a), b[0]),
    "elements": lambda a, b, c: a[0] * np.sin(b[1]) + c,
    "element by element": lambda a, b, c: np.stack([a[i] * np.sin(b[3 - i]) for i in range(4)]),
    "reversed view": lambda a, b, c: a[::-1],
    "reshaped view": lambda a, b, c: a.reshape(2, 2).T.reshape(-1),
    "transposed view": lambda a, b, c: a.reshape(2, 2).reshape(4),
    "whole view": lambda a, b, c: a[...],
    "copy": lambda a, b, c: a.copy(),
}


def write_some(a, b, c):
    a[1] = b[2] * c[1]
    a[::3] = np.sin(b[1:3])


def write_all(a, b, c):
    a[:] = np.cos(b)


def write_fancy(a, b, c):
    a[[0, 2, 0]] = b[[1, 2, 3]]


def write_mask(a, b, c):
    a[c > 0] = b[c > 0]


def write_constants(a, b, c):
    a[:] = c


def write_one_constant(a, b, c):
    a[2] = 0.7


def write_reshaped(a, b, c):
    a.reshape(2, 2).T[0] *= np.sin(b[:2])


def add_in_place(a, b, c):
    a += np.sin(b)


def multiply_in_place(a, b, c):
    a *= np.cos(b)


def square_in_place(a, b, c):
    a *= a
    a /= 2 + a


def add_repeated(a, b, c):
    a[[1, 1, 3]] += b[[0, 1, 2]]


def add_at(a, b, c):
    np.add.at(a, [0, 0, 2], np.sin(b[:3]))


def multiply_at(a, b, c):
    np.multiply.at(a, [1, 1], np.cos(b[:2]))


def put(a, b, c):
    np.put(a, [0, 3, 0], b[:3])


def place(a, b, c):
    np.place(a, c > 0, b[:2])


def fill(a, b, c):
    a.fill(b[0])


def sine_out(a, b, c):
    np.sin(b, out=a)


def product_out_where(a, b, c):
    np.multiply(a, c, out=a, where=c > 0)


def matmul_out(a, b, c):
    np.matmul(table(c), b, out=a)


def copy_where(a, b, c):
    np.copyto(a, b, where=c > 0)


def shift(a, b, c):
    a[1:] = a[:-1]


def reverse_in_place(a, b, c):
    a[:] = a[::-1]


def swap(a, b, c):
    a[0], a[1] = a[1], a[0]


def recur(a, b, c):
    for i in range(4):
        a[i] = np.sin(a[i - 1]) * b[i]


def scale_constants(a, b, c):
    c *= 0.9
    c[1] += 0.1


def reverse_constants(a, b, c):
    c[:] = c[::-1].copy()


EFFECTS = [
    write_some, write_all, write_fancy, write_mask, write_constants, write_one_constant,
    write_reshaped, add_in_place, multiply_in_place, square_in_place, add_repeated, add_at,
    multiply_at, put, place, fill, sine_out, product_out_where, matmul_out, copy_where, shift,
    reverse_in_place, swap, recur, scale_constants, reverse_constants,
]  # fmt: skip
lines = st.tuples(
    st.one_of(st.sampled_from(sorted(FUNCTIONS)), st.sampled_from(EFFECTS)),
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(0, 1),
)


def execute(program, x):
    """Each line makes an array of two of those so far, or writes into one of them."""
    arrays = [x, 1.5 * x[::-1]]
    constants = [np.cos(np.arange(4) ** 2.0), np.cos(np.arange(8) ** 2.0)[::2] + 0.2]
    for line, first, second, which in program:
        a, b = arrays[-1 - first % len(arrays)], arrays[-1 - second % len(arrays)]
        if callable(line):
            line(a, b, constants[which])
        else:
            arrays.append(FUNCTIONS[line](a, b, constants[which]))
    return np.concatenate([np.sin(0.1 * a) for a in arrays[-4:]])


@settings(thorough, max_examples=400)
@given(st.lists(lines, min_size=1, max_size=12))
def test_any_program_that_writes(program):
    x = np.array([0.3, -0.8, 1.1, 0.6])

    def f(x):
        return execute(program, x)

    with np.errstate(all="ignore"):
        expected = complex_step(f, x)
        if not np.max(np.abs(expected)) < 1e4:
            return  # ill-conditioned
        for options in ({}, {"chunk_size": 1}):
            y, J = dm.value_and_jacobian_rev(f, x, **options)
            assert np.array_equal(f(x.copy()), y)
            assert_close(expected, J, rtol=1e-7, atol=1e-9)
        assert_close(expected, dm.jacobian_fwd(f, x), rtol=1e-7, atol=1e-9)


# --- The two modes are each other's transposes ---------------------------------------------------


def assert_adjoint(f, x, rng):
    """<y_bar, J x_dot> = <J^T y_bar, x_dot>, up to the rounding of the terms added."""
    x_dot = rng.normal(size=x.shape)
    y, y_dot = dm.jvp(f, x, x_dot)
    y, pullback = dm.vjp(f, x)
    y_bar = rng.normal(size=np.shape(y))
    if np.asarray(y).dtype.kind == "c":
        y_bar = y_bar + 1j * rng.normal(size=np.shape(y))
    x_bar = pullback(y_bar)
    assert x.shape == np.shape(x_bar)
    left, right = np.real(y_bar * y_dot), x_bar * x_dot
    size = np.sum(np.abs(left)) + np.sum(np.abs(right))
    if np.isnan(size):
        assert np.isnan(np.sum(left)) == np.isnan(np.sum(right))
    else:
        assert abs(np.sum(left) - np.sum(right)) <= 1e-11 * max(1.0, size)


@settings(thorough, max_examples=300)
@given(st.sampled_from(CASES), st.integers(0, 2**32 - 1))
def test_adjoint_of_any_case(case, seed):
    assert_adjoint(case.f, case.x, np.random.default_rng(seed))


ANALYTIC_CASES = [case for case in CASES if case.oracle == STEP and case.x.shape == (5,)]


@thorough
@given(
    st.sampled_from(ANALYTIC_CASES),
    st.sampled_from(ANALYTIC_CASES),
    st.integers(0, 2**32 - 1),
)
def test_adjoint_and_oracle_of_any_composition(first, second, seed):
    """`second` of `first`, brought back into the domain of both."""

    def f(x):
        y = first.f(x)
        if isinstance(y, (list, tuple)):
            y = np.stack([np.sum(part) for part in y])
        y = np.resize(np.ravel(y), 5) if np.size(y) < 5 else np.ravel(y)[:5]
        return second.f(0.9 + 0.4 * np.sin(y))

    with np.errstate(all="ignore"):
        x = first.x.copy()
        assert_adjoint(f, x, np.random.default_rng(seed))
        expected = complex_step(f, x)
        if np.max(np.abs(expected), initial=0.0) < 1e6:
            J = dm.jacobian_rev(f, x)
            scale = max(1.0, np.max(np.abs(expected), initial=0.0))
            np.testing.assert_allclose(J, expected, rtol=1e-8, atol=1e-9 * scale)


def test_the_cases_of_compositions_are_many():
    assert 100 < len(ANALYTIC_CASES)
