"""The numbers in a Dual, of all its levels, one after another, and the Dual made of them again.

An integral is linear in them: that of each is a plain integral, with an error that is controlled.
"""

import math

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import primal_at, tangent_at
from dualmc.kernels.payload import values
from dualmc.tangents.dense_tangent import DenseTangent


def levels_of(*results):
    """The levels of all Duals in results, the innermost first."""
    found = {}
    for y in results:
        _collect(y, found)
    return [found[serial] for serial in sorted(found, reverse=True)]


def _collect(y, found):
    while type(y) is Dual:
        if y.own_tangent() is not None:
            found[y.level.serial] = y.level
            if not y.level.records:
                _collect(y.own_tangent().to_dense().dense(), found)
        y = y.primal


def parts(y, levels):
    """All numbers of `y`, (count, *shape); the value comes first."""
    if not levels:
        return np.asarray(values(y))[None]
    level, rest = levels[0], levels[1:]
    t = tangent_at(y, level)
    first = parts(primal_at(y, level), rest)
    if t is None:
        return np.concatenate([first, np.zeros((level.n * len(first), *first.shape[1:]))])
    rows = t.to_dense().dense()
    return np.concatenate([first, *(parts(rows[i], rest) for i in range(level.n))])


def joined(numbers, levels):
    """The Dual of such numbers."""
    if not levels:
        return numbers[0]
    level, rest = levels[0], levels[1:]
    size = len(numbers) // (level.n + 1)
    groups = [joined(numbers[i * size : (i + 1) * size], rest) for i in range(level.n + 1)]
    shape = np.shape(groups[0])
    rows = np.stack(groups[1:]) if groups[1:] else np.zeros((0, *shape))
    return make(groups[0], DenseTangent(level, rows), level)


def count(levels):
    return math.prod(level.n + 1 for level in levels)
