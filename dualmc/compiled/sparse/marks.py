"""Machine code around marked Duals: inputs with bits, bits of outputs, and nonzeros in place."""

from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.extending import intrinsic
from numba.np import arrayobj

from dualmc.compiled.blocks import (
    Output,
    elements,
    integer,
    new_array,
    room_for_seeds,
    seeded_type,
    shape_of,
)
from dualmc.compiled.scalars import intrinsics, partials
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.partials import pack

I8, I64 = ir.IntType(8), ir.IntType(64)
# A position that no pass covers: an input whose values are watched, and that is not differentiated.
NEVER = -(1 << 62)


# --- Inputs --------------------------------------------------------------------------------------


def _seeds(context, builder, x_kind, x, kind, dual, parts):
    """x in Duals, whose partials are ``parts(position)``: a number, or an array of its own."""
    if kind is dual:
        primal = context.cast(builder, x, x_kind, dual.inner)
        return pack(context, builder, dual, primal, parts(integer(0)))
    array = room_for_seeds(context, builder, kind, shape_of(context, builder, x_kind, x))
    model = context.data_model_manager[dual]
    for position, at in elements(context, builder, x_kind, x):
        value = context.unpack_value(builder, x_kind.dtype, at)
        primal = context.cast(builder, value, x_kind.dtype, dual.inner)
        data = model.as_data(builder, pack(context, builder, dual, primal, parts(position)))
        builder.store(data, builder.gep(array.data, [position]), align=1)
    return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())


def _bit(context, builder, dual, k):
    """The marks of which bit `k` is set; none for k < 0 or beyond."""
    words = context.get_value_type(dual.partials.words)
    numbers = ir.Constant(words, [integer(i) for i in range(words.count)])
    word = partials.splat(builder, words, builder.ashr(k, integer(6)))
    bit = builder.shl(integer(1), builder.and_(k, integer(63)))
    hit = builder.icmp_signed("==", word, numbers)
    return builder.select(hit, partials.splat(builder, words, bit), ir.Constant(words, None))


@intrinsic
def marked(context, like, x, first):
    """A copy of x in marked Duals; element i has bit ``first + i`` and no partials."""
    kind, dual = seeded_type(x, like)

    def code(context, builder, sig, args):
        _, x, first = args
        lanes = partials.zeros(context, dual.unmarked)

        def parts(position):
            bits = _bit(context, builder, dual, builder.add(position, first))
            return partials.marked(context, builder, dual, lanes, bits)

        return _seeds(context, builder, sig.args[1], x, kind, dual, parts)

    return kind(like, x, types.intp), code


@intrinsic
def painted(context, like, x, plan, at, first, codes, at_code):
    """A copy of x in Duals; element i has the column ``plan[at + i] - first``.

    Marked Duals have the marks of ``codes`` from ``at_code + i * marks`` on.
    """
    kind, dual = seeded_type(x, like)

    def code(context, builder, sig, args):
        _, x, plan, at, first, codes, at_code = args
        colours = builder.gep(_data(context, builder, sig.args[2], plan), [at])
        marks = builder.gep(_data(context, builder, sig.args[5], codes), [at_code])

        def parts(position):
            colour = builder.sext(builder.load(builder.gep(colours, [position])), I64)
            column = builder.sub(colour, first)
            lanes = intrinsics.basis(context, builder, dual.unmarked, column)
            if not dual.marks:
                return lanes
            bits = _words(builder, dual, marks, position)
            return partials.marked(context, builder, dual, lanes, bits)

        return _seeds(context, builder, sig.args[1], x, kind, dual, parts)

    return kind(like, x, plan, types.intp, types.intp, codes, types.intp), code


def _data(context, builder, kind, value):
    return context.make_array(kind)(context, builder, value).data


def _words(builder, dual, marks, position):
    """The words of marks at a position of a table."""
    at = builder.gep(marks, [builder.mul(position, integer(dual.marks))])
    vector = ir.VectorType(I64, dual.marks)
    return builder.load(builder.bitcast(at, vector.as_pointer()), align=8)


# --- Outputs -------------------------------------------------------------------------------------


def _partials_of(context, builder, output, y):
    """The row and the address of the partials of each Dual of y: a generator within the loop."""
    row = integer(0)
    for i, part in enumerate(output.parts):
        one = builder.extract_value(y, [i]) if output.is_tuple else y
        kind, size = part, integer(1)
        if isinstance(part, types.Array):
            kind = part.dtype
            for n in shape_of(context, builder, part, one):
                size = builder.mul(size, n)
        if is_dual(kind) and kind is part:
            yield row, _copied(context, builder, output.dual, one, kind)
        elif is_dual(kind):
            for position, at in elements(context, builder, part, one):
                if kind != output.dual:
                    value = context.unpack_value(builder, kind, at)
                    at = _copied(context, builder, output.dual, value, kind)
                else:
                    at = cgutils.gep_inbounds(builder, at, 0, 1)
                yield builder.add(row, position), at
        row = builder.add(row, size)


def _copied(context, builder, dual, value, kind):
    """The address of the partials of a copy of `value` as a Dual of the common type."""
    value = context.cast(builder, value, kind, dual)
    data = context.data_model_manager[dual].as_data(builder, value)
    at = cgutils.alloca_once(builder, data.type)
    builder.store(data, at, align=8)
    return cgutils.gep_inbounds(builder, at, 0, 1)


@intrinsic
def marks_in(context, y):
    """The marks of y: an array of words, (rows, marks)."""
    output = Output(y)
    words = output.dual.marks if output.dual else 1
    kind = types.Array(types.uint64, 2, "C")

    def code(context, builder, sig, args):
        rows = integer(1)
        for n in output.shape(context, builder, args[0]):
            rows = builder.mul(rows, n)
        array = new_array(context, builder, kind, [rows, integer(words)])
        size = builder.mul(rows, integer(8 * words))
        cgutils.memset(builder, array.data, size, 0)
        for row, at in _partials_of(context, builder, output, args[0]):
            bits = builder.load(cgutils.gep_inbounds(builder, at, 0, 1), align=8)
            to = builder.gep(array.data, [builder.mul(row, integer(words))])
            builder.store(bits, builder.bitcast(to, bits.type.as_pointer()), align=8)
        return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

    return kind(y), code


@intrinsic
def room_for(context, like, y, count):
    """An array for `count` entries of the Jacobian."""
    output = Output(y)
    kind = types.Array(output.base(intrinsics.instance(like)), 1, "C")

    def code(context, builder, sig, args):
        array = new_array(context, builder, kind, [args[2]])
        if output.is_varied:
            size = builder.mul(args[2], array.itemsize)
            cgutils.memset(builder, array.data, size, 0)
        return arrayobj.impl_ret_new_ref(context, builder, kind, array._getvalue())

    return kind(like, y, types.intp), code


@intrinsic
def scatter(context, data, y, plan, starts, codes, allowed):
    """``data[place] = partials[lane]`` for the entries of each row of y that this pass holds.

    `starts` is where in `plan` those of the rows begin, `allowed` where in `codes` the marks of
    rows do.  True: a row has a mark that is not allowed.
    """
    output = Output(y)
    if output.dual is not None and (data.dtype != output.dual.inner or data.layout != "C"):
        raise errors.TypingError(
            f"dualmc: the nonzeros need a contiguous array of {output.dual.inner}, not {data}"
        )

    def code(context, builder, sig, args):
        data, y, plan, first, codes, allowed = args
        target = _data(context, builder, sig.args[0], data)
        table = _data(context, builder, sig.args[2], plan)
        lanes, places = (builder.gep(table, [_entry(builder, table, k)]) for k in (5, 6))
        lanes = builder.bitcast(lanes, I8.as_pointer())
        starts = builder.gep(table, [first])
        count = _entry(builder, table, 3)
        is_single = builder.icmp_signed("==", _entry(builder, table, 2), integer(1))
        permutation = _permutation(context, builder, output.dual)
        width = output.dual.n if output.dual else 0
        allowed = builder.gep(_data(context, builder, sig.args[4], codes), [allowed])
        strange = cgutils.alloca_once_value(builder, I8(0))

        def rows(is_single):
            for row, at in _partials_of(context, builder, output, y):
                if output.dual.marks:
                    bits = builder.load(cgutils.gep_inbounds(builder, at, 0, 1), align=8)
                    known = _words(builder, output.dual, allowed, row)
                    _compare(builder, bits, known, strange)
                    at = cgutils.gep_inbounds(builder, at, 0, 0)
                at = builder.bitcast(at, target.type)
                if not is_single:
                    _row(builder, target, at, row, starts, lanes, places)
                elif permutation is None:
                    _row(builder, target, at, row, starts, lanes)
                else:
                    _whole_row(builder, target, at, row, starts, lanes, count, permutation, width)

        with builder.if_else(is_single) as (one, several):
            with one:
                rows(True)
            with several:
                rows(False)
        return builder.trunc(builder.load(strange), ir.IntType(1))

    return types.boolean(data, y, plan, types.intp, codes, types.intp), code


def _entry(builder, table, k):
    """An integer of the head of a plan."""
    return builder.sext(builder.load(builder.gep(table, [integer(k)])), I64)


def _compare(builder, bits, known, strange):
    """Set `strange` if there are bits beside those known."""
    more = builder.and_(bits, builder.not_(known))
    whole = builder.bitcast(more, ir.IntType(64 * bits.type.count))
    is_more = builder.icmp_unsigned("!=", whole, whole.type(0))
    with builder.if_then(is_more, likely=False):
        builder.store(I8(1), strange)


def _row(builder, target, partials, row, starts, lanes, places=None):
    """Store the entries of a row; places are those in the order of the entries if not given."""
    begin, end = (
        builder.sext(builder.load(builder.gep(starts, [builder.add(row, integer(i))])), I64)
        for i in (0, 1)
    )
    with cgutils.for_range_slice(builder, begin, end, integer(1), I64) as (k, _):
        place = k
        if places is not None:
            place = builder.sext(builder.load(builder.gep(places, [k])), I64)
        lane = builder.zext(builder.load(builder.gep(lanes, [k])), I64)
        value = builder.load(builder.gep(partials, [lane]), align=4)
        builder.store(value, builder.gep(target, [place]))


# --- Rows by one instruction ---------------------------------------------------------------------


def _permutation(context, builder, dual):
    """What permutes the partials of one Dual by a vector of lanes; None: no instruction does."""
    if dual is None or is_dual(dual.inner) or dual.inner.bitwidth != 64 or dual.n not in (4, 8):
        return None
    _, _, features = context.codegen().magic_tuple()
    values, lanes = ir.VectorType(ir.DoubleType(), dual.n), ir.VectorType(I64, dual.n)
    wide = ir.FunctionType(values, [values, lanes])
    if "+avx512vl" in features:
        name = f"llvm.x86.avx512.permvar.df.{64 * dual.n}"
        permute = cgutils.get_or_insert_function(builder.module, wide, name)
        return lambda vector, order: builder.call(permute, [vector, order])
    if "+avx2" not in features or dual.n != 4:
        return None
    singles, halves = ir.VectorType(ir.FloatType(), 8), ir.VectorType(ir.IntType(32), 8)
    kind = ir.FunctionType(singles, [singles, halves])
    permute = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.permps")

    def by_halves(vector, order):
        # Lane k is the halves 2 k and 2 k + 1.
        twice = builder.mul(order, ir.Constant(lanes, [integer((2 << 32) + 2)] * 4))
        order = builder.add(twice, ir.Constant(lanes, [integer(1 << 32)] * 4))
        args = builder.bitcast(vector, singles), builder.bitcast(order, halves)
        return builder.bitcast(builder.call(permute, args), values)

    return by_halves


def _whole_row(builder, target, partials, row, starts, lanes, count, permuted, n):
    """Store a row with what lies behind it, which the next rows write over; not beyond the end."""
    begin = builder.sext(builder.load(builder.gep(starts, [row])), I64)
    room = builder.icmp_signed("<=", builder.add(begin, integer(n)), count)
    with builder.if_else(room, likely=True) as (inside, end):
        with inside:
            vector = ir.VectorType(ir.DoubleType(), n)
            order = builder.bitcast(builder.gep(lanes, [begin]), ir.VectorType(I8, n).as_pointer())
            order = builder.zext(builder.load(order, align=1), ir.VectorType(I64, n))
            values = builder.load(builder.bitcast(partials, vector.as_pointer()), align=8)
            to = builder.bitcast(builder.gep(target, [begin]), vector.as_pointer())
            builder.store(permuted(values, order), to, align=8)
        with end:
            _row(builder, target, partials, row, starts, lanes)
