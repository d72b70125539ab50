"""`solve_bvp`: Jacobians at every node of a mesh, in one pass.

Column k of ``fun(x, y)`` depends on ``x[k]`` and ``y[:, k]`` alone, so that one direction per
component moves all nodes at once.  One more, at random, tells if that is so.
"""

import numpy as np

from dualmc.calls.inputs import as_input
from dualmc.unchanged import adapt

# Part of an output's size by which the direction at random may differ: rounding.
ROUNDING = 1e-9


def at_nodes(f, s, x, y, weights, *p):
    """``f(x, y, *p)`` with component i of y moved by ``s[i]``, and all y by ``s[-1] * weights``."""
    return adapt.adapted(f)(x, y + s[:-1, None] + s[-1] * weights, *p)


def arguments(args):
    """The arguments of `at_nodes` for those of `fun`."""
    x, y, *p = args
    x, y = as_input(x, "scipy_jac", "x"), as_input(y, "scipy_jac", "y")
    s = np.full(y.shape[0] + 1, -0.0)  # which added to any number leaves its bits
    weights = np.random.default_rng(y.shape[1]).uniform(1.0, 2.0, y.shape)
    return (s, x, y, weights, *p)


def jacobians(J, args):
    """``df_dy``, (n, n, m), and of parameters ``df_dp``, (n, k, m).

    Raises
    ------
    ValueError
        If a column of f depends on other columns of y.
    """
    by_y, *by_p = J
    n = by_y.shape[-1] - 1
    weights = args[3]
    own = by_y[..., :n] * weights.T[None, :, :]
    with np.errstate(invalid="ignore"):
        error = np.abs(by_y[..., n] - own.sum(axis=-1))
        is_other = error > ROUNDING * (np.abs(own).sum(axis=-1) + np.abs(by_y[..., n]))
    if is_other.any():
        i, k = np.argwhere(is_other)[0]
        raise ValueError(
            f"scipy_jac: solve_bvp needs column k of fun(x, y) to depend on x[k] and y[:, k] "
            f"alone; output [{i}, {k}] depends on other columns of y."
        )
    by_y = np.moveaxis(by_y[..., :n], -1, 1)
    return (by_y, np.moveaxis(by_p[0], -1, 1)) if by_p else by_y
