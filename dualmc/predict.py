"""How long each mode should take, from the counts of `costs.py`.

A step costs its call, whatever the size of its arrays, and its arithmetic.  The constants are in
seconds on one machine; only their ratios decide which mode is predicted to win, and
``bench/forward_vs_reverse.py`` measures how often that is right.
"""

import math

from dualmc import costs, pullbacks
from dualmc.tangent import DENSE_INPUTS, is_wide

# Per step and call: forward pushes once, reverse records and sweeps; a pass has its own cost.
FORWARD_STEP = 4e-6
RECORDED_STEP = 2.5e-6
SWEPT_STEP = 3.5e-6
CALL = 2e-5
# Per element of a plain array of derivatives, per slot of a sparse one, per multiplication of BLAS.
ELEMENT = 1.0e-9
SLOT = 4e-9
PRODUCT = 1.2e-10


def arithmetic(work):
    """Seconds of the multiplications and additions on dense tangents or cotangents."""
    rest = work.multiplications - work.products
    inside = min(work.additions, work.products)
    return ELEMENT * (rest + work.additions - inside) + PRODUCT * work.products


def forward(order, n, chunk):
    """Dense tangents, `chunk` columns at a time."""
    passes = -(-n // chunk)
    return passes * (CALL + FORWARD_STEP * len(order)) + n * arithmetic(costs.forward_work(order))


def reverse(order, m, chunk):
    """`chunk` rows per sweep of one recording."""
    sweeps = -(-m // chunk)
    steps = len(order) * (RECORDED_STEP + sweeps * SWEPT_STEP)
    moved = m * ELEMENT * sum(math.prod(node.shape) for node in order)
    return CALL + steps + m * arithmetic(costs.reverse_work(order)) + moved


def structured(order, inputs):
    """One pass that keeps the nonzeros while they are few; None where they cannot be counted."""
    n = sum(math.prod(var.shape) for var in inputs)
    dense = {var.serial for var in inputs} if n <= DENSE_INPUTS else set()
    seconds = CALL + FORWARD_STEP * len(order)

    def each(node, work, bits):
        nonlocal seconds
        size = math.prod(node.shape)
        slots = costs.width(bits)
        parents = [p for p in node.parents if p is not None]
        was_dense = any(p.serial in dense for p in parents)
        if was_dense or is_wide(slots, n):
            dense.add(node.serial)
            seconds += _dense_step(node, work, n, size, was_dense)
        elif costs.is_elementwise(node) or node.pull is not pullbacks.pull_view:
            seconds += SLOT * max(slots * size, work.multiplications + work.additions)

    found = costs.structured_work(order, inputs, each)
    return None if found is None else seconds + ELEMENT * n * math.prod(order[0].shape)


def _dense_step(node, work, n, size, was_dense):
    """A step on a block of n columns, or from slots to one."""
    if not was_dense:
        return SLOT * (work.multiplications + work.additions) + ELEMENT * n * size
    if costs.is_elementwise(node):
        # One operand only scales the lazy factor; several are multiplied out and added.
        return ELEMENT * size * (1 if len(node.parents) == 1 else 2 * n * len(node.parents))
    if node.pull is pullbacks.pull_view:
        return 0.0
    one = costs.KINDS[node.pull][0](node)[0]
    return n * (arithmetic(one) + ELEMENT * size)


def winner(order, inputs, chunk=None):
    """The mode that should be faster for the whole Jacobian, "forward" or "reverse"."""
    times = seconds(order, inputs, chunk)
    return min(times, key=times.get)


def seconds(order, inputs, chunk=None):
    """Predicted seconds of `jacobian_fwd` and `jacobian_rev`."""
    n = sum(math.prod(var.shape) for var in inputs)
    m = math.prod(order[0].shape)
    best = structured(order, inputs)
    if best is None:
        best = forward(order, n, n)
    return {"forward": best, "reverse": reverse(order, m, chunk or m)}
