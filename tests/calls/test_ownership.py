"""Who owns which memory: what one step writes, nobody else may still need.

Cotangents that share memory, values that a tape has kept and that f overwrites, elements of arrays
that have none; and the checks of ``DUALMC_DEBUG=1``.  Closed forms, and differences of plain NumPy.
"""

import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest
from function_cases import CASES
from oracles import differences

import dualmc as dm
from dualmc.calls import ownership
from dualmc.cotangents import sweep

# --- Real and complex cotangents -----------------------------------------------------------------

XC = np.array([0.3, 0.4])


def phase(x):
    z = np.exp(1j * x)
    a = x**2
    return np.abs(z + x) + a


def amplitude(x):
    a = x[0] ** 2
    z = np.exp(1j * x[1] * np.arange(1.0, 4.0))
    return np.abs(z + a) ** 2 + 3 * a


def both_parts(x):
    a = np.sin(x)
    z = (a + 2j * a) * (a - 1j * x)
    return z.real + a * z.imag + a


def sums_of_both(x):
    a, b = x * x, np.cos(x)
    z = a + b * 1j
    w = z + a
    return (w * np.conj(w)).real + b + a + (z - b).imag


def written_parts(x):
    a = x * x
    z = np.zeros(2, complex)
    z.real[...] = a
    z.imag[0] = a[1]
    z += a
    return np.abs(z) ** 2 + a


def product_of_a_real_matrix(x):
    a = np.outer(x, x)
    z = a @ np.exp(1j * x)
    return np.concatenate([(z + a[0]).real + a[1], a[0]])


REAL_AND_COMPLEX = [
    phase, amplitude, both_parts, sums_of_both, written_parts, product_of_a_real_matrix,
]  # fmt: skip


@pytest.mark.parametrize("f", REAL_AND_COMPLEX)
def test_reverse_mode_where_real_arrays_meet_complex_ones(f):
    J = differences(f, XC)
    weights = np.arange(1.0, 1.0 + J.shape[0])
    for found in (
        dm.jacobian_fwd(f, XC),
        dm.jacobian_rev(f, XC),
        dm.jacobian_rev(f, XC, chunk_size=1),
    ):
        np.testing.assert_allclose(found, J, rtol=1e-8, atol=1e-8)
    pullback = dm.vjp(f, XC)[1]
    for _ in range(2):  # nothing of the tape has changed
        np.testing.assert_allclose(pullback(weights), weights @ J, rtol=1e-8, atol=1e-8)
    found = dm.gradient(lambda x: weights @ f(x), XC)
    np.testing.assert_allclose(found, weights @ J, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("f", REAL_AND_COMPLEX)
def test_second_derivatives_where_real_arrays_meet_complex_ones(f):
    def g(x):
        return np.sum(f(x))

    H = dm.jacobian_fwd(lambda z: dm.jacobian_fwd(g, z), XC)
    np.testing.assert_allclose(H, differences(lambda x: differences(g, x), XC), atol=1e-5)
    np.testing.assert_allclose(dm.hessian(g, XC), H, rtol=1e-12, atol=1e-12)
    over = dm.jacobian_rev(lambda z: dm.gradient(g, z), XC)
    np.testing.assert_allclose(over, H, rtol=1e-12, atol=1e-12)


# --- Work arrays that are read and written again -------------------------------------------------

XB = np.array([0.7, 1.3])


def divided(x):
    v = np.full(2, 2.0)
    y = x / v
    v[:] = x * x
    return np.sum(y**2) + np.sum(v)  # 5/4 x^2


def multiplied(x):
    v = np.ones(2)
    y = np.sin(x) * v
    v[:] = x**3
    return np.sum(y) + np.sum(v)  # sin x + x^3


def product(x):
    v = np.array([1.0, 2.0])
    y = (v @ x) ** 2
    v[0] = x[1]
    return y + v[0] ** 3  # (x0 + 2 x1)^2 + x1^3


def added_in_place(x):
    v = np.full(2, 3.0)
    y = x * v  # 3 x
    v += x * x
    v *= x  # 3 x + x^3
    return np.sum(y * y) + np.sum(v)


def with_out(x):
    v = np.ones(2)
    y = np.exp(x) * v
    np.multiply(x, x, out=v)
    z = y * v
    np.sin(x, out=v)
    return np.sum(z) + np.sum(v)  # x^2 exp x + sin x


def with_at(x):
    v = np.ones(2)
    y = v * x**2
    np.add.at(v, [0, 0], x)
    return np.sum(y) + v[0] ** 2  # + (1 + x0 + x1)^2


def functions_that_write(x):
    v = np.array([2.0, 1.0])
    a = v * x**2
    np.copyto(v, x)
    b = v * x**2
    np.put(v, [1], x[0] ** 2)
    c = v * v
    v.fill(x[1])
    d = v**3
    v[0] = 9.0
    v.sort()
    return np.sum(a) + np.sum(b) + np.sum(c) + np.sum(d) + v[0] ** 2


def through_a_view(x):
    v = np.ones((2, 2))
    y = v[0] * x * x
    v.T[0] = x
    z = v[1] * x
    v[1, 1:] += x[:1] ** 3
    return np.sum(y) + np.sum(z) + np.sum(v * v)


def kept_view(x):
    v = np.arange(1.0, 9.0)
    y = v[1:7:3] * x**2  # 2, 5
    v[:] = x[0] ** 2
    return np.sum(y) + v[4] * v[5]


def turn_by_turn(x):
    w, total = np.empty_like(x), np.zeros(2)
    for k in range(3):
        np.multiply(x, k + 1.0, out=w)
        total = total + w * w * x
        w[k % 2] = x[1]
        total += w**2
    return np.sum(total)


def in_a_closure(x):
    w = np.ones(2)

    def step(v):
        y = v / w
        w[:] = y * v
        return y

    return np.sum(step(x) + step(x**2) + step(x))


def without_dimensions(x):
    t = np.array(2.0)
    y = t * x**2
    t += x[0] * x[1]
    z = t * x
    t[...] = x[0]
    return np.sum(y) + np.sum(z) + t**3


def exponent(x):
    p = np.array([2.0, 3.0])
    y = x**p
    p[:] = x
    return np.sum(y) + np.sum(p**2)


BUFFERS = [
    divided, multiplied, product, added_in_place, with_out, with_at, functions_that_write,
    through_a_view, kept_view, turn_by_turn, in_a_closure, without_dimensions, exponent,
]  # fmt: skip


@pytest.mark.parametrize("f", BUFFERS)
def test_second_derivatives_of_code_that_writes_what_it_has_read(f):
    H = differences(lambda x: differences(f, x), XB)
    orders = {
        "hessian": lambda: dm.hessian(f, XB),
        "chunks": lambda: dm.hessian(f, XB, chunk_size=1),
        "sparse": lambda: dm.hessian(f, XB, sparse=True).toarray(),
        "forward over forward": lambda: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), XB),
        "reverse over forward": lambda: dm.jacobian_rev(lambda z: dm.jacobian_fwd(f, z), XB),
        "reverse over reverse": lambda: dm.jacobian_rev(lambda z: dm.gradient(f, z), XB),
        "hvp": lambda: np.stack([dm.hvp(f, XB, e) for e in np.eye(2)]),
    }
    for name, compute in orders.items():
        np.testing.assert_allclose(compute(), H, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("f", BUFFERS)
def test_third_derivatives_of_code_that_writes_what_it_has_read(f):
    def along(x):
        return dm.hvp(f, x, np.array([1.0, 2.0]))

    right = differences(lambda x: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), x) @ [1, 2], XB)
    np.testing.assert_allclose(dm.jacobian_fwd(along, XB), right, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(dm.jacobian_rev(along, XB), right, rtol=1e-7, atol=1e-7)


def test_closed_forms_of_second_derivatives():
    np.testing.assert_allclose(dm.hessian(divided, XB), 2.5 * np.eye(2), atol=1e-14)
    right = np.diag(-np.sin(XB) + 6 * XB)
    np.testing.assert_allclose(dm.hessian(multiplied, XB), right, rtol=1e-14, atol=1e-14)
    right = np.array([[2.0, 4.0], [4.0, 8.0 + 6 * XB[1]]])
    np.testing.assert_allclose(dm.hessian(product, XB), right, rtol=1e-14, atol=1e-14)
    right = np.diag(np.exp(XB) * (XB**2 + 4 * XB + 2) - np.sin(XB))
    np.testing.assert_allclose(dm.hessian(with_out, XB), right, rtol=1e-13, atol=1e-14)


def test_an_outer_array_that_an_inner_tape_has_kept_and_f_adds_to():
    """``w[1:] += ...`` on an array of the outer call, between a use and the sweep of the inner."""

    def f(x):
        w = x * 1.0

        def inner(z):
            y = np.sum(z * w[1:] * z)
            w[1:] += x[1:]
            return y

        return dm.gradient(inner, np.ones(3))  # 2 w[1:] = 2 x[1:]

    x = np.arange(1.0, 5.0)
    assert np.array_equal(dm.jacobian_fwd(f, x), 2 * np.eye(4)[1:])


@pytest.mark.parametrize("case", CASES[::7], ids=lambda case: case.name)
def test_a_result_does_not_depend_on_what_is_written_to_its_argument_later(case):
    f = case.f

    def overwritten(x):
        v = x * 1.0
        y = np.array(f(v))
        v[...] = 7.0
        return y

    right = dm.jacobian_rev(f, case.x)
    found = dm.jacobian_rev(overwritten, case.x)
    np.testing.assert_allclose(found, np.reshape(right, found.shape), rtol=1e-12, atol=1e-12)


# --- Elements of nothing -------------------------------------------------------------------------


def leave_numbers():
    """In the memory that small arrays will get next."""
    for dtype, number in ((np.int64, 3), (np.int64, 1 << 40), (float, 1e18)):
        for _ in range(4):
            [np.full(size, number, dtype) for size in range(1, 130)]


@pytest.mark.parametrize(
    "f, x, right",
    [
        (lambda x: np.resize(x[1:], 7).sum(), [0.5], [0.0]),
        (lambda x: np.resize(x[x > 5], (2, 2)).sum() + x.sum(), [1.0, 2.0, 3.0], [1.0, 1, 1]),
        (lambda x: np.resize(x[3:], 4) + x[1], [0.0, 1.0, 2.0], np.tile([0.0, 1, 0], (4, 1))),
        (lambda x: np.resize(x[:0] ** 2, (2, 2)) * x[0], [2.0, 3.0], np.zeros((2, 2, 2))),
        (lambda x: np.resize(np.sin(x[2:]).reshape(0, 3), 3), [1.0, 2.0], np.zeros((3, 2))),
        (lambda x: np.concatenate([np.resize(x[:0], 2), x]), [1.0], [[0.0], [0.0], [1.0]]),
        (lambda x: np.pad(x[:0], 2, constant_values=3.0) * x[0], [2.0], np.full((4, 1), 3.0)),
    ],
)
def test_what_is_made_of_nothing_has_no_derivative(f, x, right):
    right = np.asarray(right)
    rows = right.reshape(-1, len(x))
    for _ in range(3):
        leave_numbers()
        J = dm.jacobian_fwd(f, x, sparse=True)
        assert J.indices.size == 0 or 0 <= J.indices.min() and J.indices.max() < J.shape[1]
        assert np.array_equal(J.toarray(), rows)
        for found in (dm.jacobian_fwd(f, x), dm.jacobian_rev(f, x), dm.prepare(f, x)(x)):
            assert np.array_equal(found, right)
        many = dm.jacobian_fwd(lambda z: f(z[: len(x)]), [*x, *range(40)])
        assert np.array_equal(many[..., : len(x)], right) and not many[..., len(x) :].any()


# NumPy's own transforms of no complex numbers to some real ones read memory that nobody wrote.
UNDEFINED = {"hfft", "irfft", "irfft2", "irfftn"}
OF_NOTHING = [case for case in CASES[3::12] if case.name.split()[0] not in UNDEFINED]


@pytest.mark.parametrize("case", OF_NOTHING, ids=lambda case: case.name)
def test_functions_of_nothing_are_numpys(case):
    """Of the right shape and dtype, without entries that nobody computed."""
    x = np.array([0.5, 1.5, -2.0, 3.0])
    for shape in {(0,), (0, *case.x.shape[1:]), (*case.x.shape[:-1], 0)}:

        def f(x, shape=shape):
            y = case.f(np.reshape(x[:0] * 2.0, shape))
            return np.concatenate([np.ravel(y) * 1.0, x[:1]])

        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                right = f(x.copy())
            except Exception:  # NumPy's own refusal of nothing
                continue
            J = np.zeros((right.size, 4))
            J[-1, 0] = 1.0
            leave_numbers()
            for y, found in (
                dm.value_and_jacobian_fwd(f, x),
                dm.value_and_jacobian_rev(f, x),
                (right, dm.jacobian_fwd(f, x, sparse=True).toarray()),
            ):
                assert y.dtype == right.dtype and np.array_equal(y, right, equal_nan=True)
                assert np.array_equal(found, J)


# --- The checks ----------------------------------------------------------------------------------


def run_with_checks(code, **more):
    root = pathlib.Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tests" / "oracles")])
    environment = {**os.environ, "DUALMC_DEBUG": "1", "PYTHONPATH": path, **more}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )


def test_the_checks_find_nothing_in_sound_code():
    done = run_with_checks(
        """
import numpy as np
import dualmc as dm
import random_programs
from dualmc.calls import ownership
assert ownership.IS_ON
for seed in range(20):
    judge = random_programs.judged(seed)
    if judge is not None:
        with np.errstate(all="ignore"):
            random_programs.check(judge, count=3)
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "fault, said",
    [
        (
            # The real part of a complex cotangent, taken to be memory of its own.
            "dm.sweep.may_share = lambda a, b: False",
            "part of another one",
        ),
        (
            # Writes that do not leave to the tape what it has kept.
            "dm.Dual.release = lambda self: None",
            "kept by a tape was written to",
        ),
        (
            "ownership.check_index(np.array([0, 7]), 7)",
            "Positions 0 to 7 of 7 elements",
        ),
    ],
)
def test_the_checks_find_a_fault(fault, said):
    done = run_with_checks(
        f"""
import numpy as np
import dualmc as dm
from dualmc.calls import ownership
from dualmc.cotangents import sweep
dm.sweep = sweep
{fault}
def f(x):
    v = x * 1.0
    y = np.sin(v) * v
    v[0] = 2.0
    z = np.exp(1j * x)
    a = x**2
    return np.sum(np.abs(z + x) + a) + np.sum(y)
dm.gradient(f, np.array([0.3, 0.4]))
"""
    )
    assert done.returncode != 0 and "OwnershipError" in done.stderr and said in done.stderr


def test_kernels_stay_within_their_arrays(tmp_path):
    """A sample of Jacobians with Numba's own checks of indices, its machine code made anew."""
    done = run_with_checks(
        """
import numpy as np
import dualmc as dm
def f(x):
    y = np.concatenate([np.roll(x, 1) * x, np.resize(x[:0], 3), x[[2, 0]]])
    y[1:3] = np.sin(x[:2])
    return np.stack([y.sum(), *y])
x = np.arange(1.0, 5.0)
J = dm.jacobian_fwd(f, x, sparse=True).toarray()
assert np.array_equal(J, dm.jacobian_rev(f, x)) and np.array_equal(J, dm.jacobian_fwd(f, x))
""",
        NUMBA_BOUNDSCHECK="1",
        NUMBA_CACHE_DIR=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr


def test_the_checks_are_off_by_default():
    if not ownership.IS_ON:
        assert sweep.Sweep.add.__qualname__ == "Sweep.add"
