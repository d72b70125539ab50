"""Machine code for a plan: one function, made by LLVM.

Loops read and write plain memory: the arguments, a working memory, tables of constants and of
positions, the result.  Positions that advance in equal steps are computed; others are looked up.
Every number that goes into the result is tested to be finite: the general way has the exact zeros
that silence an infinite derivative, so a call that meets one goes that way.
"""

import functools

import numpy as np
from llvmlite import ir

from dualmc.replay.machine import engine
from dualmc.replay.machine.schedule import LONGEST

DOUBLE = ir.DoubleType()
INT64 = ir.IntType(64)
INT32 = ir.IntType(32)
BIT = ir.IntType(1)

# Functions of the compiler's own, and of the C library.
_INTRINSICS = {
    "sqrt": "sqrt", "absolute": "fabs", "exp": "exp", "exp2": "exp2", "log": "log",
    "log2": "log2", "log10": "log10", "sin": "sin", "cos": "cos", "floor": "floor",
    "ceil": "ceil", "trunc": "trunc", "rint": "rint", "copysign": "copysign", "power": "pow",
}  # fmt: skip
_LIBRARY = {
    "expm1": "expm1", "log1p": "log1p", "tan": "tan", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "cbrt": "cbrt", "arctan2": "atan2", "hypot": "hypot",
    "fmod": "fmod",
}  # fmt: skip
_COMPARISONS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
                "equal": "==", "not_equal": "!="}  # fmt: skip
_ARITHMETIC = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}


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


class Code:
    """The function of a plan.

    Call it as ``code.run(*inputs, work, out)`` with contiguous float64 vectors.  It returns 0, or
    the sum of 1 if a guard failed and 2 if a number of the result is not finite.
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
            if memory.name == "work" and memory.start_offset is not None:
                fixed[memory.offset : memory.offset + memory.size] = memory.start_offset[1]
        self.work = fixed
        self.free = []  # copies of it that no call uses
        self.parts = self._parts()
        self.run = self.parts[0] if len(self.parts) == 1 else self._run_parts

    def _parts(self):
        """Machine code and calls in turn."""
        parts = []
        phases = []
        plan = self.plan
        for phase in sorted({-1, *plan.loops, *plan.products, *plan.calls}):
            phases.append(phase)
            if phase in plan.calls:
                parts.append(self._compiled(phases))
                parts.extend(self._caller(leaf, reads) for leaf, reads in plan.calls[phase])
                phases = []
        if phases:
            parts.append(self._compiled(phases))
        return parts

    def _run_parts(self, *arrays):
        state = 0
        for part in self.parts:
            state |= part(*arrays)
            if state & 1:
                break
        return state

    def _caller(self, leaf, reads):
        """A function that runs the `Call` of `leaf`: 1 where it does not fit the program."""
        memory = self.plan.kept[leaf.serial]
        stretch = slice(memory.offset, memory.offset + memory.size)
        sources = []
        for read in reads:
            if read.kind == "memory":
                first = read.source.offset
                sources.append((self.count, slice(first, first + read.source.size)))
            elif read.kind == "input":
                sources.append((read.source, slice(None)))
            else:
                sources.append((None, read.source))

        def part(*arrays):
            operands = [at if k is None else arrays[k][at] for k, at in sources]
            return 0 if leaf.op.run(operands, arrays[self.count][stretch]) else 1

        return part

    def _compiled(self, phases):
        """Machine code for `phases`: an entry that adds the tables to the arrays it is given."""
        count = self.count + 2
        module = engine.module()
        function = self._function(module, phases)
        entry = engine.entry(module, count)
        builder = ir.IRBuilder(entry.append_basic_block("entry"))
        pointers = list(entry.args)
        for table, element in ((self.numbers, DOUBLE), (self.positions, INT32)):
            table.kept.append(table.array())
            address = ir.Constant(INT64, table.kept[-1].ctypes.data)
            pointers.append(builder.inttoptr(address, element.as_pointer()))
        builder.ret(builder.call(function, pointers))
        return engine.compiled(module, count)

    # --- The function ----------------------------------------------------------------------------

    def _function(self, module, phases):
        """One function, or one that calls several of bounded size in turn."""
        groups = self._grouped(self._pieces(phases))
        functions = [
            self._function_of(module, f"dualmc_replay_{i}", g) for i, g in enumerate(groups)
        ]
        if len(functions) == 1:
            return functions[0]
        function = self._empty(module, "dualmc_replay")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        state = ir.Constant(INT64, 0)
        for inner in functions:
            state = builder.or_(state, builder.call(inner, function.args))
        builder.ret(state)
        return function

    def _pieces(self, phases):
        """Pairs (leaves, emit): how long a piece of code is, and what makes it."""
        plan = self.plan
        if -1 in phases:
            for memory in plan.memories:
                if memory.name == "work" and memory.start is not None:
                    yield 3, functools.partial(self._start_sum, memory)
        for phase in phases:
            for leaf, reads in plan.products.get(phase, ()):
                yield 20, functools.partial(self._product, leaf, reads)
            for size, leaves in plan.loops.get(phase, ()):
                yield len(leaves), functools.partial(self._loop, size, leaves)

    def _grouped(self, pieces):
        groups, length = [[]], 0
        for weight, emit in pieces:
            if groups[-1] and length + weight > LONGEST:
                groups.append([])
                length = 0
            groups[-1].append(emit)
            length += weight
        return groups

    def _empty(self, module, name):
        kinds = [DOUBLE.as_pointer()] * (self.count + 3) + [INT32.as_pointer()]
        function = ir.Function(module, ir.FunctionType(INT64, kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")  # so that its pointers stay apart
        for argument in function.args:
            argument.add_attribute("noalias")
        return function

    def _function_of(self, module, name, pieces):
        function = self._empty(module, name)
        inputs = function.args[: self.count]
        work, out, numbers, positions = function.args[self.count :]
        self.pointers = {"work": work, "out": out}
        self.inputs, self.number_table, self.position_table = inputs, numbers, positions
        builder = self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.module = module
        self.failed = builder.alloca(INT64)
        self.strange = builder.alloca(INT64)
        for flag in (self.failed, self.strange):
            builder.store(ir.Constant(INT64, 0), flag)
        for emit in pieces:
            emit()
        zero = ir.Constant(INT64, 0)
        failed = builder.icmp_signed("!=", builder.load(self.failed), zero)
        strange = builder.icmp_signed("!=", builder.load(self.strange), zero)
        twice = builder.shl(builder.zext(strange, INT64), ir.Constant(INT64, 1))
        builder.ret(builder.or_(builder.zext(failed, INT64), twice))
        return function

    def _start_sum(self, memory):
        """A sum begins where its constant terms leave it."""
        table = self.numbers.add(memory.start)
        uniform = memory.size and (memory.start == memory.start[0]).all()

        def body(i):
            if uniform:
                v = ir.Constant(DOUBLE, float(memory.start[0]))
            else:
                v = self._load(self.number_table, self._plus(i, table))
            place = self._at(self.pointers["work"], self._plus(i, memory.offset))
            self._store(v, place)

        self._repeat(memory.size, body)

    def _loop(self, size, leaves):
        if size == 0:
            return
        builder = self.builder
        uniform = {}
        # What every turn reads from one place is read once, before the loop.
        if size > 1:
            for leaf in leaves:
                for number, read in enumerate(self.plan.reads[leaf.serial]):
                    if read.kind in ("input", "memory") and read.index is not None:
                        if (read.index == read.index[0]).all():
                            at = ir.Constant(INT64, int(read.index[0]))
                            uniform[leaf.serial, number] = self._element(read, at)

        def body(i):
            values = {}
            for leaf in leaves:
                operands = []
                reads = self.plan.reads[leaf.serial]
                for number, (read, a) in enumerate(zip(reads, leaf.operands, strict=True)):
                    v = uniform.get((leaf.serial, number))
                    if v is None:
                        v = self._operand(read, i, values, a.is_bool)
                    elif a.is_bool:
                        v = builder.fcmp_unordered("!=", v, ir.Constant(DOUBLE, 0.0))
                    operands.append(v)
                v = values[leaf.serial] = self._scalar(leaf.op, operands)
                for send in self.plan.sends.get(leaf.serial, ()):
                    self._send(send, i, v, leaf.is_bool)
                self._check(leaf, i, v)

        self._repeat(size, body)

    def _operand(self, read, i, values, is_bool):
        builder = self.builder
        if read.kind == "number":
            if type(read.source) is bool:
                return ir.Constant(BIT, int(read.source))
            return ir.Constant(DOUBLE, read.source)
        if read.kind == "here":
            return values[read.source.serial]
        at = i if read.index is None else self._position(read.index, i)
        v = self._element(read, at)
        return builder.fcmp_unordered("!=", v, ir.Constant(DOUBLE, 0.0)) if is_bool else v

    def _element(self, read, at):
        if read.kind == "table":
            return self._load(self.number_table, self._plus(at, self.numbers.add(read.source)))
        if read.kind == "input":
            return self._load(self.inputs[read.source], at)
        return self._load(self.pointers["work"], self._plus(at, read.source.offset))

    def _position(self, index, i):
        """``index[i]``, computed where it advances in equal steps."""
        first = int(index[0])
        step = int(index[1]) - first if index.size > 1 else 0
        if (index == first + step * np.arange(index.size)).all():
            if step == 0:
                return ir.Constant(INT64, first)
            scaled = i if step == 1 else self.builder.mul(i, ir.Constant(INT64, step))
            return self._plus(scaled, first)
        at = self._plus(i, self.positions.add(index))
        found = self.builder.load(self._at(self.position_table, at))
        return self.builder.sext(found, INT64)

    def _send(self, send, i, v, is_bool):
        builder = self.builder
        if is_bool:
            v = builder.uitofp(v, DOUBLE)
        memory, target = send.memory, send.target
        if memory.name == "guard":
            return
        if (target >= 0).all():
            self._put(memory, send.op, self._position(target, i), v)
            return
        at = self._position(target, i)
        with builder.if_then(builder.icmp_signed(">=", at, ir.Constant(INT64, 0))):
            self._put(memory, send.op, at, v)

    def _put(self, memory, op, at, v):
        builder = self.builder
        if memory.name != "work":
            self._watch(v)
        else:
            at = self._plus(at, memory.offset)
        place = self._at(self.pointers[memory.name], at)
        if op != "set":
            old = builder.load(place)
            v = builder.fadd(old, v) if op == "add" else self._scalar(op, [old, v])
        builder.store(v, place)

    def _watch(self, v):
        """Note a number that is not finite: v - v is then NaN, whose bits are not all 0."""
        builder = self.builder
        bits = builder.bitcast(builder.fsub(v, v), INT64)
        builder.store(builder.or_(builder.load(self.strange), bits), self.strange)

    def _check(self, leaf, i, v):
        """Note a guard whose value has other bits than when the program was recorded."""
        builder = self.builder
        for expected in self.guards.get(leaf.serial, ()):
            number = builder.uitofp(v, DOUBLE) if leaf.is_bool else v
            if expected is None:  # any finite number
                bits = builder.bitcast(builder.fsub(number, number), INT64)
            else:
                table = self.numbers.add(expected)
                wanted = self._load(self.number_table, self._plus(i, table))
                wanted, found = (builder.bitcast(a, INT64) for a in (wanted, number))
                bits = builder.xor(found, wanted)
            builder.store(builder.or_(builder.load(self.failed), bits), self.failed)

    def _product(self, leaf, reads):
        """``out[i, r] = sum over j of a[i, j] * b[j, r]``."""
        m, p, q = leaf.op
        a, b = reads
        offset = self.plan.kept[leaf.serial].offset
        builder = self.builder

        def whole(read, at):
            return self._element(read, at if read.index is None else self._position(read.index, at))

        def clear(e):
            place = self._at(self.pointers["work"], self._plus(e, offset))
            self._store(ir.Constant(DOUBLE, 0.0), place)

        def row(i):
            def term(j):
                left = whole(a, builder.add(builder.mul(i, ir.Constant(INT64, p)), j))

                def entry(r):
                    right = whole(b, builder.add(builder.mul(j, ir.Constant(INT64, q)), r))
                    at = builder.add(builder.mul(i, ir.Constant(INT64, q)), r)
                    place = self._at(self.pointers["work"], self._plus(at, offset))
                    total = builder.fadd(builder.load(place), builder.fmul(left, right))
                    builder.store(total, place)

                self._repeat(q, entry)

            self._repeat(p, term)

        self._repeat(m * q, clear)
        self._repeat(m, row)

    # --- Pieces ----------------------------------------------------------------------------------

    def _repeat(self, size, body):
        """``for i in range(size): body(i)``."""
        builder = self.builder
        if size == 0:
            return
        if size == 1:
            body(ir.Constant(INT64, 0))
            return
        before = builder.block
        inside = builder.append_basic_block("loop")
        after = builder.append_basic_block("after")
        builder.branch(inside)
        builder.position_at_end(inside)
        i = builder.phi(INT64)
        i.add_incoming(ir.Constant(INT64, 0), before)
        body(i)
        following = builder.add(i, ir.Constant(INT64, 1), flags=("nsw", "nuw"))
        i.add_incoming(following, builder.block)
        is_more = builder.icmp_unsigned("<", following, ir.Constant(INT64, size))
        builder.cbranch(is_more, inside, after)
        builder.position_at_end(after)

    def _plus(self, i, number):
        return i if number == 0 else self.builder.add(i, ir.Constant(INT64, number))

    def _at(self, pointer, index):
        return self.builder.gep(pointer, [index])

    def _load(self, pointer, index):
        return self.builder.load(self._at(pointer, index))

    def _store(self, v, place):
        self.builder.store(v, place)

    def _called(self, name, operands):
        kind = ir.FunctionType(DOUBLE, [DOUBLE] * len(operands))
        function = self.module.globals.get(name)
        if function is None:
            function = ir.Function(self.module, kind, name)
        return self.builder.call(function, operands)

    def _scalar(self, op, v):
        """One operation of `scalars.SCALARS`."""
        builder = self.builder
        zero, one = ir.Constant(DOUBLE, 0.0), ir.Constant(DOUBLE, 1.0)
        if op in _ARITHMETIC:
            return getattr(builder, _ARITHMETIC[op])(*v)
        if op in _INTRINSICS:
            return self._called(f"llvm.{_INTRINSICS[op]}.f64", v)
        if op in _LIBRARY:
            return self._called(_LIBRARY[op], v)
        if op in _COMPARISONS:
            compare = builder.fcmp_unordered if op == "not_equal" else builder.fcmp_ordered
            return compare(_COMPARISONS[op], *v)
        if op == "copy":
            return v[0]
        if op == "negative":
            return builder.fneg(v[0])
        if op == "square":
            return builder.fmul(v[0], v[0])
        if op == "reciprocal":
            return builder.fdiv(one, v[0])
        if op == "select":
            return builder.select(*v)
        if op == "number":
            return builder.uitofp(v[0], DOUBLE)
        if op == "truth":
            return builder.fcmp_unordered("!=", v[0], zero)
        if op in ("and", "or", "xor"):
            return getattr(builder, op if op == "xor" else op + "_")(*v)
        if op == "not":
            return builder.not_(v[0])
        if op == "isnan":
            return builder.fcmp_unordered("uno", v[0], v[0])
        if op in ("isinf", "isfinite"):
            size = self._called("llvm.fabs.f64", v)
            compare = "==" if op == "isinf" else "<"
            return builder.fcmp_ordered(compare, size, ir.Constant(DOUBLE, float("inf")))
        if op == "signbit":
            return builder.icmp_signed("<", builder.bitcast(v[0], INT64), ir.Constant(INT64, 0))
        if op == "sign":
            signed = self._called("llvm.copysign.f64", [one, v[0]])
            is_zero = builder.fcmp_unordered("==", v[0], zero)  # NaN stays NaN
            return builder.select(is_zero, v[0], signed)
        if op in ("maximum", "minimum", "fmax", "fmin"):
            a, b = v
            compare = ">" if op in ("maximum", "fmax") else "<"
            better = builder.fcmp_ordered(compare, a, b)
            other = a if op in ("maximum", "minimum") else b  # where NaN is looked for
            is_nan = builder.fcmp_unordered("uno", other, other)
            return builder.select(builder.or_(better, is_nan), a, b)
        raise AssertionError(op)
