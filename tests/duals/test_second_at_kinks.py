"""Derivatives of derivatives at kinks: exact where a rule can make them so, else NaN, never a
plausible 0.  Expected values are closed forms; every nesting of the modes gives them.
"""

import math

import numpy as np
import pytest

import dualmc as dm

NAN = np.nan
EYE2 = np.eye(2)
ZERO2 = np.zeros((2, 2))
AT_0 = [0.0, 0.0]


def _of_two(outer, inner):
    return lambda f, x: outer(lambda z: inner(f, z), x)


NESTINGS = {
    "hessian": dm.hessian,
    "hessian sparse": lambda f, x: dm.hessian(f, x, sparse=True).toarray(),
    "hessian by columns": lambda f, x: dm.hessian(f, x, chunk_size=1),
    "hvp": lambda f, x: np.stack([dm.hvp(f, x, e) for e in np.eye(x.size)], -1),
    "forward forward": _of_two(dm.jacobian_fwd, dm.jacobian_fwd),
    "forward sparse": lambda f, x: dm.jacobian_fwd(
        lambda z: dm.jacobian_fwd(f, z), x, sparse=True
    ).toarray(),
    "forward reverse": _of_two(dm.jacobian_fwd, dm.gradient),
    "reverse forward": _of_two(dm.jacobian_rev, dm.jacobian_fwd),
    "reverse reverse": _of_two(dm.jacobian_rev, dm.gradient),
    "pullback": lambda f, x: np.stack(
        [dm.vjp(lambda z: dm.gradient(f, z), x)[1](e) for e in np.eye(x.size)]
    ),
}
every_nesting = pytest.mark.parametrize("nesting", NESTINGS)


def squared_distances(x):
    """Of points on a line, each to each."""
    return np.abs(x[:, None] - x[None, :]) ** 2


def norm_of_rows(x):
    return np.linalg.norm(np.reshape(x, (2, 2)), axis=1)


def rewritten(x):
    """A root in whose place something else is written."""
    y = np.abs(x)
    y[0] = x[0] + 1.0
    return np.sum(y**2)


# Roots of what is smooth: |x|^2 = x^2, and even functions of it.
SMOOTH = {
    "norm squared": (lambda x: np.linalg.norm(x) ** 2, AT_0, 2 * EYE2),
    "norm times itself": (lambda x: (lambda r: r * r)(np.linalg.norm(x)), AT_0, 2 * EYE2),
    "np.square of a norm": (lambda x: np.square(np.linalg.norm(x)), AT_0, 2 * EYE2),
    "float power of a norm": (lambda x: np.linalg.norm(x) ** 2.0, AT_0, 2 * EYE2),
    "fourth power": (lambda x: np.linalg.norm(x) ** 4, AT_0, ZERO2),
    "norms of rows": (
        lambda x: np.sum(norm_of_rows(x) ** 2), [0.0, 0.0, 3.0, 4.0], 2 * np.eye(4),
    ),
    "keepdims": (
        lambda x: np.sum(np.linalg.norm(x, keepdims=True) ** 2 * x) + np.sum(x**2), AT_0, 2 * EYE2,
    ),
    "complex norm": (lambda x: np.linalg.norm(x[:1] + 1j * x[1:]) ** 2, AT_0, 2 * EYE2),
    "vector_norm": (lambda x: np.linalg.vector_norm(x) ** 2, AT_0, 2 * EYE2),
    "matrix_norm": (
        lambda x: np.linalg.matrix_norm(np.reshape(x, (1, 2))) ** 2, AT_0, 2 * EYE2,
    ),
    "hypot": (lambda x: np.hypot(x[0], x[1]) ** 2, AT_0, 2 * EYE2),
    "math.hypot": (lambda x: math.hypot(x[0], x[1]) ** 2, AT_0, 2 * EYE2),
    "math.dist": (lambda x: math.dist([x[0]], [x[1]]) ** 2, AT_0, [[2, -2], [-2, 2]]),
    "abs": (lambda x: np.sum(np.abs(x) ** 2), [0.0, 3.0], 2 * EYE2),
    "abs of numbers": (lambda x: abs(x[0]) ** 2 + abs(x[1]) ** 2, AT_0, 2 * EYE2),
    "fabs": (lambda x: np.sum(np.fabs(x) ** 2), AT_0, 2 * EYE2),
    "math.fabs": (lambda x: math.fabs(x[0]) ** 2 + x[1], AT_0, [[2, 0], [0, 0]]),
    "abs of a complex": (lambda x: np.abs(x[0] + 1j * x[1]) ** 2, AT_0, 2 * EYE2),
    "copysign": (lambda x: np.sum(np.copysign(x, -1.0) ** 2), AT_0, 2 * EYE2),
    "std": (lambda x: np.std(x) ** 2, [1.0, 1.0], [[0.5, -0.5], [-0.5, 0.5]]),
    "std, ddof": (lambda x: np.std(x, ddof=1) ** 2, [1.0, 1.0], [[1, -1], [-1, 1]]),
    "nanstd": (lambda x: np.nanstd(x) ** 2, [1.0, 1.0], [[0.5, -0.5], [-0.5, 0.5]]),
    "root of a sum of squares": (lambda x: np.sqrt(np.sum(x**2)) ** 2, AT_0, 2 * EYE2),
    "math.sqrt": (lambda x: math.sqrt(x @ x) ** 2, AT_0, 2 * EYE2),
    "power 0.5": (lambda x: (np.sum(x * x) ** 0.5) ** 2, AT_0, 2 * EYE2),
    "np.power": (lambda x: np.power(np.sum(x * x), 0.5) ** 2, AT_0, 2 * EYE2),
    "scaled": (lambda x: (np.linalg.norm(x) / 3.0) ** 2, AT_0, EYE2 * 2 / 9),
    "scaled by what varies": (
        lambda x: (np.linalg.norm(x) * (1.0 + x[0])) ** 2, AT_0, 2 * EYE2,
    ),
    "of the other sign": (lambda x: (-np.linalg.norm(x)) ** 2, AT_0, 2 * EYE2),
    "an element": (lambda x: np.abs(x)[0] ** 2, AT_0, [[2, 0], [0, 0]]),
    "reshaped": (lambda x: np.sum(np.abs(x)[:, None] ** 2), AT_0, 2 * EYE2),
    "pairs": (lambda x: np.sum(squared_distances(x)), [1.0, 1.0], [[4, -4], [-4, 4]]),
    "kernel": (
        lambda x: np.sum(np.exp(-squared_distances(x))), [1.0, 1.0], [[-4, 4], [4, -4]],
    ),
    "exp of a squared norm": (lambda x: np.exp(-np.linalg.norm(x) ** 2), AT_0, -2 * EYE2),
    "cos": (lambda x: np.cos(np.linalg.norm(x)), AT_0, -EYE2),
    "cosh": (lambda x: np.cosh(2.0 * np.linalg.norm(x)), AT_0, 4 * EYE2),
    "sinc": (lambda x: np.sinc(np.linalg.norm(x)), AT_0, -EYE2 * np.pi**2 / 3),
    "cos among others": (
        lambda x: np.sum(np.cos(np.abs(x))), [0.0, 1.0], [[-1, 0], [0, -np.cos(1)]],
    ),
}  # fmt: skip


def singular_values(x):
    return np.linalg.svd(np.reshape(x, (2, -1)), compute_uv=False)


# What does not depend on the choice.
INDEPENDENT = {
    "stable logsumexp": (
        lambda x: np.max(x) + np.log(np.sum(np.exp(x - np.max(x)))),
        AT_0, [[0.25, -0.25], [-0.25, 0.25]],
    ),
    "squared singular value": (lambda x: singular_values(x)[0] ** 2, AT_0, 2 * EYE2),
    "squared singular values": (
        lambda x: np.sum(singular_values(x) ** 2), [1.0, 0.0, 0.0, 0.0], 2 * np.eye(4),
    ),
    "squared spectral norm": (
        lambda x: np.linalg.norm(np.reshape(x, (2, 1)), 2) ** 2, AT_0, 2 * EYE2,
    ),
    "squared nuclear norm": (
        lambda x: np.linalg.norm(np.reshape(x, (2, 1)), "nuc") ** 2, AT_0, 2 * EYE2,
    ),
    "sum of squares of the sorted": (lambda x: np.sum(np.sort(x) ** 2), [1.0, 1.0], 2 * EYE2),
    "median of two": (lambda x: np.median(x) ** 2, [1.0, 1.0], [[0.5, 0.5], [0.5, 0.5]]),
    "maximum and minimum": (
        lambda x: (np.maximum(x[0], x[1]) + np.minimum(x[0], x[1])) ** 2, AT_0, [[2, 2], [2, 2]],
    ),
    "maximum of an array and itself": (lambda x: np.sum(np.maximum(x, x) ** 2), AT_0, 2 * EYE2),
    "a straight line through knots": (
        lambda x: np.sum(np.interp(x, [0.0, 1.0, 2.0], [0.0, 2.0, 4.0]) ** 2), [1.0, 0.5],
        8 * EYE2,
    ),
    "branch not taken": (
        lambda x: np.sum(np.where(x > 0, np.abs(x) * x, x**2)), AT_0, 2 * EYE2,
    ),
    "constant factor 0": (
        lambda x: np.sum(np.array([0.0, 1.0]) * np.abs(x)), [0.0, 1.0], ZERO2,
    ),
    "a cube": (lambda x: np.sum(np.abs(x) ** 3), AT_0, ZERO2),
    "off the kink": (
        lambda x: np.sum(x) ** 2 + np.sum(np.maximum(0, x) ** 2), [1.0, -1.0], [[4, 2], [2, 2]],
    ),
    "kink of another input": (lambda x: np.abs(x[0]) * 0.0 + x[1] ** 2, AT_0, [[0, 0], [0, 2]]),
}  # fmt: skip

# Where the second derivative does not exist, or no rule knows it: NaN there, exact elsewhere.
UNKNOWN = {
    "abs": (lambda x: np.sum(np.abs(x)), [0.0, 1.0], [[NAN, 0], [0, 0]]),
    "norm": (np.linalg.norm, AT_0, [[NAN, NAN], [NAN, NAN]]),
    "abs of a square": (lambda x: np.sum(np.abs(x**2)), [0.0, 1.0], [[NAN, 0], [0, 2]]),
    "two calls of abs": (lambda x: abs(x[0]) * abs(x[0]), [0.0, 1.0], [[NAN, 0], [0, 0]]),
    "x |x|": (lambda x: np.sum(np.abs(x) * x), [0.0, 1.0], [[NAN, 0], [0, 2]]),
    "ramp": (lambda x: np.sum(np.maximum(x, 0)), [0.0, 1.0], [[NAN, 0], [0, 0]]),
    "squared ramp": (lambda x: np.sum(np.maximum(x, 0) ** 2), [0.0, 1.0], [[NAN, 0], [0, 2]]),
    "both ramps": (
        lambda x: np.sum(np.maximum(x, 0) ** 2 + np.minimum(x, 0) ** 2), [0.0, 1.0],
        [[NAN, 0], [0, 2]],
    ),
    "ramp of a square": (lambda x: np.sum(np.maximum(x**2, 0)), [0.0, 1.0], [[NAN, 0], [0, 2]]),
    "abs by maximum": (lambda x: np.sum(np.maximum(x, -x) ** 2), [0.0, 1.0], [[NAN, 0], [0, 2]]),
    "bound": (lambda x: np.sum(np.clip(x, -1, 1) ** 2), [1.0, 0.5], [[NAN, 0], [0, 2]]),
    "range": (lambda x: np.ptp(x) ** 2, [1.0, 1.0], np.full((2, 2), NAN)),
    "maximum of three": (lambda x: np.max(x), [1.0, 0.0, 1.0],
                         [[NAN, 0, NAN], [0, 0, 0], [NAN, 0, NAN]]),
    "weighted order": (lambda x: np.sum(np.arange(3) * np.sort(x)), [1.0, 1.0, 2.0],
                       [[NAN, NAN, 0], [NAN, NAN, 0], [0, 0, 0]]),
    "median": (lambda x: np.median(x), [1.0, 1.0, 2.0],
               [[NAN, NAN, 0], [NAN, NAN, 0], [0, 0, 0]]),
    "median of equals": (lambda x: np.median(x) ** 2, [1.0, 1.0, 1.0], np.full((3, 3), NAN)),
    "quantile": (lambda x: np.quantile(x, 0.25), [0.0, 0.0, 1.0, 2.0, 3.0],
                 np.pad(np.full((2, 2), NAN), (0, 3))),
    "running maximum": (lambda x: np.maximum.accumulate(x)[-1], [1.0, 1.0, 0.0],
                        [[NAN, NAN, 0], [NAN, NAN, 0], [0, 0, 0]]),
    "knot": (lambda x: np.sum(np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 0.0])), [1.0, 0.5],
             [[NAN, 0], [0, 0]]),
    "stable softplus": (
        lambda x: np.sum(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))), [0.0, 1.0],
        [[NAN, 0], [0, np.exp(-1) / (1 + np.exp(-1)) ** 2]],
    ),
    "rewritten": (rewritten, AT_0, [[2, 0], [0, NAN]]),
    "1-norm": (lambda x: np.linalg.norm(x, 1), [0.0, 1.0], [[NAN, 0], [0, 0]]),
    "largest": (lambda x: np.linalg.norm(x, np.inf) ** 2, AT_0, np.full((2, 2), NAN)),
    "3-norm": (lambda x: np.linalg.norm(x, 3) ** 2, AT_0, np.full((2, 2), NAN)),
    "1.5-norm": (lambda x: np.linalg.norm(x, 1.5), [0.0, 1.0], [[NAN, 0], [0, 0]]),
}  # fmt: skip


def cases(table):
    return pytest.mark.parametrize("name", table)


def check(table, name, nesting):
    f, x, expected = table[name]
    with np.errstate(all="ignore"):
        H = NESTINGS[nesting](f, np.array(x))
    np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.table(4)
@every_nesting
@cases(SMOOTH)
def test_smooth_functions_of_roots(name, nesting):
    check(SMOOTH, name, nesting)


@pytest.mark.table(4)
@every_nesting
@cases(INDEPENDENT)
def test_what_no_choice_decides(name, nesting):
    check(INDEPENDENT, name, nesting)


@pytest.mark.table(4)
@every_nesting
@cases(UNKNOWN)
def test_what_is_not_known(name, nesting):
    check(UNKNOWN, name, nesting)


@every_nesting
def test_a_root_in_a_product_is_not_lost(nesting):
    """Of ``r sin(r)``, r the root of x.x: 2 on the diagonal, which no rule knows."""

    def f(x):
        r = np.sqrt(np.sum(x**2))
        return r * np.sin(r)

    with np.errstate(all="ignore"):
        H = NESTINGS[nesting](f, np.zeros(2))
    assert np.isnan(np.diag(H)).all()


@every_nesting
def test_nuclear_norm_of_a_singular_matrix(nesting):
    """Of [[a, b], [c, d]] it is a + (b**2 + c**2) / 2 + |d - b c| to second order at a = 1."""
    with np.errstate(all="ignore"):
        H = NESTINGS[nesting](lambda x: np.linalg.norm(np.reshape(x, (2, 2)), "nuc"),
                              np.array([1.0, 0.0, 0.0, 0.0]))  # fmt: skip
    assert np.isnan([H[3, 3], H[1, 2], H[2, 1]]).all()
    np.testing.assert_array_equal(0.0, H[0])


@pytest.mark.parametrize("outer", [dm.jacobian_fwd, dm.jacobian_rev])
def test_kernel_at_coincident_points(outer):
    """d/da d/db exp(-|a - b|^2) is 2 I at a = b."""
    p = np.array([0.3, 0.4])

    def by_b(a):
        return dm.gradient(lambda b: np.exp(-(np.linalg.norm(a - b) ** 2)), p)

    np.testing.assert_allclose(outer(by_b, p.copy()), 2 * EYE2, rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "third"),
    [
        (lambda x: np.abs(x) ** 2, 0.0),
        (lambda x: np.abs(x), NAN),
        (lambda x: np.abs(x) * x**2, NAN),
        (lambda x: np.maximum(x, 0.0), NAN),
        (lambda x: np.cos(np.abs(x)), 0.0),
    ],
)
def test_third_derivatives(f, third):
    def first(x):
        return dm.derivative(f, x)

    def second(x):
        return dm.derivative(first, x)

    np.testing.assert_allclose(dm.derivative(second, 0.0), third, atol=1e-13, equal_nan=True)


def test_fourth_derivative_of_a_fourth_power():
    H4 = dm.hessian(lambda y: dm.hessian(lambda x: np.abs(x) ** 4, y), 0.0)
    assert 24.0 == pytest.approx(float(H4), rel=1e-14)


@pytest.mark.parametrize("outer", [dm.jacobian_fwd, dm.jacobian_rev])
def test_the_value_that_leaves_keeps_its_first_derivative(outer):
    """Only what is derived twice is in doubt: the value has the slope of the convention."""

    def both(x):
        y, g = dm.value_and_gradient(lambda z: np.sum(np.abs(z)) + np.sum(z**2), x)
        return np.concatenate([[y], g])

    J = outer(both, np.array([0.0, 1.0]))
    np.testing.assert_array_equal(J, [[0.0, 3.0], [NAN, 0.0], [0.0, 2.0]])


def test_a_kink_of_the_outer_input_alone_is_a_first_derivative():
    J = dm.jacobian_fwd(lambda x: dm.derivative(lambda s: s * np.abs(x), 2.0), 0.0)
    assert 0.0 == J


def test_single_precision():
    H = dm.hessian(lambda x: np.linalg.norm(x) ** 2, np.zeros(2, np.float32))
    assert np.float32 == H.dtype
    np.testing.assert_array_equal(H, 2 * EYE2)


def test_several_arguments():
    def f(a, b):
        return np.linalg.norm(a - b) ** 2

    H = dm.hessian(f, np.zeros(2), np.zeros(2), argnums=(0, 1))
    np.testing.assert_array_equal(np.block([list(row) for row in H]),
                                  np.kron([[2, -2], [-2, 2]], EYE2))  # fmt: skip
    hv = dm.hvp(f, (np.zeros(2), np.zeros(2)), (np.ones(2), np.zeros(2)))
    np.testing.assert_array_equal(hv, [[2, 2], [-2, -2]])


def test_many_inputs_stay_sparse():
    """Total variation at a constant: a kink between all neighbours, and nowhere else."""
    n = 3000
    H = dm.hessian(lambda x: np.sum(np.abs(np.diff(x))) + np.sum(x**2), np.ones(n), sparse=True)
    assert H.nnz < 4 * n
    assert np.isnan(H.diagonal()).all()
    H = dm.hessian(lambda x: np.sum(np.abs(np.diff(x)) ** 2), np.ones(n), sparse=True)
    expected = np.r_[2.0, np.full(n - 2, 4.0), 2.0]
    np.testing.assert_array_equal(H.diagonal(), expected)


def test_f_is_called_again_only_at_a_kink():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(np.abs(x) * x)

    dm.hessian(f, np.array([1.0, 2.0]))
    assert 1 == len(calls)
    dm.gradient(f, np.array([0.0, 2.0]))
    assert 2 == len(calls)
    dm.hessian(f, np.array([0.0, 2.0]))
    assert len(calls) > 3


def test_hand_made_duals_are_warned_of():
    x = dm.Dual([0.0, 1.0], [1.0, 0.0])
    with pytest.warns(dm.KinkWarning, match="numpy.absolute is at a kink inside a derivative"):
        dm.gradient(lambda z: np.sum(np.abs(z)), x)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.sum(np.abs(x)), [[NAN, 0], [0, NAN]]),
        (lambda x: np.sum(np.maximum(x, 0) ** 2), [[NAN, 0], [0, NAN]]),
        (lambda x: np.linalg.norm(x) ** 2, 2 * EYE2),
    ],
)
def test_a_prepared_derivative_looks_twice(f, expected):
    H = dm.prepare(lambda x: dm.gradient(f, x), np.array([1.0, 2.0]))
    for _ in range(2):
        np.testing.assert_array_equal(H(np.zeros(2)), expected)


@pytest.mark.parametrize("inner", [dm.derivative, dm.gradient, dm.jacobian_rev])
def test_the_square_of_a_square_root_is_what_it_is_the_root_of(inner):
    """``sqrt(x)**2`` is x: within another derivative its slope at 0 is 1 and does not change."""
    slope, change = dm.value_and_jacobian_fwd(lambda z: inner(lambda x: np.sqrt(x) ** 2, z), 0.0)
    assert slope == 1.0
    assert change == 0.0
