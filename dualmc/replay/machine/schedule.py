"""Which loops a program runs: leaves of one length that need nothing from one another's ends.

A leaf that reads another's elements in other places runs in a later phase, from memory; one that
reads them in the same place runs in the same loop, from a register.  Where elements of several
leaves are needed side by side, each loop puts its own where they belong (a pool); constants among
them are put there once, when the memory is made.
"""

from typing import NamedTuple

import numpy as np

from dualmc.replay.arithmetic.arrays import Array, Leaf, as_steps, needed_leaves, step_of

# Leaves that one loop computes, and so one function of machine code: the time to compile it grows
# faster than its length.
LONGEST = 300
# Places that an element of a leaf is put at by the loop that computes it.
MOST_PLACES = 16


class Send(NamedTuple):
    """Element j of a leaf goes to ``target[j]`` of a memory (-1: nowhere)."""

    memory: object
    target: np.ndarray
    op: str  # "set", or a reduction: "add", "maximum", "minimum"


class Memory:
    """A stretch of the working memory, or an array that the caller gets (`name`)."""

    __slots__ = ("name", "size", "offset", "start", "once", "done")

    def __init__(self, size, name="work", start=None, once=None):
        self.name = name
        self.size = size
        self.offset = None  # in the working memory
        self.start = start  # what it holds before each run, for sums
        self.once = once  # what it holds when the working memory is made
        self.done = -1  # the phase after which it is complete


class Read(NamedTuple):
    """How an operand is read: "number" (a constant), "here" (a value of the same loop), "input"
    (argument `source`), "table" (the constants `source`) or "memory", at ``index[i]`` (None: i)."""

    kind: str
    source: object
    index: np.ndarray | None = None


class Plan:
    """Everything that `native.py` needs to know.

    loops: by phase, pairs (size, leaves), in order; products (launches among them) and calls: by
    phase; reads by serial of a leaf; sends likewise.
    """

    def __init__(self):
        self.loops = {}
        self.products = {}
        self.calls = {}
        self.reads = {}
        self.sends = {}
        self.kept = {}  # by serial: the memory that holds all of a leaf
        self.memories = []
        self.pools = {}
        self.phase = {}
        self.work_size = 0
        self.added = []  # copies made for calls


def plan(sinks):
    """The `Plan` for `sinks`: triples (array, memory, positions) with an op each.

    Constant elements of the sinks are the caller's business.
    """
    out = Plan()
    sinks = [(as_steps(a), memory, target, op) for a, memory, target, op in sinks]
    leaves = needed_leaves([a for a, *_ in sinks])
    for leaf in leaves:
        if leaf.serial not in out.phase:
            _place(leaf, out)
    for a, memory, target, op in sinks:
        _send(a, memory, target, op, out)
        out.memories.append(memory)
    known = {leaf.serial for leaf in leaves}
    copies = [leaf for leaf in out.added if leaf.serial not in known]
    _put_in_loops([*leaves, *copies], out)  # each once: a loop that ran twice would add twice
    for memory in out.memories:
        if memory.name == "work" and memory.offset is None:
            memory.offset = out.work_size
            out.work_size += memory.size + (-memory.size) % 8
    return out


def _put_in_loops(leaves, out):
    """Leaves of one phase and one size share a loop, as long as that stays short."""
    found = {}
    for leaf in leaves:
        if leaf.kind == "each":
            found.setdefault((out.phase[leaf.serial], leaf.size), []).append(leaf)
    for (phase, size), whole in found.items():
        loops = [whole[i : i + LONGEST] for i in range(0, len(whole), LONGEST)]
        out.loops.setdefault(phase, []).extend((size, loop) for loop in loops)
        if len(loops) > 1:
            _read_across(loops, out)


def _read_across(loops, out):
    """What one loop reads of another goes through memory, not registers."""
    where = {leaf.serial: number for number, loop in enumerate(loops) for leaf in loop}
    for number, loop in enumerate(loops):
        for leaf in loop:
            out.reads[leaf.serial] = [
                Read("memory", _kept(read.source, out))
                if read.kind == "here" and where[read.source.serial] != number
                else read
                for read in out.reads[leaf.serial]
            ]


def _place(leaf, out):
    """Settle the phase of `leaf` and how its operands are read."""
    if leaf.kind == "reduce":
        neutral = {"add": 0.0, "maximum": -np.inf, "minimum": np.inf}[leaf.op]
        start = np.full(leaf.size, neutral)
        for a, target in leaf.operands:
            add_constants(a, target, leaf.op, start)
        memory = out.kept[leaf.serial] = Memory(leaf.size, start=start)
        out.memories.append(memory)
        for a, target in leaf.operands:
            _send(a, memory, target, leaf.op, out)
        out.phase[leaf.serial] = memory.done
    elif leaf.kind in ("product", "launch", "call"):
        read = _read_all if leaf.kind == "product" else _read_whole
        reads = [read(a, out) for a in leaf.operands]
        phase = max((_phase_of(r) for r in reads), default=-1) + 1
        memory = out.kept[leaf.serial] = Memory(leaf.size)
        memory.done = phase
        out.memories.append(memory)
        found = out.calls if leaf.kind == "call" else out.products
        found.setdefault(phase, []).append((leaf, reads))
        out.phase[leaf.serial] = phase
    elif leaf.kind == "each":
        phase = 0
        for a in leaf.operands:
            if _is_here(a, leaf):
                phase = max(phase, out.phase[a.leaves[0].serial])
            else:
                phase = max(phase, _phase_of(_read(a, leaf, None, out)) + 1)
        out.phase[leaf.serial] = phase
        out.reads[leaf.serial] = [_read(a, leaf, phase, out) for a in leaf.operands]


def add_constants(a, target, op, start):
    """Take the constant elements of `a` into `start`, where `target` says."""
    combine = {"add": np.add, "maximum": np.maximum, "minimum": np.minimum}[op]
    at, values = a.constants()
    goal = target[at]
    combine.at(start, goal[goal >= 0], values[goal >= 0])


def constants_in(a):
    """The constant elements of `a`, 0 elsewhere."""
    out = np.zeros(a.size)
    at, values = a.constants()
    out[at] = values
    return out


def _is_here(a, leaf):
    """Whether operand `a` is, element by element, another leaf of the same length."""
    inner = a.leaves[0]
    return a.which is None and a.index is None and inner.kind == "each" and inner.size == leaf.size


def _phase_of(read):
    return read.source.done if read.kind == "memory" else -1


def _read(a, leaf, phase, out):
    """How `leaf`, which runs in `phase`, reads operand `a`."""
    const = a.const
    if const is not None:
        if const.size and (const == const[0]).all() or const.size == 1:
            return Read("number", bool(const[0]) if a.is_bool else float(const[0]))
        return Read("table", const.astype(float))
    if _is_here(a, leaf):
        inner = a.leaves[0]
        if phase is None or out.phase[inner.serial] == phase:
            return Read("here", inner)
        return Read("memory", _kept(inner, out))
    return _read_all(a, out)


def _read_all(a, out):
    """`a` from memory."""
    if a.const is not None:
        return Read("table", a.const.astype(float))
    if a.which is None:
        (inner,) = a.leaves
        if inner.kind == "input":
            return Read("input", inner.op, a.index)
        return Read("memory", _kept(inner, out), a.index)
    return Read("memory", _pool(a, out))


def _read_whole(a, out):
    """`a` as a stretch of memory, its elements in order."""
    read = _read_all(a, out)
    if read.index is None:
        return read
    which, index = a.wires()
    steps = tuple(map(step_of, a.leaves))
    for leaf in steps:
        if leaf.serial not in out.phase:
            _place(leaf, out)
            out.added.append(leaf)
    return Read("memory", _pool(Array(a.shape, steps, which, index), out))


def _kept(leaf, out):
    """The memory that holds `leaf` whole."""
    memory = out.kept.get(leaf.serial)
    if memory is None:
        memory = out.kept[leaf.serial] = Memory(leaf.size)
        memory.done = out.phase[leaf.serial]
        out.memories.append(memory)
        out.sends.setdefault(leaf.serial, []).append(Send(memory, np.arange(leaf.size), "set"))
    return memory


def _pool(a, out):
    key = (tuple(leaf.serial for leaf in a.leaves), a.which.tobytes(), a.index.tobytes())
    memory = out.pools.get(key)
    if memory is None:
        memory = out.pools[key] = Memory(a.size, once=constants_in(a))
        out.memories.append(memory)
        _send(a, memory, np.arange(a.size), "set", out)
    return memory


def _send(a, memory, target, op, out):
    """Let the leaves of `a` put their elements at ``target[e]`` of `memory`."""
    which, index = a.wires()
    for number, leaf in enumerate(a.leaves):
        if leaf.kind == "const":
            continue
        here = np.flatnonzero((which == number) & (target >= 0))
        source, goal = index[here], target[here]
        if op == "set" and _is_scattered(source):
            leaf, source = _spread(leaf, source, out), np.arange(source.size)
        for turn, at in _in_turns(source, goal):
            table = np.full(leaf.size, -1)
            table[turn] = at
            out.sends.setdefault(leaf.serial, []).append(Send(memory, table, op))
        memory.done = max(memory.done, out.phase[leaf.serial])


def _is_scattered(source):
    """Whether an element goes to more places than are written one after the other."""
    return source.size > MOST_PLACES and np.bincount(source).max() > MOST_PLACES


def _spread(leaf, source, out):
    """The elements `source` of `leaf`, side by side in a leaf of their own."""
    copy = Leaf("each", source.size, "copy", (Array((source.size,), (leaf,), None, source),))
    _place(copy, out)
    out.added.append(copy)
    return copy


def _in_turns(source, goal):
    """Pairs of positions and goals in which no position comes twice: first goals first."""
    if (np.diff(source) > 0).all():
        if source.size:
            yield source, goal
        return
    order = np.argsort(source, kind="stable")
    found = source[order]
    first = np.flatnonzero(np.diff(found, prepend=-1))
    turn = np.arange(found.size) - np.repeat(first, np.diff(first, append=found.size))
    order = order[np.argsort(turn, kind="stable")]
    for here in np.split(order, np.cumsum(np.bincount(turn))[:-1]):
        yield source[here], goal[here]
