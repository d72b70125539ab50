"""Integrals of samples, by the samples and by where they were taken."""

import functools

import numpy as np
import scipy.integrate

from dualmc.duals.operands import as_operand, has_dual, level_of, primal_at
from dualmc.functions.results import with_primal


def _standin(original, formula):
    @functools.wraps(original)
    def standin(y, x=None, dx=1.0, axis=-1):
        if not has_dual((y, x, dx)):
            return original(y, x=x, dx=dx, axis=axis)
        y, x, dx = (None if a is None else as_operand(a) for a in (y, x, dx))
        level = level_of(*(a for a in (y, x, dx) if a is not None))
        inner = [None if a is None else primal_at(a, level) for a in (y, x, dx)]
        own = standin(inner[0], x=inner[1], dx=inner[2], axis=axis)
        y = np.moveaxis(y, axis, -1)
        if x is None:
            h = dx * np.ones(y.shape[-1] - 1)
        else:
            h = np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1), axis=-1)
        return with_primal(own, formula(y, h))

    return standin


def _trapezoid(y, h):
    return np.sum(0.5 * h * (y[..., 1:] + y[..., :-1]), axis=-1)


def _simpson(y, h):
    """Parabolas through three neighbours (Cartwright, 2017, for the last of an even number)."""
    n = y.shape[-1]
    if n == 2:
        return _trapezoid(y, h)
    tail = 0.0
    if n % 2 == 0:
        a, b = h[..., -2], h[..., -1]
        tail = (
            (2.0 * b * b + 3.0 * a * b) / (6.0 * (a + b)) * y[..., -1]
            + (b * b + 3.0 * a * b) / (6.0 * a) * y[..., -2]
            - b**3 / (6.0 * a * (a + b)) * y[..., -3]
        )
        y, h = y[..., :-1], h[..., :-1]
    a, b = h[..., ::2], h[..., 1::2]
    parts = (a + b) / 6.0 * (
        y[..., :-2:2] * (2.0 - b / a)
        + y[..., 1::2] * (a + b) ** 2 / (a * b)
        + y[..., 2::2] * (2.0 - a / b)
    )  # fmt: skip
    return np.sum(parts, axis=-1) + tail


trapezoid = _standin(scipy.integrate.trapezoid, _trapezoid)


@functools.wraps(scipy.integrate.simpson)
def simpson(y, x=None, *, dx=1.0, axis=-1):
    return _simpson_standin(y, x, dx, axis)


_simpson_standin = _standin(scipy.integrate.simpson, _simpson)
