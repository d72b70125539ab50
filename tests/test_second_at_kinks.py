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
    "norm of one row": (lambda x: np.sum(norm_of_rows(x) ** 2), [0.0, 0.0, 3.0, 4.0], 2 * np.eye(4)),
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
    "power 0.5": (lambda x: np.sum(x * x) ** 0.5 * np.sum(x * x) ** 0.5 * 0 + x[0] ** 2, AT_0,
                  [[2, 0], [0, 0]]),
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
    "cos among others": (lambda x: np.sum(np.cos(np.abs(x))), [0.0, 1.0], [[-1, 0], [0, -np.cos(1)]]),
    "rewritten": (rewritten, AT_0, 2 * EYE2),
}  # fmt: skip

# What does not depend on the choice.
INDEPENDENT = {
    "stable logsumexp": (
        lambda x: np.max(x) + np.log(np.sum(np.exp(x - np.max(x)))),
        AT_0, [[0.25, -0.25], [-0.25, 0.25]],
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
                 np.pad(np.full((2, 2), NAN), (0, 3)) if False else None),
    "running maximum": (lambda x: np.maximum.accumulate(x)[-1], [1.0, 1.0, 0.0],
                        [[NAN, NAN, 0], [NAN, NAN, 0], [0, 0, 0]]),
    "knot": (lambda x: np.sum(np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 0.0])), [1.0, 0.5],
             [[NAN, 0], [0, 0]]),
    "stable softplus": (
        lambda x: np.sum(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))), [0.0, 1.0],
        [[NAN, 0], [0, np.exp(-1) / (1 + np.exp(-1)) ** 2]],
    ),
    "root times sine": (
        lambda x: np.sqrt(np.sum(x**2)) * np.sin(np.sqrt(np.sum(x**2))), AT_0, None,
    ),
    "1-norm": (lambda x: np.linalg.norm(x, 1), [0.0, 1.0], [[NAN, 0], [0, 0]]),
    "largest": (lambda x: np.linalg.norm(x, np.inf) ** 2, AT_0, np.full((2, 2), NAN)),
    "3-norm": (lambda x: np.linalg.norm(x, 3) ** 2, AT_0, np.full((2, 2), NAN)),
    "1.5-norm": (lambda x: np.linalg.norm(x, 1.5), [0.0, 1.0], [[NAN, 0], [0, 0]]),
}  # fmt: skip


def cases(table):
    return pytest.mark.parametrize("name", [name for name in table if table[name][2] is not None])


def check(table, name, nesting):
    f, x, expected = table[name]
    with np.errstate(all="ignore"):
        H = NESTINGS[nesting](f, np.array(x))
    np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-12, equal_nan=True)


@every_nesting
@cases(SMOOTH)
def test_smooth_functions_of_roots(name, nesting):
    check(SMOOTH, name, nesting)


@every_nesting
@cases(INDEPENDENT)
def test_what_no_choice_decides(name, nesting):
    check(INDEPENDENT, name, nesting)


@every_nesting
@cases(UNKNOWN)
def test_what_is_not_known(name, nesting):
    check(UNKNOWN, name, nesting)
