"""Plans of functions on a tape: the bits of the handlers, which define what is right.

Derivatives are judged by complex steps or forward mode of plain functions.
"""

import numpy as np
import pytest
from oracles import complex_step

import dualmc as dm
from dualmc.cotangents import quick_sweep
from dualmc.passes.reverse_pass import Tape
from dualmc.rules import registry

X = np.array([0.5, 1.5, 2.5, -0.25, 0.75, 1.25])
C = np.array([2.0, -0.5, 1.5, 3.0, 0.1, -1.0])
ODD = np.arange(6) % 2 == 1
CASES = {
    "sum": np.sum,
    "sum of columns": lambda x: np.sum(x.reshape(2, 3), axis=0),
    "sum, kept": lambda x: x.reshape(2, 3).sum(axis=-1, keepdims=True) * x.reshape(2, 3),
    "sum of a view": lambda x: np.sum(x.reshape(2, 3).T[1:], 1),
    "mean": np.mean,
    "mean of rows": lambda x: np.mean(x.reshape(2, 3), axis=1, keepdims=True),
    "max": np.max,
    "max, ties": lambda x: np.max(np.stack([x, x]), axis=0),
    "min of rows": lambda x: np.min(x.reshape(2, 3), axis=1),
    "cumsum": np.cumsum,
    "cumsum of rows": lambda x: np.cumsum(x.reshape(2, 3), axis=1),
    "cumsum of all": lambda x: np.cumsum(x.reshape(2, 3)),
    "dot": lambda x: np.dot(x, x),
    "dot with a matrix": lambda x: np.dot(np.outer(C, C), x) + np.dot(x, x.reshape(6, 1)),
    "dot of numbers": lambda x: np.dot(x[0], x) + np.dot(2.0, x),
    "dot of a stack": lambda x: np.dot(x.reshape(2, 3), np.ones((4, 3, 2))),
    "concatenate": lambda x: np.concatenate([x, C, x[1:]]),
    "concatenate along": lambda x: np.concatenate([x.reshape(2, 3), np.ones((2, 1))], axis=-1),
    "stack": lambda x: np.stack([x, C, x * x], axis=1),
    "stack of numbers": lambda x: np.stack([x[0], x[3] * 2.0, x[5]]),
    "hstack": lambda x: np.hstack([x, x]),
    "vstack": lambda x: np.vstack([x, C]),
    "column_stack": lambda x: np.column_stack([x, C, x]),
    "where": lambda x: np.where(ODD, x, x * x),
    "where, constant": lambda x: np.where(ODD, 2.0, x) * np.where(ODD, x, C),
    "where, spread": lambda x: np.where(ODD[:, None], x, x[0]),
    "where of views": lambda x: np.where(ODD[:3], x[::2], x[1::2]),
    "empty": lambda x: np.concatenate([x[:0], x]) * np.sum(x[:0]) + np.cumsum(x[6:]).sum() + x,
    "diff": lambda x: np.diff(x.reshape(2, 3), axis=0),
}


def recorded(f):
    tape = Tape.of_array("gradient", f, (X,))
    y_bar = np.cos(np.arange(float(tape.value.size))).reshape(tape.value.shape)
    return tape.value, tape.pull(y_bar, ())


@pytest.mark.parametrize("name", CASES)
def test_functions_have_the_bits_of_their_handlers(name, monkeypatch):
    f = CASES[name]
    for _ in range(2):  # once to make the plans, once to find them
        value, (x_bar,) = recorded(f)
    for function in registry.PLANNERS:
        monkeypatch.setitem(registry.PLANNERS, function, lambda args, kwargs: None)
    expected, (expected_bar,) = recorded(f)
    assert np.array_equal(f(X), value)
    assert np.array_equal(expected, value)
    assert np.array_equal(expected_bar, x_bar)


@pytest.mark.parametrize("name", CASES)
def test_functions_have_the_derivatives_of_forward_mode(name):
    f = CASES[name]
    np.testing.assert_allclose(dm.jacobian_rev(f, X), dm.jacobian_fwd(f, X), 1e-14, 1e-15)


def test_what_is_written_to_after_a_plan_has_read_it():
    def f(x):
        y, condition, c = x * 1.0, ODD.copy(), C.copy()
        rows = y.reshape(2, 3)
        chosen, joined = np.where(condition, y, c), np.concatenate([y, c])
        total = np.sum(rows, axis=0)
        condition[...], c[...], y[0], rows[1] = True, 7.0, 5.0, rows[0] * x[1]
        return np.sum(chosen**2) + np.sum(joined**3) + np.sum(total * np.sum(rows, axis=0))

    np.testing.assert_allclose(dm.gradient(f, X), complex_step(f, X), 1e-13)


KEYS = [
    (0,), (0, 1), (-1, -1), (..., 0), (..., 0, 1), (0, ...), (1, 2, ...), (None,), (), (...,),
    (slice(1, None), 0), (slice(None), None, 1), (slice(None, None, -1), slice(1, 3)),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_tuples_of_indices_take_views_of_what_is_written_to(key):
    def f(x):
        rows = x.reshape(2, 3) * 1.0
        part, kept = rows[key], rows[key] * 1.0
        rows[1] *= x[:3]
        if np.shape(part):
            part[...] = np.sin(part) + x[0]
        return np.sum(part**2) + np.sum(kept**3) + np.sum(rows * C.reshape(2, 3))

    np.testing.assert_allclose(dm.gradient(f, X), complex_step(f, X), 1e-13, 1e-15)
    H = dm.hessian(f, X)
    np.testing.assert_allclose(dm.jacobian_rev(lambda x: dm.gradient(f, x), X), H, 1e-12, 1e-13)


@pytest.mark.parametrize("p", [3, 3.0, 4, 1.0, -2, -1.0, 7])
@pytest.mark.parametrize("x", [X, X.reshape(2, 3)], ids=["vector", "matrix"])
def test_whole_powers_by_the_rule_where_that_is_needed(p, x, monkeypatch):
    f = lambda x: np.sum(np.power(x, p) * np.sin(x)) + np.power(np.sum(x[1]), p)  # noqa: E731
    expected = complex_step(f, x)
    np.testing.assert_allclose(dm.gradient(f, x), expected, 1e-13)
    monkeypatch.setattr(quick_sweep, "pulled", lambda *args: None)  # with care
    np.testing.assert_allclose(dm.gradient(f, x), expected, 1e-13)


@pytest.mark.parametrize(
    ("x", "p", "slope"),
    [
        (0.0, 3, 0.0), (0.0, 1, 1.0), (0.0, 0, 0.0), (-0.0, 2.0, 0.0), (1e-120, 3, 3e-240),
        (1e120, 3, 3e240), (np.inf, 3, np.inf), (1e-200, -1.0, -np.inf), (-2.0, 5, 80.0),
        (np.nan, 3, np.nan), (0.0, 0.5, np.inf), (2.0, 2.0**54, np.inf),
    ],
)  # fmt: skip
def test_powers_at_the_ends(x, p, slope):
    with np.errstate(all="ignore"):
        found = dm.gradient(lambda x: np.sum(np.power(x, p)), np.array([x, 1.0]))
    np.testing.assert_allclose(found, [slope, float(p)], 1e-13)
