"""Steps that are linear in their operands, learnt by running them on numbers of our own.

What only moves elements (slices, joins, transposes, writes) is run on positions; other linear
functions on a basis, which gives their matrix; what depends on shapes alone is the value it had.
"""

import numpy as np

from dualmc.forward import jacobian_fwd
from dualmc.graph.events import has_slot, is_by_mask, is_certain
from dualmc.graph.nodes import Output, UfuncMethod, name_of_function
from dualmc.graph.returning import returning, same, stacked, written
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import constant, each, reduced, routed
from dualmc.replay.arithmetic.elementwise import elementwise
from dualmc.replay.arithmetic.pairs import LARGEST_STEP, Pair, filled
from dualmc.replay.recording.program import NotReplayable
from dualmc.rules import registry

_MOVEMENTS = frozenset(
    getattr(np, name)
    for name in """
    reshape ravel transpose swapaxes moveaxis rollaxis expand_dims squeeze flip fliplr flipud rot90
    roll take take_along_axis repeat tile broadcast_to broadcast_arrays split array_split hsplit
    vsplit dsplit unstack atleast_1d atleast_2d atleast_3d concatenate stack hstack vstack dstack
    column_stack block append insert delete diag diagonal diagflat tril triu resize compress extract
    choose copy meshgrid matrix_transpose permute_dims concat
    """.split()
    if hasattr(np, name)
) | {written, stacked, same, returning(np.fill_diagonal), returning(np.copyto), returning(np.put)}


def is_movement(node):
    function = node.function
    while isinstance(function, Output):
        function = function.function
    if function is np.pad:
        return _is_moving_pad(*node.args[2:], **node.options)
    return getattr(function, "__name__", "") == "getitem" or function in _MOVEMENTS


def _is_moving_pad(mode="constant", *, reflect_type="even", **options):
    """Whether what `np.pad` puts around an array is constant, or found in it."""
    moves = type(mode) is str and mode in ("constant", "edge", "wrap", "symmetric", "reflect")
    return moves and type(reflect_type) is str and reflect_type == "even"


def moved(node, operands):
    """A function that only moves elements, learnt from what it does to numbered ones.

    Elements numbered from 1 up and from -1 down: what changes with the numbers came from there,
    what does not is a constant of the function's own.
    """
    if node.function is written and is_by_mask(node.args, node.operands):
        return _masked(node, operands)
    if not is_certain(node.function, node.args, node.options, node.operands):
        raise NotReplayable("a position depends on the inputs")
    if has_slot(tuple(node.options.values())):
        raise NotReplayable(f"{name_of_function(node.function)} with options that vary")
    numbered = []
    start = 0
    for operand, number in zip(node.operands, operands, strict=True):
        a = number.array
        places = np.empty_like(operand.value, np.float64)  # laid out in memory as it is
        places[...] = np.arange(1.0, a.size + 1.0).reshape(a.shape) + start
        numbered.append(places)
        start += a.size
    up = np.asarray(node.call(*numbered))
    down = np.asarray(node.call(*(-n for n in numbered)))
    if up.dtype != np.float64:
        raise NotReplayable(f"{name_of_function(node.function)} makes numbers of {up.dtype}")
    shape = up.shape
    up, down = up.reshape(-1), down.reshape(-1)
    is_moved = up == -down
    is_moved &= up != 0
    source = np.where(is_moved, up - 1, -1).astype(np.int64)
    arrays = [operand.array for operand in operands]
    y = routed(arrays, source, shape, np.where(is_moved, 0.0, up))
    sizes = [a.size for a in arrays]
    return Pair(y, slots.moved([operand.tangent for operand in operands], sizes, source))


def _masked(node, operands):
    """``a[mask] = number``: a choice."""
    a, mask, value = (filled(x, operands) for x in node.args)
    y = each("select", mask.array, value.array, a.array)
    if a.tangent is None and value.tangent is None:
        return Pair(y)
    return Pair(y, slots.chosen(mask.array, value.spread(y.shape), a.tangent))


def _fixed(node, operands):
    """What depends on the shape of its argument only."""
    return Pair(constant(node.value))


def by_matrix(node, operands):
    """A function linear in its only operand that varies, by its constant Jacobian."""
    function = node.function
    key = (function.ufunc, function.method) if isinstance(function, UfuncMethod) else function
    entry = (
        registry.REDUCTIONS.get(key)
        if issubclass(type(key), tuple)
        else registry.FUNCTIONS.get(key)
    )
    if entry is None or entry.kind != "linear" or len(operands) != 1:
        raise NotReplayable(f"{registry.name_of(function)} has no replayed form")
    (a,) = operands
    n, m = a.array.size, node.value.size
    if n * m > LARGEST_STEP // 4:
        raise NotReplayable(f"{registry.name_of(function)} of {n} numbers is too large")
    matrix = jacobian_fwd(node.call, np.zeros(a.shape)).reshape(m, n)
    rest = np.asarray(node.call(np.zeros(a.shape)), float).reshape(-1)
    row, col = np.nonzero(matrix)
    weights = constant(matrix[row, col])
    terms = elementwise(np.multiply, [Pair(weights), a.taken(col)])
    y = reduced("add", [(terms.array, row)], m)
    if rest.any():
        y = each("add", y, constant(rest))
    return Pair(y, slots.summed(terms.tangent, row, m))


STEPS = {np.zeros_like: _fixed, np.ones_like: _fixed, np.empty_like: _fixed}
