"""Every kind of step on the tape: what it is called, and what it costs."""

from collections.abc import Callable
from typing import NamedTuple

from dualmc.cotangents import elementwise, moves, sums
from dualmc.counting import elements, products
from dualmc.functions.matrices.recorded_matrices import pull_cholesky, pull_solved
from dualmc.functions.products.recorded_einsum import pull_einsum
from dualmc.functions.user_rules import pull_user


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
    return Kind(name, elements.elementwise, elements.elementwise_structured)


def _moved(name):
    return Kind(name, elements.moved, elements.moved_structured)


KINDS = {
    elementwise.pull_scaled: _elementwise(_combined),
    elementwise.pull_times: _elementwise("multiply"),
    elementwise.pull_unary: _elementwise(lambda node: node.data[0].function.__name__),
    elementwise.pull_multiplied: _elementwise("multiply"),
    elementwise.pull_elementwise: _elementwise(lambda node: node.data[0].__name__),
    elementwise.pull_part: _elementwise(lambda node: node.data.__name__),
    elementwise.pull_cast: _elementwise("astype"),
    moves.pull_view: _moved("view"),
    moves.pull_reshaped: _moved("view"),
    moves.pull_transposed: _moved("view"),
    moves.pull_slice: _moved("index"),
    moves.pull_gather: _moved("take"),
    moves.pull_joined: _moved("join"),
    moves.pull_parts: _moved("join"),
    moves.pull_written: _moved("assign"),
    moves.pull_chosen: _moved("where"),
    moves.pull_broadcast: _moved("broadcast"),
    sums.pull_sum: Kind("sum", products.summed, products.summed_structured),
    sums.pull_running_sum: Kind("cumsum", products.running, products.running_structured),
    sums.pull_linear: Kind("transform", products.whole, products.whole_structured),
    sums.pull_matmul: Kind("matmul", products.product, products.product_structured),
    sums.pull_local: Kind("custom", products.whole, products.whole_structured),
    pull_user: Kind("custom", products.whole, products.whole_structured),
    pull_einsum: Kind("einsum", products.product, products.product_structured),
    pull_solved: Kind("solve", products.solved, products.matrix_structured),
    pull_cholesky: Kind("cholesky", products.factored, products.matrix_structured),
}


def operation(node):
    """What a step does, in a word."""
    name = KINDS[node.pull].name
    return name(node) if callable(name) else name


def is_elementwise(node):
    """Whether each element of the result reads one element of each operand."""
    return KINDS[node.pull].work is elements.elementwise


def is_moved(node):
    """Whether a step shows elements elsewhere and computes nothing."""
    return KINDS[node.pull].work is elements.moved
