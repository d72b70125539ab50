"""From a program to arrays and tangents: what each recorded step becomes.

A step that computes element by element follows the rule table; one that only moves elements is run
once on positions; sums, products and what is linear become sums over positions; functions made of
these are their formulas.  Everything else is not replayable, and says so.
"""

import math
from collections import Counter

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dualmc.graph.events import has_slot, is_certain
from dualmc.graph.nodes import Output, Slot, UfuncMethod, fill, name_of_function
from dualmc.graph.returning import returning, same, stacked, written
from dualmc.replay.arithmetic import slots, writes
from dualmc.replay.arithmetic.arrays import (
    Array,
    Leaf,
    as_array,
    broadcast,
    constant,
    each,
    given,
    product,
    reduced,
    routed,
    taken,
)
from dualmc.replay.arithmetic.scalars import UFUNCS
from dualmc.replay.calls import Call, Check
from dualmc.replay.program import NotReplayable
from dualmc.rules import registry
from dualmc.rules.table import RULES

# Elements that the arrays of one step may have.
LARGEST_STEP = 2**21


class Pair:
    """An array and its tangent (None: without derivative); `call` if NumPy makes it (else None)."""

    __slots__ = ("array", "tangent", "call")

    def __init__(self, array, tangent=None, call=None):
        self.array = array
        self.tangent = tangent
        self.call = call

    @property
    def shape(self):
        return self.array.shape


def lower(program, active, budget, seed=slots.seeded):
    """The `Pair`s of a program's output and of its guards, and the arrays of its events.

    `active` inputs are differentiated, within the time of a `Budget`.  Guards and events that have
    no replayed form get None; the caller looks after them.  ``seed(size, first)`` is the tangent of
    an input whose columns start at `first`.
    """
    pairs = {node: Pair(given(i, node.shape)) for i, node in enumerate(program.inputs)}
    first = 0
    for node in (program.inputs[i] for i in active):  # the columns are in their order
        pairs[node].tangent = seed(node.size, first)
        first += node.size
    left = _uses(program)
    for node in program.nodes:
        budget.check()
        if any(operand in pairs and pairs[operand] is None for operand in node.operands):
            pairs[node] = None
            continue
        try:
            pairs[node] = _written_or_read(node, pairs, left)
            if pairs[node] is None:
                operands = [_operand(operand, pairs) for operand in node.operands]
                pairs[node] = _lowered(node, operands, node.serial in program.flat)
        except NotReplayable:
            if node is program.output or not _is_spare(node, program):
                raise
            pairs[node] = None  # only guards need it, which can be looked at by NumPy
        for operand in node.operands:
            left[operand] -= 1
            if not left[operand]:  # what nobody else needs may be large
                pairs.pop(operand, None)
    found = _operand(program.output, pairs)
    guards = {n: None if pairs[n] is None else _operand(n, pairs) for n in program.guards}
    return found, guards, [(event, _asked(event, pairs)) for event in program.events]


def _asked(event, pairs):
    """What has to be computed so that `event` is asked; None: there is no such array."""
    if event.is_step:
        pair = pairs[event.node]
        if type(pair) is writes.Written:
            pair = pair.read(Pair)
        if event.kind == "finite":
            return None if pair is None else pair.array
        if pair is not None and pair.call is not None:
            return taken(pair.call, np.zeros(1, np.int64))
    operands = event.node.operands
    if any(operand in pairs and pairs[operand] is None for operand in operands):
        return None
    check = Check(event)
    arrays = tuple(_operand(operand, pairs).array for operand in operands)
    return Array((1,), (Leaf("call", check.size, check, arrays),))


def _uses(program):
    """How many times each node is still needed: by others, and as a result."""
    found = Counter(operand for node in program.nodes for operand in node.operands)
    found.update([program.output, *program.guards])
    for event in program.events:
        found.update([event.node, *event.node.operands])
    return found


def _is_spare(node, program):
    """Whether only guards are made of `node`."""
    reached = {program.output}
    stack = [program.output]
    while stack:
        for operand in stack.pop().operands:
            if operand not in reached:
                reached.add(operand)
                stack.append(operand)
    return node not in reached


def _operand(node, pairs):
    found = pairs.get(node)
    if type(found) is writes.Written:
        found = found.read(Pair)
    return Pair(constant(node.value)) if found is None else found


def _written_or_read(node, pairs, left):
    """A write, kept as a `Written`, or what is read of one; None: `node` is neither."""
    if writes.is_read(node):
        whole = pairs.get(node.operands[0])
        return whole.read(Pair, node.args[1]) if type(whole) is writes.Written else None
    if not writes.is_write(node):
        return None
    base, key, value = node.args
    if type(base) is Slot:
        before = node.operands[base]
        whole = pairs.get(before)
        if type(whole) is not writes.Written:
            whole = writes.begun(_operand(before, pairs))
        elif left[before] > 1:  # somebody else reads this version later
            whole = whole.copy()
    else:
        whole = writes.begun(Pair(constant(np.asarray(base, float))))
    if type(value) is Slot:
        whole.write(key, _float(_operand(node.operands[value], pairs)))
    else:
        whole.write(key, Pair(constant(np.asarray(value, float))))
    return whole


def _lowered(node, operands, is_flat):
    y = node.value
    if y.dtype.kind not in "fbiu" or y.dtype.kind == "f" and y.dtype != np.float64:
        raise NotReplayable(f"{name_of_function(node.function)} makes numbers of dtype {y.dtype}")
    if y.size > LARGEST_STEP:
        raise NotReplayable(f"{name_of_function(node.function)} makes {y.size} numbers")
    try:
        return _as_loops(node, operands, is_flat)
    except NotReplayable:
        return _as_call(node, operands, is_flat)


def _as_call(node, operands, is_flat):
    """The step run by NumPy, on Duals."""
    active = [i for i, pair in enumerate(operands) if pair.tangent is not None and not is_flat]
    cols = np.zeros(0, np.int32)
    if active:
        cols = np.unique(np.concatenate([slots.columns_of(operands[i].tangent) for i in active]))
    largest = max([node.size, *(operands[i].array.size for i in active)])
    if largest * cols.size > LARGEST_STEP:
        raise NotReplayable(f"the tangents of {name_of_function(node.function)} are too large")
    arrays = [pair.array for pair in operands]
    arrays += [slots.as_block(operands[i].tangent, cols).coef for i in active]
    call = Call(node, active, cols.size)
    whole = Array((call.size,), (Leaf("call", call.size, call, tuple(arrays)),))
    y = taken(whole, np.arange(call.rows), node.shape)
    y = each("truth", y) if node.value.dtype.kind == "b" else y
    if not active:
        return Pair(y, None, whole)
    block = slots.Block(cols, taken(whole, np.arange(call.rows, call.rows * (1 + cols.size))))
    return Pair(y, block, whole)


def _as_loops(node, operands, is_flat):
    """The step as arithmetic on elements, sums and movements."""
    function = node.function
    y = node.value
    if y.dtype.kind not in "fb":
        raise NotReplayable("whole numbers")
    if isinstance(function, np.ufunc) and function not in (np.matmul, np.vecdot, np.matvec):
        if node.options:
            raise NotReplayable(f"{function.__name__} has options")
        args = [_filled(a, operands) for a in node.args]
        return elementwise(function, args, is_flat)
    handler = _STEPS.get(function)
    if handler is None and _is_movement(function):
        return _moved(node, operands)
    if handler is None:
        handler = _linear
    out = handler(node, operands)
    if out.shape != y.shape:
        out = Pair(out.array.reshape(y.shape), out.tangent)
    return Pair(out.array, None) if is_flat else out


def _filled(template, operands):
    found = fill(template, operands)
    return found if type(found) is Pair else Pair(as_array(np.asarray(found)))


# --- Element by element --------------------------------------------------------------------------


def elementwise(ufunc, args, is_flat=False):
    """`ufunc` by its rule."""
    if ufunc not in UFUNCS:
        raise NotReplayable(f"{ufunc.__name__} has no replayed form")
    arrays = [a.array for a in args]
    y = ufunc(*arrays)
    active = [i for i, a in enumerate(args) if a.tangent is not None]
    if is_flat or not active or ufunc not in RULES:
        return Pair(y)
    rule = RULES[ufunc]
    partials = rule.alone if len(active) == 1 and rule.alone is not None else rule.partials
    total = None
    for i in active:
        partial = partials[i]
        if callable(partial):
            partial = _partial(ufunc, i, partial, arrays, y)
        if not callable(partial) and type(partial) is float and partial == 0.0:
            continue
        factor = broadcast(as_array(partial), y.shape)
        t = spread(args[i], y.shape)
        part = slots.scaled(t, factor)
        total = slots.added(total, part)
    return Pair(y, total)


def _partial(ufunc, i, partial, arrays, y):
    if ufunc in (np.power, np.float_power):
        return _power_partial(i, arrays, y)
    return partial(*arrays, y)


# Where a power has kept its digits; elsewhere NaN, which sends the call the general way.
_TINY, _HUGE = 1e-290, 1e290


def _power_partial(i, arrays, y):
    a, b = arrays
    size = np.abs(y)
    is_usable = (size > _TINY) & (size < _HUGE)
    if i == 1:
        return np.where(is_usable, y * np.log(a), np.nan)
    if b.const is not None and (2 * b.const == np.rint(2 * b.const)).all():
        return b * np.power(a, b - 1.0)
    return np.where(is_usable, b * y / a, np.nan)


def spread(pair, shape):
    """The tangent of `pair` broadcast to `shape`."""
    if pair.tangent is None or pair.shape == shape:
        return pair.tangent
    size = pair.array.size
    if math.prod(shape) == size:
        return pair.tangent
    source = np.broadcast_to(np.arange(size).reshape(pair.shape), shape)
    return slots.moved([pair.tangent], [size], np.ascontiguousarray(source).reshape(-1))


def _where(node, operands):
    args = [_filled(a, operands) for a in node.args]
    if len(args) != 3 or node.options:
        raise NotReplayable("numpy.where with one argument")
    condition, a, b = args
    y = each("select", condition.array, a.array, b.array)
    if a.tangent is None and b.tangent is None:
        return Pair(y)
    c = broadcast(condition.array, y.shape)
    return Pair(y, slots.chosen(c, spread(a, y.shape), spread(b, y.shape)))


# --- Movements -----------------------------------------------------------------------------------

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


def _is_movement(function):
    if isinstance(function, Output):
        return _is_movement(function.function)
    return getattr(function, "__name__", "") == "getitem" or function in _MOVEMENTS


def _moved(node, operands):
    """A function that only moves elements, learnt from what it does to numbered ones.

    Elements numbered from 1 up and from -1 down: what changes with the numbers came from there,
    what does not is a constant of the function's own.
    """
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


# --- Sums ----------------------------------------------------------------------------------------


def sum_over(pair, axes):
    """The sum over `axes` (nonnegative), which are dropped."""
    target, shape = _targets(pair.shape, axes)
    y = reduced("add", [(pair.array, target)], math.prod(shape)).reshape(shape)
    return Pair(y, slots.summed(pair.tangent, target, math.prod(shape)))


def _targets(shape, axes):
    kept = tuple(n for i, n in enumerate(shape) if i not in axes)
    target = np.arange(math.prod(kept)).reshape(
        tuple(1 if i in axes else n for i, n in enumerate(shape))
    )
    return np.ascontiguousarray(np.broadcast_to(target, shape)).reshape(-1), kept


def _axes(node, a, axis):
    return tuple(range(len(a.shape))) if axis is None else normalize_axis_tuple(axis, len(a.shape))


def _options(node, operands, *names, **known):
    """The arguments of a reduction: the array and its options, those not in `known` refused."""
    args = [fill(a, operands) for a in node.args]
    given = dict(zip(names, args[1:], strict=False)) | node.options
    for name, value in given.items():
        if name not in known and value is not None and value is not np._NoValue:
            if not (name == "where" and value is True):
                raise NotReplayable(f"{name_of_function(node.function)} with {name}")
    out = {name: given.get(name, default) for name, default in known.items()}
    a = args[0]
    if type(a) is not Pair:
        raise NotReplayable(f"{name_of_function(node.function)} of a list")
    if any(type(v) is Pair for v in out.values()):
        raise NotReplayable(f"{name_of_function(node.function)} with options that vary")
    return a, out


_REDUCTION = ("axis", "dtype", "out", "keepdims", "initial", "where")


def _sum(node, operands):
    is_ufunc = isinstance(node.function, UfuncMethod)
    a, options = _options(node, operands, *_REDUCTION, axis=0 if is_ufunc else None, keepdims=False)
    return sum_over(_float(a), _axes(node, a, options["axis"]))


def _float(pair):
    return Pair(each("number", pair.array)) if pair.array.is_bool else pair


def _mean(node, operands):
    a, options = _options(
        node, operands, "axis", "dtype", "out", "keepdims", axis=None, keepdims=False
    )
    axes = _axes(node, a, options["axis"])
    count = math.prod(a.shape[i] for i in axes)
    total = sum_over(_float(a), axes)
    return elementwise(np.divide, [total, Pair(constant(np.float64(count)))])


def _variance(node, operands):
    a, options = _options(
        node, operands, "axis", "dtype", "out", "ddof", "keepdims",
        axis=None, ddof=0, keepdims=False,
    )  # fmt: skip
    axes = _axes(node, a, options["axis"])
    count = math.prod(a.shape[i] for i in axes)
    centre = elementwise(np.divide, [sum_over(a, axes), Pair(constant(np.float64(count)))])
    shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    centre = Pair(centre.array.reshape(shape), centre.tangent)
    off = elementwise(np.square, [elementwise(np.subtract, [a, centre])])
    divisor = Pair(constant(np.float64(count - options["ddof"])))
    return elementwise(np.divide, [sum_over(off, axes), divisor])


def _deviation(node, operands):
    return elementwise(np.sqrt, [_variance(node, operands)])


def _extreme(op):
    def handler(node, operands):
        is_ufunc = isinstance(node.function, UfuncMethod)
        a, options = _options(
            node, operands, *(_REDUCTION if is_ufunc else ("axis", "out", "keepdims")),
            axis=0 if is_ufunc else None, keepdims=False,
        )  # fmt: skip
        axes = _axes(node, a, options["axis"])
        target, shape = _targets(a.shape, axes)
        y = reduced(op, [(a.array, target)], math.prod(shape))
        if a.tangent is None:
            return Pair(y.reshape(shape))
        # Shared equally by those that are the extreme.
        is_it = each("equal", a.array.reshape((a.array.size,)), taken(y, target))
        is_it = each("number", is_it)
        count = reduced("add", [(is_it, target)], y.size)
        share = each("divide", is_it, taken(count, target))
        t = slots.summed(slots.scaled(a.tangent, share), target, y.size)
        return Pair(y.reshape(shape), t)

    return handler


def _any_all(op):
    def handler(node, operands):
        a, options = _options(node, operands, "axis", "out", "keepdims", axis=None, keepdims=False)
        axes = _axes(node, a, options["axis"])
        target, shape = _targets(a.shape, axes)
        numbers = each("number", each("truth", a.array) if not a.array.is_bool else a.array)
        y = reduced("add", [(numbers, target)], math.prod(shape)).reshape(shape)
        full = float(a.array.size // max(1, y.size))
        return Pair(each("greater", y, 0.0) if op == "any" else each("equal", y, full))

    return handler


# --- Products ------------------------------------------------------------------------------------


def contracted(a, b, m, p, q):
    """The matrix product of two `Pair`s of (m, p) and (p, q) numbers, as a `Pair` of m*q."""
    if m * p * q <= 16:
        return _by_terms(a, b, m, p, q)
    y = product(a.array, b.array, m, p, q)
    total = None
    if b.tangent is not None:
        total = _half(a.array, b, m, p, q)
    if a.tangent is not None:  # (a @ b).T = b.T @ a.T
        flipped = Pair(_transposed(a.array, m, p), _flipped(a.tangent, m, p))
        half = _half(_transposed(b.array, p, q), flipped, q, p, m)
        total = slots.added(total, _flipped(half, q, m))
    return Pair(y, total)


def _half(a, b, m, p, q):
    t = b.tangent
    if type(t) is slots.Slots and len(t.slots) <= 2:
        i, j, r = np.indices((m, p, q)).reshape(3, -1)
        spread_t = slots.moved([t], [p * q], j * q + r)
        return slots.summed(slots.scaled(spread_t, taken(a, i * p + j)), i * q + r, m * q)
    return slots.multiplied(t, a, m, p, q)


def _by_terms(a, b, m, p, q):
    i, j, r = np.indices((m, p, q)).reshape(3, -1)
    left, right = (_taken_pair(x, at) for x, at in ((a, i * p + j), (b, j * q + r)))
    terms = elementwise(np.multiply, [left, right])
    target = i * q + r
    y = reduced("add", [(terms.array, target)], m * q)
    return Pair(y, slots.summed(terms.tangent, target, m * q))


def _taken_pair(pair, index):
    t = pair.tangent
    moved = None if t is None else slots.moved([t], [pair.array.size], index)
    return Pair(taken(pair.array, index), moved)


def _transposed(a, m, p):
    return taken(a, np.arange(m * p).reshape(m, p).T.reshape(-1))


def _flipped(t, m, p):
    if t is None:
        return None
    return slots.moved([t], [m * p], np.arange(m * p).reshape(m, p).T.reshape(-1))


def _matmul(node, operands):
    a, b = (_float(_filled(x, operands)) for x in node.args[:2])
    if node.options or len(node.args) > 2:
        raise NotReplayable("matmul with options")
    if len(a.shape) == 0 or len(b.shape) == 0:
        return elementwise(np.multiply, [a, b])
    if len(a.shape) > 2 or len(b.shape) > 2:
        if node.function not in (np.matmul,):
            raise NotReplayable("dot of arrays of more than two axes")
        return _batched(a, b)
    m = a.shape[0] if len(a.shape) == 2 else 1
    q = b.shape[1] if len(b.shape) == 2 else 1
    return contracted(a, b, m, a.shape[-1], q)


def _batched(a, b):
    letters = "abcdefgh"
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise NotReplayable("matmul of a vector and a stack of matrices")
    lead = max(len(a.shape), len(b.shape)) - 2
    left = letters[lead - len(a.shape) + 2 : lead] + "ij"
    right = letters[lead - len(b.shape) + 2 : lead] + "jk"
    return _sum_of_products([a, b], [left, right], letters[:lead] + "ik")


def _einsum(node, operands):
    text = node.args[0]
    options = {k: v for k, v in node.options.items() if k != "optimize"}
    if not isinstance(text, str) or "." in text or options:
        raise NotReplayable("this form of einsum")
    pairs = [_float(_filled(a, operands)) for a in node.args[1:]]
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        letters = "".join(terms)
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return _sum_of_products(pairs, terms, right)


def _sum_of_products(pairs, terms, result):
    """The sum, over the letters that `result` lacks, of products taken pair by pair."""
    while len(pairs) > 2:
        rest = set("".join(terms[2:]) + result)
        both = "".join(dict.fromkeys(terms[0] + terms[1]))
        kept = "".join(c for c in both if c in rest)
        first = _sum_of_products(pairs[:2], terms[:2], kept)
        pairs, terms = [first, *pairs[2:]], [kept, *terms[2:]]
    sizes: dict = {}
    for pair, term in zip(pairs, terms, strict=True):
        for c, n in zip(term, pair.shape, strict=True):
            sizes[c] = max(n, sizes.get(c, 1))
    letters = result + "".join(c for c in sizes if c not in result)
    shape = tuple(sizes[c] for c in letters)
    if math.prod(shape) > LARGEST_STEP // 8:
        raise NotReplayable(f"einsum of {math.prod(shape)} products")
    grid = np.indices(shape).reshape(len(shape), -1)
    whole = None
    for pair, term in zip(pairs, terms, strict=True):
        at = np.zeros(grid.shape[1], np.int64)
        for c, n in zip(term, pair.shape, strict=True):
            at = at * n + (grid[letters.index(c)] if n > 1 else 0)
        part = _taken_pair(pair, at)
        whole = part if whole is None else elementwise(np.multiply, [whole, part])
    kept = tuple(sizes[c] for c in result)
    target = np.repeat(np.arange(math.prod(kept)), math.prod(shape) // max(1, math.prod(kept)))
    y = reduced("add", [(whole.array, target)], math.prod(kept)).reshape(kept)
    return Pair(y, slots.summed(whole.tangent, target, math.prod(kept)))


def _outer(node, operands):
    a, b = (_float(_filled(x, operands)) for x in node.args[:2])
    a = Pair(a.array.reshape((a.array.size, 1)), a.tangent)
    b = Pair(b.array.reshape((1, b.array.size)), b.tangent)
    return elementwise(np.multiply, [a, b])


def _inner(node, operands):
    a, b = (_float(_filled(x, operands)) for x in node.args[:2])
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise NotReplayable("inner of matrices")
    return contracted(a, b, 1, a.shape[0], 1)


def _cross(node, operands):
    a, b = (_float(_filled(x, operands)) for x in node.args[:2])
    if node.options or len(node.args) > 2 or a.shape[-1] != 3 or b.shape[-1] != 3:
        raise NotReplayable("this form of cross")
    shape = np.broadcast_shapes(a.shape, b.shape)
    if a.shape != shape:
        a = Pair(broadcast(a.array, shape), spread(a, shape))
    if b.shape != shape:
        b = Pair(broadcast(b.array, shape), spread(b, shape))
    e = np.arange(a.array.size)
    i, base = e % 3, e - e % 3
    after, before = base + (i + 1) % 3, base + (i + 2) % 3
    plus = elementwise(np.multiply, [_taken_pair(a, after), _taken_pair(b, before)])
    minus = elementwise(np.multiply, [_taken_pair(a, before), _taken_pair(b, after)])
    return elementwise(np.subtract, [plus, minus])


def _norm(node, operands):
    a, options = _options(node, operands, "ord", "axis", "keepdims", ord=None, axis=None,
                          keepdims=False)  # fmt: skip
    order, axis = options["ord"], options["axis"]
    is_plain = order is None or order == 2 and (len(a.shape) == 1 or isinstance(axis, int))
    if not is_plain:
        raise NotReplayable("a norm of this order")
    total = sum_over(elementwise(np.square, [a]), _axes(node, a, axis))
    return elementwise(np.sqrt, [total])


def _clip(node, operands):
    names = ("a", "a_min", "a_max")
    given = dict(zip(names, node.args, strict=False)) | node.options
    low = given.pop("a_min", given.pop("min", None))
    high = given.pop("a_max", given.pop("max", None))
    y = _filled(given.pop("a"), operands)
    if given:
        raise NotReplayable("clip with options")
    for bound, ufunc in ((low, np.maximum), (high, np.minimum)):
        if bound is not None and bound is not np._NoValue:
            y = elementwise(ufunc, [y, _filled(bound, operands)])
    return y


# --- Constants and linear functions --------------------------------------------------------------


def _fixed(node, operands):
    """What depends on the shape of its argument only."""
    return Pair(constant(node.value))


def _typed(node, operands):
    if node.value.dtype not in (np.float64, bool):
        raise NotReplayable(f"astype({node.value.dtype})")
    a = _filled(node.args[0], operands)
    if node.value.dtype == bool:
        return Pair(each("truth", a.array))
    return _float(a)


def _linear(node, operands):
    """A function linear in its only operand that varies, by its constant Jacobian."""
    function = node.function
    key = (function.ufunc, function.method) if isinstance(function, UfuncMethod) else function
    entry = registry.REDUCTIONS.get(key) if isinstance(key, tuple) else registry.FUNCTIONS.get(key)
    if entry is None or entry.kind != "linear" or len(operands) != 1:
        raise NotReplayable(f"{registry.name_of(function)} has no replayed form")
    from dualmc.forward import jacobian_fwd

    (a,) = operands
    n, m = a.array.size, node.value.size
    if n * m > LARGEST_STEP // 4:
        raise NotReplayable(f"{registry.name_of(function)} of {n} numbers is too large")
    matrix = jacobian_fwd(node.call, np.zeros(a.shape)).reshape(m, n)
    rest = np.asarray(node.call(np.zeros(a.shape)), float).reshape(-1)
    row, col = np.nonzero(matrix)
    weights = constant(matrix[row, col])
    terms = elementwise(np.multiply, [Pair(weights), _taken_pair(a, col)])
    y = reduced("add", [(terms.array, row)], m)
    if rest.any():
        y = each("add", y, constant(rest))
    return Pair(y, slots.summed(terms.tangent, row, m))


_STEPS = {
    np.where: _where,
    np.sum: _sum,
    UfuncMethod(np.add, "reduce"): _sum,
    np.mean: _mean,
    np.var: _variance,
    np.std: _deviation,
    np.max: _extreme("maximum"),
    np.min: _extreme("minimum"),
    np.amax: _extreme("maximum"),
    np.amin: _extreme("minimum"),
    UfuncMethod(np.maximum, "reduce"): _extreme("maximum"),
    UfuncMethod(np.minimum, "reduce"): _extreme("minimum"),
    np.any: _any_all("any"),
    np.all: _any_all("all"),
    np.matmul: _matmul,
    np.dot: _matmul,
    np.linalg.matmul: _matmul,
    np.einsum: _einsum,
    np.outer: _outer,
    np.inner: _inner,
    np.vdot: _inner,
    np.cross: _cross,
    np.linalg.norm: _norm,
    np.clip: _clip,
    np.zeros_like: _fixed,
    np.ones_like: _fixed,
    np.empty_like: _fixed,
    np.astype: _typed,
}
