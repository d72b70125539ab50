"""The chain rule's factors in a recorded call: one between every two arrays that all paths pass."""

import math

from dualmc.counting import costs
from dualmc.counting.comparison import Factor
from dualmc.counting.kinds import operation
from dualmc.passes.reverse_pass import Tape


def factors_of(tape: Tape, n: int, m: int) -> tuple[Factor, ...]:
    """The chain rule's factors: between arrays that every path from x to y passes."""
    cuts = costs.cuts(tape.order, tape.inputs)
    names = [f"u{i + 1}" for i in range(len(cuts) - 1)] + ["y"]
    found = []
    before, name_before, columns = None, "x", n
    for node, name in zip(cuts, names, strict=True):
        rows = math.prod(node.shape)
        steps = costs.between(node, before)
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
