"""Machine code at many points: a loop in native code that calls a program once per point.

A program is called by its address, so that one loop serves all programs of as many inputs.
"""

import ctypes
import functools

import numpy as np
from llvmlite import ir

from dualmc.kernels.compiling import unwatched
from dualmc.replay.machine import engine
from dualmc.replay.machine.alone import copy
from dualmc.replay.machine.engine import INT64, POINTER
from dualmc.replay.machine.function import integer

BYTE = ir.IntType(8)
# Numbers that one call of the loop reads and writes: few enough to stay in the cache.
NUMBERS = 2**15
# Numbers on the way to these, roughly: Ctrl-C is answered between two calls.
STEPS = 2**22


class Program:
    """The machine code of one way through f, as the loop calls it.

    Parameters
    ----------
    code : Code
        One that has no steps of NumPy's between its machine code.
    start : array
        The entries as they begin.
    value : Memory or None
        Where the value lies in the working memory.
    """

    def __init__(self, code, start, value):
        self._code = code
        self._start = start
        self._value = value
        self.value_size = 0 if value is None else value.size

    def step(self, inputs):
        """How many points one call of the loop is to be given."""
        numbers = sum(x.shape[-1] for x in inputs) + self._start.size + self.value_size
        return max(1, min(NUMBERS // max(1, numbers), STEPS // self._code.work.size))

    def run(self, inputs, count):
        """(states, values, entries) at `count` points, a row for each.

        `inputs` are C-ordered float64: (count, size), or (size,) if all points share it.
        """
        entries = np.empty((count, self._start.size))
        values = np.empty((count, self.value_size))
        states = np.empty(count, np.int8)
        try:
            work = self._code.free.pop()
        except IndexError:
            work = self._code.work.copy()
        pointers = np.array([x.ctypes.data for x in inputs], np.int64)
        strides = np.array([x.shape[-1] if x.ndim == 2 else 0 for x in inputs], np.int64)
        at = 0 if self._value is None else self._value.offset
        numbers = [count, self._code.run.machine.address, self._start.size, at, self.value_size]
        arrays = [pointers, strides, work, self._start, entries, values, states]
        _loop(len(inputs)).run(*numbers, *(a.ctypes.data for a in arrays))
        self._code.free.append(work)
        return states, values, entries


class _Loop:
    """The loop over points for programs of `count` inputs."""

    def __init__(self, count):
        module = engine.module("dualmc_points")
        _write(module, count)
        self.machine = engine.Machine(module)
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 12)  # which frees the lock
        self.run = kind(self.machine.address)


@functools.cache
@unwatched
def _loop(count):
    return _Loop(count)


def _write(module, count):
    function = ir.Function(module, ir.FunctionType(INT64, [INT64] * 12), engine.ENTRY)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    points, address, size, value_at, value_size, *arrays = function.args
    integers = INT64.as_pointer()
    kinds = [integers, integers, POINTER, POINTER, POINTER, POINTER, BYTE.as_pointer()]
    pointers, strides, work, start, entries, values, states = (
        builder.inttoptr(a, kind) for a, kind in zip(arrays, kinds, strict=True)
    )
    kind = ir.FunctionType(INT64, [POINTER] * (count + 2))
    program = builder.inttoptr(address, kind.as_pointer())
    bases, steps = (
        [builder.load(builder.gep(table, [integer(i)])) for i in range(count)]
        for table in (pointers, strides)
    )
    before = builder.block
    head, body, after = (function.append_basic_block(name) for name in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    p = builder.phi(INT64)
    p.add_incoming(integer(0), before)
    builder.cbranch(builder.icmp_signed("<", p, points), body, after)
    builder.position_at_end(body)
    out = builder.gep(entries, [builder.mul(p, size)])
    copy(builder, out, start, size)
    inputs = [
        builder.gep(builder.inttoptr(base, POINTER), [builder.mul(p, step)])
        for base, step in zip(bases, steps, strict=True)
    ]
    state = builder.call(program, [*inputs, work, out])
    value = builder.gep(values, [builder.mul(p, value_size)])
    copy(builder, value, builder.gep(work, [value_at]), value_size)
    builder.store(builder.trunc(state, BYTE), builder.gep(states, [p]))
    p.add_incoming(builder.add(p, integer(1)), builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    builder.ret(integer(0))
