"""Element-wise functions on Duals: ``y_dot = sum p_i x_i_dot`` over the active arguments.

The partials come from `rules/table.py`, and for plain floats from the kernels stamped with them;
nested Duals, complex numbers and odd dtypes take the same partials as NumPy expressions.  Ufunc
calls and operators of a Dual both arrive here.
"""

import numpy as np

from dualmc.cotangents.elementwise import pull_elementwise, pull_scaled, pull_times
from dualmc.duals import choices, ended, levels, weak
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import (
    as_operand,
    from_objects,
    has_dual,
    has_tangent,
    level_of,
    primal_at,
)
from dualmc.errors import missing_rule
from dualmc.kernels import buffers, stamped
from dualmc.kernels.payload import is_plain, of_numpy, strided, vector
from dualmc.rules import registry
from dualmc.rules.derived import Derived
from dualmc.rules.table import RULES, Rule
from dualmc.steps import flat
from dualmc.tangents.combining import add, is_same_slots
from dualmc.tangents.tape import keep, snapshot, step
from dualmc.tangents.unions import merged, merged_products

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)


def apply(ufunc, *inputs):
    """`ufunc` on operands of which at least one is a Dual."""
    if weak.state.made:
        y = weak.applied(apply, ufunc, inputs)
        if y is not None:
            return y
    try:
        entry = registry.UFUNCS.get(ufunc)
        if entry is not None:
            return entry.handler(*inputs)
        rule = RULES.get(ufunc)
        if rule is None:
            if registry.learn(ufunc):
                return apply(ufunc, *inputs)
            if not has_tangent(inputs):
                return flat.flat_handler(ufunc)(*inputs)
            raise missing_rule(registry.name_of(ufunc))
        y = push(rule, ufunc, inputs)
        if type(y._primal) is Dual:
            if ufunc in choices.KINKS:
                y = choices.settled(ufunc, y, inputs)
            if choices.rooted:
                y = choices.of_root(ufunc, y, inputs)
        return y
    except ended.REFUSALS as error:
        return ended.again(error, ufunc, inputs)


def push(rule, function, args, options=None):
    """Propagate an element-wise `function` of one or more operands with its `rule`."""
    level = None
    for a in args:
        kind = type(a)
        if kind is Dual:
            if level is None:
                level = a.level
            elif a.level is not level:
                if not (a.level.open and level.open):  # beside an open one, in any thread
                    raise levels.finished(a)
                level = levels.innermost((level, a.level))
        elif (
            kind is not float and kind is not int and (kind is not np.ndarray or a.dtype == object)
        ):
            args = tuple(as_operand(b) for b in args)
            level = level_of(*args)
            break
    if not level.open:
        raise levels.finished(next(a for a in args if type(a) is Dual and a.level is level))
    primals = []
    active = []
    for i, a in enumerate(args):
        if type(a) is Dual and a.level is level:
            if a._view is None:
                a._owned = False
                primals.append(a._primal)
                t = a._tangent
            else:
                primals.append(a.primal)
                t = a.own_tangent()
            if t is not None:
                active.append((i, t))
        else:
            primals.append(a)
    y = function(*primals) if options is None else function(*primals, **options)
    if type(y) is not np.ndarray and type(y) is not Dual:
        y = np.asarray(y)
    if y.dtype == object:  # np.frompyfunc
        y = from_objects(y) if has_dual(y) else y.astype(np.float64)
    if not active:
        return make(y, None, level)
    if rule.check is not None:
        rule.check(function, [i for i, _ in active], y)
    if level.records:
        return _recorded(rule, function, args, primals, y, active, level)
    if len(active) == 1:
        i, t = active[0]
        return make(y, _one_active(rule, function, primals, y, i, t, True), level)
    return make(y, _many_active(rule, function, primals, y, active), level)


def push_derived(derived, args):
    """A `Derived` partial where an input is a Dual: its value by its text, by its own partials."""
    *inputs, y = args
    level = level_of(*inputs)
    y = keep(y, level) if level.records else primal_at(y, level)

    def given(partial):
        return (lambda *xs: partial(*xs[:-1], y, xs[-1])) if callable(partial) else partial

    rule = Rule(tuple(given(partial) for partial in derived.partials), kernel=False)
    with np.errstate(all="ignore"):
        return push(rule, lambda *xs: derived(*xs, y), inputs)


Derived.push = push_derived


def _partials(rule, primals, y, alone):
    """The row of partials that fits: for complex numbers, or for an argument active alone."""
    if rule.complex_partials is not None and (
        y.dtype.kind == "c" or any(getattr(p, "dtype", y.dtype).kind == "c" for p in primals)
    ):
        return rule.complex_partials
    return rule.alone if alone and rule.alone is not None else rule.partials


def _one_active(rule, function, primals, y, argnum, t, alone):
    """The tangent that argument `argnum` contributes; `alone` if no other argument is active."""
    if t.shape != y.shape:
        t = t.broadcast(y.shape)
    partial = _partials(rule, primals, y, alone)[argnum]
    if not callable(partial):
        if partial == 0:
            return None
        t = t if partial == 1 else t.times(partial)
    elif function is np.multiply:
        # The partial is the other operand; a constant that is exactly 0 makes the product 0.
        other = primals[1 - argnum]
        t = t.times(other if type(other) is Dual else np.asarray(other, y.dtype), alone)
    elif _has_kernel(rule, t) and (rows := _rows(t, y, primals)) is not None:
        out = buffers.empty_like(rows)
        if len(primals) == 1:
            kernel = stamped.push_one(function, partial)
            kernel(vector(primals[0], y.dtype), vector(y, y.dtype), rows, out)
        else:
            a, step_a = strided(primals[0], y)
            b, step_b = strided(primals[1], y)
            variant = "alone" if alone and rule.alone is not None else ""
            kernel = stamped.push_two(function, argnum, partial, variant)
            kernel(a, step_a, b, step_b, vector(y, y.dtype), rows, out)
        return t.with_rows(out)
    else:
        with np.errstate(all="ignore"):
            factor = partial(*of_numpy(primals, rule.integer), y)
        t = t.times(factor if type(factor) is Dual else np.asarray(factor), rule.chooses)
    return t if t.dtype == y.dtype else t.astype(y.dtype)


def _many_active(rule, function, primals, y, active):
    """The tangent when several arguments are active."""
    shape = y.shape
    active = [(i, t if t.shape == shape else t.broadcast(shape)) for i, t in active]
    if len(active) == 2 and function in _MERGES:
        t = _merged(function, primals, y, active[0][1], active[1][1])
        if t is not None:
            return t
    partials = _partials(rule, primals, y, False)
    if len(active) == 2 and rule.kernel and (callable(partials[0]) or callable(partials[1])):
        t, u = active[0][1], active[1][1]
        if _has_kernel(rule, t) and _has_kernel(rule, u) and _is_slot_by_slot(t, u):
            rows_t = _rows(t, y, primals)
            rows_u = None if rows_t is None else _rows(u, y, primals)
            if rows_u is not None:
                a, step_a = strided(primals[0], y)
                b, step_b = strided(primals[1], y)
                out = buffers.empty_like(rows_t)
                kernel = stamped.push_both(function, partials)
                kernel(a, step_a, b, step_b, vector(y, y.dtype), rows_t, rows_u, out)
                return t.with_rows(out)
    total = None
    for i, t in active:
        part = _one_active(rule, function, primals, y, i, t, False)
        if part is not None:
            total = part if total is None else add(total, part)
    return total


_MERGES = frozenset({np.add, np.subtract, np.multiply})


def _merged(function, primals, y, t, u):
    """The sum, difference or product of sparse tangents of different columns, in one step."""
    dtype = y.dtype
    if not (t.is_sparse and u.is_sparse and t.col is not u.col and t.dtype == u.dtype == dtype):
        return None
    if function is not np.multiply:
        return merged(t, u, 1 if function is np.add else -1)
    if not is_plain(t.coef, u.coef, y) or any(type(p) is Dual for p in primals):
        return None
    p, q = (vector(np.broadcast_to(p, y.shape), dtype) for p in primals)
    return merged_products(t, q, u, p)


def _has_kernel(rule, t):
    """Whether a kernel may scale the rows of `t`.

    Where a partial of 0 is to hide an infinity, it must meet the block itself.
    """
    return rule.kernel and not (rule.chooses and not t.is_sparse and not t.is_finite())


def _recorded(rule, function, args, primals, y, active, level):
    """The Dual for `y` with a step of the tape, and what its pullback will need."""
    alone = len(active) == 1
    partials = _partials(rule, primals, y, alone)
    active = [(i, t) for i, t in active if callable(partials[i]) or partials[i] != 0]
    parents = tuple(t for _, t in active)
    if not active:
        return make(y, None, level)
    if not any(callable(partials[i]) for i, _ in active):
        data = tuple(partials[i] for i, _ in active)
        return make(y, step(pull_scaled, parents, data, y.shape, y.dtype), level)
    if function is np.multiply:
        data = (tuple(_factor(args[1 - i], y, level) for i, _ in active), alone)
        return make(y, step(pull_times, parents, data, y.shape, y.dtype), level)
    kept = tuple(keep(a, level) for a in args)
    variant = ("alone" if alone and rule.alone is not None else "") if _fits(rule, kept) else None
    out = make(y, None, level)
    out._kept = True
    argnums = tuple(i for i, _ in active)
    data = (function, partials, variant, kept, snapshot(y), argnums)
    out._tangent = step(pull_elementwise, parents, data, y.shape, y.dtype)
    return out


def _factor(a, y, level):
    """The other operand of a product, as the factor that its pullback multiplies by."""
    a = keep(a, level)
    return a if type(a) is Dual else np.asarray(a, y.dtype)


def _fits(rule, primals):
    """Whether the kernels take these operands: plain numbers that stay what they are."""
    return rule.kernel and not any(type(p) is Dual for p in primals)


def _is_slot_by_slot(t, u):
    """Whether two tangents combine row by row: the same columns, or factors of one block."""
    if t.is_sparse != u.is_sparse:
        return False
    return is_same_slots(t, u) if t.is_sparse else t.block is u.block


def _rows(t, y, primals):
    """What an element-wise step changes in `t`, as contiguous rows, if a kernel serves.

    Kernels serve plain float64 or float32 results; other operands follow NumPy's promotion.
    """
    dtype = y.dtype
    if type(y) is not np.ndarray or (
        dtype is not FLOAT64 and dtype != FLOAT64 and dtype != FLOAT32
    ):
        return None
    rows = t.coefficients()
    if type(rows) is not np.ndarray or rows.dtype != dtype:
        return None
    for p in primals:
        if type(p) is np.ndarray:
            if p.dtype is not dtype and not np.can_cast(p.dtype, dtype):
                return None
        elif type(p) is Dual:
            return None
    if rows.ndim != 2:
        rows = rows.reshape(rows.shape[0], y.size)
    return buffers.contiguous(rows)


@registry.handles("element-wise", np.sinc)
def _sinc(x):
    return choices.of_root(np.sinc, push(RULES[np.sinc], np.sinc, (x,)), (x,))
