"""Arithmetic and comparisons of Duals, as machine code without calls.

The primal is the operation of the floats themselves, as Numba compiles it for this function (with
its errors of division), to the bit; comparisons look at primals alone.
"""

import operator

from llvmlite import ir
from numba.core import errors, types
from numba.core.typing import signature
from numba.extending import lower_builtin, overload, type_callable

from dualmc.compiled.scalars.dual_type import NUMBERS, DualType, is_dual, promoted
from dualmc.compiled.scalars.intrinsics import primal_of
from dualmc.compiled.scalars.partials import (
    by_constant,
    call,
    combined,
    each,
    innermost,
    pack,
    unpack,
)  # fmt: skip

PAIRS = [(DualType, DualType)]
PAIRS += [pair for kind in NUMBERS for pair in ((DualType, kind), (kind, DualType))]


def _typed(op, result=None):
    @type_callable(op)
    def typing(context):
        def typer(a, b):
            kind = promoted(a, b)
            return None if kind is None else signature(result or kind, a, b)

        return typer


def _parts(context, builder, kind, given, value):
    """The primal, and the partials or None where there are none."""
    if not is_dual(given) or given.depth < kind.depth:
        return context.cast(builder, value, given, kind.inner), None
    return unpack(builder, context.cast(builder, value, given, kind))


def _rule(*ops):
    """Decorator: the function gives primal and partials of a result of these operators."""

    def register(rule):
        def lowered(context, builder, sig, args):
            kind = sig.return_type
            (a, pa), (b, pb) = (
                _parts(context, builder, kind, t, v) for t, v in zip(sig.args, args, strict=True)
            )
            return pack(context, builder, kind, *rule(context, builder, kind, a, pa, b, pb))

        for op in ops:
            _typed(op)
            for left, right in PAIRS:
                lower_builtin(op, left, right)(lowered)
        return rule

    return register


@_rule(operator.add, operator.iadd)
def _add(context, builder, kind, a, pa, b, pb):
    y = call(context, builder, operator.add, kind.inner, a, b)
    if pa is None or pb is None:
        return y, pb if pa is None else pa
    return y, each(context, builder, kind, operator.add, pa, pb)


@_rule(operator.sub, operator.isub)
def _sub(context, builder, kind, a, pa, b, pb):
    y = call(context, builder, operator.sub, kind.inner, a, b)
    if pb is None:
        return y, pa
    if pa is None:
        return y, each(context, builder, kind, operator.neg, pb)
    return y, each(context, builder, kind, operator.sub, pa, pb)


@_rule(operator.mul, operator.imul)
def _mul(context, builder, kind, a, pa, b, pb):
    y = call(context, builder, operator.mul, kind.inner, a, b)
    if pa is None or pb is None:
        factor, parts = (a, pb) if pa is None else (b, pa)
        return y, by_constant(context, builder, kind, (factor, parts))
    return y, combined(context, builder, kind, (b, pa), (a, pb))


@_rule(operator.truediv, operator.itruediv)
def _truediv(context, builder, kind, a, pa, b, pb):
    divide = operator.truediv
    y = call(context, builder, divide, kind.inner, a, b)  # raises as the function does
    one = context.cast(builder, ir.Constant(context.get_value_type(kind.base), 1.0), kind.base,
                       kind.inner)  # fmt: skip
    by_a = call(context, builder, divide, kind.inner, one, b)
    terms = [] if pa is None else [(by_a, pa)]
    if pb is not None:
        by_b = call(context, builder, operator.mul, kind.inner, y, by_a)
        terms.append((call(context, builder, operator.neg, kind.inner, by_b), pb))

    def refined(terms):  # 1/b overflows where y/b need not
        *first, (_, last) = terms
        return terms if pb is None else [*first, (builder.fneg(builder.fdiv(y, b)), last)]

    return y, combined(context, builder, kind, *terms, refined=refined)


# --- One operand -----------------------------------------------------------------------------


def _same_type(context):
    return lambda a: signature(a, a) if is_dual(a) else None


for _op in (operator.neg, operator.pos):
    type_callable(_op)(_same_type)


@lower_builtin(operator.neg, DualType)
def _neg(context, builder, sig, args):
    kind = sig.return_type
    primal, parts = unpack(builder, args[0])
    primal = call(context, builder, operator.neg, kind.inner, primal)
    parts = each(context, builder, kind, operator.neg, parts)
    return pack(context, builder, kind, primal, parts)


@lower_builtin(operator.pos, DualType)
def _pos(context, builder, sig, args):
    return args[0]


# --- What looks at primals alone -------------------------------------------------------------


def _comparison(op):
    _typed(op, types.boolean)

    def lowered(context, builder, sig, args):
        values = [innermost(builder, t, v) for t, v in zip(sig.args, args, strict=True)]
        function = context.typing_context.resolve_value_type(op)
        plain = function.get_call_type(context.typing_context, tuple(t for _, t in values), {})
        cast = [
            context.cast(builder, v, t, k) for (v, t), k in zip(values, plain.args, strict=True)
        ]
        return context.get_function(function, plain)(builder, cast)

    for left, right in PAIRS:
        lower_builtin(op, left, right)(lowered)


def _refused_beside_complex(op):
    @overload(op)
    def chosen(a, b):
        kinds = (a, b)
        if any(map(is_dual, kinds)) and any(isinstance(k, types.Complex) for k in kinds):
            raise errors.TypingError(COMPLEX)
        return None


COMPLEX = (
    "dualmc: complex numbers cannot carry derivatives in compiled code; compute with real and "
    "imaginary parts"
)
for _op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
    _refused_beside_complex(_op)


for _op in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
    _comparison(_op)


@overload(bool)
def _bool(x):
    return (lambda x: primal_of(x) != 0.0) if is_dual(x) else None


@lower_builtin(bool, DualType)
def _truth(context, builder, sig, args):
    value, _ = innermost(builder, sig.args[0], args[0])
    return builder.fcmp_unordered("!=", value, value.type(0.0))


@overload(operator.not_)
def _not(x):
    return (lambda x: primal_of(x) == 0.0) if is_dual(x) else None


@overload(int)
def _int(x):
    return (lambda x: int(primal_of(x))) if is_dual(x) else None


@overload(float)
def _float(x):
    return (lambda x: x) if is_dual(x) else None


@lower_builtin("print_item", DualType)
def _print_item(context, builder, sig, args):
    value, kind = innermost(builder, sig.args[0], args[0])
    return context.get_function("print_item", signature(types.none, kind))(builder, (value,))
