"""Machine code of sums and multiples of partials, in LLVM's terms.

Every multiple honours the strong zero: a partial that is exactly 0 stays 0 whatever multiplies it.
Only a factor that is not finite can break it, so that one test of the factor decides, and the
partials of finite factors are plain fused multiply-adds.  Only partials may be fused: primals are
those of the function itself, to the bit.

Marks are joined by every step, whatever its factors are: a bit is lost by no cancellation.
"""

import functools
import math
import operator

from llvmlite import ir
from numba.core import cgutils
from numba.core.typing import signature

from dualmc.compiled.scalars.dual_type import is_dual

FUSED = ("contract",)
I32 = ir.IntType(32)


def unpack(builder, dual):
    return builder.extract_value(dual, [0]), builder.extract_value(dual, [1])


def pack(context, builder, kind, primal, partials):
    dual = ir.Constant(context.get_value_type(kind), ir.Undefined)
    dual = builder.insert_value(dual, primal, [0])
    return builder.insert_value(dual, partials, [1])


def zeros(context, kind):
    """The partials of a constant."""
    return ir.Constant(context.get_value_type(kind.partials), None)


def constant(context, builder, kind, value, from_kind):
    """`value`, a number or a shallower Dual, as a Dual of this `kind`."""
    primal = context.cast(builder, value, from_kind, kind.inner)
    return pack(context, builder, kind, primal, zeros(context, kind))


def call(context, builder, op, kind, *args):
    """``op(*args)`` where arguments and result are of this `kind`."""
    if not is_dual(kind):
        plain = {
            operator.add: builder.fadd, operator.sub: builder.fsub, operator.mul: builder.fmul,
            operator.neg: builder.fneg,
        }.get(op)  # fmt: skip
        if plain is not None:
            return plain(*args)
    return context.get_function(op, signature(kind, *[kind] * len(args)))(builder, args)


def splat(builder, vector_type, value):
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    mask = ir.Constant(ir.VectorType(I32, vector_type.count), None)
    return builder.shuffle_vector(first, undefined, mask)


def lanes_of(builder, kind, partials):
    """The partials of a Dual of this `kind` without its marks."""
    return builder.extract_value(partials, [0]) if kind.marks else partials


def marks_of(builder, *partials):
    """All marks of these partials together."""
    marks = [builder.extract_value(p, [1]) for p in partials]
    return functools.reduce(builder.or_, marks)


def marked(context, builder, kind, lanes, marks):
    """Partials with their marks."""
    out = ir.Constant(context.get_value_type(kind.partials), ir.Undefined)
    return builder.insert_value(builder.insert_value(out, lanes, [0]), marks, [1])


DECIDED = "dualmc_decided"  # the address of a byte: see `sparse/decisions.py`


def decided(builder, kind):
    """Tell that the function looks at the value of a Dual, if it is one that is watched.

    What it does next may depend on that value, and so may the structure of its derivative.
    """
    if is_dual(kind) and kind.is_watched:
        byte = ir.IntType(8)
        found = builder.module.globals.get(DECIDED)
        if found is None:
            found = cgutils.add_global_variable(builder.module, byte, DECIDED)
        builder.store(byte(1), found)


def each(context, builder, kind, op, *partials):
    """`op` applied to partials one by one."""
    if kind.marks:
        lanes = [lanes_of(builder, kind, p) for p in partials]
        lanes = each(context, builder, kind.unmarked, op, *lanes)
        return marked(context, builder, kind, lanes, marks_of(builder, *partials))
    if not is_dual(kind.inner):
        if op is operator.neg:
            return builder.fneg(*partials)
        do = {operator.add: builder.fadd, operator.sub: builder.fsub}[op]
        return do(*partials, flags=FUSED)
    out = ir.Constant(context.get_value_type(kind.partials), ir.Undefined)
    for i in range(kind.n):
        args = [builder.extract_value(p, [i]) for p in partials]
        out = builder.insert_value(out, call(context, builder, op, kind.inner, *args), [i])
    return out


def scaled(context, builder, kind, factor, partials):
    """``factor * partials`` where the factor, of the type of the primal, is finite or a constant
    of the function's own.
    """
    if kind.marks:
        lanes = scaled(context, builder, kind.unmarked, factor, lanes_of(builder, kind, partials))
        return marked(context, builder, kind, lanes, marks_of(builder, partials))
    if not is_dual(kind.inner):
        return builder.fmul(splat(builder, partials.type, factor), partials, flags=FUSED)
    out = ir.Constant(context.get_value_type(kind.partials), ir.Undefined)
    for i in range(kind.n):
        part = builder.extract_value(partials, [i])
        product = call(context, builder, operator.mul, kind.inner, factor, part)
        if kind.inner.has_live:
            product = _unless_dead(builder, kind.inner, part, product)
        out = builder.insert_value(out, product, [i])
    return out


def _unless_dead(builder, kind, part, product):
    """`product` without marks where `part` is 0 for all values."""
    is_live = builder.extract_element(builder.extract_value(part, [1, 1]), I32(kind.marks - 1))
    marks = builder.extract_value(product, [1, 1])
    is_live = builder.icmp_unsigned("!=", is_live, is_live.type(0))
    marks = builder.select(is_live, marks, ir.Constant(marks.type, None))
    return builder.insert_value(product, marks, [1, 1])


def combined(context, builder, kind, *terms, refined=None):
    """The sum of ``factor * partials`` over the `terms`, one or two, with strong zeros.

    Where a factor is not finite, the terms are those that `refined` makes of them, if it is given.
    """
    if kind.marks:
        return _beside_marks(context, builder, kind, terms, combined, refined=refined)
    products = [scaled(context, builder, kind, f, p) for f, p in terms]
    total = products[0]
    if len(products) == 2:
        total = each(context, builder, kind, operator.add, *products)
    factors = [factor for factor, _ in terms if not _is_finite_constant(factor)]
    if is_dual(kind.inner) or not factors:
        return total
    # f - f is 0 for finite f, NaN otherwise, and NaN once in a sum stays there.
    tests = [builder.fsub(f, f) for f in factors]
    test = tests[0] if len(tests) == 1 else builder.fadd(*tests)
    is_rare = builder.fcmp_unordered("uno", test, test)
    return _unless_rare(builder, is_rare, total, lambda: refined(terms) if refined else terms)


def by_constant(context, builder, kind, *terms):
    """``factor * partials`` for a number of the function's own, which if it is 0 gives 0."""
    if kind.marks:
        return _beside_marks(context, builder, kind, terms, by_constant)
    ((factor, partials),) = terms
    total = scaled(context, builder, kind, factor, partials)
    if is_dual(kind.inner) or _is_finite_constant(factor) and factor.constant:
        return total
    size = builder.call(builder.module.declare_intrinsic("llvm.fabs", [factor.type]), [factor])
    is_usual = builder.and_(
        builder.fcmp_ordered(">", size, size.type(0.0)),
        builder.fcmp_ordered("<", size, size.type(float("inf"))),
    )
    return _unless_rare(builder, builder.not_(is_usual), total, lambda: terms, True)


def chosen(context, builder, kind, *terms):
    """`combined` for a function that returns one of its arguments: what is not taken, whose factor
    is 0, counts nothing, not even if it is infinite.
    """
    if kind.marks:
        return _beside_marks(context, builder, kind, terms, chosen)
    if is_dual(kind.inner):
        return combined(context, builder, kind, *terms)
    strict = [_strict(builder, f, p, True) for f, p in terms]
    return strict[0] if len(strict) == 1 else builder.fadd(*strict)


def _beside_marks(context, builder, kind, terms, combine, **options):
    lanes = [(f, lanes_of(builder, kind, p)) for f, p in terms]
    lanes = combine(context, builder, kind.unmarked, *lanes, **options)
    return marked(context, builder, kind, lanes, marks_of(builder, *(p for _, p in terms)))


def _unless_rare(builder, is_rare, total, terms, is_zero_strong=False):
    """`total`, or the sum of the terms, written on demand, term by term with its zeros kept."""
    before = builder.block
    with builder.if_then(is_rare, likely=False):
        strict = [_strict(builder, f, p, is_zero_strong) for f, p in terms()]
        careful = strict[0] if len(strict) == 1 else builder.fadd(*strict)
        rare = builder.block
    merged = builder.phi(total.type)
    merged.add_incoming(total, before)
    merged.add_incoming(careful, rare)
    return merged


def _is_finite_constant(factor):
    if not isinstance(factor, ir.Constant):
        return False
    value = factor.constant
    return value is None or isinstance(value, (int, float)) and math.isfinite(value)


def _strict(builder, factor, partials, is_zero_strong=False):
    factors = splat(builder, partials.type, factor)
    zero = ir.Constant(partials.type, None)
    is_zero = builder.fcmp_ordered("==", partials, zero)
    if is_zero_strong:
        is_zero = builder.or_(is_zero, builder.fcmp_ordered("==", factors, zero))
    return builder.select(is_zero, zero, builder.fmul(factors, partials))


def innermost(builder, kind, value):
    """The float at the bottom of a Dual, and its type; a number as it is.

    What is done with it counts as decided by it.
    """
    decided(builder, kind)
    return at_bottom(builder, kind, value)


def at_bottom(builder, kind, value):
    """The same, for what changes factors of partials alone."""
    while is_dual(kind):
        value, kind = builder.extract_value(value, [0]), kind.inner
    return value, kind


def local(builder, value):
    """The address of a copy of `value` on the stack."""
    return cgutils.alloca_once_value(builder, value)
