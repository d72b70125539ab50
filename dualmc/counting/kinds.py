"""Every kind of step on the tape: what it is called, and what it costs."""

from collections.abc import Callable
from typing import NamedTuple

from dualmc.cotangents.elementwise import (
    pull_cast,
    pull_elementwise,
    pull_multiplied,
    pull_part,
    pull_scaled,
    pull_times,
    pull_unary,
)
from dualmc.cotangents.moves import (
    pull_broadcast,
    pull_gather,
    pull_joined,
    pull_parts,
    pull_reshaped,
    pull_slice,
    pull_view,
    pull_written,
)
from dualmc.cotangents.sums import pull_linear, pull_local, pull_matmul, pull_running_sum, pull_sum
from dualmc.counting.elements import elementwise, elementwise_structured, moved, moved_structured
from dualmc.counting.products import (
    factored,
    matrix_structured,
    product,
    product_structured,
    running,
    running_structured,
    solved,
    summed,
    summed_structured,
    whole,
    whole_structured,
)
from dualmc.functions.matrices.recorded_matrices import pull_cholesky, pull_solved
from dualmc.functions.products.recorded_einsum import pull_einsum


class Kind(NamedTuple):
    """One kind of step; its functions take the step, the last one the `Patterns` too."""

    name: str | Callable
    """A word, or what finds one for a step."""
    work: Callable
    """The `Work` of one tangent and of one cotangent."""
    structured: Callable
    """The pattern of the result, and the `Work` on the nonzeros."""


def _combined(node):
    if len(node.data) == 2:
        return "add" if node.data[1] > 0 else "subtract"
    return {1: "add", -1: "negative"}.get(node.data[0], "multiply")


def _elementwise(name):
    return Kind(name, elementwise, elementwise_structured)


def _moved(name):
    return Kind(name, moved, moved_structured)


KINDS = {
    pull_scaled: _elementwise(_combined),
    pull_times: _elementwise("multiply"),
    pull_unary: _elementwise(lambda node: node.data[0].function.__name__),
    pull_multiplied: _elementwise("multiply"),
    pull_elementwise: _elementwise(lambda node: node.data[0].__name__),
    pull_part: _elementwise(lambda node: node.data.__name__),
    pull_cast: _elementwise("astype"),
    pull_view: _moved("view"),
    pull_reshaped: _moved("view"),
    pull_slice: _moved("index"),
    pull_gather: _moved("take"),
    pull_joined: _moved("join"),
    pull_parts: _moved("join"),
    pull_written: _moved("assign"),
    pull_broadcast: _moved("broadcast"),
    pull_sum: Kind("sum", summed, summed_structured),
    pull_running_sum: Kind("cumsum", running, running_structured),
    pull_linear: Kind("transform", whole, whole_structured),
    pull_matmul: Kind("matmul", product, product_structured),
    pull_local: Kind("custom", whole, whole_structured),
    pull_einsum: Kind("einsum", product, product_structured),
    pull_solved: Kind("solve", solved, matrix_structured),
    pull_cholesky: Kind("cholesky", factored, matrix_structured),
}


def operation(node):
    """What a step does, in a word."""
    name = KINDS[node.pull].name
    return name(node) if callable(name) else name


def is_elementwise(node):
    """Whether each element of the result reads one element of each operand."""
    return KINDS[node.pull].work is elementwise


def is_moved(node):
    """Whether a step shows elements elsewhere and computes nothing."""
    return KINDS[node.pull].work is moved
