"""The recorded graph of a function: one node per operation, with its arguments and its value.

Nodes are values, never changed: what writes into an array makes a new node.  A node keeps its call
as a template in which `Slot`s stand for the operands that depend on the inputs, so that it can be
called again on other values or on Duals.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np


class Slot(int):
    """Stands in a call's template for the operand of this number."""


class Node:
    """One operation, or an input.

    Attributes
    ----------
    function : callable or None
        None for an input.
    args, options : tuple, dict
        The call, with `Slot`s for its operands.
    operands : tuple of Node
        One per slot: an operand that is used twice has two.
    value : ndarray
    name : str
    """

    __slots__ = ("function", "args", "options", "operands", "value", "name", "serial")

    def __init__(
        self,
        function: Callable | None,
        args: tuple,
        options: dict,
        operands: tuple["Node", ...],
        value: Any,
        serial: int,
    ) -> None:
        self.function = function
        self.args = args
        self.options = options
        self.operands = operands
        self.value = value
        self.name = ""
        self.serial = serial

    def __repr__(self) -> str:
        what = "input" if self.function is None else name_of_function(self.function)
        return f"<Node {self.name or self.serial}: {what}, shape {self.shape}>"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def size(self) -> int:
        return self.value.size

    def call(self, *values: Any) -> Any:
        """The operation on other values of its operands, one per slot."""
        assert self.function is not None
        options = {key: fill(a, values) for key, a in self.options.items()}
        return self.function(*(fill(a, values) for a in self.args), **options)


def fill(template: Any, values: Sequence[Any]) -> Any:
    """`template` with its slots replaced by `values`."""
    if isinstance(template, Slot):
        return values[template]
    if type(template) in (list, tuple):
        return type(template)(fill(item, values) for item in template)
    return template


def name_of_function(function: Any) -> str:
    """A short name for any callable."""
    name = getattr(function, "__name__", None)
    return str(name) if name else type(function).__name__


class Output:
    """One of the several results of a function."""

    def __init__(self, function: Callable, index: int) -> None:
        self.function = function
        self.index = index
        self.__name__ = f"{name_of_function(function)}[{index}]"

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.function(*args, **options)[self.index]


class UfuncMethod:
    """``np.add.reduce`` and the like, under a name of its own."""

    def __init__(self, ufunc: np.ufunc, method: str) -> None:
        self.ufunc = ufunc
        self.method = method
        self.__name__ = f"{ufunc.__name__}.{method}"

    def __call__(self, *args: Any, **options: Any) -> Any:
        return getattr(self.ufunc, self.method)(*args, **options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UfuncMethod) and self.__name__ == other.__name__

    def __hash__(self) -> int:
        return hash(self.__name__)


class Graph:
    """The operations on the paths from the inputs of a function to its output.

    Attributes
    ----------
    inputs : list of Node
        The arguments differentiated by, in order.
    nodes : list of Node
        The operations, in the order in which they were done; the last is the output.  Empty if the
        output does not depend on the inputs.
    output : Node
    constants : dict
        Names of arrays that take part but do not depend on the inputs, by their `id`.
    transposes : dict
        By the `id` of an array that is the transpose of such a one, the name of that.
    """

    def __init__(
        self,
        inputs: list[Node],
        nodes: list[Node],
        output: Node,
        constants: dict[int, tuple[str, Any]],
        transposes: dict[int, str],
    ) -> None:
        self.inputs, self.nodes, self.output = inputs, nodes, output
        self.constants, self.transposes = constants, transposes

    @property
    def value(self) -> Any:
        return self.output.value

    def uses(self) -> dict[Node, list[tuple[Node, int]]]:
        """For every node, the (node, slot) pairs that use it."""
        found: dict[Node, list[tuple[Node, int]]] = {n: [] for n in (*self.inputs, *self.nodes)}
        for node in self.nodes:
            for slot, operand in enumerate(node.operands):
                found[operand].append((node, slot))
        return found

    def count_paths(self) -> dict[Node, int]:
        """For every input, the number of paths from it to the output; exact."""
        if not self.nodes:
            return dict.fromkeys(self.inputs, 0)
        count = dict.fromkeys((*self.inputs, *self.nodes), 0)
        count[self.output] = 1
        for node in reversed(self.nodes):
            for operand in node.operands:
                count[operand] += count[node]
        return {node: count[node] for node in self.inputs}

    def paths(self, source: Node) -> Iterator[tuple[tuple[Node, int], ...]]:
        """Every path from `source` to the output, as its (node, slot) steps from x to y."""
        if not self.nodes:
            return
        uses = self.uses()
        reaching = set(self.nodes)
        path: list[tuple[Node, int]] = []
        stack = [iter(uses[source])]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                if path:
                    path.pop()
                continue
            node, _ = step
            if node not in reaching:
                continue
            if node is self.output:
                yield (*path, step)
                continue
            path.append(step)
            stack.append(iter(uses[node]))


# --- Recording -----------------------------------------------------------------------------------


def called(function: Callable, args: tuple, options: dict) -> Any:
    return function(*args, **options)


class Recorder:
    """Makes the nodes of one trace, and keeps copies of the constants that they use.

    With `whole`, everything that is computed from the inputs becomes a node, also what has no
    derivative (comparisons, counts, positions), and what f learnt from values is noted in `guards`
    and `events` (`events.py` says which are which): enough to replay f at other inputs.
    ``call(function, args, options)`` makes the values.
    """

    def __init__(self, whole: bool = False, call: Callable = called) -> None:
        self.whole = whole
        self.call = call
        self.flat: set[int] = set()  # serials of nodes without derivative
        self.guards: dict[Node, None] = {}  # nodes whose value f looked at, in order
        self.events: list[Any] = []  # what else it learnt
        self.handling: Any = None  # how errors of arithmetic are dealt with, in a whole program
        self.careful = False  # whether f may catch the warnings of its steps
        self.refusal: str | None = None  # why f cannot be replayed
        self.noted: BaseException | None = None  # the exception that is the last event
        self.texts: set[float] | None = None  # numbers that were made text: `duals/texts.py`
        self.asked_memory = False  # whether f asked how an argument lies in memory
        self.takes_numbers = False  # whether some of f's arguments are numbers
        self.asked_type = False  # whether f asked for the type of an input that is a number
        self.floats: set[int] = set()  # serials of what are Python's floats, but do not raise
        self.numbers: set[int] = set()  # serials of what are Python's floats to f
        self.serials = itertools.count()
        self.open = True
        self.refusals: list | None = None  # what was refused while f ran: `refusals.py`
        self.chunk = 0
        self.lost = False  # read by `call_f`: whether a conversion to float was refused
        self.names: list[tuple[Any, str]] = []
        self.copies: dict[int, tuple[Any, Any]] = {}
        self.indexed: dict[tuple, Node] = {}

    def input(self, value: Any) -> Node:
        return Node(None, (), {}, (), value, next(self.serials))

    def node(self, function: Callable, args: tuple, options: dict, operands: tuple, y: Any) -> Node:
        return Node(function, args, options, operands, y, next(self.serials))

    def guard(self, node: Node) -> None:
        """Note that f looked at the value of `node`."""
        is_constant = node.function is None and not node.name
        if self.whole and not is_constant:
            self.guards[node] = None

    def refuse(self, reason: str) -> None:
        """Note why f cannot be replayed; the first reason stands."""
        if self.refusal is None:
            self.refusal = reason

    def constant(self, a: Any) -> Any:
        """A plain array as it is now, whatever is written to it later."""
        if not issubclass(type(a), np.ndarray):
            return a
        found = self.copies.get(id(a))
        if found is None or not _is_same(found[0], a, found[1]):
            found = self.copies[id(a)] = (a, a.copy())
        return found[1]

    def constant_names(self) -> tuple[dict[int, tuple[str, Any]], dict[int, str]]:
        """The names of the constants that have one, and of those whose transposes take part."""
        found, transposes = {}, {}
        places = {_place(a.T): (a, name) for a, name in self.names if a.ndim == 2}
        for a, name in self.names:
            pair = self.copies.get(id(a))
            if pair is not None and pair[0] is a:
                found[id(pair[1])] = (name, pair[1])
        for a, copied in self.copies.values():
            if id(copied) not in found and a.ndim == 2 and _place(a) in places:
                other, name = places[_place(a)]
                known = dict(found.values()).get(name)
                if known is None:
                    found[id(other)] = (name, copied.T)
                elif not np.array_equal(known, copied.T, equal_nan=True):
                    continue  # it was written to in between
                transposes[id(copied)] = name
        return found, transposes


def _place(a: Any) -> tuple:
    """Which numbers of memory an array reads, in which order."""
    return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype


def _is_same(original: Any, a: Any, copy: Any) -> bool:
    if original is not a or a.shape != copy.shape or a.dtype != copy.dtype:
        return False
    return a.dtype != object and a.tobytes() == copy.tobytes()


def reached(output: Node) -> list[Node]:
    """The operations that `output` is made of, in order of creation, itself included."""
    seen = {output}
    stack = [output]
    while stack:
        for operand in stack.pop().operands:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return sorted((n for n in seen if n.function is not None), key=lambda n: n.serial)


def give_names(graph: Graph, names: Sequence[str]) -> None:
    """`names` for the inputs, u1, u2, ... for the operations and y for the output."""
    taken = set(names) | {name for name, _ in graph.constants.values()}
    for node, name in zip(graph.inputs, names, strict=True):
        node.name = name
    letter = next(
        c
        for c in ("u", "v", "t", "h", "step")
        if not any(re.fullmatch(c + r"\d*", n) for n in taken)
    )
    for number, node in enumerate(graph.nodes, 1):
        node.name = f"{letter}{number}"
    if graph.output not in graph.inputs:
        free = (name for name in ("y", "f", "z", "out") if name not in taken)
        graph.output.name = next(free, "result")
