"""The chain rule's factors in a recorded call: one between every two arrays that all paths pass."""

import math

from dualmc.counting import costs
from dualmc.counting.comparison import Factor
from dualmc.counting.kinds import operation
from dualmc.passes.reverse_pass import Tape


def factors_of(tape: Tape, n: int, m: int) -> tuple[Factor, ...]:
    """The chain rule's factors: between arrays that every path from x to y passes."""
    cuts = cuts_of(tape.order, tape.inputs)
    names = [f"u{i + 1}" for i in range(len(cuts) - 1)] + ["y"]
    found = []
    before, name_before, columns = None, "x", n
    for node, name in zip(cuts, names, strict=True):
        rows = math.prod(node.shape)
        steps = _between(node, before)
        sources = tape.inputs if before is None else [before]
        pattern = costs.structured_work(steps, sources)
        entries = rows * columns if pattern is None else pattern.nonzeros
        operations = [operation(step) for step in reversed(steps) if step.pull is not None]
        found.append(
            Factor(
                f"d{name}/d{name_before}",
                _shortened(operations),
                rows,
                columns,
                None if pattern is None else entries,
                entries * n if before is not None else 0,
                entries * m if node is not cuts[-1] else 0,
            )
        )
        before, name_before, columns = node, name, rows
    return tuple(found)


def _shortened(operations: list[str]) -> str:
    if len(operations) > 4:
        return f"{operations[0]}, ... {len(operations)} steps ..., {operations[-1]}"
    return ", ".join(operations)


def cuts_of(order, inputs):
    """The arrays that every path from the inputs to the output passes, from x to y.

    Between two of them lies one factor of the chain rule ``dy/dx = dy/du du/dx``.
    """
    last_use = {}
    for node in order:
        for parent in node.parents:
            if parent is not None:
                last_use[parent.serial] = max(last_use.get(parent.serial, -1), node.serial)
    found = []
    reach = max((last_use.get(var.serial, -1) for var in inputs), default=-1)
    for node in reversed(order):
        if node.pull is None:
            continue
        if reach <= node.serial:
            found.append(node)
        reach = max(reach, last_use.get(node.serial, -1))
    return found


def _between(node, source):
    """The steps from `source` (an earlier cut, or None for the inputs) to `node`, latest first."""
    seen = {node.serial: node}
    stack = [node]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent.serial not in seen:
                if source is None or parent.serial > source.serial:
                    seen[parent.serial] = parent
                    stack.append(parent)
    return [seen[serial] for serial in sorted(seen, reverse=True)]
