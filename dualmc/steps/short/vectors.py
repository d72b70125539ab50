"""The short way for float64 arrays: the same rules with as little Python as possible.

The general path of `steps/elementwise.py` inspects everything an operand may be, which costs more
than the kernel on small arrays.  Here one operand, or two of one level and shape, are float64
arrays or numbers with plain coefficients of that dtype; whatever is not gets None and goes the
general way.
"""

import math

import numpy as np
from numpy import asarray, empty_like, float64, ndarray

from dualmc.duals.dual import Dual, make
from dualmc.kernels import buffers, stamped
from dualmc.kernels.payload import line
from dualmc.rules.table import RULES
from dualmc.steps.plans import finding
from dualmc.steps.recording import record_binary, record_unary
from dualmc.steps.short import numbers, scalar_code
from dualmc.steps.short.blocks import CODES, push_pair, push_two
from dualmc.tangents import dense
from dualmc.tangents.number_tangent import NumberTangent
from dualmc.tangents.unions import merged, merged_products

FLOAT64 = np.dtype(np.float64)
LARGE = buffers.LARGE

_unary_kernels: dict = {}
_binary_kernels: dict = {}


def _tangent(x):
    """The tangent of a Dual whose primal is a float64 array, else None."""
    view = x._view
    if view is None:
        p = x._primal
    else:
        root = view.root
        p = x._primal if view.memory is root._primal else x.primal
    if type(p) is not ndarray or p.dtype is not FLOAT64 or not x.level.open:
        return None
    if view is None:
        x._owned = False
    elif view.seen != root._writes:
        x._tangent = view.derive(p.shape)
        x._signature = None
        view.seen = root._writes
    return x._tangent


def _fast_rows(t):
    """The coefficients of a tangent as contiguous float64 (w, *S), or None."""
    if t.is_sparse:
        rows = t.coef
    else:
        rows = t.scale
        if rows is None and t.block.dtype is FLOAT64:
            return dense.unit(t.block.shape[1:], FLOAT64)
    if type(rows) is not ndarray or rows.dtype is not FLOAT64:
        return None
    return rows if rows.flags.c_contiguous else buffers.contiguous(rows)


def _table(rows):
    """Contiguous rows, (w, *S), as (w, size)."""
    return rows if rows.ndim == 2 else rows.reshape(rows.shape[0], math.prod(rows.shape[1:]))


def push_unary(ufunc, x):
    if type(x._tangent) is NumberTangent:
        y = scalar_code.push_unary(ufunc, x, x._tangent)
        if y is not None:
            return y
    if x.level.records:
        return record_unary(ufunc, x)
    y = finding.of_one(ufunc, x)(x)
    if y is not None:
        return y
    kernel = _unary_kernels.get(ufunc)
    if kernel is None:
        rule = RULES.get(ufunc)
        if (
            rule is None
            or not rule.kernel
            or len(rule.partials) != 1
            or not callable(rule.partials[0])
        ):
            return None
        kernel = _unary_kernels[ufunc] = stamped.push_one(ufunc, rule.partials[0])
    t = _tangent(x)
    if t is None:
        return None
    p = x._primal
    rows = _fast_rows(t)
    if rows is None:
        return None
    y = ufunc(p)
    if type(y) is not ndarray:
        y = asarray(y)
    if y.dtype is not FLOAT64:
        return None
    out = empty_like(rows) if rows.nbytes < LARGE else buffers.empty_like(rows)
    if p.ndim == 1 and p.flags.c_contiguous:
        kernel(p, y, rows, out)
    else:
        kernel(line(p), line(y), _table(rows), _table(out))
    return make(y, t.like(out), x.level)


def push_binary(ufunc, a, b):
    x, is_first = (a, True) if type(a) is Dual else (b, False)
    if type(x._tangent) is NumberTangent:
        push = scalar_code.push_binary if is_first else scalar_code.push_reflected
        y = push(ufunc, a, b)
        if y is not None:
            return y
    level = x.level
    if level.records:
        return record_binary(ufunc, a, b)
    y = finding.of_two(ufunc, a, b)(a, b)
    if y is not None:
        return y
    row = _binary_kernels.get(ufunc)
    if row is None:
        row = _binary_kernels[ufunc] = _binary_row(ufunc)
    if row is False:
        return None
    t = _tangent(x)
    if t is None:
        return None
    if is_first:
        if type(b) is Dual:
            if b.level is not level:
                return None
            u = _tangent(b)
            if u is None:
                return None
            if (
                level.n > dense.FEW
                and (a._primal.ndim or b._primal.ndim)
                and (t.is_sparse != u.is_sparse or not t.is_sparse and a.ndim != b.ndim)
                and (y := _push_pair(ufunc, a, t, b, u)) is not None
            ):
                return y
            if t.is_sparse != u.is_sparse:
                if type(t) is NumberTangent:
                    t = t.to_dense()
                elif type(u) is NumberTangent:
                    u = u.to_dense()
            p, q = a._primal, b._primal
            if p.ndim != q.ndim:
                if p.ndim == 0 and not t.is_sparse:
                    a, t = numbers.spread(a, t, q.shape)
                elif q.ndim == 0 and not u.is_sparse:
                    b, u = numbers.spread(b, u, p.shape)
                if t is None or u is None:
                    return None
            return _push_two_vectors(ufunc, row, a, t, b, u)
        return _push_vector_constant(ufunc, row, 0, a, t, b)
    return _push_vector_constant(ufunc, row, 1, b, t, a)


def _binary_row(ufunc):
    """Signs (1, -1) of a linear ufunc, or its kernels: per argument alone, and for both."""
    rule = RULES.get(ufunc)
    if ufunc is np.add or ufunc is np.subtract:
        return rule.partials
    if rule is None or not rule.kernel or len(rule.partials) != 2:
        return False
    if ufunc is np.multiply:
        return (None, None, stamped.push_both(ufunc, rule.partials))
    if rule.alone is not None or not all(map(callable, rule.partials)):
        return False
    return (
        stamped.push_two(ufunc, 0, rule.partials[0]),
        stamped.push_two(ufunc, 1, rule.partials[1]),
        stamped.push_both(ufunc, rule.partials),
    )


def _push_two_vectors(ufunc, row, a, t, b, u):
    p, q = a._primal, b._primal
    if p.shape != q.shape or t.is_sparse != u.is_sparse:
        return None
    if p.ndim == 0 and not t.is_sparse:
        y = numbers.push_two(ufunc, a, t, b, u)
        if y is not None:
            return y
    if t.is_sparse and t.col is not u.col:
        return _push_merged(ufunc, row, a, t, b, u)
    if not t.is_sparse and t.block is not u.block:
        return _push_two_blocks(ufunc, a, t, b, u)
    rows, other = _fast_rows(t), _fast_rows(u)
    if rows is None or other is None:
        return None
    y = ufunc(p, q)
    if len(row) == 2:
        out = buffers.empty_like(rows)
        (np.add if row[1] == 1.0 else np.subtract)(rows, other, out=out)
    else:
        y = asarray(y)
        out = empty_like(rows) if rows.nbytes < LARGE else buffers.empty_like(rows)
        row[2](line(p), 1, line(q), 1, line(y), _table(rows), _table(other), _table(out))
    return make(y, t.like(out), a.level)


def _push_merged(ufunc, row, a, t, b, u):
    """The same for sparse tangents with different columns."""
    coef, other = t.coef, u.coef
    if type(coef) is not ndarray or coef.dtype is not FLOAT64:
        return None
    if type(other) is not ndarray or other.dtype is not FLOAT64:
        return None
    p, q = a._primal, b._primal
    if len(row) == 2:
        return make(ufunc(p, q), merged(t, u, row[1]), a.level)
    if ufunc is np.multiply:
        return make(ufunc(p, q), merged_products(t, line(q), u, line(p)), a.level)
    return None


def _push_two_blocks(ufunc, a, t, b, u):
    """A sum, product or quotient of arrays with a dense block each: both factors in one pass."""
    if t.level.n > dense.FEW:
        return push_pair(ufunc, a._primal, t, b._primal, u, a._primal.shape, a.level)
    rows, other = _fast_rows(t), _fast_rows(u)
    if ufunc not in CODES or rows is None or other is None:
        return None
    return push_two(ufunc, a, t, rows, b, u, other)


def _push_pair(ufunc, a, t, b, u):
    """The same for arrays of which one may be sparse, or a number."""
    p, q = a._primal, b._primal
    if p.shape == q.shape:
        shape = p.shape
    elif p.ndim and q.ndim:
        return None
    else:
        shape = p.shape or q.shape
    return push_pair(ufunc, p, t, q, u, shape, a.level)


def _push_vector_constant(ufunc, row, argnum, x, t, c):
    p = x._primal
    kind = type(c)
    if type(t) is NumberTangent and not t.level.starts_sparse:
        t = t.to_dense()
    if kind is float64:
        c = float(c)
        kind = float
    if kind is float or kind is int:
        if p.ndim == 0 and not t.is_sparse:
            y = numbers.push_constant(ufunc, argnum, x, t, c)
            if y is not None:
                return y
        if ufunc is np.multiply:
            return _push_vector_number(x, t, c)
    if kind is ndarray and c.ndim != p.ndim and c.dtype is FLOAT64:
        if c.ndim == 0:
            c, kind = c.item(), float
        elif p.ndim == 0 and not t.is_sparse:
            x, t = numbers.spread(x, t, c.shape)
            if t is None:
                return None
            p = x._primal
    if kind is ndarray:
        if c.dtype is not FLOAT64 or c.shape != p.shape:
            return None
        constant, step = c, 1
    elif kind is float or kind is int:
        constant, step = np.empty(1), 0
        constant[0] = c
    else:
        return None
    y = ufunc(p, c) if argnum == 0 else ufunc(c, p)
    if type(y) is not ndarray:
        y = asarray(y)
    if y.dtype is not FLOAT64:
        return None
    if len(row) == 2 and row[argnum] == 1.0:
        return make(y, t, x.level) if t.dtype is FLOAT64 else None
    rows = _fast_rows(t)
    if rows is None:
        return None
    if len(row) == 2:
        out = np.subtract(0.0, rows, out=buffers.empty_like(rows))  # no -0
        return make(y, t.like(out), x.level)
    out = empty_like(rows) if rows.nbytes < LARGE else buffers.empty_like(rows)
    constant = line(constant)
    if row[0] is None:
        if not t.is_sparse and not constant.all() and not t.is_finite():
            return None  # a factor that is exactly 0 must meet the block itself
        stamped.multiply_constant(_table(rows), constant, _table(out))
    elif argnum == 0:
        row[0](line(p), 1, constant, step, line(y), _table(rows), _table(out))
    else:
        row[1](constant, step, line(p), 1, line(y), _table(rows), _table(out))
    return make(y, t.like(out), x.level)


def _push_vector_number(x, t, c):
    """A product with a constant number."""
    y = np.multiply(x._primal, c)
    if type(y) is not ndarray:
        y = asarray(y)
    rows = _fast_rows(t)
    if y.dtype is not FLOAT64 or rows is None:
        return None
    if c == 0 and not t.is_sparse and not t.is_finite():
        return None  # a factor that is exactly 0 must meet the block itself
    out = empty_like(rows) if rows.nbytes < LARGE else buffers.empty_like(rows)
    stamped.multiply_number(rows.reshape(-1), float(c), out.reshape(-1))
    return make(y, t.like(out), x.level)
