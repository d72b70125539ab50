"""Machine code for a plan: functions made by LLVM, and calls of NumPy, in turn.

They read and write plain memory: the arguments, a working memory, tables of constants and of
positions, the result.
"""

import itertools
import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from dualmc.replay.machine import engine, loops
from dualmc.replay.machine.engine import INT64
from dualmc.replay.machine.function import INT32, Function, declared, integer
from dualmc.replay.machine.operations import DOUBLE
from dualmc.replay.machine.schedule import LONGEST

# Pieces of one kind from which on they share a function, and the turns of a loop, or terms of a
# product, beside which it takes no time to look up where it reads and writes.
ALIKE, TURNS = 4, 32


class Tables:
    """Constants and positions that the code looks up, each kept once."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.parts = []
        self.size = 0
        self.known = {}
        self.kept = []  # what machine code looks into

    def add(self, values):
        values = np.ascontiguousarray(values, self.dtype)
        key = values.tobytes()
        if key not in self.known:
            self.known[key] = self.size
            self.parts.append(values)
            self.size += values.size
        return self.known[key]

    def array(self):
        return np.concatenate([*self.parts, np.zeros(1, self.dtype)])


class Written:
    """A plan that can be written into a module, with the constants that its code looks into.

    Attributes
    ----------
    work : array
        The working memory as it is before the first run.
    """

    def __init__(self, plan, guards, count):
        """`guards`: by serial of a leaf, the values expected, flat (None: any finite); `count`
        inputs."""
        self.plan = plan
        self.guards = guards
        self.numbers = Tables(np.float64)
        self.positions = Tables(np.int32)
        self.count = count
        fixed = np.zeros(max(1, plan.work_size))
        for memory in plan.memories:
            if memory.name == "work" and memory.once is not None:
                fixed[memory.offset : memory.offset + memory.size] = memory.once
        self.work = fixed

    @property
    def phases(self):
        plan = self.plan
        return sorted({-1, *plan.loops, *plan.products, *plan.calls})

    @property
    def launches(self):
        """The calls of ufuncs' loops."""
        leaves = (leaf for found in self.plan.products.values() for leaf, _ in found)
        return [leaf.op for leaf in leaves if leaf.kind == "launch"]

    @property
    def linked(self):
        """The loops that the code calls."""
        return sorted({launch.loop for launch in self.launches})

    def tables(self, builder):
        """The addresses of the tables, once all functions that look into them are written."""
        for table, element in ((self.numbers, DOUBLE), (self.positions, INT32)):
            table.kept.append(table.array())
            address = integer(table.kept[-1].ctypes.data)
            yield builder.inttoptr(address, element.as_pointer())

    def function(self, module, phases, name="dualmc_replay"):
        """One function, or one that calls several of bounded size in turn."""
        calls = [*self._calls(module, name, [*self.pieces(phases)])]
        if len(calls) == 1 and not calls[0][1]:
            return calls[0][0]
        function = declared(module, name, self.count)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        state = integer(0)
        for inner, offsets in calls:
            state = builder.or_(state, builder.call(inner, [*function.args, *offsets]))
        builder.ret(state)
        return function

    def _calls(self, module, name, pieces):
        """Functions, with the arguments that they take beside the pointers, in turn."""
        kinds = [_kind(piece) for _, piece in pieces]
        count = Counter(kind for kind in kinds if kind is not None)
        shared = Shared(self, module, name)
        for is_alike, group in itertools.groupby(
            zip(kinds, pieces, strict=True), lambda found: count[found[0]] >= ALIKE
        ):
            group = [piece for _, piece in group]
            if is_alike:
                yield from (shared.call(piece) for _, piece in group)
                continue
            for inner in grouped(group):
                yield self._written(module, module.get_unique_name(f"{name}_part"), inner), []

    def _written(self, module, name, pieces):
        function = Function(module, name, self.count, self.numbers, self.positions)
        for write, *args in pieces:
            write(function, *args)
        return function.end()

    def pieces(self, phases):
        """Pairs: how long a piece of code is, and what writes it, with its arguments."""
        plan = self.plan
        if -1 in phases:
            for memory in plan.memories:
                if memory.name == "work" and memory.start is not None:
                    yield 3, (loops.start_sum, memory)
        for phase in phases:
            for leaf, reads in plan.products.get(phase, ()):
                write = loops.product if leaf.kind == "product" else loops.launch
                yield 20, (write, plan.kept[leaf.serial], leaf, reads)
            for size, leaves in plan.loops.get(phase, ()):
                yield len(leaves), (loops.loop, plan, self.guards, size, leaves)


def _kind(piece):
    """What pieces have in common that may come to the same code; None: too short to be shared."""
    write, *args = piece
    if write is loops.launch:  # a call is short
        return None
    if write is loops.product:
        shape = args[1].op
        size = math.prod(shape)
    elif write is loops.start_sum:
        size = shape = args[0].size
    else:
        plan, _, size, leaves = args
        shape = size, *(
            (a.op, len(plan.sends.get(a.serial, ())), *(r.kind for r in plan.reads[a.serial]))
            for a in leaves
        )  # fmt: skip
    return (write, shape) if size >= TURNS else None


class Shared:
    """Functions for pieces that are the same but for where in memory they read and write.

    Steps of an integrator, turns of a loop: f repeats itself, so that the compiler need not.
    """

    def __init__(self, written, module, name):
        self._written, self._module, self._name = written, module, name
        self._known = {}  # by their text

    def call(self, piece):
        """The function for `piece`, and its arguments: where its offsets lie."""
        written, module = self._written, self._module
        name = module.get_unique_name(f"{self._name}_shared")
        function = Function(
            module, name, written.count, written.numbers, written.positions, is_shared=True
        )
        write, *args = piece
        write(function, *args)
        made = function.end()
        text = str(made).replace(made.name, "", 1)
        known = self._known.setdefault(text, made)
        if known is not made:
            del module.globals[made.name]
        return known, [integer(written.positions.add(function.offsets))]


class Called(NamedTuple):
    """A step that NumPy runs: a `Call`, whence its operands come and where its result goes.

    sources: pairs of an array's number (None: constants) and a slice of it (the constants).
    """

    op: Any
    sources: list
    work: int  # the number of the working memory
    stretch: slice

    def __call__(self, *arrays):
        """1 where the step does not fit the program."""
        operands = [at if k is None else arrays[k][at] for k, at in self.sources]
        return 0 if self.op.run(operands, arrays[self.work][self.stretch]) else 1


class Code:
    """Machine code and calls in turn, and the memory that they need.

    Call it as ``code.run(*inputs, work, out)`` with contiguous float64 vectors.  It returns 0, or
    the sum of 1 if a guard failed and 2 if a number of the result is not finite.

    Attributes
    ----------
    parts : list of callable
        Each of the arrays that `run` takes.
    work : array
        The working memory as it is before the first run.  Its last two numbers are the addresses
        of the tables: so there are none in the code, which can be kept in a file.
    free : list of array
        Copies of it that no call uses.
    linked : list of Loop
        The loops of ufuncs that it calls.
    """

    def __init__(self, parts, work, numbers, positions, linked=()):
        self.parts = parts
        self.linked = linked
        self.work = work
        self.numbers, self.positions = numbers, positions
        addresses = work[-TABLES:].view(np.int64)
        addresses[:] = numbers.ctypes.data, positions.ctypes.data
        self.free = []
        self.run = parts[0] if len(parts) == 1 else self._run_parts

    def _run_parts(self, *arrays):
        state = 0
        for part in self.parts:
            state |= part(*arrays)
            if state & 1:
                break
        return state

    def state(self):
        """What a `Code` is made of, on the same kind of machine."""
        parts = [p if type(p) is Called else p.machine.text for p in self.parts]
        work = self.work.copy()
        work[-TABLES:] = 0.0
        return parts, work, self.numbers, self.positions, self.linked

    @classmethod
    def of_state(cls, state, count):
        """The `Code` of `count` inputs that had this state."""
        parts, *memory, linked = state
        engine.link(linked)
        return cls(
            [p if type(p) is Called else engine.compiled(count + 2, text=p) for p in parts],
            *memory,
            linked,
        )


# Addresses that end the working memory of a `Code`.
TABLES = 2


def coded(plan, guards, count):
    """The `Code` of a plan: see `Written`."""
    written = Written(plan, guards, count)
    engine.link(written.linked)
    parts = []
    phases = []
    for phase in written.phases:
        phases.append(phase)
        if phase in plan.calls:
            parts.append(_compiled(written, phases))
            parts.extend(_caller(written, leaf, reads) for leaf, reads in plan.calls[phase])
            phases = []
    if phases:
        parts.append(_compiled(written, phases))
    work = np.concatenate([written.work, np.zeros(TABLES)])
    return Code(parts, work, written.numbers.array(), written.positions.array(), written.linked)


def _caller(written, leaf, reads):
    memory = written.plan.kept[leaf.serial]
    sources = []
    for read in reads:
        if read.kind == "memory":
            first = read.source.offset
            sources.append((written.count, slice(first, first + read.source.size)))
        elif read.kind == "input":
            sources.append((read.source, slice(None)))
        else:
            sources.append((None, read.source))
    stretch = slice(memory.offset, memory.offset + memory.size)
    return Called(leaf.op, sources, written.count, stretch)


def _compiled(written, phases):
    """Machine code for `phases`: an entry that adds the tables to the arrays it is given."""
    count = written.count + 2
    module = engine.module()
    function = written.function(module, phases)
    entry = engine.entry(module, count)
    builder = ir.IRBuilder(entry.append_basic_block("entry"))
    work = entry.args[written.count]
    tables = []
    for number, element in enumerate((DOUBLE, INT32)):
        place = builder.gep(work, [integer(written.work.size + number)])
        address = builder.load(builder.bitcast(place, INT64.as_pointer()))
        tables.append(builder.inttoptr(address, element.as_pointer()))
    builder.ret(builder.call(function, [*entry.args, *tables]))
    return engine.compiled(count, module)


def grouped(pieces):
    groups, length = [[]], 0
    for weight, piece in pieces:
        if groups[-1] and length + weight > LONGEST:
            groups.append([])
            length = 0
        groups[-1].append(piece)
        length += weight
    return groups
