"""Cotangents of chosen, transposed and broadcast elements: both sweeps, bit for bit.

The oracle is forward mode, which shares no pullback with the tape.  The functions move whole
numbers and add them up, so that sums are exact in whatever order they are taken.
"""

import threading

import numpy as np
import pytest

import dualmc as dm
from dualmc.passes.reverse_pass import Tape

RNG = np.random.default_rng(20)
X = RNG.integers(-9, 9, (4, 5)).astype(float)
W = RNG.integers(-9, 9, (4, 5)).astype(float)
C = W > 0


def _written_to_a_transpose(x):
    y = x.copy().T
    y[1] = 3.0 * x[:, 0]
    return np.sum(y * W.T)


FUNCTIONS = {
    "chosen from a constant": lambda x: np.sum(np.where(C, x, W) * W),
    "chosen from both": lambda x: np.sum(np.where(C, 2.0 * x, x * W) * W),
    "chosen from itself": lambda x: np.sum(np.where(C, x, x) * W),
    "chosen from a number": lambda x: np.sum(np.where(C, x[0, 0], x) * W),
    "chosen from a column": lambda x: np.sum(np.where(C, W, x[:, :1]) * W),
    "chosen by one": lambda x: np.where(True, x[0, 0], x[1, 1]),
    "chosen by a row": lambda x: np.sum(np.where(C[0], x, x[::-1]) * W),
    "chosen in more dimensions": lambda x: np.sum(np.where(C[None], x, W)[0] * W),
    "transposed": lambda x: np.sum(x.T * W.T),
    "transposed twice": lambda x: np.sum(x.T.T * W),
    "transposed in parts": lambda x: np.sum(x.T[1:3] * W.T[1:3]) + np.sum(x[1:]),
    "transposed in three": lambda x: np.sum(
        np.transpose(x.reshape(2, 2, 5), (2, 0, 1)) * W.reshape(5, 2, 2)
    ),
    "swapped": lambda x: np.sum(np.swapaxes(x, 0, 1)[::-1] * W.T),
    "written to a transpose": _written_to_a_transpose,
    "broadcast": lambda x: np.sum(x[:, :1] * W + x[:1, :] * W + x[0, 0] * W),
    "broadcast over rows": lambda x: np.sum((x[0] + W) * W),
    "of nothing": lambda x: np.sum(np.where(C[:0], x[:0], 1.0)) + np.sum(x[:0].T) + x[0, 0],
}


@pytest.mark.parametrize("layout", ["C", "F", "strided"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_sweeps_agree_with_forward_mode(name, layout):
    f = FUNCTIONS[name]
    x = np.array(X, order="F") if layout == "F" else X
    x = np.repeat(X, 2, axis=1)[:, ::2] if layout == "strided" else x
    expected = dm.jacobian_fwd(f, x)
    tape = Tape.of_array("gradient", f, (x,))
    for is_careful in (False, True):
        (general,) = tape.swept(np.ones(()), (), None, is_careful)
        assert np.array_equal(expected, general)
    (quick,) = tape.gradients()
    assert np.array_equal(expected, quick)
    assert quick.flags.c_contiguous
    assert np.array_equal(expected, dm.gradient(f, x))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_many_rows_and_second_derivatives(name):
    f = FUNCTIONS[name]
    both = lambda x: np.stack([f(x), f(2.0 * x), x[0, 0]])  # noqa: E731
    assert np.array_equal(dm.jacobian_fwd(both, X), dm.jacobian_rev(both, X))
    curved = lambda x: f(x * x)  # noqa: E731
    expected = dm.hessian(curved, X)
    assert np.array_equal(expected, dm.jacobian_rev(lambda x: dm.gradient(curved, x), X))
    assert np.array_equal(expected, dm.jacobian_fwd(lambda x: dm.jacobian_fwd(curved, x), X))


def test_what_was_not_chosen_is_exactly_zero_beside_infinities():
    x = np.array([0.0, 4.0])
    f = lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0))  # noqa: E731
    with np.errstate(all="ignore"):
        assert np.array_equal([0.0, 0.25], dm.gradient(f, x))
        assert np.array_equal([0.0, 0.25], dm.jacobian_rev(lambda x: np.stack([f(x)]), x)[0])


def test_the_condition_may_be_written_to_afterwards():
    condition = C.copy()

    def f(x):
        y = np.where(condition, x, W)
        condition[:] = ~condition
        return np.sum(y)

    for _ in range(2):
        before = condition.copy()
        assert np.array_equal(before * 1.0, dm.gradient(f, X))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_complex_numbers_and_float32(name):
    f = FUNCTIONS[name]
    g = lambda x: np.real(f(x * (1 + 2j)) * (2 - 1j))  # noqa: E731
    assert np.array_equal(dm.jacobian_fwd(g, X), dm.jacobian_rev(g, X))
    x = X.astype(np.float32)
    assert np.array_equal(dm.jacobian_fwd(f, x), dm.jacobian_rev(f, x))


def test_a_tape_is_swept_by_several_threads_at_once():
    f = lambda x: np.sum(np.where(C, np.sin(x), x).T[1:] ** 2) + x[0, 0] * x[1, 1]  # noqa: E731
    _, pullback = dm.vjp(f, X)
    expected = pullback(1.0)
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(pullback(1.0) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(np.array_equal(expected, bar) for bar in found)


def test_steps_of_other_calls_between_are_passed():
    """Serials are those of all tapes: what is recorded between belongs to others."""

    def f(x):
        y = np.sin(x)
        inner = dm.gradient(lambda z: np.sum(z.T**2), np.ones((3, 2)))
        dead = np.exp(x)  # what the value is not made of
        return np.sum(y * inner[0, 0]) + 0.0 * dead[0, 0] * 0.0 + y[0, 0]

    expected = 2.0 * np.cos(X)
    expected[0, 0] *= 1.5
    assert np.allclose(expected, dm.gradient(f, X), rtol=4e-16, atol=0)
