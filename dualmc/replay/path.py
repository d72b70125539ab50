"""One way through a function, as machine code that gives its Jacobian.

A `Path` holds as long as its guards do; a call says whether they did, and then the result counts
for nothing.
"""

import math
import threading
import time

import numpy as np

from dualmc.calls.outputs import import_sparse
from dualmc.graph import events
from dualmc.graph.nodes import Recorder, called
from dualmc.replay import calls, certain
from dualmc.replay.arithmetic import second, slots
from dualmc.replay.arithmetic.arrays import each, given
from dualmc.replay.arithmetic.steps import lower
from dualmc.replay.budget import Budget, Stopped
from dualmc.replay.machine.native import Code
from dualmc.replay.machine.schedule import Memory, plan
from dualmc.replay.program import NotReplayable, needed, trace_program
from dualmc.replay.rounding import machine
from dualmc.replay.verify import check_value

# Up to this many numbers, a result begins as a copy of its constant entries.
COPIED = 2**14


# Who compares what decided the way of f, in the order in which they are tried: the machine code;
# that, f recorded with its rounding; or NumPy, in the very steps of f.
GUARDED = ("by the code", "by its rounding", "by NumPy")


# Derivatives times a vector.
PRODUCTS = ("jvp", "vjp", "hvp")


class Path:
    """f by one program: ``path(inputs)`` is its Jacobian there, or None where it does not hold."""

    def __init__(
        self, f, args, traced, active, sparse, guarded="by the code", seconds=None, of="jacobian",
        catches=True,
    ):  # fmt: skip
        budget = Budget(seconds)
        count_of_inputs, vector = len(traced), None
        if of in PRODUCTS:  # the last argument is not f's, but multiplies
            if traced[-1] != len(args) - 1:
                raise NotReplayable("the vector is no array of floats")
            vector = given(len(traced) - 1, (np.size(args[-1]),))
            args, traced = args[:-1], traced[:-1]
        call = machine if guarded == "by its rounding" else called
        recorder = Recorder(whole=True, call=budget.counted(call))
        try:
            program = trace_program(f, args, traced, active, recorder, catches)
        except Stopped:
            raise NotReplayable(budget.reason) from None
        budget.check()
        self.asks_memory = recorder.asked_memory
        positions = [traced.index(i) for i in active]
        seed = second.along(vector) if of == "jvp" else slots.seeded
        pair, guards, asked = lower(program, positions, budget, seed)
        if guarded == GUARDED[-1]:
            guards = dict.fromkeys(guards)
        _check_vector(of, vector, program, positions)
        pair, value, ties = second.DERIVED[of](pair, program, positions, budget, vector)
        self.shape, self.value_shape = pair.shape, value.shape
        self.rows = math.prod(self.shape)
        self.input_shapes = [program.inputs[k].shape for k in positions]
        if of in ("jvp", "hvp"):  # by how far x goes along the vector
            self.input_shapes = [()]
        self.vector_shape = None  # of the one input, if it is a vector
        if len(self.input_shapes) == 1 and len(self.input_shapes[0]) == 1:
            self.vector_shape = self.input_shapes[0]
        self.columns = sum(map(math.prod, self.input_shapes))
        self.result_shape = (*self.shape, *(n for shape in self.input_shapes for n in shape))
        self.held = True
        self.is_verified = False
        self.witnesses = []  # (inputs, value, slack) at which `verify` saw the Jacobian
        self.is_sparse = sparse
        self._looked_at = [node for node, found in guards.items() if found is None]
        self._asked = [event for event, array in asked if array is None]
        asked_of = [operand for event in self._asked for operand in event.node.operands]
        self._looking = needed([*self._looked_at, *asked_of])
        self._inputs = program.inputs
        row, col, parts = _entries(pair.tangent, self.rows)
        self._lay_out(row, col)
        self._output = value
        sinks = self._sinks(parts, Memory(self.count, "out"))
        expected = _guarded(guards, asked, ties, sinks, guarded == GUARDED[0])
        is_wide = row.size > max(MANY_ENTRIES, WIDE * self.rows)
        self.is_mixed = is_wide or guarded == GUARDED[-1] or _is_mixed(plan(sinks))

        def compiled(more):
            made = plan([*more, *sinks])
            count = _length(made)
            budget.check_compilation(count)
            start = time.perf_counter()
            code = Code(made, expected, count_of_inputs)
            budget.learn(count, time.perf_counter() - start)
            return code

        self._compile = compiled
        self._budget = budget
        self.code = self._compile([])
        self._with_value = None  # (code, where it puts the value), once somebody asks
        self._lock = threading.Lock()

    # --- The result ------------------------------------------------------------------------------

    def _lay_out(self, row, col):
        """Where entry (row, col) stands in the result."""
        n = self.columns
        if not self.is_sparse:
            self.count = self.rows * n
            self._place = lambda row, col: row.astype(np.int64) * n + col
            return
        keys = np.unique(row.astype(np.int64) * n + col)
        self.count = keys.size
        kind = np.int32 if max(keys.size, n) < 2**31 else np.int64
        self.indices = (keys % n).astype(kind) if n else np.zeros(0, kind)
        counts = np.bincount(keys // n if n else keys, minlength=self.rows)
        self.indptr = np.concatenate([[0], np.cumsum(counts)]).astype(kind)
        self._place = lambda row, col: np.searchsorted(keys, row.astype(np.int64) * n + col)
        self.template = import_sparse("prepare").csr_array(
            (np.zeros(self.count), self.indices, self.indptr), shape=(self.rows, n)
        )
        self.template.has_canonical_format = True

    def _sinks(self, parts, out):
        """What goes into the result, and what stands there from the start."""
        placed = []
        counts = np.zeros(self.count, np.int64)
        start = np.zeros(self.count)
        for array, row, col in parts:
            used = row >= 0
            target = np.full(array.size, -1)
            target[used] = self._place(row[used], col[used])
            np.add.at(counts, target[used], 1)
            which, index = array.wires()
            for number, leaf in enumerate(array.leaves):
                if leaf.kind == "const":
                    here = used & (which == number)
                    np.add.at(start, target[here], leaf.data[index[here]])
            placed.append((array, target))
        sinks = []
        for array, target in placed:
            alone = counts[np.maximum(target, 0)] == 1
            for op, is_here in (("set", alone), ("add", ~alone)):
                goal = np.where(is_here & (target >= 0), target, -1)
                if (goal >= 0).any():
                    sinks.append((array, out, goal, op))
        self._fixed = np.flatnonzero(start)
        self._fixed_values = start[self._fixed]
        self._start = start if self.is_sparse or self.count <= COPIED else None
        return sinks

    def _fresh(self):
        out = np.zeros(self.count)
        out[self._fixed] = self._fixed_values
        return out

    # --- A call ----------------------------------------------------------------------------------

    def __call__(self, inputs):
        """The entries of the Jacobian at `inputs`, contiguous float64 vectors.

        None if f takes another way there, or an entry is not finite.
        """
        return self.run(self.code, inputs)

    def value_and_entries(self, inputs):
        """The flat value, to rounding, and the entries.

        Raises
        ------
        NotReplayable
            At the first call, if the value is not that of the fresh calls.
        """
        if self._with_value is None:
            with self._lock:  # a program of its own, so that others need not compute the value
                if self._with_value is None:
                    self._with_value = self._made_with_value()
        return self.run(self._with_value[0], inputs, self._with_value[1])

    def _made_with_value(self):
        self._budget.begin()
        memory = Memory(self._output.size)
        memory.start_offset = ("once", _constants(self._output))
        code = self._compile([(self._output, memory, np.arange(memory.size), "set")])
        check_value(self, lambda inputs: self.run(code, inputs, memory))
        self.witnesses = []
        return code, memory

    def run(self, code, inputs, value=None):
        """The entries by `code`; with the memory of the `value`, that too."""
        if (self._looked_at or self._asked) and not self._is_same_way(inputs):
            self.held = False
            return None
        try:
            work = code.free.pop()
        except IndexError:
            work = code.work.copy()
        out = self._start.copy() if self._start is not None else self._fresh()
        state = code.run(*inputs, work, out)
        if value is not None and not state:
            out = (work[value.offset : value.offset + value.size].copy(), out)
        code.free.append(work)
        if state:
            self.held = not state & 1
            return None
        return out

    def matrix(self, entries):
        """The Jacobian of these entries: (rows, columns), or a `scipy.sparse.csr_array`."""
        if not self.is_sparse:
            return entries.reshape(self.rows, self.columns)
        out = object.__new__(type(self.template))
        out.__dict__.update(self.template.__dict__)
        out.data, out.indices, out.indptr = entries, self.indices.copy(), self.indptr.copy()
        return out

    def _is_same_way(self, inputs):
        """Whether the guards and events that only NumPy can ask are what they were."""
        values = {}
        for node, x in zip(self._inputs, inputs, strict=True):
            values[node] = x.reshape(node.shape)
        try:
            with np.errstate(all="ignore"):
                for node in self._looking:
                    values[node] = node.call(*_values(node, values))
        except Exception:  # which a fresh call tells
            return False
        return all(_are_same(values[n], n.value) for n in self._looked_at) and all(
            events.holds(event, _values(event.node, values)) for event in self._asked
        )


def _values(node, values):
    return calls.given(node.operands, [values.get(a, a.value) for a in node.operands])


def _are_same(a, b):
    a = np.asarray(a)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _guarded(guards, asked, ties, sinks, is_doubted):
    """Add to `sinks` what is asked; by serial of a leaf, what its values have to be.

    If `is_doubted`, no number may be so near to where f decides that rounding would.

    That is an array of numbers, or None: any that are finite.
    """
    expected = {}

    def ask(array, wanted):
        value = each("number" if array.is_bool else "copy", array)
        if value.const is None:
            sinks.append((value, Memory(value.size, "guard"), np.arange(value.size), "set"))
            if wanted is not False:
                expected.setdefault(value.leaves[0].serial, []).append(wanted)

    for node, found in guards.items():
        if found is not None:
            ask(found.array, np.asarray(node.value, float).reshape(-1))
    if is_doubted:
        for near in certain.meetings([found.array for found in guards.values() if found]):
            ask(near, np.zeros(near.size))
    for event, array in asked:
        if array is not None:
            ask(array, None if event.kind == "finite" else False)
    for array in ties:
        ask(array, None)
    return expected


def _check_vector(of, vector, program, positions):
    """Refuse a vector of another size; a fresh call says what is wrong with it."""
    if vector is not None:
        other = program.output if of == "vjp" else program.inputs[positions[0]]
        if vector.size != other.size:
            raise NotReplayable("the vector has another size")


# Multiplications in matrix products beyond which BLAS, in a fresh call, may be faster.
MANY_PRODUCTS = 10**6


# Entries of a Jacobian, and per row of it, beyond which its blocks no longer stay in the cache.
MANY_ENTRIES = 2**14
WIDE = 16


def _is_mixed(made):
    """Whether a fresh call might be faster: large products, or steps that NumPy runs."""
    products = [leaf.op for leaves in made.products.values() for leaf, _ in leaves]
    return bool(made.calls) or sum(m * p * q for m, p, q in products) > MANY_PRODUCTS


def _length(made):
    return sum(len(leaves) for loops in made.loops.values() for _, leaves in loops)


def _constants(array):
    """The constant elements of `array`, 0 elsewhere."""
    out = np.zeros(array.size)
    which, index = array.wires()
    for number, leaf in enumerate(array.leaves):
        if leaf.kind == "const":
            here = which == number
            out[here] = leaf.data[index[here]]
    return out


def _entries(t, rows):
    """Rows and columns of all entries, and the arrays that hold them with the place of each."""
    if t is None:
        empty = np.zeros(0, np.int64)
        return empty, empty, []
    if type(t) is slots.Block:
        row = np.repeat(np.arange(rows), t.cols.size)
        parts = [(t.coef, row, np.tile(t.cols, rows))]
    else:
        parts = [(coef, np.where(col >= 0, np.arange(rows), -1), col) for col, coef in t.slots]
    kept = []
    for array, row, col in parts:
        row = row.copy()
        which, index = array.wires()
        for number, leaf in enumerate(array.leaves):
            if leaf.kind == "const":  # what is always 0 is no entry
                here = which == number
                row[here] = np.where(leaf.data[index[here]] == 0, -1, row[here])
        kept.append((array, row, col))
    used = [(row[row >= 0], col[row >= 0]) for _, row, col in kept]
    return *(np.concatenate(part) for part in zip(*used, strict=True)), kept
