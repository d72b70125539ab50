"""Large Jacobians with few entries per row: their pattern and their nonzeros, instead of rows.

Tangents in slots stay in slots; on a tape the step keeps the nonzeros.
"""

import numpy as np
from numba.core.errors import NumbaError

from dualmc.compiled.sparse.patterns import patterns_of
from dualmc.tangents import combining
from dualmc.tangents.dense_tangent import is_wide
from dualmc.tangents.slots import Compacted

FLOAT64 = np.dtype(np.float64)
# Elements of inputs and output from which a pattern is worth finding, and compiling for.
LEAST = 200
# Slots per element up to which tangents stay in them.
SLOTS = 64


def tangent_of(rows, y):
    """The tangent of the result `y` of the call that `rows` are of; None: by rows instead."""
    way, level = rows.way, rows.args.level
    if way.has_no_pattern or way.parts is not None or type(y) is not np.ndarray:
        return None
    if y.dtype != FLOAT64 or rows.args.dtype != FLOAT64 or min(rows.size, y.size) < LEAST:
        return None
    if level.records:
        is_fit = len(rows.active) == 1 and 8 * y.size >= rows.size
    else:
        is_fit = combining.are_sparse(rows.active)
    if not is_fit:
        return None
    try:
        _, data, plan = patterns_of(rows.dispatcher, tuple(_positions(rows))).filled(
            tuple(rows.values())
        )
    except (NumbaError, NotImplementedError):
        way.has_no_pattern = True
        return None
    except ValueError:  # the pattern is another one each time
        return None
    if plan.m != y.size or not np.isfinite(data).all():
        return None
    if level.records:
        return _recorded(rows.active[0], plan, data, y)
    return _in_slots(level, rows, plan, data, y)


def _in_slots(level, rows, plan, data, y):
    """The product of the Jacobian and tangents in slots."""
    sizes = [np.size(rows.args.values[i]) for i in _positions(rows)]
    parts = list(zip(rows.active, sizes, strict=True))
    t = combining.pool(level, parts, FLOAT64)
    width = int(np.diff(plan.indptr).max(initial=0))
    slots = width * t.coef.shape[0]
    if not 0 < slots <= SLOTS or is_wide(slots, level.n):
        return None
    row = np.repeat(np.arange(plan.m), np.diff(plan.indptr))
    place = np.arange(plan.indices.size) - plan.indptr[row]
    slope = np.zeros((width, plan.m))
    slope[place, row] = data
    index = np.zeros((width, plan.m), np.intp)
    index[place, row] = plan.indices
    coef = np.reshape(t.coef[:, index] * slope, (slots, *y.shape))
    key = ("pattern", id(plan), id(t.col), y.shape)
    found = level.structures.found.get(key)
    if found is None:
        is_there = np.zeros((width, plan.m), bool)
        is_there[place, row] = True
        col = np.where(is_there, t.col[:, index], np.int32(-1))
        compacted = Compacted(np.ascontiguousarray(col.reshape((slots, *y.shape)), np.int32))
        level.structures.keep(key, (compacted, plan), (t.col,), *compacted.arrays())
    else:
        compacted = found[0][0]
    return compacted.apply(level, coef)


def _positions(rows):
    return [i for i, t in enumerate(rows.args.tangents) if t is not None]


def _recorded(t, plan, data, y):
    """The same on a tape, by the transpose."""
    try:
        from scipy.sparse import csr_array
    except ImportError:
        return None
    J = csr_array((data, plan.indices, plan.indptr), (plan.m, plan.n))
    J.eliminate_zeros()
    transposed, shape = J.T.tocsr(), t.shape

    def pull(bar):
        lead = bar.shape[: bar.ndim - y.ndim]
        flat = np.reshape(bar, (-1, plan.m))
        return np.reshape((transposed @ flat.T).T, (*lead, *shape))

    return t.linear(pull, y)
