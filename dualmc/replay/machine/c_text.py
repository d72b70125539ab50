"""A plan in C99: what `loops.py` writes for LLVM, as text.

The same numbers in the same order: compiled without contraction (-ffp-contract=off) and without
-ffast-math it gives the machine code's bits, but for functions of another C library.
"""

import re

import numpy as np

from dualmc.replay.machine import loops
from dualmc.replay.machine.native import Tables, grouped
from dualmc.replay.machine.operations import FUNCTIONS

# Numbers in a line of a table.
WIDE = 6
_BINARY = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=",
    "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=", "and": "&", "or": "|",
    "xor": "^",
}  # fmt: skip
_FORMS = {
    "copy": "{0}", "negative": "-{0}", "square": "{0} * {0}", "reciprocal": "1.0 / {0}",
    "select": "{0} ? {1} : {2}", "number": "(double){0}", "truth": "{0} != 0.0", "not": "!{0}",
    "isnan": "{0} != {0}", "isinf": "fabs({0}) == INFINITY", "isfinite": "fabs({0}) < INFINITY",
    "signbit": "signbit({0}) != 0",
    "sign": "{0} == 0.0 || {0} != {0} ? {0} : copysign(1.0, {0})",
    "maximum": "{0} > {1} || {0} != {0} ? {0} : {1}",
    "minimum": "{0} < {1} || {0} != {0} ? {0} : {1}",
    "fmax": "{0} > {1} || {1} != {1} ? {0} : {1}", "fmin": "{0} < {1} || {1} != {1} ? {0} : {1}",
}  # fmt: skip


def number(v):
    """A float64, exactly."""
    v = float(v)
    if v != v:
        return "NAN"
    return v.hex() if abs(v) != float("inf") else ("INFINITY" if v > 0 else "-INFINITY")


def operation(op, values):
    if op in _BINARY:
        return f" {_BINARY[op]} ".join(values)
    if op in FUNCTIONS:
        return f"{FUNCTIONS[op].removeprefix('llvm.').removesuffix('.f64')}({', '.join(values)})"
    return _FORMS[op].format(*values)


def table(kind, name, values):
    """A constant array."""
    items = [number(v) if kind == "double" else str(int(v)) for v in values] or ["0"]
    rows = [", ".join(items[i : i + WIDE]) for i in range(0, len(items), WIDE)]
    body = ",\n    ".join(rows)
    return f"const {kind} {name}[{len(items)}] = {{\n    {body}\n}};"


class Text:
    """The C functions of one `Written` plan, of `count` inputs.

    Attributes
    ----------
    names, functions : list of str
        Each ``int name(x0, ..., w, out)``, which returns what the machine code does.
    """

    def __init__(self, written, name):
        self.plan, self.guards = written.plan, written.guards
        self.name = name
        self._numbers, self._positions = Tables(np.float64), Tables(np.int32)
        inputs = [f"const double *x{k}" for k in range(written.count)]
        self._parameters = ", ".join([*inputs, "double *restrict w", "double *restrict out"])
        self._arguments = [*(f"x{k}" for k in range(written.count)), "w", "out"]
        self.names, self.functions = [], []
        for i, group in enumerate(grouped(written.pieces(written.phases))):
            self._lines = ["    int failed = 0, strange = 0;"]
            for write, *args in group:
                _WRITERS[write](self, *args)
            self.add("return (failed != 0) | (strange != 0) << 1;")
            self.names.append(f"{name}_{i}")
            self.functions.append(self.function(f"{name}_{i}", self._lines))

    def function(self, name, lines):
        """The C function `name` of these lines, which may use some of its parameters only."""
        body = "\n".join(lines)
        idle = [p for p in self._arguments if not re.search(rf"\b{p}\b", body)]
        unused = "".join(f"    (void){p};\n" for p in idle)
        return f"static int {name}({self._parameters})\n{{\n{unused}{body}\n}}"

    def tables(self):
        """The constants that the functions look up, before them."""
        return [
            "static " + table(kind, f"{self.name}_{letter}", values.array()[:-1])
            for kind, letter, values in (
                ("double", "numbers", self._numbers), ("int", "positions", self._positions),
            )
            if values.size
        ]  # fmt: skip

    def add(self, line):
        self._lines.append("    " + line)

    # --- Positions and memory, as in `function.py` -----------------------------------------------

    def position(self, index, i):
        if index is None:
            return i
        first = int(index[0])
        step = int(index[1]) - first if index.size > 1 else 0
        if (index == first + step * np.arange(index.size)).all():
            if step == 0:
                return str(first)
            scaled = i if step == 1 else f"{step} * {i}"
            return f"{scaled} + {first}" if first else scaled
        return f"{self.name}_positions[{i} + {self._positions.add(index)}]"

    def constant(self, values, i):
        return f"{self.name}_numbers[{i} + {self._numbers.add(values)}]"

    def element(self, read, at):
        if read.kind == "table":
            return self.constant(read.source, at)
        if read.kind == "input":
            return f"x{read.source}[{at}]"
        return self.place(read.source, at)

    def place(self, memory, at):
        return f"w[{memory.offset} + {at}]" if memory.name == "work" else f"out[{at}]"


def _repeated(text, size, write):
    """``write(i)`` for i in turn, `i` a name or, of one turn, 0."""
    if size == 0:
        return
    if size > 1:
        text.add(f"for (long i = 0; i < {size}; i++) {{")
    else:
        text.add("{")
    write("i" if size > 1 else "0")
    text.add("}")


def _start_sum(text, memory):
    start = memory.start
    uniform = memory.size and (start == start[0]).all()

    def write(i):
        v = number(start[0]) if uniform else text.constant(start, i)
        text.add(f"  {text.place(memory, i)} = {v};")

    _repeated(text, memory.size, write)


def _product(text, memory, leaf, reads):
    m, p, q = leaf.op
    a, b = reads
    left = text.element(a, text.position(a.index, f"(i * {p} + j)"))
    right = text.element(b, text.position(b.index, f"(j * {q} + r)"))
    text.add(f"for (long e = 0; e < {m * q}; e++) {text.place(memory, 'e')} = 0.0;")
    text.add(f"for (long i = 0; i < {m}; i++)")
    text.add(f"  for (long j = 0; j < {p}; j++)")
    text.add(f"    for (long r = 0; r < {q}; r++)")
    text.add(f"      {text.place(memory, f'(i * {q} + r)')} += {left} * {right};")


def _loop(text, plan, guards, size, leaves):
    def write(i):
        names = {}
        for leaf in leaves:
            reads = plan.reads[leaf.serial]
            values = [
                _operand(text, read, i, names, a.is_bool)
                for read, a in zip(reads, leaf.operands, strict=True)
            ]
            v = names[leaf.serial] = f"v{len(names)}"
            kind = "int" if leaf.is_bool else "double"
            text.add(f"  const {kind} {v} = {operation(leaf.op, values)};")
            v = f"(double){v}" if leaf.is_bool else v
            for send in plan.sends.get(leaf.serial, ()):
                _send(text, send, i, v)
            for expected in guards.get(leaf.serial, ()):
                if expected is None:
                    text.add(f"  failed |= {v} - {v} != 0.0;")
                else:
                    text.add(f"  failed |= differs({v}, {text.constant(expected, i)});")

    _repeated(text, size, write)


def _operand(text, read, i, names, is_bool):
    if read.kind == "number":
        return str(int(read.source)) if type(read.source) is bool else f"({number(read.source)})"
    if read.kind == "here":
        return names[read.source.serial]
    found = text.element(read, text.position(read.index, i))
    return f"({found} != 0.0)" if is_bool else found


def _send(text, send, i, v):
    memory, target = send.memory, send.target
    if memory.name == "guard":
        return
    at = text.position(target, i)
    place = text.place(memory, at)
    put = f"{place} = {v if send.op == 'set' else operation(send.op, [place, v])};"
    if memory.name != "work":
        put += f" strange |= {v} - {v} != 0.0;"
    text.add(f"  {put}" if (target >= 0).all() else f"  if ({at} >= 0) {{ {put} }}")


_WRITERS = {loops.start_sum: _start_sum, loops.product: _product, loops.loop: _loop}
