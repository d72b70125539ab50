"""What compiled code can ask of a Dual and how it makes one: functions without a call's cost."""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, lower_cast

from dualmc.compiled.scalars import partials
from dualmc.compiled.scalars.dual_type import NUMBERS, DualType, base_of, is_dual, is_scalar
from dualmc.compiled.scalars.partials import constant, pack, zeros

I64 = ir.IntType(64)


def _cast(context, builder, from_kind, kind, value):
    if from_kind == kind:
        return value
    if is_dual(from_kind) and from_kind.depth == kind.depth:  # another precision
        primal, parts = partials.unpack(builder, value)
        primal = context.cast(builder, primal, from_kind.inner, kind.inner)
        lanes = partials.lanes_of(builder, kind, parts)
        if is_dual(kind.inner):
            out = zeros(context, kind.unmarked)
            for i in range(kind.n):
                part = builder.extract_value(lanes, [i])
                part = context.cast(builder, part, from_kind.inner, kind.inner)
                out = builder.insert_value(out, part, [i])
        else:
            is_wider = kind.base.bitwidth > from_kind.base.bitwidth
            resized = builder.fpext if is_wider else builder.fptrunc
            out = resized(lanes, context.get_value_type(kind.unmarked.partials))
        if kind.marks:
            marks = partials.marks_of(builder, parts)
            out = partials.marked(context, builder, kind, out, marks)
        return pack(context, builder, kind, primal, out)
    return constant(context, builder, kind, value, from_kind)


for _kind in (*NUMBERS, DualType):
    lower_cast(_kind, DualType)(_cast)


@lower_constant(DualType)
def _constant_dual(context, builder, kind, value):
    return constant(context, builder, kind, context.get_constant(kind.base, value), kind.base)


def instance(kind):
    """The type that an argument stands for: a dtype, a type handed on, or a value's own."""
    if isinstance(kind, types.TypeRef):
        return kind.instance_type
    return kind.dtype if isinstance(kind, types.DTypeSpec) else kind


@intrinsic
def value_of(context, dual):
    """The primal, which is a Dual itself where Duals are nested."""
    if not is_dual(dual):
        return None

    def code(context, builder, sig, args):
        return builder.extract_value(args[0], [0])

    return dual.inner(dual), code


def _bottom(dual, tells):
    """What `primal_of` and `factor_of` are."""
    if not is_scalar(dual):
        return None
    kind = dual.base if is_dual(dual) else dual

    def code(context, builder, sig, args):
        # Within a derivative of a derivative every look may choose partials.
        is_quiet = not tells and getattr(dual, "marks", 0)
        look = partials.at_bottom if is_quiet else partials.innermost
        return look(builder, sig.args[0], args[0])[0]

    return kind(dual), code


@intrinsic
def primal_of(context, dual):
    """The float at the bottom; a number as it is.  What is decided by it is watched."""
    return _bottom(dual, True)


@intrinsic
def factor_of(context, dual):
    """The same, for what decides on factors of partials alone, never on which there are."""
    return _bottom(dual, False)


@intrinsic
def depending(context, dual, other):
    """`dual`, marked as what might have been `other`, a number or Dual of its type or shallower."""

    def code(context, builder, sig, args):
        kind = sig.args[0]
        if not kind.marks:
            return args[0]
        other = context.cast(builder, args[1], sig.args[1], kind)
        own, more = builder.extract_value(args[0], [1]), builder.extract_value(other, [1])
        marks = partials.marks_of(builder, own, more)
        return builder.insert_value(args[0], marks, [1, 1])

    return dual(dual, other), code


@intrinsic
def partial_of(context, dual, k):
    """Partial `k`."""
    if not is_dual(dual):
        return None

    def code(context, builder, sig, args):
        parts = partials.lanes_of(builder, dual, builder.extract_value(args[0], [1]))
        if not is_dual(dual.inner):
            return builder.extract_element(parts, args[1])
        at = cgutils.gep(builder, partials.local(builder, parts), 0, args[1])
        return builder.load(at)

    return dual.inner(dual, types.intp), code


@intrinsic
def as_dual(context, like, value):
    """`value`, a number or a shallower Dual, as a Dual of the type of `like`."""
    kind = instance(like)

    def code(context, builder, sig, args):
        return context.cast(builder, args[1], sig.args[1], kind)

    return kind(like, value), code


def _unknown(context, builder, kind, dual):
    """A Dual of the same primal whose partials are NaN throughout."""
    primal, parts = partials.unpack(builder, dual)
    base = ir.Constant(context.get_value_type(kind.base), float("nan"))
    if kind.marks:
        lanes = partials.lanes_of(builder, kind, parts)
        plain = pack(context, builder, kind.unmarked, primal, lanes)
        plain = _unknown(context, builder, kind.unmarked, plain)
        words = context.get_value_type(kind.partials.words)
        all_marks = ir.Constant(words, [I64(-1)] * kind.marks)
        out = partials.marked(context, builder, kind, builder.extract_value(plain, [1]), all_marks)
        return pack(context, builder, kind, primal, out)
    if not is_dual(kind.inner):
        parts = partials.splat(builder, context.get_value_type(kind.partials), base)
        return pack(context, builder, kind, primal, parts)
    if kind.inner.is_watched:
        raise NotImplementedError("derivatives of marked Duals that are not known")
    part = _unknown(
        context, builder, kind.inner, context.cast(builder, base, kind.base, kind.inner)
    )
    out = zeros(context, kind)
    for i in range(kind.n):
        out = builder.insert_value(out, part, [i])
    return pack(context, builder, kind, primal, out)


@intrinsic
def unknown_beyond(context, d):
    """A partial that a convention chose: its own derivatives are NaN; a number has none."""

    def code(context, builder, sig, args):
        return _unknown(context, builder, d, args[0]) if is_dual(d) else args[0]

    return d(d), code


@intrinsic
def unknown_from(context, dual):
    """A nested Dual whose first partials hold, and whose further derivatives are NaN."""
    if not is_dual(dual) or not is_dual(dual.inner):
        return None

    def code(context, builder, sig, args):
        primal, parts = partials.unpack(builder, args[0])
        out = zeros(context, dual)
        for i in range(dual.n):
            part = _unknown(context, builder, dual.inner, builder.extract_value(parts, [i]))
            out = builder.insert_value(out, part, [i])
        return pack(context, builder, dual, primal, out)

    return dual(dual), code


@intrinsic
def flat(context, like, y):
    """A Dual of the value `y`, of its precision, that does not change with the inputs."""
    kind = instance(like).with_base(base_of(y))

    def code(context, builder, sig, args):
        return partials.constant(context, builder, kind, args[1], sig.args[1])

    return kind(like, y), code


@intrinsic
def seed_of(context, like, value, k):
    """A Dual whose partial `k` is 1 and the others 0; none is for k < 0 or k >= n."""
    kind = instance(like)

    def code(context, builder, sig, args):
        primal = context.cast(builder, args[1], sig.args[1], kind.inner)
        parts = basis(context, builder, kind, args[2])
        return pack(context, builder, kind, primal, parts)

    return kind(like, value, types.intp), code


def basis(context, builder, kind, k):
    """The partials of input number `k` of a chunk, of a Dual without marks."""
    if kind.marks:
        raise NotImplementedError("Marked Duals are seeded in dualmc.compiled.sparse.")
    if not is_dual(kind.inner):
        indices = ir.VectorType(I64, kind.n)
        numbers = ir.Constant(indices, [ir.Constant(I64, i) for i in range(kind.n)])
        hit = builder.icmp_signed("==", partials.splat(builder, indices, k), numbers)
        vector = context.get_value_type(kind.partials)
        ones = ir.Constant(vector, [ir.Constant(vector.element, 1.0)] * kind.n)
        return builder.select(hit, ones, ir.Constant(vector, None))
    out = zeros(context, kind)
    base = context.get_value_type(kind.base)
    for i in range(kind.n):
        hit = builder.icmp_signed("==", k, ir.Constant(k.type, i))
        one = builder.select(hit, ir.Constant(base, 1.0), ir.Constant(base, 0.0))
        one = context.cast(builder, one, kind.base, kind.inner)
        if kind.inner.has_live:
            words = ir.Constant(context.get_value_type(kind.inner.partials.words), None)
            live = builder.sext(hit, I64)
            words = builder.insert_element(words, live, I64(kind.inner.marks - 1))
            one = builder.insert_value(one, words, [1, 1])
        out = builder.insert_value(out, one, [i])
    return out


@intrinsic
def chained(context, like, y, d, x):
    """``Dual(y, d * x')``, of the type of `like`: the chain rule of one argument."""
    return _of_one(partials.combined, like, y, d, x)


def _of_one(combine, like, y, d, x):
    kind = instance(like).with_base(base_of(y))

    def code(context, builder, sig, args):
        y, d = (context.cast(builder, args[i], sig.args[i], kind.inner) for i in (1, 2))
        x = context.cast(builder, args[3], sig.args[3], kind)
        parts = builder.extract_value(x, [1])
        parts = combine(context, builder, kind, (d, parts))
        return pack(context, builder, kind, y, parts)

    return kind(like, y, d, x), code


@intrinsic
def chained_both(context, like, y, d, a, e, b):
    """``Dual(y, d * a' + e * b')``: the chain rule of two arguments."""
    return _of_two(partials.combined, like, y, d, a, e, b)


def _of_two(combine, like, y, d, a, e, b):
    kind = instance(like).with_base(base_of(y))

    def code(context, builder, sig, args):
        y, d, e = (context.cast(builder, args[i], sig.args[i], kind.inner) for i in (1, 2, 4))
        a, b = (context.cast(builder, args[i], sig.args[i], kind) for i in (3, 5))
        terms = (d, builder.extract_value(a, [1])), (e, builder.extract_value(b, [1]))
        parts = combine(context, builder, kind, *terms)
        return pack(context, builder, kind, y, parts)

    return kind(like, y, d, a, e, b), code


@intrinsic
def in_precision(context, x, dtype):
    """A Dual of the float type `dtype`."""
    kind = x.with_base(dtype.dtype)

    def code(context, builder, sig, args):
        return context.cast(builder, args[0], sig.args[0], kind)

    return kind(x, dtype), code


@intrinsic
def taken(context, like, y, d, x):
    """As `chained`, of a function that returns one of its arguments or a constant."""
    return _of_one(partials.chosen, like, y, d, x)


@intrinsic
def taken_both(context, like, y, d, a, e, b):
    """As `chained_both`, of a function that returns one of its arguments."""
    return _of_two(partials.chosen, like, y, d, a, e, b)
