"""Plans of products of vectors and matrices, `np.matmul` and what is the same, of small operands.

Both halves of the tangent are computed as the handlers in `contraction.py` compute them.
"""

import numpy as np
from numpy import asarray, empty, ndarray

from dualmc.duals.dual import Dual, make
from dualmc.duals.move_plans import looked_at
from dualmc.duals.signatures import DENSE, FLOAT64, SLOTS, Signature, dense_signature, made
from dualmc.functions.products.contraction import (
    PRODUCTS,
    dot_of_slots,
    halves_of_slots,
    image_of_slots,
)
from dualmc.kernels import buffers, short_kernels
from dualmc.kernels.compiling import entry
from dualmc.rules.registry import plans
from dualmc.steps.plans import finding
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.combining import add
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.packed import packed

_OPERANDS = frozenset({Dual, ndarray})
_NO_BLOCK, _NO_SCALE = np.empty((0, 0, 0)), np.empty((0, 0))


def product(name, function, a, b):
    """``function(a, b)``, a matrix product, known to plans by `name`; None: not served."""
    s, u = _form(a), _form(b)
    if s is None or u is None:
        return None
    if type(a) is Dual:
        level, owner, key = a.level, s, (name, u)
        if type(b) is Dual and b.level is not level:
            return None
    else:
        level, owner, key = b.level, u, (s, name)
    if not level.open:
        return None
    plan = owner.plans.get(key)
    if plan is None:
        if key in owner.plans:
            return None
        plan = owner.keep(key, _plan(function, s, u, level.n))
        if plan is None:
            return None
    return plan(a, b, level)


def _form(a):
    """The signature of a Dual, or the shape of a constant array; None: not served."""
    if type(a) is Dual:
        s = a._signature
        if s is None or s.is_view:
            s = looked_at(a)
        return s if s.kind is SLOTS or s.kind is DENSE else None
    return a.shape if type(a) is ndarray and a.dtype is FLOAT64 else None


def _plan(function, s, u, n):
    left = s.shape if type(s) is Signature else s
    right = u.shape if type(u) is Signature else u
    if not 0 < len(left) < 3 or not 0 < len(right) < 3 or left[-1] != right[0]:
        return None
    parts = rows, length, columns = (1, *left)[-2], left[-1], (*right, 1)[1]
    if not rows * length * columns:
        return None
    kinds = {x.kind for x in (s, u) if type(x) is Signature}
    if kinds == {DENSE} and n <= dense.FEW:
        return _few(function, s, u, parts, (*left[:-1], *right[1:]), n)
    if kinds != {SLOTS}:
        return None
    is_wide = [type(x) is Signature and dense_tangent.is_wide(x.width * length, n) for x in (s, u)]
    if any(is_wide):
        if len(left) == len(right) == 1:
            return _dot_of_slots(function, s, u, n)
        if n > dense.FEW and type(s) is tuple and len(left) == 2 and len(right) == 1:
            return lambda a, b, level: image_of_slots(a, b, b._tangent)
        return None
    return _narrow(function, s, u, parts) if rows * length * columns <= PRODUCTS else None


def _few(function, s, u, parts, shape, k):
    """Blocks of few directions: both halves in one launch."""
    rows, length, columns = parts
    if k * rows * length * columns > PRODUCTS:
        return None
    is_first, is_second = type(s) is Signature, type(u) is Signature
    is_constant = not (is_first and is_second)
    kernel = entry(short_kernels.product, 2, 3, 2, 2, 3, 2, np.bool_, 3)
    left, right = (rows, length), (length, columns)
    signature = dense_signature(shape, k, True)
    unit, wide = dense.unit(shape, FLOAT64), (k, *shape)
    nbytes = 8 * k * rows * columns

    def plan(a, b, level):
        if nbytes > dense_tangent.MEMORY_BUDGET:
            return None
        block, scale = block_q, scale_q = _NO_BLOCK, _NO_SCALE
        p, q = a, b
        if is_first:
            p, block, scale = _numbers(a, k, left)
        if is_second:
            q, block_q, scale_q = _numbers(b, k, right)
        y = asarray(function(p, q))
        out = empty((k, rows, columns))
        kernel(
            flat_matrix(p, left), block, scale, flat_matrix(q, right), block_q, scale_q,
            is_constant, out,
        )  # fmt: skip
        return made(y, DenseTangent(level, out.reshape(wide), unit), level, signature)

    return plan


def _numbers(x, k, shape):
    """The primal of a Dual, its block and its factor as those of a matrix of `shape`."""
    t = x._tangent
    block = t.block if t.block.flags.c_contiguous else buffers.copied(t.block)
    return x._primal, block.reshape((k, *shape)), t.scale.reshape(shape)


def flat_matrix(p, shape):
    return (p if p.flags.c_contiguous else p.copy()).reshape(shape)


def _narrow(function, s, u, parts):
    """Slots that stay few, a half at a time."""

    def plan(a, b, level):
        t = a._tangent if type(s) is Signature else None
        r = b._tangent if type(u) is Signature else None
        p = a if t is None else a._primal
        q = b if r is None else b._primal
        y = asarray(function(p, q))
        half, other = halves_of_slots(p, t, q, r, parts, y.shape)
        total = other if half is None else half if other is None else add(half, other)
        return make(y, packed(total), level)

    return plan


def _dot_of_slots(function, s, u, n):
    """The product of two vectors whose slots sum up to a block."""
    signature = dense_signature((), n, n <= dense.FEW)

    def plan(a, b, level):
        p, t = (a, None) if type(s) is tuple else (a._primal, a._tangent)
        q, r = (b, None) if type(u) is tuple else (b._primal, b._tangent)
        return made(asarray(function(p, q)), dot_of_slots(p, t, q, r), level, signature)

    return plan


@plans(np.matmul, np.dot)
def matrix_product(function, args, kwargs):
    if kwargs or len(args) != 2:
        return None
    a, b = args
    if type(a) not in _OPERANDS or type(b) not in _OPERANDS:
        return None
    if not (a if type(a) is Dual else b).level.records:
        return product(function, function, a, b)
    is_served = 1 <= a.ndim <= 2 and 1 <= b.ndim <= 2
    return finding.of_two(function, a, b)(a, b) if is_served else None
