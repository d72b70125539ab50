"""Loops that end when two numbers are equal are replayed where they were recorded.

Oracles are the derivatives of the roots and limits, by the implicit function theorem.
"""

import math
import warnings

import numpy as np
import pytest

import dualmc as dm
from dualmc.graph.nodes import Recorder, UfuncMethod, called
from dualmc.replay.arithmetic import scalars
from dualmc.replay.arithmetic.rounding import machine
from dualmc.replay.recording.program import trace_program


def until_equal(step, v):
    for _ in range(500):
        new = step(v)
        if new == v:
            return v
        v = new
    return v


def secant(g, a, b):
    for _ in range(100):
        ga, gb = g(a), g(b)
        if gb == 0 or ga == gb or abs(b - a) < 1e-15 * abs(b):
            return b
        a, b = b, b - gb * (b - a) / (gb - ga)
    return b


LOOPS = {
    "newton-for-lambert-w": (
        lambda a: until_equal(
            lambda v: v - (v * math.exp(v) - a[0]) / ((1 + v) * math.exp(v)), 1.0
        ),
        lambda v, a: 1 / ((1 + v) * math.exp(v)),
        [3.3, 2.0, 5.1, 0.7],
    ),
    "fixed-point-of-tanh": (
        lambda a: until_equal(lambda v: np.tanh(v + a[0]), 0.5),
        lambda v, a: (1 - v**2) / v**2,
        [2.9, 1.792, 4.423],
    ),
    "fixed-point-of-log1p": (
        lambda a: until_equal(lambda v: np.log1p(v) * a[0] / 3, 0.5),
        lambda v, a: np.log1p(v) / (3 - a / (1 + v)),
        [3.838, 5.3, 9.1],
    ),
    "powers-in-babylonian-roots": (
        lambda a: until_equal(lambda v: v - (v**3 - a[0] ** 1.5) / (3 * v**2.0), 2.0),
        lambda v, a: 0.5 / np.sqrt(a),
        [3.3, 7.1],
    ),
    "secant": (
        lambda a: secant(lambda v: math.cos(v) - a[0] * v, 0.4, 0.6),
        lambda v, a: -v / (math.sin(v) + a),
        [1.0, 1.3, 2.7],
    ),
    "a-norm-of-three": (
        lambda a: until_equal(
            lambda v: np.cos(v * a[0]) * 0.5 + 0 * np.sum(np.stack([v, a[0], 1.0])), 0.5
        ),
        lambda v, a: -0.5 * v * np.sin(v * a) / (1 + 0.5 * a * np.sin(v * a)),
        [0.3, 0.9],
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_until_equality_is_replayed(name):
    f, derivative, points = LOOPS[name]
    for a in points:
        x = np.array([a])
        prepared = dm.prepare(f, x)
        for _ in range(8):
            y, J = prepared.value_and_jacobian(x)
        assert prepared.replays == 8, repr(prepared)
        np.testing.assert_allclose(y, f(x), rtol=1e-14)
        np.testing.assert_allclose(J, [derivative(f(x), a)], rtol=1e-7)


@pytest.mark.parametrize("name", LOOPS)
def test_and_is_right_everywhere_else(name):
    f, derivative, points = LOOPS[name]
    prepared = dm.prepare(f, np.array([points[0]]))
    for a in np.linspace(points[0], points[1], 9):
        x = np.array([a])
        np.testing.assert_allclose(prepared(x), [derivative(f(x), a)], rtol=1e-7)


def test_what_neither_rounding_repeats_is_guarded_by_numpy(always_replayed):
    """Sums and products of many numbers: the machine code has another order than NumPy."""
    A = np.random.default_rng(5).uniform(0.5, 1.0, (40, 40)) / 80
    f = lambda b: until_equal(lambda v: A @ np.tanh(v) + b[0], np.ones(40))[0]  # noqa: E731

    def until_equal(step, v):
        for _ in range(500):
            new = step(v)
            if np.sum(np.abs(new - v)) == 0:
                return v
            v = new
        return v

    x = np.array([0.3])
    prepared = dm.prepare(f, x)
    for _ in range(4):
        J = prepared(x)
    assert prepared.replays == 4 and prepared.reason is None
    h = 1e-30
    np.testing.assert_allclose(J, [_complex(A, x + 1j * h).imag / h], rtol=1e-9)


def _complex(A, b):
    v = np.ones(A.shape[0], complex)
    for _ in range(500):
        v = A @ np.tanh(v) + b[0]
    return v[0]


@pytest.mark.parametrize("ufunc", scalars.UFUNCS, ids=lambda ufunc: ufunc.__name__)
def test_values_of_the_machine_are_those_of_numpy_to_rounding(ufunc):
    generator = np.random.default_rng(3)
    low = 1.1 if ufunc is np.arccosh else 0.1
    args = [generator.uniform(low, low + 0.8, 50) for _ in range(ufunc.nin)]
    if "d" * ufunc.nin not in {t.split("->")[0] for t in ufunc.types}:
        args = [a > 0.5 for a in args]
    for given in (args, [a[0] for a in args], [np.asarray(a[0]) for a in args]):
        found = machine(ufunc, tuple(given), {})
        assert np.asarray(found).dtype == np.asarray(ufunc(*given)).dtype
        np.testing.assert_allclose(found, ufunc(*given), rtol=1e-14)


@pytest.mark.parametrize("p", [2, 3.0, -0.5, 2.5, 0, np.float64(7), 0.3, np.array(2.0)])
def test_powers_of_the_machine(p):
    found = machine(np.power, (np.array([0.3, 2.0]), p), {})
    np.testing.assert_allclose(found, np.array([0.3, 2.0]) ** p, rtol=1e-14)


def test_infinities_of_the_machine():
    with np.errstate(all="ignore"):
        for ufunc in (np.exp, np.log, np.sin, np.arcsin, np.cosh, np.log1p):
            x = np.array([1e5, -1e5, 0.0, -1.0, np.inf, np.nan])
            np.testing.assert_array_equal(
                np.isfinite(machine(ufunc, (x,), {})), np.isfinite(ufunc(x))
            )
    assert machine(UfuncMethod(np.add, "reduce"), (np.zeros(0),), {}) == 0.0


def test_recordings_of_both_kinds_have_the_same_steps():
    f = LOOPS["secant"][0]
    counts = [
        len(trace_program(f, [np.array([1.0])], [0], [0], Recorder(True, call)).nodes)
        for call in (called, machine)
    ]
    assert abs(counts[0] - counts[1]) <= 20


def test_fluids_terminal_velocity():
    fluids = pytest.importorskip("fluids")
    x = np.array([70e-6, 2600.0, 1000.0, 1e-3])

    def f(p):
        return fluids.drag.v_terminal(D=p[0], rhop=p[1], rho=p[2], mu=p[3])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = dm.prepare(f, x)
        found = [prepared(x) for _ in range(4)]
    assert prepared.replays == 4
    h = 1e-6
    for i in range(4):
        up, down = x.copy(), x.copy()
        up[i] *= 1 + h
        down[i] *= 1 - h
        slope = (f(up) - f(down)) / (up[i] - down[i])
        np.testing.assert_allclose(found[-1][i], slope, rtol=1e-6)
