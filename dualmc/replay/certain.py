"""Which comparisons machine code decides as NumPy does, although its rounding is another.

What is moved, compared, added or multiplied element by element has NumPy's bits.  Sums, products of
matrices and functions of the C library may differ in the last ones; where such numbers are compared
and all but meet, only a fresh call knows which way f goes.
"""

import numpy as np

from dualmc.replay.arithmetic.arrays import each

# Numbers that differ by less, relative to their size, may be in another order for NumPy.
MARGIN = 1e-10
COMPARISONS = frozenset("less less_equal greater greater_equal equal not_equal".split())
ROUNDINGS = frozenset("floor ceil trunc rint".split())
_EXACT = (
    ROUNDINGS
    | COMPARISONS
    | frozenset(
        """
    copy number truth select square reciprocal signbit not and or xor negative absolute sqrt add
    subtract multiply divide sign copysign fmod maximum minimum fmax fmin
    isnan isinf isfinite
    """.split()
    )
)


def meetings(arrays):
    """Where what `arrays` are made of compares or rounds numbers that are all but at the edge."""
    exact: dict = {}
    found = []
    for leaf in _reached(arrays):  # in the order in which they were made
        is_exact = exact[leaf.serial] = _is_exact(leaf, exact)
        if is_exact or leaf.kind != "each":
            continue
        if leaf.op in COMPARISONS:
            a, b = leaf.operands
            found.append(_is_less(np.absolute(a - b), np.absolute(a) + np.absolute(b)))
        elif leaf.op in ROUNDINGS:
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
    operands = [a for a, _ in leaf.operands] if leaf.kind == "reduce" else leaf.operands
    if not all(exact[inner.serial] for a in operands for inner in a.leaves):
        return False
    if leaf.kind == "each":
        return leaf.op in _EXACT
    if leaf.kind == "reduce" and leaf.op == "add":  # counts
        return all(inner.op == "number" for a in operands for inner in a.leaves)
    return leaf.kind != "product"


def _reached(arrays):
    seen: dict = {}
    stack = [leaf for a in arrays for leaf in a.leaves]
    while stack:
        leaf = stack.pop()
        if leaf.serial not in seen:
            seen[leaf.serial] = leaf
            operands = [a for a, _ in leaf.operands] if leaf.kind == "reduce" else leaf.operands
            stack.extend(inner for a in operands for inner in a.leaves)
    return [seen[serial] for serial in sorted(seen)]
