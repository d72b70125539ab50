"""One way through a function, as machine code that gives its Jacobian.

A `Path` holds as long as its guards do; a call says whether they did, and then the result counts
for nothing.
"""

import math
import threading
import time
from typing import Any, NamedTuple

import numpy as np

from dualmc.graph.nodes import Recorder, called
from dualmc.replay.arithmetic.arrays import given
from dualmc.replay.arithmetic.derivatives import PRODUCTS, derived
from dualmc.replay.arithmetic.least import Least
from dualmc.replay.arithmetic.rounding import machine
from dualmc.replay.decisions import asked_by_code, asked_by_numpy
from dualmc.replay.machine.alone import Way
from dualmc.replay.machine.many import Program
from dualmc.replay.machine.native import Written, coded
from dualmc.replay.machine.schedule import Memory, constants_in, plan
from dualmc.replay.recording.budget import Budget, Stopped
from dualmc.replay.recording.program import NotReplayable, trace_program
from dualmc.replay.result import Result
from dualmc.replay.verify import check_value
from dualmc.unchanged import adapt

# Who compares what decided the way of f, in the order in which they are tried: the machine code;
# that, f recorded with its rounding; or NumPy, in the very steps of f.
GUARDED = ("by the code", "by its rounding", "by NumPy")
# Multiplications in matrix products beyond which BLAS, in a fresh call, may be faster.
MANY_PRODUCTS = 10**6
# What a file does not have of a path, or has apart.
NOT_KEPT = frozenset(
    "code _with_value _kept_value _arithmetic _lock matrix begin check outside fixed packed".split()
)


@adapt.restarting
def recorded(f, args, traced, active, catches, budget, call):
    """The recorder and the program of f, of as many steps as `budget` has."""
    recorder = Recorder(whole=True, call=budget.counted(call))
    try:
        return recorder, trace_program(f, args, traced, active, recorder, catches)
    except Stopped:
        raise NotReplayable(budget.reason) from None


_opening = threading.Lock()


class Arithmetic(NamedTuple):
    """What a path computes: its value, and as sinks of a `schedule.plan` the entries and what is
    asked; `expected` says what the numbers asked have to be, by serial of a leaf."""

    output: Any
    entries: list
    asking: list
    expected: dict


class Path:
    """f by one program: ``path(inputs)`` is its Jacobian there, or None where it does not hold."""

    def __init__(
        self, f, args, traced, active, sparse, guarded, budget, of, catches, is_whole=False
    ):  # fmt: skip
        """`is_whole`: the code computes the value, too, for what the processor notes of it."""
        self._budget = budget
        self._count_of_inputs, vector = len(traced), None
        if of in PRODUCTS:  # the last argument is not f's, but multiplies
            if traced[-1] != len(args) - 1:
                raise NotReplayable("the vector is no array of floats")
            vector = given(len(traced) - 1, (np.size(args[-1]),))
            args, traced = args[:-1], traced[:-1]
        call = machine if guarded == "by its rounding" else called
        recorder, program = recorded(f, args, traced, active, catches, budget, call)
        budget.check()
        self.asks_memory = recorder.asked_memory
        positions = [traced.index(i) for i in active]
        y, output, own, guards, asked, ties = derived(of, program, positions, budget, vector)
        if guarded == GUARDED[-1]:
            guards = dict.fromkeys(guards)
        self.shape, self.value_shape = y.shape, output.shape
        self.rows = math.prod(self.shape)
        self.input_shapes = [program.inputs[k].shape for k in positions]
        if of in ("jvp", "hvp"):  # by how far x goes along the vector
            self.input_shapes = [()]
        self.vector_shape = None  # of the one input, if it is a vector
        if len(self.input_shapes) == 1 and len(self.input_shapes[0]) == 1:
            self.vector_shape = self.input_shapes[0]
        self.result_shape = (*self.shape, *(n for shape in self.input_shapes for n in shape))
        self.columns = sum(map(math.prod, self.input_shapes))
        self.is_sparse = sparse
        self.held = True
        self.is_verified = False
        self.witnesses = []  # (inputs, value, slack) at which `verify` saw the Jacobian
        result = self.result = Result(y.tangent, self.rows, self.columns, sparse)
        entries = result.sinks(Memory(result.count, "out"))
        self.matrix, self.begin = result.matrix, result.begin
        self._asked = asked_by_numpy(program.inputs, guards, asked)
        is_doubted = guarded == GUARDED[0]
        asking: list = []
        expected = asked_by_code(guards, asked, ties, asking, is_doubted)
        self._arithmetic = Arithmetic(output, entries, asking, expected)
        is_large = result.is_wide or guarded == GUARDED[-1]
        least = Least(budget.slowest)
        least.check([a for a, *_ in (*entries, *asking)])
        whole = [_sink(a)[1] for a in (output, own)] if is_whole else []
        made = plan([*whole, *entries, *asking])
        self.is_mixed = is_large or least.is_near or _is_mixed(made)
        self.code = self._compiled(made)
        budget.release()
        self._with_value = None  # (code, where it puts the value), once somebody asks
        self._kept_value = None  # a function that gives these, of a path from a file
        self.packed = None  # its arithmetic as a file has it, once it is in one
        self._lock = threading.Lock()

    @classmethod
    def of_state(cls, state, arithmetic):
        """The path that had this `state`; ``arithmetic()`` is its `Arithmetic`."""
        path = object.__new__(cls)
        path.__dict__.update(state, _arithmetic=arithmetic, _lock=threading.Lock())
        path._budget = Budget(path._budget)
        path.matrix, path.begin = path.result.matrix, path.result.begin
        path.witnesses = list(path.witnesses)
        return path

    def state(self):
        """What can be kept of it, but for its code, its `arithmetic` and its check."""
        state = {name: v for name, v in self.__dict__.items() if name not in NOT_KEPT}
        return {**state, "_budget": self._budget.seconds}

    @property
    def arithmetic(self):
        """Its `Arithmetic`, which a path from a file opens when somebody first asks."""
        if type(self._arithmetic) is not Arithmetic:
            with _opening:  # once: the serials of its leaves belong together
                if type(self._arithmetic) is not Arithmetic:
                    self._arithmetic = self._arithmetic()
        return self._arithmetic

    def compiled(self):
        """The code for the entries."""
        _, entries, asking, _ = self.arithmetic
        return self._compiled(plan([*entries, *asking]))

    def _compiled(self, made):
        count = sum(len(leaves) for loops in made.loops.values() for _, leaves in loops)
        self._budget.check_compilation(count)
        start = time.perf_counter()
        code = coded(made, self.arithmetic.expected, self._count_of_inputs)
        self._budget.learn(count, time.perf_counter() - start)
        return code

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
        code, memory = self.code_with_value()
        return self.run(code, inputs, memory)

    @property
    def has_code_with_value(self):
        return self._with_value is not None or self._kept_value is not None

    def code_with_value(self):
        """The code for value and entries, and the memory where it puts the value."""
        if self._with_value is None:
            with self._lock:  # a program of its own, so that others need not compute the value
                if self._with_value is None:
                    self._with_value = self._made_with_value()
        return self._with_value

    def _made_with_value(self):
        if self._kept_value is not None:
            return self._kept_value()
        self._budget.begin()
        memory, sinks = self._value_sinks()
        code = self._compiled(plan([*sinks, *self.arithmetic.entries, *self.arithmetic.asking]))
        check_value(self, lambda inputs: self.run(code, inputs, memory))
        del self.witnesses[1:]
        return code, memory

    def _value_sinks(self):
        """Where the value goes, and what puts it there."""
        memory, sink = _sink(self.arithmetic.output)
        return memory, [sink]

    def program(self, with_value):
        """The `Program` for many points; None where NumPy has to run steps of each.

        Raises
        ------
        NotReplayable
            As `value_and_entries`.
        """
        if self._asked is not None:
            return None
        code, memory = self.code_with_value() if with_value else (self.code, None)
        return Program(code, self.begin(), memory) if len(code.parts) == 1 else None

    def way(self, is_value, is_derivative):
        """What `machine.alone` makes of the value, the entries, or both, and of the guards.

        Raises
        ------
        NotReplayable
            Where steps, or what decides the way, have to be run by NumPy.
        """
        if self._asked is not None:
            raise NotReplayable(f"what decides its way has no compiled form ({self._asked.names})")
        memory, sinks = self._value_sinks() if is_value else (None, [])
        _, entries, asking, expected = self.arithmetic
        made = plan([*sinks, *(entries if is_derivative else []), *asking])
        names = {leaf.op.name for leaves in made.calls.values() for leaf, _ in leaves}
        if names:
            raise NotReplayable(f"steps of it have no compiled form ({', '.join(sorted(names))})")
        written = Written(made, expected, self._count_of_inputs)
        return Way(written, memory, self.begin() if is_derivative else None)

    def run(self, code, inputs, value=None):
        """The entries by `code`; with the memory of the `value`, that too."""
        if self._asked is not None and not self._asked(inputs):
            self.held = False
            return None
        try:
            work = code.free.pop()
        except IndexError:
            work = code.work.copy()
        out = self.begin()
        try:
            state = code.run(*inputs, work, out)
        except SystemError:  # a loop of scipy.special raised, under its errstate
            self.held = False
            return None
        if value is not None and not state:
            out = (work[value.offset : value.offset + value.size].copy(), out)
        code.free.append(work)
        if state:
            self.held = not state & 1
            return None
        return out


def _sink(array):
    """Memory for `array`, and what puts it there."""
    memory = Memory(array.size, once=constants_in(array))
    return memory, (array, memory, np.arange(memory.size), "set")


def _is_mixed(made):
    """Whether a fresh call might be faster: large products, or steps that NumPy runs."""
    products = [leaf for leaves in made.products.values() for leaf, _ in leaves]
    return bool(made.calls) or sum(map(_multiplications, products)) > MANY_PRODUCTS


def _multiplications(leaf):
    """How many a product takes, or the loop of a ufunc on matrices."""
    if leaf.kind == "product":
        return math.prod(leaf.op)
    count, *sizes = leaf.op.dimensions
    return count * (sizes[0] ** 2 * sum(sizes) if sizes else 1)
