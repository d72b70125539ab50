"""One function of machine code in the writing: loops, positions and memory.

It is given the arrays of a program and returns an int64; what it does is put in by `loops.py`.
Positions that advance in equal steps are computed; others are looked up.
"""

import numpy as np
from llvmlite import ir

from dualmc.replay.machine.engine import INT64
from dualmc.replay.machine.operations import DOUBLE

INT32 = ir.IntType(32)


def declared(module, name, count, is_shared=False):
    """A function of the pointers to `count` inputs, to working memory, result and tables.

    One that is shared is told too where in the table of positions its offsets begin.
    """
    kinds = [DOUBLE.as_pointer()] * (count + 3) + [INT32.as_pointer()]
    kinds += [INT64] * is_shared
    function = ir.Function(module, ir.FunctionType(INT64, kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")  # so that its pointers stay apart
    for argument in function.args[: count + 4]:
        argument.add_attribute("noalias")
    return function


def integer(number):
    return ir.Constant(INT64, number)


def not_finite(builder, v):
    """v - v is NaN where `v` is not finite: its bits are not all 0 then."""
    return builder.bitcast(builder.fsub(v, v), INT64)


def repeat(builder, size, body):
    """``for i in range(size): body(i)``."""
    if size == 0:
        return
    if size == 1:
        body(integer(0))
        return
    before = builder.block
    inside = builder.append_basic_block("loop")
    after = builder.append_basic_block("after")
    builder.branch(inside)
    builder.position_at_end(inside)
    i = builder.phi(INT64)
    i.add_incoming(integer(0), before)
    body(i)
    following = builder.add(i, integer(1), flags=("nsw", "nuw"))
    i.add_incoming(following, builder.block)
    is_more = builder.icmp_unsigned("<", following, integer(size))
    builder.cbranch(is_more, inside, after)
    builder.position_at_end(after)


class Function:
    """The function `name` of `count` inputs; `numbers` and `positions` are `Tables`.

    What is noted in `failed` and `strange`, bits that are 0 where all is well, is what it returns:
    the sum of 1 and 2.

    Attributes
    ----------
    offsets : list of int or None
        Of a function that is shared: where the memories and tables begin that it uses, which are no
        part of its code.
    scopes : Scopes or None
        Of one whose reads of the working memory are apart from its writes.
    """

    def __init__(self, module, name, count, numbers, positions, is_shared=False):
        self.function = declared(module, name, count, is_shared)
        self.numbers, self.positions = numbers, positions
        self.inputs = self.function.args[:count]
        work, out, self._number_table, self._position_table = self.function.args[count : count + 4]
        self._memories = {"work": work, "out": out}
        self.offsets = [] if is_shared else None
        self.scopes = None
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.failed = self.builder.alloca(INT64)
        self.strange = self.builder.alloca(INT64)
        for flag in (self.failed, self.strange):
            self.builder.store(integer(0), flag)

    def end(self):
        builder = self.builder
        failed, strange = (
            builder.zext(builder.icmp_signed("!=", builder.load(flag), integer(0)), INT64)
            for flag in (self.failed, self.strange)
        )
        builder.ret(builder.or_(failed, builder.shl(strange, integer(1))))
        return self.function

    def note(self, flag, bits):
        builder = self.builder
        builder.store(builder.or_(builder.load(flag), bits), flag)

    def repeat(self, size, body):
        repeat(self.builder, size, body)

    # --- Positions -------------------------------------------------------------------------------

    def plus(self, i, number):
        return i if number == 0 else self.builder.add(i, integer(number))

    def begun(self, i, offset):
        """Position `i` of what begins at `offset`."""
        if self.offsets is None:
            return self.plus(i, offset)
        builder = self.builder
        with builder.goto_entry_block():
            at = self.plus(self.function.args[-1], len(self.offsets))
            first = builder.sext(self._load(self._position_table, at), INT64)
        self.offsets.append(offset)
        return builder.add(i, first)

    def position(self, index, i):
        """``index[i]`` (None: i), computed where it advances in equal steps."""
        if index is None:
            return i
        first = int(index[0])
        step = int(index[1]) - first if index.size > 1 else 0
        if (index == first + step * np.arange(index.size)).all():
            if step == 0:
                return integer(first)
            scaled = i if step == 1 else self.builder.mul(i, integer(step))
            return self.plus(scaled, first)
        found = self._load(self._position_table, self.begun(i, self.positions.add(index)))
        return self.builder.sext(found, INT64)

    # --- Memory ----------------------------------------------------------------------------------

    def _load(self, pointer, index):
        return self.builder.load(self.builder.gep(pointer, [index]))

    def constant(self, values, i):
        """``values[i]``."""
        return self._load(self._number_table, self.begun(i, self.numbers.add(values)))

    def element(self, read, at):
        """What a `Read` finds at the position `at` of its source."""
        if read.kind == "table":
            return self.constant(read.source, at)
        if read.kind == "input":
            return self._load(self.inputs[read.source], at)
        return self.scoped(self.builder.load(self.place(read.source, at)))

    def address(self, read):
        """Where the first number of a `Read` without index is; the others follow."""
        if read.kind == "table":
            first = self.numbers.add(read.source)
            return self.builder.gep(self._number_table, [integer(first)])
        if read.kind == "input":
            return self.inputs[read.source]
        return self.place(read.source, integer(0))

    def place(self, memory, at):
        """The address of element `at` of a `Memory`."""
        at = self.begun(at, memory.offset) if memory.name == "work" else at
        return self.builder.gep(self._memories[memory.name], [at])

    def apart(self, count):
        """From here on reads are apart from writes, which go to `count` stretches of memory."""
        if self.offsets is not None:
            self.scopes = Scopes(self.function.module, count)

    def scoped(self, access, written=None):
        """`access`, known to be apart from others: a read, or one of what is `written`."""
        if self.scopes is not None:
            own, others = self.scopes.of(written)
            access.set_metadata("alias.scope", own)
            access.set_metadata("noalias", others)
        return access


class Scopes:
    """What a function reads of the working memory, and each stretch that it writes, apart.

    With offsets that are no part of the code the compiler could not tell.
    """

    def __init__(self, module, count):
        """`count` stretches are written."""
        self._module = module
        domain = module.add_metadata(["dualmc"])
        self._scopes = [module.add_metadata([f"dualmc {k}", domain]) for k in range(count + 1)]

    def of(self, written):
        """Two lists: the scope of reads (None) or of a stretch by its number, and all others."""
        own = 0 if written is None else written + 1
        others = [scope for k, scope in enumerate(self._scopes) if k != own]
        return self._module.add_metadata([self._scopes[own]]), self._module.add_metadata(others)
