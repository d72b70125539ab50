"""Whether f would decide as it did when it was recorded: what the machine code compares, and what
only NumPy can tell.

What is moved, compared, added or multiplied element by element has NumPy's bits.  Sums, products of
matrices and functions of the C library may differ in the last ones; where such numbers are compared
and all but meet, only a fresh call knows which way f goes.
"""

import numpy as np

from dualmc.graph import events
from dualmc.graph.nodes import name_of_function
from dualmc.replay.arithmetic.arrays import each, needed_leaves
from dualmc.replay.arithmetic.calls import given
from dualmc.replay.arithmetic.scalars import COMPARISONS
from dualmc.replay.machine.schedule import Memory
from dualmc.replay.recording.program import needed

# Numbers that differ by less, relative to their size, may be in another order for NumPy.
MARGIN = 1e-10
_ROUNDINGS = frozenset("floor ceil trunc rint".split())
_EXACT = _ROUNDINGS | {
    *COMPARISONS,
    *"copy number truth select square reciprocal signbit not and or xor negative absolute".split(),
    *"sqrt add subtract multiply divide sign copysign fmod maximum minimum fmax fmin".split(),
    *"isnan isinf isfinite".split(),
}  # fmt: skip


def _meetings(arrays):
    """Where what `arrays` are made of compares or rounds numbers that are all but at the edge."""
    exact: dict = {}
    found = []
    for leaf in needed_leaves(arrays):
        is_exact = exact[leaf.serial] = _is_exact(leaf, exact)
        if is_exact or leaf.kind != "each":
            continue
        if leaf.op in COMPARISONS:
            a, b = leaf.operands
            found.append(_is_less(np.absolute(a - b), np.absolute(a) + np.absolute(b)))
        elif leaf.op in _ROUNDINGS:
            (a,) = leaf.operands
            edge = a - 0.5 if leaf.op == "rint" else a
            found.append(_is_less(np.absolute(edge - np.rint(edge)), np.absolute(a) + 1.0))
        else:
            continue
        exact[leaf.serial] = True  # away from the edge
    return found


def _is_less(distance, size):
    return each("less", distance, each("multiply", size, MARGIN))


def _is_exact(leaf, exact):
    if not all(exact[inner.serial] for a in leaf.arrays for inner in a.leaves):
        return False
    if leaf.kind == "each":
        return leaf.op in _EXACT
    if leaf.kind == "reduce" and leaf.op == "add":  # counts
        return all(inner.op == "number" for a in leaf.arrays for inner in a.leaves)
    return leaf.kind != "product"


def asked_by_code(guards, asked, ties, sinks, is_doubted):
    """Add to `sinks` what is asked; by serial of a leaf, what its values have to be.

    That is an array of numbers, or None: any that are finite.  If `is_doubted`, no number may be so
    near to where f decides that rounding would.
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
        for near in _meetings([found.array for found in guards.values() if found]):
            ask(near, np.zeros(near.size))
    for event, array in asked:
        if array is not None:
            ask(array, None if event.kind == "finite" else False)
    for array in ties:
        ask(array, None)
    return expected


class AskedByNumPy:
    """``asked(inputs)``: whether guards and events that only NumPy can ask are what they were."""

    def __init__(self, inputs, guards, asked):
        self._inputs = inputs
        self._guards = guards
        self._events = asked
        operands = [operand for event in asked for operand in event.node.operands]
        self._steps = needed([*guards, *operands])
        asking = [*guards, *(event.node for event in asked)]
        self.names = ", ".join(sorted({name_of_function(node.function) for node in asking}))

    def __call__(self, inputs):
        values = {}
        for node, x in zip(self._inputs, inputs, strict=True):
            values[node] = x.reshape(node.shape)
        try:
            with np.errstate(all="ignore"):
                for node in self._steps:
                    values[node] = node.call(*_operands(node, values))
        except Exception:  # which a fresh call tells
            return False
        return all(_are_same(values[n], n.value) for n in self._guards) and all(
            events.holds(event, _operands(event.node, values)) for event in self._events
        )


def asked_by_numpy(inputs, guards, asked):
    """An `AskedByNumPy` of what machine code has no form of; None if there is no such thing."""
    guards = [node for node, found in guards.items() if found is None]
    asked = [event for event, array in asked if array is None]
    return AskedByNumPy(inputs, guards, asked) if guards or asked else None


def _operands(node, values):
    return given(node.operands, [values.get(a, a.value) for a in node.operands])


def _are_same(a, b):
    a = np.asarray(a)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
