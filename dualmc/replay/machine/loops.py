"""What a plan does, written into a `Function`: loops over elements, matrix products, sums.

Every number that goes into the result is tested to be finite: the general way has the exact zeros
that silence an infinite derivative, so a call that meets one goes that way.
"""

import numpy as np
from llvmlite import ir

from dualmc.replay.machine.engine import INT64
from dualmc.replay.machine.function import integer, not_finite
from dualmc.replay.machine.operations import DOUBLE, operation

BIT = ir.IntType(1)
# Terms of a matrix product that are added to an entry while it is in a register: of many, and of
# so few that their factors stay in registers too.
TOGETHER, FEW = 4, 12


def start_sum(function, memory):
    """A sum begins where its constant terms leave it."""
    start = memory.start
    uniform = memory.size and (start == start[0]).all()

    def body(i):
        v = ir.Constant(DOUBLE, float(start[0])) if uniform else function.constant(start, i)
        function.builder.store(v, function.place(memory, i))

    function.repeat(memory.size, body)


def product(function, memory, leaf, reads):
    """``memory[i, r] = sum over j of a[i, j] * b[j, r]``."""
    m, p, q = leaf.op
    a, b = reads
    builder = function.builder
    function.apart(1)

    def element(read, row, length, col):
        at = builder.add(builder.mul(row, integer(length)), col)
        return function.element(read, function.position(read.index, at))

    def clear(e):
        function.scoped(builder.store(ir.Constant(DOUBLE, 0.0), function.place(memory, e)), 0)

    def terms(i, first, count):
        """Add the terms `first`, ..., in this order, to every entry of row `i`."""
        rows = [builder.add(first, integer(k)) for k in range(count)]
        left = [element(a, i, p, j) for j in rows]

        def entry(r):
            place = function.place(memory, builder.add(builder.mul(i, integer(q)), r))
            total = function.scoped(builder.load(place), 0)
            for j, factor in zip(rows, left, strict=True):
                total = builder.fadd(total, builder.fmul(factor, element(b, j, q, r)))
            function.scoped(builder.store(total, place), 0)

        function.repeat(q, entry)

    def row(i):
        count = p if p <= FEW else TOGETHER
        whole = p - p % count if count else 0
        function.repeat(
            whole // max(1, count), lambda k: terms(i, builder.mul(k, integer(count)), count)
        )
        function.repeat(p - whole, lambda k: terms(i, builder.add(k, integer(whole)), 1))

    function.repeat(m * q, clear)
    function.repeat(m, row)


BYTES = ir.IntType(8).as_pointer()


def launch(function, memory, leaf, reads):
    """The outputs of a ufunc's loop, one after the other in `memory`."""
    call, builder = leaf.op, function.builder
    steps = list(call.steps)
    pointers = []
    for number, read in enumerate(reads):
        if len(call.dimensions) == 1 and read.kind == "table" and _is_uniform(read.source):
            read, steps[number] = read._replace(source=read.source[:1]), 0
        pointers.append(function.address(read))
    first = 0
    for size in call.sizes:
        pointers.append(function.place(memory, integer(first)))
        first += size
    with builder.goto_entry_block():
        tables = [
            builder.alloca(kind, max(1, count))
            for kind, count in (
                (BYTES, len(pointers)), (INT64, len(call.dimensions)), (INT64, len(steps)),
            )
        ]  # fmt: skip
    rows = [builder.bitcast(p, BYTES) for p in pointers], call.dimensions, steps
    for table, values in zip(tables, rows, strict=True):
        for k, v in enumerate(values):
            v = integer(int(v)) if table.type.pointee == INT64 else v
            builder.store(v, builder.gep(table, [integer(k)]))
    builder.call(*_linked(builder.module, call.loop, tables))
    if call.is_checked:

        def check(e):
            v = builder.load(function.place(memory, e))
            function.note(function.failed, not_finite(builder, v))

        function.repeat(sum(call.sizes), check)


def _is_uniform(values):
    return values.size > 0 and bool((values.view(np.int64) == values.view(np.int64)[0]).all())


def _linked(module, loop, tables):
    """The function and the arguments of a call of `loop`; the linker knows both by name."""
    data = module.globals.get(f"{loop.symbol}_data")
    if not loop.addresses()[1]:
        data = BYTES(None)
    elif data is None:
        data = ir.GlobalVariable(module, ir.IntType(8), f"{loop.symbol}_data")
    function = module.globals.get(loop.symbol)
    if function is None:
        kind = ir.FunctionType(ir.VoidType(), [*(table.type for table in tables), BYTES])
        function = ir.Function(module, kind, loop.symbol)
    return function, [*tables, data]


def loop(function, plan, guards, size, leaves):
    """The leaves of one loop, element by element, and where they go."""
    sends = [send for leaf in leaves for send in plan.sends.get(leaf.serial, ())]
    if all(send.op == "set" for send in sends):  # nothing is read that the loop has written
        function.apart(len(sends))
    numbers = {id(send): number for number, send in enumerate(sends)}
    uniform = _read_once(function, plan, leaves) if size > 1 else {}

    def body(i):
        values = {}
        for leaf in leaves:
            operands = []
            for number, (read, a) in enumerate(
                zip(plan.reads[leaf.serial], leaf.operands, strict=True)
            ):
                v = uniform.get((leaf.serial, number))
                operands.append(_operand(function, read, i, values, a.is_bool, v))
            v = values[leaf.serial] = operation(function.builder, leaf.op, operands)
            number = function.builder.uitofp(v, DOUBLE) if leaf.is_bool else v
            for send in plan.sends.get(leaf.serial, ()):
                _send(function, send, numbers[id(send)], i, number)
            for expected in guards.get(leaf.serial, ()):
                _check(function, expected, i, number)

    function.repeat(size, body)


def _read_once(function, plan, leaves):
    """What every turn reads from one place, read before the loop: by leaf and operand."""
    found = {}
    for leaf in leaves:
        for number, read in enumerate(plan.reads[leaf.serial]):
            if read.kind in ("input", "memory") and read.index is not None:
                if (read.index == read.index[0]).all():
                    found[leaf.serial, number] = function.element(read, integer(int(read.index[0])))
    return found


def _operand(function, read, i, values, is_bool, v):
    """An operand in turn `i`; `v` if it was read already."""
    if read.kind == "number":
        if type(read.source) is bool:
            return ir.Constant(BIT, int(read.source))
        return ir.Constant(DOUBLE, read.source)
    if read.kind == "here":
        return values[read.source.serial]
    if v is None:
        v = function.element(read, function.position(read.index, i))
    return operation(function.builder, "truth", [v]) if is_bool else v


def _send(function, send, number, i, v):
    memory, target = send.memory, send.target
    if memory.name == "guard":
        return
    at = function.position(target, i)
    if (target >= 0).all():
        _put(function, send, number, at, v)
        return
    builder = function.builder
    with builder.if_then(builder.icmp_signed(">=", at, integer(0))):
        _put(function, send, number, at, v)


def _put(function, send, number, at, v):
    builder = function.builder
    memory, op = send.memory, send.op
    if memory.name != "work":
        function.note(function.strange, not_finite(builder, v))
    place = function.place(memory, at)
    if op != "set":
        v = operation(builder, op, [builder.load(place), v])
    stored = builder.store(v, place)
    if memory.name == "work":
        function.scoped(stored, number)


def _check(function, expected, i, v):
    """Note a guard whose value has other bits than when the program was recorded."""
    builder = function.builder
    if expected is None:  # any finite number
        bits = not_finite(builder, v)
    else:
        wanted = function.constant(expected, i)
        bits = builder.xor(builder.bitcast(v, INT64), builder.bitcast(wanted, INT64))
    function.note(function.failed, bits)
