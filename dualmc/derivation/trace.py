"""`trace`: run plain NumPy code once and record its graph."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualmc.calls.calling import call_f
from dualmc.calls.inputs import as_input
from dualmc.calls.options import check_argnums
from dualmc.calls.outputs import numbers_of
from dualmc.calls.request import check_callable
from dualmc.calls.structures.flat import Flat
from dualmc.calls.structures.trees import Structure, is_container
from dualmc.derivation.surroundings import named_arrays
from dualmc.duals.dual import Dual
from dualmc.duals.levels import guarded, running, watching
from dualmc.errors import TangentLostError
from dualmc.graph import methods, operators, protocols  # noqa: F401  (what a Traced can do)
from dualmc.graph.nodes import Graph, Node, Recorder, give_names, reached
from dualmc.graph.record import as_operand, record
from dualmc.graph.returning import same
from dualmc.graph.traced import Traced
from dualmc.unchanged import adapt


@adapt.restarting
def trace(
    f: Callable,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> Graph:
    """Run `f` once and record the operations from its inputs to its output.

    Parameters
    ----------
    f : callable
        Plain NumPy code, as `jacobian_fwd` takes it.
    *args : float, list or array
    argnums : int or sequence of int, optional
        The arguments differentiated by; by default all that are numbers or arrays of numbers.
    names : sequence of str, optional
        Names of all arguments; by default those of f's parameters.

    Returns
    -------
    graph : Graph

    Raises
    ------
    MissingRuleError
        If `f` calls a NumPy function that has no derivative rule.
    TangentLostError
        If a step would lose the derivative: ``float(x)``, storing in a plain array.
    TypeError, ValueError
        If an argument or what `f` returns is of the wrong kind or shape.

    Examples
    --------
    >>> import numpy as np
    >>> from dualmc.derivation.trace import trace
    >>> [node.name for node in trace(lambda x: np.sin(x**2), 1.2).nodes]
    ['u1', 'y']
    """
    check_callable(f, "explain")
    if not args:
        raise TypeError("explain needs the point of evaluation: explain(f, x).")
    numbers = differentiated(args, argnums)
    names = names_of_arguments(f, len(args)) if names is None else _checked(names, len(args))
    recorder = Recorder()
    inputs = []
    call = list(args)
    for i in numbers:
        x = as_input(args[i], "explain", names[i])
        if type(x) is Dual:
            raise TypeError("explain cannot be called inside a function being differentiated.")
        inputs.append(recorder.input(np.array(x)))
        inputs[-1].name = names[i]
        call[i] = Traced(recorder, inputs[-1], isinstance(args[i], np.ndarray))
        if type(args[i]) is float:
            recorder.floats.add(inputs[-1].serial)
    recorder.names = [
        (a, names[i]) for i, a in enumerate(args) if i not in numbers and type(a) is np.ndarray
    ]
    recorder.names += named_arrays(f, names)
    try:
        with watching(recorder):
            output = _output(_called(f, call, recorder), recorder, inputs)
        nodes = reached(output) if output.operands else []
    finally:
        recorder.open = False
    graph = Graph(inputs, nodes, output, *recorder.constant_names())
    give_names(graph, [names[i] for i in numbers])
    return graph


def differentiated(args: Sequence[Any], argnums: int | Sequence[int] | None) -> tuple[int, ...]:
    """The positions of the arguments to differentiate by."""
    if argnums is not None:
        return check_argnums(argnums, len(args), "explain")[0]
    numbers = tuple(i for i, a in enumerate(args) if _is_numeric(a))
    if not numbers:
        as_input(args[0], "explain", "x" if len(args) == 1 else "argument 0")
        raise TypeError("explain needs an argument that is a number or an array of numbers.")
    return numbers


def leaves_of(
    met: Structure,
    f: Callable,
    args: Sequence[Any],
    argnums: int | Sequence[int] | None,
    names: Sequence[str] | None,
) -> tuple[Flat, tuple, tuple[int, ...], list[str]]:
    """`f` by the leaves of its structures: that function, its arguments, which of them, names."""
    if argnums is None:
        found = [i for i, a in enumerate(args) if is_container(a)]
        argnums = tuple(i for i, a in enumerate(args) if i in found or _is_numeric(a))
    else:
        argnums = check_argnums(argnums, len(args), "explain")[0]
    given = names_of_arguments(f, len(args)) if names is None else _checked(names, len(args))
    flat = Flat(met, "explain", f, tuple(args), argnums)
    paths = [path for _, path in flat.names]
    owners = [given[flat.place_of_input(i, ())[0]] for i in flat.numbers]
    called = ["_".join(map(str, path)) or owner for path, owner in zip(paths, owners, strict=True)]
    rest = [name for i, name in enumerate(given) if i not in argnums]
    if len({*called, *rest}) < len(called) + len(rest) or not all(map(str.isidentifier, called)):
        called = ["_".join(map(str, (o, *path))) for o, path in zip(owners, paths, strict=True)]
    return flat, flat.args, flat.numbers, [*called, *rest]


def _called(f: Callable, args: Sequence[Any], recorder: Recorder) -> Any:
    """``f(*args)``; a Traced that NumPy refused to store in a float array is reported as that."""
    try:
        with guarded(), running(recorder):
            return call_f(f, args, recorder)
    except TangentLostError as error:
        if error.__cause__ is None or not str(error).startswith("Cannot store"):
            raise
        _, at, place = str(error).partition("\n  at ")
        raise TangentLostError(
            f"explain: f stores an array that depends on its arguments in a plain array (a[i] = "
            f"x), or converts it to one: the derivative would be lost. Allocate with "
            f"numpy.zeros_like(x), or build the array with numpy.stack.{at}{place}"
        ) from error


def _is_numeric(a: Any) -> bool:
    try:
        as_input(a, "explain", "x")
    except (TypeError, ValueError):
        return False
    return True


def _output(y: Any, recorder: Recorder, inputs: list[Node]) -> Node:
    """The node of what f returned; lists become one array, as everywhere in dualmc."""
    if y is None or isinstance(y, (dict, set, str, bytes)) or callable(y):
        hint = " Did f forget its return statement?" if y is None else ""
        raise TypeError(
            f"explain needs f to return a number, an array, or a list or tuple of those; "
            f"f returned {'None' if y is None else 'a ' + type(y).__name__}.{hint}"
            + " Explain one part of it, e.g. lambda x: f(x)[key]."
            * isinstance(y, dict)
        )
    y = as_operand(numbers_of(y, "explain"))
    if type(y) is Traced:
        return record(same, (y,), {}).node if y.node in inputs else y.node
    y = np.asarray(y)
    if y.dtype.kind not in "biuf":
        raise TypeError(
            f"explain needs f to return real numbers; f returned an array of dtype {y.dtype}."
        )
    return recorder.input(y)


def _checked(names: Sequence[str], count: int) -> list[str]:
    names = [str(name) for name in names]
    if len(names) != count or len(set(names)) != count:
        raise ValueError(
            f"explain needs one name per argument, all different: {count} arguments, names={names}."
        )
    return names


def names_of_arguments(f: Callable, count: int) -> list[str]:
    """The names of the first `count` positional arguments of `f`."""
    given = getattr(f, "names", None)
    if isinstance(given, (tuple, list)) and len(given) == count:
        return [str(name) for name in given]
    found: list[str] = []
    try:
        for p in inspect.signature(f).parameters.values():
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                found.append(p.name)
    except (TypeError, ValueError):
        pass
    if len(found) >= count:
        return found[:count]
    return ["x"] if count == 1 else [f"x{i}" for i in range(1, count + 1)]
