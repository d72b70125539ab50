"""Plans of functions that move elements: joins, `np.where`, and copies such as `np.roll`.

The handlers in `joining.py` and `selection.py` say what a result looks like, its columns included;
a plan does the same to the numbers of operands with the same signatures.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.move_plans import gather_plan, looked_at
from dualmc.duals.signatures import (
    DENSE,
    FLOAT64,
    SLOTS,
    UNSERVED,
    dense_signature,
    made,
    slots_signature,
)
from dualmc.duals.views import positions
from dualmc.functions.moving.joining import keys_of_parts, way_of
from dualmc.kernels import buffers
from dualmc.rules.registry import FUNCTIONS, plans
from dualmc.steps import recording
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.structure import key_of_call

ndarray = np.ndarray
_NUMBERS = frozenset({float, int, np.float64})
# Bytes of a condition up to which its contents are compared, and how many a plan knows.
CONDITION = 2**11
CONDITIONS = 64
# Elements up to which a function is run on their positions for a plan.
PLACED = 2**12


def _numbers_of(a):
    """What tells a constant operand from others: its shape, or `float`; None: not served."""
    kind = type(a)
    if kind is ndarray:
        return a.shape if a.dtype is FLOAT64 and a.flags.c_contiguous else None
    return float if kind in _NUMBERS else None


def _signed(a):
    """The signature of a Dual in C order; None: not served."""
    s = looked_at(a)
    return s if s.is_c and (s.kind is SLOTS or s.kind is DENSE) else None


def _taped(a):
    """The signature of a Dual on a tape; None: not served."""
    s = looked_at(a)
    return None if s is UNSERVED else s


def room(shape):
    """What makes zeros of `shape`."""
    is_small = 8 * np.prod(shape, dtype=np.int64) < buffers.LARGE
    return np.zeros if is_small else lambda shape: buffers.zeros(shape, FLOAT64)


def result_signature(y):
    """The signature of a handler's result `y`, whose columns are remembered; None: not served."""
    t = y._tangent
    if type(t) is SparseTangent and id(t.col) in y.level.structures.held:
        return slots_signature(y.level.structures, t.col)
    if type(t) is DenseTangent and t.level.n <= dense.FEW:
        return dense_signature(t.shape, t.level.n, True)
    return None


# --- Joins ---------------------------------------------------------------------------------------


@plans(np.concatenate, np.stack, np.vstack, np.hstack, np.column_stack)
def join(function, args, kwargs):
    if kwargs or len(args) == 2:
        axis = args[1] if len(args) == 2 else kwargs.get("axis")
        if not args or len(args) + len(kwargs) != 2 or type(axis) is not int:
            return None
    else:
        axis = None
    arrays = args[0]
    if type(arrays) is not list and type(arrays) is not tuple:
        return None
    level = first = None
    name = [function, axis]
    for a in arrays:
        if type(a) is Dual:
            s = a._signature
            if s is None or s.own is not s or s.kind is not SLOTS and s.kind is not DENSE:
                s = _taped(a) if a.level.records else _signed(a)
            if s is None:
                return None
            s = s.own
            if first is None:
                first, level = s, a.level
            elif a.level is not level:
                return None
        else:
            s = _numbers_of(a)
            if s is None or s is float:
                return None
        name.append(s)
    if first is None:
        return None
    name = tuple(name)
    plan = first.plans.get(name)
    if plan is None:
        if name in first.plans:
            return None
        plan = first.keep(name, _join_plan(function, args, kwargs, name[2:]))
        if plan is None:
            return None
    return plan(arrays, level)


def _join_plan(function, args, kwargs, signatures):
    arrays = list(args[0])
    duals = [a for a in arrays if type(a) is Dual]
    kind = looked_at(duals[0]).kind
    if not duals[0].level.open or any(looked_at(a).kind is not kind for a in duals):
        return None
    is_single = len(duals) == 1
    if is_single and not duals[0].size:
        return None
    y = FUNCTIONS[function].handler(*args, **kwargs)
    axis = args[1] if len(args) > 1 else kwargs.get("axis", 0)
    way = way_of(function, arrays, axis)
    if kind is None and way is not None:
        is_active = [type(a) is Dual for a in arrays]
        keys = keys_of_parts(*way, arrays, y.ndim)
        return recording.join_plan(*way, keys, is_active, y.shape)
    signature = result_signature(y)
    if way is None or signature is None or signature.kind is not kind or not y._primal.size:
        return None
    is_stack, axis = way
    keys = keys_of_parts(is_stack, axis, arrays, y.ndim)
    is_sparse, column, shape = kind is SLOTS, signature.column, y.shape
    rows_shape = (signature.width, *shape)
    zeros, nbytes = room(rows_shape), 8 * signature.width * signature.size
    parts, ones = [], []
    for s, key in zip(signatures, keys, strict=True):
        if type(s) is tuple:
            parts.append(None)
            ones.append(None)
        else:
            parts.append((slice(s.width), *key))
            ones.append(dense.unit(s.shape, FLOAT64))

    unit = dense.unit(shape, FLOAT64)

    def plan(arrays, level):
        if not level.open or nbytes > dense_tangent.MEMORY_BUDGET:
            return None
        if is_sparse:
            col = column()
            if col is None:
                return None
        rows, primals, scale = zeros(rows_shape), [], unit
        for a, part, one in zip(arrays, parts, ones, strict=True):
            if part is None:
                primals.append(a)
                continue
            primals.append(a._primal)
            t = a._tangent
            if is_sparse:
                rows[part] = t.coef
            elif t.scale is one:
                rows[part] = t.block
            elif is_single:  # goes on under its factor
                rows[part] = t.block
                scale = np.full((1, *shape), t.scale.item(-1))
                scale[part] = t.scale
            else:
                rows[part] = t.dense()
        if is_stack:
            y = np.empty(shape)
            for p, key in zip(primals, keys, strict=True):
                y[key] = p
        else:
            y = np.concatenate(primals, axis)
        if is_sparse:
            return made(y, SparseTangent(level, rows, col), level, signature)
        return made(y, DenseTangent(level, rows, scale), level, signature)

    return plan


# --- Choices -------------------------------------------------------------------------------------


@plans(np.where)
def where(function, args, kwargs):
    if len(args) != 3 or kwargs:
        return None
    condition, x, y = args
    if type(condition) is not ndarray or condition.dtype is not _BOOL:
        return None
    s, u = (
        (_taped if a.level.records else _signed)(a) if type(a) is Dual else _numbers_of(a)
        for a in (x, y)
    )
    if s is None or u is None:
        return None
    if type(x) is not Dual:
        level, owner = y.level, u.own
        name = function, condition.shape, s, owner
    elif type(y) is not Dual:
        level, owner = x.level, s.own
        name = function, condition.shape, owner, u
    elif x.level is y.level:
        level, owner = x.level, s.own
        name = function, condition.shape, owner, u.own
    else:
        return None
    plan = owner.plans.get(name)
    if plan is None:
        if name in owner.plans:
            return None
        plan = owner.keep(name, _choice_plan(condition, *name[2:]))
        if plan is None:
            return None
    return plan(condition, x, y, level)


_BOOL = np.dtype(bool)


def _choice_plan(condition, s, u):
    duals = [a for a in (s, u) if a is not float and type(a) is not tuple]
    if duals[0].kind is None:
        return recording.choice_plan(s in duals, u in duals)
    shapes = {a.shape for a in duals} | {condition.shape}
    shapes |= {a for a in (s, u) if type(a) is tuple and a != ()}
    if len(shapes) > 1 or len({a.kind for a in duals}) > 1 or not condition.size:
        return None
    if not condition.shape:
        return None
    (shape,) = shapes
    if duals[0].kind is SLOTS:
        return _slots_choice(s, u, duals)
    if duals[0].width > dense.FEW:
        return None
    return _block_choice(s, u, duals, shape)


def _slots_choice(s, u, duals):
    signatures: dict = {}
    is_same = s is u
    is_first, is_second = s in duals, u in duals
    more, less = s.width if is_first else 0, u.width if is_second else 0
    is_swapped, least = more < less, min(more, less)

    def plan(condition, x, y, level):
        if not level.open:
            return None
        value = np.where(condition, x._primal if is_first else x, y._primal if is_second else y)
        if value.dtype is not FLOAT64:
            return None
        a = x._tangent.coef if is_first else 0.0
        b = y._tangent.coef if is_second else 0.0
        if is_same:
            col = x._tangent.col
            return made(value, SparseTangent(level, np.where(condition, a, b), col), level, s)
        key = condition.tobytes()
        signature = signatures.get(key)
        col = None if signature is None else signature.column()
        if col is None:
            if len(key) > CONDITION:
                return None
            y = FUNCTIONS[np.where].handler(condition, x, y)
            signature = result_signature(y)
            if signature is not None:
                if len(signatures) >= CONDITIONS:
                    signatures.clear()
                signatures[key] = signature
            return y
        if more == less or not least:
            coef = np.where(condition, a, b)
        elif is_swapped:
            coef = np.where(condition, 0.0, b)
            coef[:least] = np.where(condition, a, b[:least])
        else:
            coef = np.where(condition, a, 0.0)
            coef[:least] = np.where(condition, a[:least], b)
        if coef.shape[0] != col.shape[0]:  # where all are of the narrower
            return None
        return made(value, SparseTangent(level, coef, col), level, signature)

    return plan


def _block_choice(s, u, duals, shape):
    k = duals[0].width
    signature = dense_signature(shape, k, True)
    unit = dense.unit(shape, FLOAT64)
    is_first, is_second = s in duals, u in duals
    nbytes = 8 * k * signature.size

    def plan(condition, x, y, level):
        if not level.open or nbytes > dense_tangent.MEMORY_BUDGET:
            return None
        value = np.where(condition, x._primal if is_first else x, y._primal if is_second else y)
        if value.dtype is not FLOAT64:
            return None
        scale = unit
        if is_first and is_second:
            t, r = x._tangent, y._tangent
            a = t.block if t.scale is unit else t.dense()
            b = r.block if r.scale is unit else r.dense()
        else:  # it goes on under its factor
            t = x._tangent if is_first else y._tangent
            a, b = (t.block, 0.0) if is_first else (0.0, t.block)
            if t.scale is not unit:
                last = t.scale.item(-1)
                a_scale, b_scale = (t.scale, last) if is_first else (last, t.scale)
                scale = np.where(condition, a_scale, b_scale)
        t = DenseTangent(level, np.where(condition, a, b), scale)
        return made(value, t, level, signature)

    return plan


# --- Copies --------------------------------------------------------------------------------------


@plans(np.roll, np.tile, np.repeat)
def copied(function, args, kwargs):
    if not args or kwargs or type(args[0]) is not Dual:
        return None
    x, *options = args
    for option in options:
        if type(option) is not int and option is not None:
            return None
    s = _signed(x)
    if s is None:
        return None
    name = function, *options
    plan = s.plans.get(name)
    if plan is None:
        if name in s.plans or s.size > PLACED:
            return None
        place = np.asarray(function(positions(s.shape), *options))
        key = key_of_call(function, tuple(options), {})
        plan = s.keep(name, gather_plan(x, s, key, place))
        if plan is None:
            return None
    return plan(x)
