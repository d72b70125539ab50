"""``x / |x|`` and its derivatives, where one component outweighs the others.

    du_i = (s_i dx_i - u_i sum_{j != i} u_j dx_j) / |x|,    s_i = sum_{j != i} u_j^2

Differentiating the quotient says 1 - u_i^2 for s_i, which is 0 where u_i rounds to 1.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.functions.matrices.differentials import held, quiet
from dualmc.functions.summing.linear import with_primal
from dualmc.kernels.payload import values


def units(x, y, axes):
    """``conj(x) / y`` for y the norm of x along `axes` (kept as axes of length 1), not 0."""
    if type(x) is not Dual or x.dtype.kind == "c":
        return np.conj(x) / y
    u = values(x) / values(y)
    if not (u * u > 0.5).any():
        return x / y
    return _divided(x, y, axes)


@quiet
def _divided(x, y, axes):
    p, h = held(x, x.level), held(y, x.level)
    u = units(p, h, axes)
    across = _others(u * u, axes) * x - u * _others(u * x, axes)
    return with_primal(u, across / h)


def _others(z, axes):
    """For each element the sum of all others along `axes`, by additions alone."""
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(z, axes, last)
    line = np.reshape(moved, (*moved.shape[: z.ndim - len(axes)], -1))
    none = np.zeros_like(values(line)[..., :1])
    before = np.concatenate([none, np.cumsum(line, axis=-1)[..., :-1]], axis=-1)
    back = np.cumsum(line[..., ::-1], axis=-1)[..., ::-1]
    after = np.concatenate([back[..., 1:], none], axis=-1)
    return np.moveaxis(np.reshape(before + after, moved.shape), last, axes)
