"""Arrays of a program: which arithmetic makes them, and where each element comes from.

A `Leaf` is a vector that is given, constant, computed element by element, or summed up.  An `Array`
is a wiring of leaves: element e of it is element ``index[e]`` of leaf ``which[e]``.  Whatever only
moves elements (slices, concatenations, writes, transposes) therefore costs nothing when the
program runs: it was composed when the program was made.
"""

import itertools
import math

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from dualmc.replay.arithmetic.launches import by_element, special_loop
from dualmc.replay.arithmetic.scalars import SCALARS, UFUNCS, is_whole_or_half, whole_or_half
from dualmc.replay.recording.program import NotReplayable

_serials = itertools.count()


class Leaf:
    """A vector of the program.

    kind: "input" (number `op`), "const" (`data`), "each" (`op` of `operands`, element by element),
    "reduce" (`op` in add, maximum, minimum; `operands` are pairs of an Array and the position of
    each of its elements in the result), "product" (a matrix product of two Arrays), "launch" (what
    the loop of a ufunc makes of `operands`, as the `Launch` `op` says), "call" (what the `Call`
    `op` makes of them, run by NumPy).  `derived`: the `Derived` partial that made
    it, its arguments and the output: it knows its derivatives better than its arithmetic does.
    """

    __slots__ = ("kind", "size", "op", "operands", "data", "is_bool", "serial", "copied", "derived")

    def __init__(self, kind, size, op=None, operands=(), data=None, is_bool=False):
        self.kind = kind
        self.size = size
        self.op = op
        self.operands = operands
        self.data = data
        self.is_bool = is_bool
        self.serial = next(_serials)
        self.copied = None
        self.derived = None

    @property
    def arrays(self):
        """The operands, without their positions."""
        return [a for a, _ in self.operands] if self.kind == "reduce" else self.operands


class Array(NDArrayOperatorsMixin):
    """A wiring of leaves in a shape.  Arithmetic on it makes leaves; constants are folded."""

    __slots__ = ("shape", "size", "leaves", "which", "index", "_const")

    def __init__(self, shape, leaves, which=None, index=None):
        self.shape = shape
        self.size = math.prod(shape)
        self.leaves = leaves
        self.which = which  # None: one leaf
        self.index = index  # None: the leaf as it is
        self._const = False

    @property
    def is_bool(self):
        return self.leaves[0].is_bool

    @property
    def const(self):
        """The flat values if they are constant, else None."""
        if self._const is False:
            self._const = None
            if all(leaf.kind == "const" for leaf in self.leaves):
                self._const = self._gathered()
        return self._const

    def _gathered(self):
        if self.which is None:
            data = self.leaves[0].data
            return data if self.index is None else data[self.index]
        out = np.empty(self.size, self.leaves[0].data.dtype)
        for number, leaf in enumerate(self.leaves):
            here = self.which == number
            out[here] = leaf.data[self.index[here]]
        return out

    def wires(self):
        """`which` and `index` as arrays."""
        which = np.zeros(self.size, np.int64) if self.which is None else self.which
        return which, np.arange(self.size) if self.index is None else self.index

    def constants(self):
        """Positions of the elements that are constant, and their values as floats."""
        which, index = self.wires()
        at, values = [np.zeros(0, np.int64)], [np.zeros(0)]
        for number, leaf in enumerate(self.leaves):
            if leaf.kind == "const":
                at.append(np.flatnonzero(which == number))
                values.append(leaf.data[index[at[-1]]])
        return np.concatenate(at), np.concatenate(values)

    def reshape(self, shape):
        out = Array(shape, self.leaves, self.which, self.index)
        out._const = self._const
        return out

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        name = UFUNCS.get(ufunc)
        if method != "__call__" or options:
            raise NotReplayable(f"{ufunc.__name__} has no replayed form")
        if name is None:
            return launched(ufunc, inputs)
        return name(*inputs) if callable(name) else each(name, *inputs)

    def __array_function__(self, function, types, args, options):
        if function is not np.where or options or len(args) != 3:
            raise NotReplayable(f"numpy.{function.__name__} has no replayed form")
        return each("select", *args)

    def __bool__(self):
        raise NotReplayable("a derivative rule decides by a value")

    def __array__(self, dtype=None, copy=None):
        raise NotReplayable("a derivative rule asks for numbers")


def constant(values, shape=None):
    """A constant array."""
    values = np.asarray(values)
    if values.dtype.kind not in "fbiu":
        raise NotReplayable(f"a derivative rule has numbers of dtype {values.dtype}")
    shape = values.shape if shape is None else shape
    is_bool = values.dtype.kind == "b"
    data = np.ascontiguousarray(values, bool if is_bool else np.float64).reshape(-1)
    return Array(shape, (Leaf("const", data.size, data=data, is_bool=is_bool),))


def given(number, shape):
    """Argument `number` of the program."""
    return Array(shape, (Leaf("input", math.prod(shape), number),))


def as_array(a):
    return a if type(a) is Array else constant(a)


def needed_leaves(arrays, behind=lambda leaf: leaf.arrays):
    """The leaves that `arrays` are made of, in the order in which they were made; `behind` a leaf
    are the arrays that it needs.
    """
    seen: dict = {}
    stack = [leaf for a in arrays for leaf in a.leaves]
    while stack:
        leaf = stack.pop()
        if leaf.serial not in seen:
            seen[leaf.serial] = leaf
            stack.extend(inner for a in behind(leaf) for inner in a.leaves)
    return [seen[serial] for serial in sorted(seen)]


# --- Arithmetic ----------------------------------------------------------------------------------


def each(op, *operands):
    """`op` element by element, operands broadcast."""
    operands = [as_array(a) for a in operands]
    scalar = SCALARS[op]
    operands = [_typed(a, kind) for a, kind in zip(operands, scalar.takes, strict=True)]
    if all(a.const is not None for a in operands):
        with np.errstate(all="ignore"):
            shape = common_shape(operands)
            values = scalar.numpy(*(a.const.reshape(a.shape) for a in operands))
        return constant(np.broadcast_to(values, shape))
    found = _simplified(op, *operands)
    if found is not None:
        return found
    shape = common_shape(operands)
    operands = tuple(broadcast(a, shape) for a in operands)
    size = math.prod(shape)
    leaf = Leaf("each", size, op, operands, is_bool=scalar.gives == "b")
    return Array(shape, (leaf,))


def common_shape(arrays):
    """The shape to which `arrays` are broadcast."""
    shape = arrays[0].shape
    if all(a.shape == shape for a in arrays):
        return shape
    return np.broadcast_shapes(*(a.shape for a in arrays))


def _typed(a, kind):
    """`a` as numbers ("f") or truth values ("b"); "?" takes either."""
    if kind == "f" and a.is_bool:
        return each("number", a)
    if kind == "b" and not a.is_bool:
        return each("truth", a)
    return a


def _all(a, value):
    const = a.const
    return const is not None and a.size > 0 and const[0] == value and bool((const == value).all())


def launched(ufunc, operands):
    """A ufunc of scipy.special element by element, operands broadcast, by its own loop."""
    kinds = [np.dtype(float) if type(a) is Array else _kind(a) for a in operands]
    loop = special_loop(ufunc, kinds)
    if loop is None:
        raise NotReplayable(f"{ufunc.__name__} has no replayed form")
    operands = [_typed(as_array(a), "f") for a in operands]
    shape = np.broadcast_shapes(*(a.shape for a in operands))
    if all(a.const is not None for a in operands):
        with np.errstate(all="ignore"):
            values = ufunc(*(a.const.reshape(a.shape) for a in operands))
        return constant(np.broadcast_to(values, shape))
    size = math.prod(shape)
    operands = tuple(broadcast(a, shape) for a in operands)
    return Array(shape, (Leaf("launch", size, by_element(loop, size), operands),))


def _kind(a):
    return type(a) if type(a) in (int, float) else np.asarray(a).dtype


def by_partial(partial, args, y):
    """``partial(*args, y)``, a `Derived` partial of y = f(args), which its leaf remembers."""
    whole = [broadcast(a, y.shape) for a in args]
    last = next(_serials)
    found = as_array(partial(*args, y))
    leaf = found.leaves[0]
    is_own = leaf.kind in ("each", "launch") and leaf.serial > last
    if found.which is None and found.index is None and is_own:
        leaf.derived = partial, whole, y
    return found


def strong(op, *operands):
    """`each` of tangents, where a constant 0 stays 0 whatever it is multiplied by.

    Not so for values: 0 * inf is NaN, which f may see.
    """
    a, b = map(as_array, operands[:2])
    shape = common_shape((a, b))
    if op == "multiply" and (_all(a, 0.0) or _all(b, 0.0)):
        return constant(np.zeros(shape))
    if op == "add" and (_all(a, 0.0) or _all(b, 0.0)):
        return broadcast(a if _all(b, 0.0) else b, shape)
    return each(op, *operands)


def _simplified(op, a, b=None, c=None):
    """What `op` comes to with constants such as 0 and 1, to the bit; None: nothing simpler."""

    def whole(x):
        return broadcast(x, common_shape((a, b)))

    if op == "multiply":
        for one, other in ((a, b), (b, a)):
            if _all(one, 1.0):
                return whole(other)
            if _all(one, -1.0):
                return each("negative", whole(other))
    elif op in ("add", "subtract"):  # -0 + 0 is 0
        if _all(b, 0.0) and (np.signbit(b.const) == (op == "add")).all():
            return whole(a)
        if op == "add" and _all(a, 0.0) and np.signbit(a.const).all():
            return whole(b)
    elif op == "divide" and _all(b, 1.0):
        return whole(a)
    elif op == "power" and b.const is not None and b.size and (b.const == b.const[0]).all():
        p = float(b.const[0])
        if is_whole_or_half(p):  # products and roots; the machine code rounds them so
            return whole(whole_or_half(a, p))
    elif op == "negative" and a.which is None and a.index is None and a.leaves[0].op == "negative":
        return a.leaves[0].operands[0].reshape(a.shape)
    return None


def reduced(op, parts, size):
    """A vector of `size`: ``out[positions[e]]`` takes in element e of each of the `parts`.

    `parts` are pairs of an Array and positions, an int per element (-1: nowhere).  Elements that no
    other joins are wired through, not added.
    """
    parts = [(a, np.asarray(p).reshape(-1)) for a, p in parts]
    positions = np.concatenate([p for _, p in parts]) if parts else np.zeros(0, np.int64)
    used = positions >= 0
    counts = np.bincount(positions[used], minlength=size)
    if op == "add" and counts.max(initial=0) <= 1:
        source = np.full(size, -1)
        source[positions[used]] = np.flatnonzero(used)
        return routed([a for a, _ in parts], source, (size,))
    leaf = Leaf("reduce", size, op, tuple((as_steps(a), p) for a, p in parts))
    return Array((size,), (leaf,))


def product(a, b, m, p, q):
    """The matrix product (m, p) @ (p, q) of two flat arrays, as a vector of m*q."""
    return Array((m * q,), (Leaf("product", m * q, (m, p, q), (a, b)),))


# --- Wiring --------------------------------------------------------------------------------------


def routed(arrays, source, shape, constants=None):
    """An array whose element e is element ``source[e]`` of all `arrays` one after the other.

    Where the source is -1, it is ``constants[e]`` (0 without constants).
    """
    size = math.prod(shape)
    if len(arrays) == 1:
        (a,) = arrays
        if size == a.size and _is_count(source):
            return a.reshape(shape)
        if size and a.which is None and source.min() >= 0:
            return _of_leaf(shape, a.leaves[0], source if a.index is None else a.index[source])
    leaves, which, index = [], [], []
    for a in arrays:
        w, i = a.wires()
        which.append(w + len(leaves))
        index.append(i)
        leaves.extend(a.leaves)
    is_fixed = source < 0
    if is_fixed.any():
        values = np.zeros(size) if constants is None else np.asarray(constants, float).reshape(-1)
        which.append(np.full(size, len(leaves)))
        index.append(np.arange(size))
        # Truth values among truth values.
        as_bool = bool(arrays) and arrays[0].is_bool
        leaves.append(constant(values.astype(bool) if as_bool else values).leaves[0])
        offset = sum(a.size for a in arrays)
        source = np.where(is_fixed, offset + np.arange(size), source)
    if not leaves:
        return constant(np.zeros(shape))
    which, index = np.concatenate(which)[source], np.concatenate(index)[source]
    return _wired(shape, leaves, which, index)


def _is_count(source):
    return source.size == 0 or source[0] == 0 and bool((source == np.arange(source.size)).all())


def _wired(shape, leaves, which, index):
    # The same leaf under several numbers, or numbers that nothing uses.
    distinct: dict = {}
    number = np.array([distinct.setdefault(id(leaf), k) for k, leaf in enumerate(leaves)])
    which = number[which]
    used = np.flatnonzero(np.bincount(which, minlength=len(leaves)))
    if used.size == 1:
        return _of_leaf(shape, leaves[used[0]], index)
    if used.size == 0:
        return constant(np.zeros(shape))
    rank = np.zeros(len(leaves), np.int64)
    rank[used] = np.arange(used.size)
    kept = tuple(step_of(leaves[k]) for k in used)
    return Array(shape, kept, rank[which], index)


def _of_leaf(shape, leaf, index):
    whole = leaf.size == index.size and _is_count(index)
    return Array(shape, (leaf,), None, None if whole else index)


def step_of(leaf):
    """`leaf` as one that a loop computes, so that its elements can be sent where they belong."""
    if leaf.kind in ("each", "const"):
        return leaf
    if leaf.copied is None:
        leaf.copied = Leaf("each", leaf.size, "copy", (Array((leaf.size,), (leaf,)),))
    return leaf.copied


def as_steps(a):
    """`a` wired to leaves that loops compute."""
    if all(leaf.kind in ("each", "const") for leaf in a.leaves):
        return a
    return Array(a.shape, tuple(map(step_of, a.leaves)), a.which, a.index)


def broadcast(a, shape):
    if a.shape == shape:
        return a
    if math.prod(shape) == a.size:
        return a.reshape(shape)
    if a.const is not None and a.size == 1:
        return constant(np.broadcast_to(a.const.reshape(()), shape))
    positions = np.arange(a.size).reshape(a.shape)
    return routed([a], np.ascontiguousarray(np.broadcast_to(positions, shape)).reshape(-1), shape)


def taken(a, index, shape=None):
    """Elements of `a` at flat positions `index`; -1 gives 0."""
    index = np.asarray(index)
    return routed([a], index.reshape(-1), index.shape if shape is None else shape)
