"""The short way of functions that move elements: joins, `np.where`, `np.roll`, `np.split`.

Operands are Duals of one level and plain arrays, all of float64 numbers.  Where the elements of a
result come from depends on shapes and options alone, and is remembered.  None: not here, but in
`joining.py` and `selection.py`, with the same results.
"""

import numpy as np
from numpy import ndarray

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.steps.plans.forms import spread_tangent as spread
from dualmc.steps.short.plain import FLOAT64, KEPT, is_plain_sparse, new, rows_of_slots, tangent_of
from dualmc.tangents import dense
from dualmc.tangents.combining import pool
from dualmc.tangents.dense_tangent import DenseTangent, need_block
from dualmc.tangents.slots import SparseTangent

_NUMBERS = frozenset({float, int, np.float64})


def plain_parts(arrays):
    """The level of the Duals among `arrays`, and the numbers and tangents of all; or None."""
    level, plain, tangents = None, [], []
    for a in arrays:
        t = None
        if type(a) is not Dual and type(a) is not ndarray:
            a = as_operand(a)
        if type(a) is Dual:
            if level is None:
                level = a.level
                if level.records:
                    return None
            elif level is not a.level:
                return None
            t = a.own_tangent()
            a = a.primal
        if type(a) is not ndarray or a.dtype is not FLOAT64:
            return None
        plain.append(a)
        tangents.append(t)
    return None if level is None else (level, plain, tangents)


# --- Joins ---------------------------------------------------------------------------------------


def joined(function, arrays, axis):
    """`np.concatenate` or one of its kin along `axis` (None: as `function` has it)."""
    found = plain_parts(arrays)
    if found is None:
        return None
    level, plain, tangents = found
    ndim = plain[0].ndim
    is_stack = function is np.stack
    if axis is None:
        way = _WAYS.get((function, ndim))
        if way is None:
            return None
        is_stack, axis = way
    elif type(axis) is not int:
        return None
    shape = plain[0].shape
    if is_stack:
        ndim += 1
        if any(p.shape != shape for p in plain):
            return None
    if axis < 0:
        axis += ndim
    if not 0 <= axis < ndim or any(p.ndim != plain[0].ndim for p in plain):
        return None
    if is_stack:
        wide = (*shape[:axis], 1, *shape[axis:])
        plain = [p.reshape(wide) for p in plain]
    active = [t for t in tangents if t is not None]
    if not active or not all(t.dtype is FLOAT64 for t in active):
        return None
    if all(map(is_plain_sparse, active)):
        y = np.concatenate(plain, axis)
        return make(y, _joined_slots(level, plain, tangents, axis, y.shape), level)
    if level.n > dense.FEW:
        return _pooled(level, plain, tangents) if axis == 0 else None
    blocks = _blocks(plain, tangents)
    if blocks is None:
        return None
    y = np.concatenate(plain, axis)
    need_block(level, (level.n, *y.shape), FLOAT64)
    return make(y, new(level, np.concatenate(blocks, axis + 1)), level)


def _pooled(level, plain, tangents):
    """The join along the first axis where some tangents are dense."""
    y = np.concatenate(plain)
    parts = [(t, p.size) for p, t in zip(plain, tangents, strict=True)]
    t = pool(level, parts, FLOAT64)
    return make(y, t if y.ndim == 1 else t.reshaped(y.shape), level)


# By function and number of axes: whether the arrays are stacked, and along which axis.
_WAYS = {
    (np.hstack, 1): (False, 0),
    (np.hstack, 2): (False, 1),
    (np.vstack, 1): (True, 0),
    (np.vstack, 2): (False, 0),
    (np.column_stack, 1): (True, 1),
    (np.column_stack, 2): (False, 1),
}


def _blocks(plain, tangents):
    """The blocks of few directions, (k, *S), of all arrays; None: not here."""
    k = next(t for t in tangents if t is not None).level.n
    blocks = []
    for p, t in zip(plain, tangents, strict=True):
        if t is None:
            blocks.append(np.zeros((k, *p.shape)))
            continue
        if t.is_sparse:
            t = rows_of_slots(t) if is_plain_sparse(t) else None
        block = None if t is None else full(t)
        if block is None:
            return None
        blocks.append(block.reshape((k, *p.shape)))
    return blocks


def full(t):
    """The block of a dense tangent of few directions with its factor applied; None: not here."""
    block = t.block
    if type(block) is not ndarray or block.dtype is not FLOAT64 or block.shape[0] > dense.FEW:
        return None
    scale = t.scale
    if scale is None or type(scale) is ndarray and scale.dtype is FLOAT64:
        return t.dense()
    return None


def _joined_slots(level, plain, tangents, axis, shape):
    width = max(t.coef.shape[0] for t in tangents if t is not None)
    coefs = [
        _wide(None if t is None else t.coef, width, p.shape, 0.0)
        for p, t in zip(plain, tangents, strict=True)
    ]
    coef = np.concatenate(coefs, axis + 1)
    structures = level.structures
    key = ("joined", axis, *(p.shape if t is None else (id(t.col), p.shape)
                             for p, t in zip(plain, tangents, strict=True)))  # fmt: skip
    found = structures.found.get(key)
    if found is not None:
        return SparseTangent(level, coef, found[0])
    cols = [
        _wide(None if t is None else t.col, width, p.shape, -1)
        for p, t in zip(plain, tangents, strict=True)
    ]
    col = np.concatenate(cols, axis + 1)
    structures.keep(key, col, [t.col for t in tangents if t is not None], col)
    return SparseTangent(level, coef, col)


def _wide(a, width, shape, unused):
    """(w, *S) in `shape` with rows of `unused` up to `width`; None: nothing but those."""
    if a is not None and a.shape[0] == width:
        return a.reshape((width, *shape))
    out = np.full((width, *shape), unused, np.int32 if unused else FLOAT64)
    if a is not None:
        out[: a.shape[0]] = a.reshape((a.shape[0], *shape))
    return out


# --- Choices -------------------------------------------------------------------------------------


def where(condition, x, y):
    """``np.where(condition, x, y)`` for dense tangents of few directions."""
    level = (x if type(x) is Dual else y).level
    if level.n > dense.FEW or level.records or type(condition) is not ndarray:
        return None
    p, t = _choice(x, level)
    q, u = _choice(y, level)
    if p is None or q is None:
        return None
    if all(x is None or x.is_sparse for x in (t, u)):
        return None
    value = np.where(condition, p, q)
    shape = value.shape
    if t is not None and t is u:
        return make(value, t, level) if t.shape == shape else None
    if t is not None and u is not None and not (t.is_sparse or u.is_sparse):
        if t.block is u.block and t.shape == shape and t.scale is not None is not u.scale:
            scale = np.where(condition, t.scale, u.scale)
            return make(value, DenseTangent(level, t.block, scale, t.finite), level)
    need_block(level, (level.n, *shape), FLOAT64)
    block, other = _choice_block(t, shape), _choice_block(u, shape)
    if block is None or other is None:
        return None
    return make(value, new(level, np.where(condition, block, other)), level)


def _choice_block(t, shape):
    """The full block of a choice, spread to `shape`; 0.0 of a constant; None: not here."""
    if t is None:
        return 0.0
    if t.is_sparse:
        if not is_plain_sparse(t):
            return None
        t = rows_of_slots(t)
    if t.shape != shape:
        t = spread(t, shape)
    return None if t is None else full(t)


def _choice(a, level):
    """The numbers of a choice and its tangent; None, None: not here."""
    if type(a) is Dual:
        if a.level is not level:
            return None, None
        t = tangent_of(a)
        if t is None:
            return None, None
        return a._primal, t
    if type(a) in _NUMBERS or type(a) is ndarray and a.dtype is FLOAT64:
        return a, None
    return None, None


# --- Moves ---------------------------------------------------------------------------------------

_INDICES: dict = {}


def moved(function, a, *options):
    """`function(a, *options)` for a function that copies elements to new places."""
    t = tangent_of(a)
    if t is None:
        return None
    p = a._primal
    if not p.flags.c_contiguous or t.dtype is not FLOAT64:
        return None
    for option in options:
        if type(option) is not int and option is not None:
            return None
    key = (function, p.shape, options)
    index = _INDICES.get(key)
    if index is None:
        if p.size > KEPT:
            return None
        index = np.array(function(np.arange(p.size).reshape(p.shape), *options))
        if len(_INDICES) > 64:
            _INDICES.clear()
        _INDICES[key] = index
    y = p.reshape(-1).take(index)
    if t.is_sparse:
        return make(y, t.take_by(key, lambda: index), a.level)
    return make(y, t.take(index), a.level)
