"""The Duals that f is called on: the arguments with columns of the basis, or with one direction."""

import math

import numpy as np

from dualmc.calls.inputs import FLOAT64
from dualmc.duals.dual import Dual, make
from dualmc.kernels import buffers
from dualmc.kernels.payload import KERNEL_DTYPES
from dualmc.tangents import dense, tape
from dualmc.tangents.dense_tangent import DENSE_INPUTS, DenseTangent
from dualmc.tangents.slots import SparseTangent


def seed(x, level, offset, is_sparse):
    """A Dual of `x` whose entry i is column ``offset + i`` of the basis.

    Columns outside [0, level.n) belong to another chunk and carry no tangent.
    """
    primal = np.array(x) if type(x) is np.ndarray else _copied(x)
    shape, dtype, k = x.shape, x.dtype, level.n
    if not is_sparse or dtype not in KERNEL_DTYPES:
        # With its factor from the start, element-wise steps find it in place.
        found = dense.SEEDS.get((k, shape, dtype, offset)) or _basis(k, shape, dtype, offset)
        return make(primal, DenseTangent(level, *found, True), level)
    level.starts_sparse = True
    col = level.structures.seeded(offset, x.shape, k)
    coef = buffers.empty(col.shape, x.dtype)
    coef.fill(1)
    if offset < 0 or offset + math.prod(shape) > k:
        coef[col < 0] = 0
    return make(primal, SparseTangent(level, coef, col), level)


def _copied(x):
    return np.array(x) if issubclass(type(x), np.ndarray) else x.copy()


# Blocks of seeds up to this many entries are kept for the next call, each with its factor.
KEPT_SEEDS = 1024


def _basis(k, shape, dtype, offset):
    """The block, (k, *shape), whose element i is column ``offset + i``, and its factor; neither is
    to be written to.
    """
    size = math.prod(shape)
    block = np.zeros((k, size), dtype)
    first, last = max(0, -offset), min(size, k - offset)
    if last > first:
        entries = np.arange(first, last)
        block[entries + offset, entries] = 1
    block = block.reshape((k, *shape))
    block.flags.writeable = False
    found = block, dense.unit(shape, dtype)
    if block.size <= KEPT_SEEDS:
        if len(dense.SEEDS) > 64:
            dense.SEEDED.clear()
            dense.SEEDS.clear()
        dense.SEEDS[k, shape, dtype, offset] = found
        if len(shape) == 1 and dtype is FLOAT64:
            dense.SEEDED[id(block)] = offset, found[1]
    return found


def seed_recorded(x, level):
    """A Dual of `x` whose tangent is an input of the tape, and that tangent."""
    primal = np.array(x) if type(x) is np.ndarray else _copied(x)
    var = tape.leaf(primal)
    return make(primal, var, level), var


def as_given(dual, a):
    """The number `dual`, as an array if the argument `a` that it stands for is one."""
    if type(a) is float or type(a) is Dual and hasattr(a, "pythons"):
        dual.level.floats, dual.pythons = True, False
        return dual
    is_array = issubclass(type(a), np.ndarray) or type(a) is Dual and not a.is_number
    return dual.as_array() if is_array else dual


def starts_sparse(n, sparse):
    """Policy: few inputs start dense; a sparse result keeps the structure from the start."""
    return sparse or n > DENSE_INPUTS


def seed_direction(x, x_dot, level):
    """A Dual of `x` with the single tangent `x_dot`."""
    x_dot = np.array(x_dot, x.dtype) if issubclass(type(x_dot), np.ndarray) else x_dot.copy()
    return seed_block(x, x_dot.reshape((1, *x.shape)), level)


def seed_block(x, block, level):
    """A Dual of `x` with the tangents `block`, (k, *x.shape), its own."""
    primal = np.array(x) if type(x) is np.ndarray else _copied(x)
    if issubclass(type(block), np.ndarray):
        block = block.astype(x.dtype, copy=False)
    return make(primal, DenseTangent(level, block), level)
