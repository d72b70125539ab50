"""Second derivatives: the arithmetic of a first derivative, differentiated once more.

Where code has a kink (abs, maximum, a comparison that chooses), what follows is right on both sides
of it only; ties are handed out, as numbers that are finite where there is none.  Partials that know
their own derivatives (`dualmc/rules/derived.py`) are differentiated by these; other operations
whose formulas lose digits, or conventions, when they are differentiated again are not replayed.
"""

import numpy as np

from dualmc.graph.nodes import name_of_function
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import (
    Array,
    as_array,
    as_steps,
    broadcast,
    each,
    needed_leaves,
    reduced,
    taken,
)
from dualmc.replay.arithmetic.elementwise import by_rule
from dualmc.replay.arithmetic.matrices import launched_tangent
from dualmc.replay.arithmetic.pairs import Pair
from dualmc.replay.arithmetic.products import contracted
from dualmc.replay.arithmetic.scalars import COMPARISONS
from dualmc.replay.recording.program import NotReplayable

_FLAT = frozenset(
    "number truth signbit not and or xor isnan isinf isfinite floor ceil trunc rint sign".split()
)
# By name: the rule of the ufunc, whose partials are smooth and keep their digits.
_SMOOTH = frozenset(
    "negative sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh arcsin arccos arctan "
    "tanh arcsinh arccosh arctanh cbrt arctan2 hypot power add subtract multiply divide square "
    "reciprocal".split()
)


class Differentiated:
    """The tangents of Arrays; `starts` is the first column of each input that is differentiated.

    Attributes
    ----------
    ties : list of Array
        Finite where the tangents are those of f.
    """

    def __init__(self, starts, budget, seed=slots.seeded):
        self.seed = seed
        self.starts = starts
        self.budget = budget
        self.ties = []
        self._known = {}  # tangents by serial of a leaf

    def tangent(self, array):
        for leaf in needed_leaves([array], _behind):
            self.budget.check()
            if leaf.serial not in self._known:
                self._known[leaf.serial] = self._leaf(leaf)
        return self._wired(array)

    def _wired(self, a):
        tangents = [self._known[leaf.serial] for leaf in a.leaves]
        if a.which is None and a.index is None:
            return tangents[0]
        sizes = [leaf.size for leaf in a.leaves]
        which, index = a.wires()
        return slots.moved(tangents, sizes, np.cumsum([0, *sizes])[which] + index)

    def _leaf(self, leaf):
        if leaf.derived is not None:
            return self._derived(leaf)
        if leaf.kind == "input":
            first = self.starts.get(leaf.op)
            return None if first is None else self.seed(leaf.size, first)
        if leaf.kind == "const":
            return None
        if leaf.kind == "each":
            return self._each(leaf)
        tangents = [self._wired(a) for a in leaf.arrays]
        if all(t is None for t in tangents):
            return None
        if leaf.kind == "reduce" and leaf.op == "add":
            total = None
            for t, (_, target) in zip(tangents, leaf.operands, strict=True):
                total = slots.added(total, slots.summed(t, target, leaf.size))
            return total
        if leaf.kind == "reduce" and len(tangents) == 1:
            return self._extreme(leaf, tangents[0])
        if leaf.kind == "product":
            a, b = (Pair(*pair) for pair in zip(leaf.operands, tangents, strict=True))
            return contracted(a, b, *leaf.op).tangent
        if leaf.kind == "launch":
            return launched_tangent(leaf, tangents)
        name = name_of_function(leaf.op.node.function) if leaf.kind == "call" else leaf.op
        raise NotReplayable(f"second derivatives of {name} are not replayed")

    def _derived(self, leaf):
        partial, args, y = leaf.derived
        d = Array(y.shape, (leaf,))
        total = None
        for a, by in zip(args, partial.partials, strict=True):
            t = self._wired(a)
            if t is not None:
                factor = as_array(by(*args, y, d) if callable(by) else by)
                total = slots.added(total, slots.scaled(t, broadcast(factor, y.shape)))
        return total

    def _extreme(self, leaf, t):
        """Of a maximum or a minimum: the tangent of the one element that is it."""
        ((a, target),) = leaf.operands
        y = Array((leaf.size,), (leaf,))
        is_it = each("number", each("equal", a.reshape((a.size,)), taken(y, target)))
        self._note_several(leaf, is_it)
        return slots.summed(slots.scaled(t, is_it), target, leaf.size)

    def _note_several(self, leaf, is_it):
        """NaN where more than one element is the maximum or minimum `leaf`, as `is_it` tells."""
        ((_, target),) = leaf.operands
        count = reduced("add", [(is_it, target)], leaf.size)
        self.ties.append(each("select", each("equal", count, 1.0), 0.0, np.nan))

    def _each(self, leaf):
        tangents = [self._wired(a) for a in leaf.operands]
        op = leaf.op
        if all(t is None for t in tangents):
            return None
        if op == "copy":
            return tangents[0]
        if op == "select":
            return slots.chosen(leaf.operands[0], *tangents[1:])
        self._note_ties(op, leaf.operands)
        if op in _FLAT or op in COMPARISONS:
            return None
        if op == "absolute":
            return slots.scaled(tangents[0], each("sign", leaf.operands[0]))
        if op in ("maximum", "minimum"):
            a, b = leaf.operands
            is_first = each("greater" if op == "maximum" else "less", a, b)
            return slots.chosen(is_first, *tangents)
        if op not in _SMOOTH:
            raise NotReplayable(f"second derivatives of {op} are not replayed")
        y = Array(leaf.operands[0].shape, (leaf,))
        active = [i for i, t in enumerate(tangents) if t is not None]
        return by_rule(getattr(np, op), leaf.operands, y, active, tangents)

    def _note_ties(self, op, operands):
        """NaN where `op` has a kink, 0 elsewhere."""
        for a in operands if op in COMPARISONS else ():
            inner = a.leaves[0]
            if len(a.leaves) != 1 or inner.op not in ("maximum", "minimum"):
                continue
            if inner.kind == "each":
                # Which of two it is: they meet where the two do, not where it is one of them.
                self._note_ties(inner.op, inner.operands)
                return
            if op == "equal" and any(_is_same(as_steps(b), inner.arrays[0]) for b in operands):
                # Which of the elements it is.
                self._note_several(inner, each("number", each("equal", *operands)))
                return
        if op in ("absolute", "sign", "truth", "signbit"):
            is_tie = each("equal", operands[0], 0.0)
        elif op in COMPARISONS and _is_same(*operands):  # a test for NaN
            return
        elif op in COMPARISONS or op in ("maximum", "minimum"):
            is_tie = each("equal", *operands)
        else:
            return
        self.ties.append(each("select", is_tie, np.nan, 0.0))


def _behind(leaf):
    """What the tangent of `leaf` needs the tangents of."""
    return leaf.arrays if leaf.derived is None else leaf.derived[1]


def _is_same(a, b):
    return a is b or a.leaves == b.leaves and a.which is b.which and a.index is b.index
