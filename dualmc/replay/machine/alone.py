"""Machine code that anybody may call: one function of pointers, for all ways through f.

It brings its own working memory, so that any number of threads may call it at once, tries the ways
one after the other until the guards of one hold, and says what was wrong where none did.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir

from dualmc.replay.machine import engine
from dualmc.replay.machine.engine import INT64, POINTER
from dualmc.replay.machine.function import integer, repeat
from dualmc.replay.machine.native import Written
from dualmc.replay.machine.operations import DOUBLE
from dualmc.replay.machine.schedule import Memory

# What a call returns where its result counts for nothing (the first two are those of `native`):
# no way that was recorded is f's there; a number of the derivative is not finite; a result lies on
# an argument or another result; arguments of another count; no memory was left.
OTHER_WAY, NOT_FINITE, OVERLAP, COUNT, NO_MEMORY = 1, 2, 4, 8, 16
# Numbers of working memory that are taken from the stack of a thread.
ON_STACK = 2**11


class Way(NamedTuple):
    """One way through f, written for itself."""

    written: Written
    value: Memory | None  # where in the working memory the value is, if it is asked for
    start: np.ndarray | None  # the derivative as it begins, if it is asked for


class Alone:
    """The machine code of some ways, of the same inputs and results.

    ``int64 f(double *x0, ..., double *value, double *derivative)`` is at `address`; it returns 0,
    or one of the numbers above, and then has filled the results with NaN (not so at `OVERLAP`).  A
    result that was not asked for is not touched.

    Attributes
    ----------
    sizes : list of int
        Numbers of each input.
    results : tuple of int
        Numbers of the value and of the derivative; 0 where not asked for.
    """

    def __init__(self, ways, sizes):
        first = ways[0]
        self.sizes = sizes
        self.results = (
            0 if first.value is None else first.value.size,
            0 if first.start is None else first.start.size,
        )
        self.has = first.value is not None, first.start is not None
        self._ways = ways  # whose tables the code looks into
        module = engine.module()
        for way in ways:
            engine.link(way.written.linked)
        _write(module, ways, sizes, self.results)
        self.machine = engine.Machine(module)
        self.address = self.machine.address


def address_of(array):
    return integer(array.ctypes.data).inttoptr(POINTER)


def library(builder, name, result, *args):
    """A call of the C library's `name`."""
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(result, [a.type for a in args])
        function = ir.Function(builder.module, kind, name)
    return builder.call(function, args)


def raw(builder, pointer):
    return builder.bitcast(pointer, ir.IntType(8).as_pointer())


def copy(builder, target, source, count):
    """`count` numbers from `source` to `target`; `count` may be known at run time only."""
    if type(count) is int:
        if not count:
            return
        count = integer(count)
    target, source = raw(builder, target), raw(builder, source)
    size = builder.mul(count, integer(8))
    library(builder, "memcpy", target.type, target, source, size)


def fill_nan(builder, pointer, count):
    nan = ir.Constant(DOUBLE, float("nan"))
    repeat(builder, count, lambda i: builder.store(nan, builder.gep(pointer, [i])))


def scratch(builder, count, without):
    """`count` numbers, and what gives them back; `without()` ends the function if none are left."""
    if count <= ON_STACK:
        with builder.goto_entry_block():
            return builder.alloca(DOUBLE, max(1, count)), lambda: None
    memory = library(builder, "malloc", raw(builder, POINTER(None)).type, integer(8 * count))
    with builder.if_then(builder.icmp_unsigned("==", memory, memory.type(None)), likely=False):
        without()

    def free():
        library(builder, "free", ir.VoidType(), memory)

    return builder.bitcast(memory, POINTER), free


def _write(module, ways, sizes, results):
    """The entry: checks where the memory lies, and runs the ways."""
    entry = engine.entry(module, len(sizes) + 2)
    builder = ir.IRBuilder(entry.append_basic_block("entry"))
    inputs, (value, out) = entry.args[: len(sizes)], entry.args[len(sizes) :]
    _check_apart(
        builder, [*zip(inputs, sizes, strict=True)], (value, results[0]), (out, results[1])
    )

    def fail(state):
        fill_nan(builder, value, results[0])
        fill_nan(builder, out, results[1])
        builder.ret(state)

    size = max(way.written.work.size for way in ways)
    work, free = scratch(builder, size, lambda: fail(integer(NO_MEMORY)))
    end = entry.append_basic_block("end")
    states = []
    for number, way in enumerate(ways):
        following = entry.append_basic_block("next")
        state = _run(module, builder, number, way, [*inputs, work, out])
        is_other = builder.trunc(state, ir.IntType(1))  # OTHER_WAY
        here = entry.append_basic_block("here")
        builder.cbranch(is_other, following, here)
        builder.position_at_end(here)
        if way.value is not None:
            copy(builder, value, builder.gep(work, [integer(way.value.offset)]), results[0])
        states.append((state, builder.block))
        builder.branch(end)
        builder.position_at_end(following)
    states.append((integer(OTHER_WAY), builder.block))
    builder.branch(end)
    builder.position_at_end(end)
    state = builder.phi(INT64)
    for incoming in states:
        state.add_incoming(*incoming)
    free()
    with builder.if_then(builder.icmp_unsigned("!=", state, integer(0)), likely=False):
        fail(state)
    builder.ret(state)


def _run(module, builder, number, way, pointers):
    """The state of one way: memories as they begin, then its function."""
    *_, work, out = pointers
    written = way.written
    memories = [m for m in written.plan.memories if m.name == "work" and m.once is not None]
    if memories:  # the constants in it
        first = min(m.offset for m in memories)
        last = max(m.offset + m.size for m in memories)
        source = address_of(written.work[first:])
        copy(builder, builder.gep(work, [integer(first)]), source, last - first)
    if way.start is not None:
        copy(builder, out, address_of(way.start), way.start.size)
    function = written.function(module, written.phases, f"dualmc_way_{number}")
    return builder.call(function, [*pointers, *written.tables(builder)])


def _check_apart(builder, inputs, value, out):
    """Return `OVERLAP` where the derivative lies on an argument or on the value.

    The value is written last, from working memory: it may lie on the arguments.
    """
    for pointer, size in [*inputs, value]:
        if not size or not out[1]:
            continue
        a, b = builder.ptrtoint(pointer, INT64), builder.ptrtoint(out[0], INT64)
        is_before = builder.icmp_unsigned("<", a, builder.add(b, integer(8 * out[1])))
        is_behind = builder.icmp_unsigned("<", b, builder.add(a, integer(8 * size)))
        with builder.if_then(builder.and_(is_before, is_behind), likely=False):
            builder.ret(integer(OVERLAP))
