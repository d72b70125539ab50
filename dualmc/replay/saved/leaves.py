"""Arrays of a program as flat lists: leaves in the order in which they were made.

Pickle would follow an array into its leaves, these into their operands, and so on, deeper than
Python's stack goes.
"""

from dualmc.replay.arithmetic.arrays import Array, Leaf, needed_leaves
from dualmc.replay.machine.schedule import Memory
from dualmc.replay.path import Arithmetic


def flattened(arithmetic):
    """An `Arithmetic` as lists, tuples and NumPy arrays."""
    output, entries, asking, expected = arithmetic
    sinks = [*entries, *asking]
    leaves = needed_leaves([output, *(a for a, *_ in sinks)])
    numbers = {leaf.serial: k for k, leaf in enumerate(leaves)}

    def flat(a):
        return a.shape, [numbers[leaf.serial] for leaf in a.leaves], a.which, a.index

    rows = []
    for leaf in leaves:
        operands = [(flat(a), p) for a, p in leaf.operands] if leaf.kind == "reduce" else [
            flat(a) for a in leaf.operands
        ]  # fmt: skip
        copied = None if leaf.copied is None else numbers.get(leaf.copied.serial)
        rows.append((leaf.kind, leaf.size, leaf.op, operands, leaf.data, leaf.is_bool, copied))
    memories: dict = {}
    flat_sinks = []
    for a, memory, target, op in sinks:
        number = memories.setdefault(id(memory), (len(memories), memory.size, memory.name))[0]
        flat_sinks.append((flat(a), number, target, op))
    return (
        rows, flat(output), flat_sinks, len(entries),
        [(size, name) for _, size, name in memories.values()],
        [(numbers[serial], wanted) for serial, wanted in expected.items()],
    )  # fmt: skip


def restored(flat):
    """The `Arithmetic` that `flattened` made this of, of leaves with new serials."""
    rows, output, sinks, count, memories, expected = flat
    leaves: list = []

    def array(flat):
        shape, numbers, which, index = flat
        return Array(shape, tuple(leaves[k] for k in numbers), which, index)

    for kind, size, op, operands, data, is_bool, _ in rows:
        is_reduce = kind == "reduce"
        made = (
            tuple((array(a), p) for a, p in operands) if is_reduce else tuple(map(array, operands))
        )
        leaves.append(Leaf(kind, size, op, made, data, is_bool))
    for leaf, (*_, copied) in zip(leaves, rows, strict=True):
        leaf.copied = None if copied is None else leaves[copied]
    places = [Memory(size, name) for size, name in memories]
    made = [(array(a), places[number], target, op) for a, number, target, op in sinks]
    wanted = {leaves[k].serial: values for k, values in expected}
    return Arithmetic(array(output), made[:count], made[count:], wanted)
