"""How long each mode should take, from what it does on the recorded graph.

The work of a mode is counted in units: calls, steps, numbers written, multiplications inside matrix
products.  `measured_costs` says what one unit of each kind costs on this machine; only the ratios
decide which mode is predicted to win, and ``bench/forward_vs_reverse.py`` measures how often that
is right.  Not modelled are caches (a number costs the same wherever it lies), the formulas of
single functions (all cost what an exponential does) and threads.
"""

import math
from collections import Counter

from dualmc.cotangents.elementwise import pull_elementwise, pull_unary
from dualmc.cotangents.moves import (
    pull_broadcast,
    pull_reshaped,
    pull_slice,
    pull_transposed,
    pull_view,
)
from dualmc.cotangents.sums import pull_matmul
from dualmc.counting import costs
from dualmc.counting.kinds import KINDS, is_elementwise
from dualmc.counting.work import size_of, width
from dualmc.passes.reverse_pass import ROWS_BUDGET
from dualmc.tangents.dense_tangent import DENSE_INPUTS, MEMORY_BUDGET, is_wide

# Of one machine, an AMD EPYC core with OpenBLAS on one thread.  `calibration` measures these units
# where `compare` runs; what its times do not tell stays in proportion to these.
SECONDS = {
    # Around f, and per step whatever the size of its arrays.
    "forward call": 9.7e-5,
    "forward step": 9e-6,
    "element-wise step": 6.2e-7,
    "merging step": 1.4e-6,  # in addition, where tangents of several operands meet
    "reverse call": 1e-4,
    "recorded step": 1.1e-6,
    "swept step": 1.5e-6,  # one row at a time
    "step of rows": 4.7e-6,
    # Per number: one of f or kept on the tape, in addition one of a function and its partial, a
    # derivative written, one copied across the memory's order, an entry of the Jacobian.
    "value": 1.6e-10,
    "function value": 7.5e-9,
    "number": 9.3e-10,
    "transposed number": 8.9e-10,
    "entry": 8.2e-10,
    # Per slot of a sparse tangent, its column and its coefficient; where slots are sorted together.
    "slot": 1.4e-9,
    "merged slot": 2.5e-9,
    # Per multiplication inside a product of matrices, or of a matrix and a vector.
    "product": 7e-11,
    "vector product": 4.4e-10,
}


def measured_costs():
    """Seconds of one unit of each kind, of the names of `SECONDS`, on this machine."""
    from dualmc.counting import calibration  # met by those who ask, not by every import

    return calibration.costs()


def cost(units, costs=SECONDS):
    """Seconds of so many units of each kind."""
    return sum(costs[name] * count for name, count in units.items())


# --- Units of each mode --------------------------------------------------------------------------

# Steps that show the elements of an array elsewhere.
VIEWS = (
    pull_view, pull_reshaped, pull_transposed, pull_slice, pull_broadcast
)  # fmt: skip


def forward_units(order, n, chunk):
    """Dense tangents, `chunk` columns at a time."""
    passes = -(-n // chunk)
    steps = [node for node in order if node.pull]
    units = Counter({"forward call": passes, "entry": n * size_of(order[0])})
    for node in steps:
        units.update(_called_units(node, passes))
        units.update(_dense_units(node, n, passes))
    units.update(_handed_out(order[0], n))
    return units


def reverse_units(order, m, chunk):
    """`chunk` rows per sweep of one recording."""
    sweeps = -(-m // chunk)
    steps = [node for node in order if node.pull]
    units = Counter(
        {
            "reverse call": 1,
            "recorded step": len(steps),
            "swept step" if chunk == 1 else "step of rows": sweeps * len(steps),
            "value": costs.tape_bytes(order) // 8,
            "entry": m * sum(size_of(node) for node in order if not node.pull),
        }
    )
    work = costs.reverse_work(order)
    units["product" if chunk > 1 else "vector product"] += m * work.products
    units["number"] += m * (m + _beside_products(work))
    for node in steps:
        units.update(_value_units(node))
        if not is_elementwise(node):
            units["number"] += m * sum(map(size_of, _parents(node)))
    return units


def structured_units(order, inputs):
    """One pass that keeps the nonzeros while they are few; None where they cannot be counted."""
    n = sum(size_of(var) for var in inputs)
    dense = {var.serial for var in inputs} if n <= DENSE_INPUTS else set()
    widths = {var.serial: 1 for var in inputs}
    units = Counter({"entry": n * size_of(order[0])})
    called = Counter()
    largest = 0

    def each(node, work, bits):
        nonlocal largest
        slots = widths[node.serial] = width(bits)
        called.update(_called_units(node, 1))
        was_dense = [p.serial in dense for p in _parents(node)]
        if not any(was_dense) and not is_wide(slots, n):
            units.update(_slot_units(node, widths, work))
            return
        dense.add(node.serial)
        largest = max(largest, n * size_of(node))
        if all(was_dense):
            units.update(_dense_units(node, n, 1))
        else:
            units.update(_filled_units(node, n, work))

    found = costs.structured_work(order, inputs, each)
    if found is None:
        return None
    passes = max(1, math.ceil(8 * largest / MEMORY_BUDGET))
    units.update({name: passes * count for name, count in called.items()})
    units["forward call"] = passes
    if order[0].serial in dense:
        units.update(_handed_out(order[0], n))
    return units


def _parents(node):
    return [p for p in node.parents if p is not None]


def _beside_products(work):
    """Multiplications and additions outside of matrix products."""
    additions = work.additions - min(work.additions, work.products)
    return work.multiplications - work.products + additions


def _is_merging(node):
    return is_elementwise(node) and len(node.parents) > 1


def _called_units(node, passes):
    """A step of forward mode, whatever the tangents: its call, and what f itself computes."""
    units = Counter({"merging step": passes * _is_merging(node)})
    units["element-wise step" if is_elementwise(node) else "forward step"] = passes
    units.update({name: passes * count for name, count in _value_units(node).items()})
    return units


def _value_units(node):
    """What f itself computes in a step."""
    units = Counter({"value": size_of(node)})
    if node.pull in (pull_unary, pull_elementwise):
        units["function value"] = size_of(node)
    if node.pull is pull_matmul:
        units["vector product"] = KINDS[node.pull].work(node)[0].products
    return units


def _dense_units(node, n, passes):
    """A step on blocks of n columns.  One operand of an element-wise step only scales a factor."""
    size = size_of(node)
    if node.pull in VIEWS:
        return Counter()
    if is_elementwise(node) and len(node.parents) == 1:
        return Counter({"number": passes * size})
    products = KINDS[node.pull].work(node)[0].products
    return Counter(
        {"number": n * (size + sum(map(size_of, _parents(node)))), "product": n * products}
    )


def _filled_units(node, n, work):
    """A step from slots to a block of n columns."""
    units = Counter({"number": n * size_of(node), "slot": work.multiplications + work.additions})
    if node.pull is pull_matmul and size_of(node) > 1:
        units["transposed number"] = work.products
    return units


def _slot_units(node, widths, work):
    """A step on slots."""
    if node.pull in VIEWS:
        return Counter()
    written = widths[node.serial] * size_of(node)
    if not _is_merging(node) and not work.additions:
        return Counter({"slot": written})
    read = sum(widths[p.serial] * size_of(p) for p in _parents(node))
    return Counter({"merged slot": max(written + read, work.multiplications)})


def _handed_out(output, n):
    """A dense block, basis axis first, as the Jacobian, basis axis last."""
    return {"transposed number": n * size_of(output) if size_of(output) > 1 else 0}


# --- Seconds -------------------------------------------------------------------------------------


def forward(order, n, chunk, costs=SECONDS):
    """Seconds of forward mode by dense tangents, `chunk` columns at a time."""
    return cost(forward_units(order, n, chunk), costs)


def reverse(order, m, chunk, costs=SECONDS):
    """Seconds of reverse mode, `chunk` rows per sweep."""
    return cost(reverse_units(order, m, chunk), costs)


def structured(order, inputs, costs=SECONDS):
    """Seconds of `jacobian_fwd`; None where the nonzeros cannot be counted."""
    units = structured_units(order, inputs)
    return None if units is None else cost(units, costs)


def rows_per_sweep(order):
    """As many rows as `jacobian_rev` sweeps together."""
    return max(1, ROWS_BUDGET // max(1, *(size_of(v) * v.dtype.itemsize for v in order)))


def seconds(order, inputs, costs=SECONDS, chunk=None):
    """Predicted seconds of `jacobian_fwd` and `jacobian_rev`, the latter `chunk` rows at a time."""
    n = sum(size_of(var) for var in inputs)
    m = size_of(order[0])
    best = structured(order, inputs, costs)
    if best is None:
        best = forward(order, n, n, costs)
    chunk = chunk or min(m, rows_per_sweep(order))
    return {"forward": best, "reverse": reverse(order, m, chunk, costs)}
