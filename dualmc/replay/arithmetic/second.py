"""Second derivatives: the arithmetic of a first derivative, differentiated once more.

Where code has a kink (abs, maximum, a comparison that chooses), what follows is right on both sides
of it only; ties are handed out, as numbers that are finite where there is none.  Operations whose
formulas lose digits, or conventions, when they are differentiated again are not replayed.
"""

import math

import numpy as np

from dualmc.graph.nodes import name_of_function
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import Array, as_array, broadcast, each
from dualmc.replay.arithmetic.steps import Pair, contracted, elementwise, sum_over
from dualmc.replay.machine.schedule import needed_leaves
from dualmc.replay.program import NotReplayable
from dualmc.rules.table import RULES

_FLAT = frozenset(
    "number truth signbit not and or xor isnan isinf isfinite floor ceil trunc rint sign".split()
)
_COMPARISONS = frozenset("less less_equal greater greater_equal equal not_equal".split())
# By name: the rule of the ufunc, whose partials are smooth and keep their digits.
_SMOOTH = frozenset(
    "negative sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh arcsin arccos arctan "
    "arcsinh arccosh arctanh add subtract multiply divide square reciprocal".split()
)


def gradient_array(pair, columns):
    """The derivatives of a single number, one per column, as an Array."""
    if pair.tangent is None:
        return as_array(np.zeros(columns))
    t = slots.as_block(pair.tangent, slots.columns_of(pair.tangent))
    source = np.full(columns, -1)
    source[t.cols] = np.arange(t.cols.size)
    return slots.taken(t.coef, source)


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
        for leaf in needed_leaves([array]):
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
        if leaf.kind == "input":
            first = self.starts.get(leaf.op)
            return None if first is None else self.seed(leaf.size, first)
        if leaf.kind == "const":
            return None
        if leaf.kind == "each":
            return self._each(leaf)
        parts = [a for a, _ in leaf.operands] if leaf.kind == "reduce" else leaf.operands
        tangents = [self._wired(a) for a in parts]
        if all(t is None for t in tangents):
            return None
        if leaf.kind == "reduce" and leaf.op == "add":
            total = None
            for t, (_, target) in zip(tangents, leaf.operands, strict=True):
                total = slots.added(total, slots.summed(t, target, leaf.size))
            return total
        if leaf.kind == "product":
            a, b = (Pair(*pair) for pair in zip(leaf.operands, tangents, strict=True))
            return contracted(a, b, *leaf.op).tangent
        name = name_of_function(leaf.op.node.function) if leaf.kind == "call" else leaf.op
        raise NotReplayable(f"second derivatives of {name} are not replayed")

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
        if op in _FLAT or op in _COMPARISONS:
            return None
        if op == "absolute":
            return slots.scaled(tangents[0], each("sign", leaf.operands[0]))
        if op in ("maximum", "minimum"):
            a, b = leaf.operands
            is_first = each("greater" if op == "maximum" else "less", a, b)
            return slots.chosen(is_first, *tangents)
        if op not in _SMOOTH:
            raise NotReplayable(f"second derivatives of {op} are not replayed")
        return _by_rule(getattr(np, op), leaf, tangents)

    def _note_ties(self, op, operands):
        """NaN where `op` has a kink, 0 elsewhere."""
        for a in operands if op in _COMPARISONS else ():
            inner = a.leaves[0]
            if len(a.leaves) == 1 and inner.op in ("maximum", "minimum"):
                # Which of two it is: they meet where the two do, not where it is one of them.
                self._note_ties(inner.op, inner.operands)
                return
        if op in ("absolute", "sign", "truth", "signbit"):
            is_tie = each("equal", operands[0], 0.0)
        elif op in _COMPARISONS and _is_same(*operands):  # a test for NaN
            return
        elif op in _COMPARISONS or op in ("maximum", "minimum"):
            is_tie = each("equal", *operands)
        else:
            return
        self.ties.append(each("select", is_tie, np.nan, 0.0))


def _is_same(a, b):
    return a is b or a.leaves == b.leaves and a.which is b.which and a.index is b.index


def _by_rule(ufunc, leaf, tangents):
    rule = RULES[ufunc]
    shape = leaf.operands[0].shape
    y = Array(shape, (leaf,))
    total = None
    active = [i for i, t in enumerate(tangents) if t is not None]
    partials = rule.alone if len(active) == 1 and rule.alone is not None else rule.partials
    for i in active:
        partial = partials[i](*leaf.operands, y) if callable(partials[i]) else partials[i]
        factor = broadcast(as_array(partial), shape)
        total = slots.added(total, slots.scaled(tangents[i], factor))
    return total


def along(vector):
    """Seeds of a single column: the derivative in the direction `vector`."""

    def seed(size, first):
        coef = slots.taken(vector, np.arange(first, first + size))
        return slots.Slots([(np.zeros(size, np.int32), coef)])

    return seed


def _hessian(pair, program, positions, budget, vector=None):
    if len(positions) != 1:
        raise NotReplayable("Hessians by several arguments are not replayed")
    x = program.inputs[positions[0]]
    gradient = gradient_array(_number(pair), x.size)
    seed = slots.seeded if vector is None else along(vector)
    second = Differentiated({positions[0]: 0}, budget, seed)
    tangent = second.tangent(gradient)
    y = Pair(gradient.reshape(x.shape), tangent)
    return y, y.array, second.ties


def _gradient(pair, program, positions, budget, vector):
    y = _number(pair)
    return y, y.array, []


def _along(pair, program, positions, budget, vector):
    return pair, pair.array, []  # f was seeded along the vector


def _weighted(pair, program, positions, budget, vector):
    """The number ``sum(vector * y)``, whose gradient is the product."""
    flat = Pair(pair.array.reshape((vector.size,)), pair.tangent)
    terms = elementwise(np.multiply, [flat, Pair(vector)])
    return sum_over(terms, (0,)), pair.array, []


def _number(pair):
    if math.prod(pair.shape) != 1:
        raise NotReplayable(f"it returns an array of shape {pair.shape}, not a number")
    return Pair(pair.array.reshape(()), pair.tangent)


# By the name of a derivative: from the `Pair` of the output to that of which it is the Jacobian,
# the value that goes with it, and the ties to be asked.
DERIVED = {
    "jacobian": _along, "gradient": _gradient, "hessian": _hessian,
    "jvp": _along, "vjp": _weighted, "hvp": _hessian,
}  # fmt: skip
