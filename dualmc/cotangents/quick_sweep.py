"""Quick sweeps of one float64 cotangent: the commonest pullbacks with as little Python as possible.

The pullbacks serve every sweep, of many rows, of any dtype, of Duals, with care for zeros; what
they inspect costs more than the arithmetic on small arrays.  Here all steps are float64 and there
is one cotangent: an array of the step's shape, or a number that stands for an array of equal ones.
Large arrays, and steps that have no short way here, take the pullbacks themselves.

Steps are numbered as they are recorded, so that all that was made of one has been swept before it
is met on the way down the numbers: what does not reach the output has no cotangent and is passed.
"""

import math

import numpy as np

from dualmc.cotangents import elementwise, moves, sums
from dualmc.cotangents.quick_partials import QUICK_ALONE, QUICK_PAIRS
from dualmc.cotangents.sweep import PLAIN, UNIFORM, NotQuick, Sweep, is_finite, summed, unbroadcast
from dualmc.errors import forget
from dualmc.kernels import buffers
from dualmc.kernels.quiet import quiet

FLOAT64 = np.dtype(np.float64)
ndarray = np.ndarray
LARGE = buffers.LARGE


class SingleSweep(Sweep):
    """The cotangents on the way back, by the serials of the Vars."""

    __slots__ = ("known", "nodes", "own")

    def __init__(self):
        self.width = FLOAT64
        self.lead = ()
        self.is_careful = False
        self.identity = self.first = None
        self.known = {}  # the cotangents so far
        self.nodes = {}  # the Vars that have one
        self.own = set()  # those whose cotangent, an array, may be written in place

    def add(self, var, bar, owned):
        if not issubclass(type(bar), PLAIN):
            raise NotQuick  # a user's function gave Duals of an outer level for plain numbers
        bar = self.fit(bar, var.dtype)
        have = self.known.get(var.serial)
        if have is None:
            _put(self, var, bar, owned)
        elif var.serial in self.own and self._fits(bar, have):
            np.add(have, bar, have)
        else:
            _put(self, var, summed(have, bar), True)

    def has(self, var):
        return var.serial in self.known

    def buffer(self, var, dtype):
        have = self.known.get(var.serial)
        if have is None:
            have = buffers.zeros(var.shape, FLOAT64)
        elif var.serial in self.own and have.flags.c_contiguous:
            return have
        else:
            have = np.array(np.broadcast_to(have, var.shape), order="C")
        _put(self, var, have, True)
        return have

    def in_place(self, var, bar):
        return issubclass(type(bar), PLAIN)


def _put(sweep, var, bar, owned):
    """Let `bar` be the cotangent of `var`."""
    serial = var.serial
    sweep.known[serial] = bar
    sweep.nodes[serial] = var
    if owned and type(bar) is ndarray and bar.shape == var.shape:
        sweep.own.add(serial)
    else:
        sweep.own.discard(serial)


def pulled(output, bar, inputs):
    """Sweep the cotangent `bar` of `output` down to `inputs`: an array for each, all their own.

    None where a result is not finite; `NotImplemented` where a step is not of float64 numbers.
    """
    sweep = SingleSweep()
    known, nodes = sweep.known, sweep.nodes
    latest = oldest = output.serial
    known[latest] = bar
    nodes[latest] = output
    for var in inputs:
        if var.dtype is not FLOAT64:
            return NotImplemented
        oldest = min(oldest, var.serial)
    try:
        with quiet():
            # The numbers between are those of others: dead ends, other calls, other threads.
            for node in filter(None, map(nodes.get, range(latest, oldest, -1))):
                if node.dtype is not FLOAT64:
                    return NotImplemented
                pull = node.pull
                if pull is None:  # an input
                    continue
                bar = known.pop(node.serial)
                step = _STEPS.get(pull)
                if step is None or type(bar) is ndarray and bar.nbytes >= LARGE:
                    _general(node, bar, sweep)
                    continue
                part = step(node, bar, sweep)
                if part is not None:
                    parent = node.parents[0]
                    serial = parent.serial
                    if serial in known:
                        known[serial] = known[serial] + part
                    else:
                        known[serial] = part
                        nodes[serial] = parent
            return [_result(known.get(var.serial), var, sweep) for var in inputs]
    except Exception as error:  # of what a NaN met; a careful sweep meets none, or the same again
        forget(error)
        return None


_ZERO = np.zeros(())


def _result(bar, var, sweep):
    if bar is None:
        return np.zeros(var.shape, var.dtype)
    if type(bar) is not ndarray:
        bar = np.full(var.shape, bar)
    if bar.ndim == 1 and bar.nbytes < LARGE:
        if not bar.dot(bar) < math.inf:
            raise NotQuick
    elif not is_finite(bar):
        raise NotQuick
    # No -0 among the results, which share memory with nothing.
    is_ours = var.serial in sweep.own and (bar.nbytes < LARGE or buffers.is_tight(bar))
    return np.add(bar, _ZERO, bar if is_ours else np.empty(var.shape))


def _add(sweep, parent, part):
    """Add `part` to the cotangent of `parent`."""
    known = sweep.known
    serial = parent.serial
    if serial in known:
        known[serial] = known[serial] + part
    else:
        known[serial] = part
        sweep.nodes[serial] = parent


def _general(node, bar, sweep):
    """The pullback that serves every sweep."""
    is_owned = node.serial in sweep.own
    if type(bar) is not ndarray:
        bar, is_owned = np.float64(bar), False
        if node.shape and node.pull not in UNIFORM:
            bar, is_owned = sweep.full(bar, node), True
    node.pull(node, bar, is_owned, sweep)


def _is_large(bar, x):
    """Whether a number stands for an array so large that its products take kept buffers."""
    return type(bar) is not ndarray and type(x) is ndarray and x.nbytes >= LARGE


def _reduced(part, shape, parent):
    """`part`, of an array of `shape`, summed for the `parent` that was repeated along it."""
    if type(part) is ndarray:
        return unbroadcast(part, parent.shape, ()) if parent.shape else np.add.reduce(part, None)
    return part * (math.prod(shape) / max(1, math.prod(parent.shape)))


# --- The steps: each returns what its first parent gets, if it has not added that itself ----------


def _scaled(node, bar, sweep):
    shape = node.shape
    first = None
    for parent, c in zip(node.parents, node.data):  # noqa: B905
        part = bar if parent.shape == shape else _reduced(bar, shape, parent)
        part = part if c == 1.0 else -part if c == -1.0 else part * c
        if first is None:
            first = part
        else:
            _add(sweep, parent, part)
    return first


def _multiplied(node, bar, sweep):
    b, a = node.data
    if type(bar) is not ndarray and _is_large(bar, a):
        return _general(node, bar, sweep)
    _add(sweep, node.parents[1], a * bar)
    return b * bar


def _times(node, bar, sweep):
    factors = node.data[0]
    shape = node.shape
    if type(bar) is not ndarray:
        if shape and any(f.shape != shape for f in factors):
            bar = sweep.full(np.float64(bar), node)
        elif _is_large(bar, factors[0]):
            return _general(node, bar, sweep)
    for parent, factor in zip(node.parents, factors):  # noqa: B905
        if parent.shape == shape:
            part = factor * bar
        elif not parent.shape and type(bar) is ndarray and factor.shape == shape:
            part = bar.reshape(-1).dot(factor.reshape(-1))
        else:
            part = unbroadcast(factor * bar, parent.shape, ())
        _add(sweep, parent, part)


def _unary(node, bar, sweep):
    rule, x, y = node.data
    if rule.small is not None and (type(bar) is ndarray or not _is_large(bar, y)):
        return rule.small(bar, x, y)
    if type(bar) is ndarray and x.ndim and x.flags.c_contiguous and y.flags.c_contiguous:
        part = np.empty((1, x.size))
        rule.kernel(x.reshape(-1), y.reshape(-1), bar.reshape(1, -1), part)
        return part.reshape(node.shape)
    return _general(node, bar, sweep)


def _elementwise(node, bar, sweep):
    function, _, _, primals, y, argnums = node.data
    quick = (QUICK_ALONE if len(argnums) == 1 else QUICK_PAIRS).get(function)
    if quick is None or _is_large(bar, y) or function is not np.divide and not is_finite(y):
        return _general(node, bar, sweep)
    shape = node.shape
    if shape and type(bar) is not ndarray:
        bar = sweep.full(np.float64(bar), node)
    for parent, i in zip(node.parents, argnums):  # noqa: B905
        if parent.shape == shape:
            part = quick[i](bar, *primals, y)
        elif function is np.divide and i == 1:  # one divisor for all terms of the sum
            part = unbroadcast(bar * y, parent.shape, ()) / -primals[1]
        else:
            part = unbroadcast(quick[i](bar, *primals, y), parent.shape, ())
        _add(sweep, parent, part)


def _part(node, bar, sweep):
    parent = node.parents[0]
    serial = parent.serial
    known, own = sweep.known, sweep.own
    have = known.get(serial)
    if have is None or serial not in own:
        whole = np.zeros(parent.shape)
        whole[node.data] = bar
        own.add(serial)
        if have is not None:
            np.add(whole, have, whole)
        known[serial] = whole
        sweep.nodes[serial] = parent
    elif node.shape:
        view = have[node.data]
        np.add(view, bar, view)
    else:
        have[node.data] += bar


def _view(node, bar, sweep):
    parent = node.parents[0]
    shape = parent.shape
    if parent.serial in sweep.known or type(bar) is not ndarray or bar.size != math.prod(shape):
        return _general(node, bar, sweep)
    whole = np.empty(shape)
    seen = node.data(whole[None])
    if not moves.is_same_memory(seen, whole):
        return _general(node, bar, sweep)
    seen[...] = bar  # every element is written
    _put(sweep, parent, whole, True)


def _reshaped(node, bar, sweep):
    return bar.reshape(node.parents[0].shape) if type(bar) is ndarray else bar


def _transposed(node, bar, sweep):
    return bar.transpose(node.data) if type(bar) is ndarray else bar


def _chosen(node, bar, sweep):
    t, u = node.parents
    if type(bar) is not ndarray and 8 * math.prod(node.shape) >= LARGE:
        return _general(node, bar, sweep)
    if t is not None:
        _add(sweep, t, unbroadcast(np.where(node.data, bar, 0.0), t.shape, ()))
    if u is not None:
        _add(sweep, u, unbroadcast(np.where(node.data, 0.0, bar), u.shape, ()))


def _broadcast(node, bar, sweep):
    return _reduced(bar, node.shape, node.parents[0])


def _parts(node, bar, sweep):
    is_array = type(bar) is ndarray
    for parent, key in zip(node.parents, node.data):  # noqa: B905
        _add(sweep, parent, bar[key] if is_array else bar)


def _spread(node, bar, sweep):
    if type(bar) is not ndarray:
        return bar
    shape, axes = node.parents[0].shape, node.data
    if 8 * math.prod(shape) >= LARGE:
        return _general(node, bar, sweep)
    ndim = len(shape)
    if bar.ndim < ndim:
        bar = bar.reshape([1 if i - ndim in axes else n for i, n in enumerate(shape)])
    whole = np.empty(shape)
    whole[...] = bar
    return whole


def _running_sum(node, bar, sweep):
    if type(bar) is not ndarray or bar.ndim != 1:
        return _general(node, bar, sweep)
    return np.add.accumulate(bar[::-1])[::-1]


def _product(node, bar, sweep):
    a, b, shape_a, shape_b, _ = node.data
    t, u = node.parents
    steps = _PRODUCTS.get((len(shape_a), len(shape_b)))
    if steps is None:
        return _general(node, bar, sweep)
    if node.shape and type(bar) is not ndarray:
        bar = sweep.full(np.float64(bar), node)
    if u is not None:
        _add(sweep, u, steps[1](bar, a))
    return None if t is None else steps[0](bar, b)


# By the numbers of dimensions: the cotangents of both operands.
_PRODUCTS = {
    (1, 1): (lambda bar, b: b * bar, lambda bar, a: a * bar),
    (2, 1): (lambda bar, b: bar[:, None] * b, lambda bar, a: bar.dot(a)),
    (1, 2): (lambda bar, b: b.dot(bar), lambda bar, a: a[:, None] * bar),
    (2, 2): (lambda bar, b: bar.dot(b.T), lambda bar, a: a.T.dot(bar)),
}

# The short way of each pullback that has one.
_STEPS = {
    elementwise.pull_scaled: _scaled,
    elementwise.pull_multiplied: _multiplied,
    elementwise.pull_times: _times,
    elementwise.pull_unary: _unary,
    elementwise.pull_elementwise: _elementwise,
    moves.pull_slice: _part,
    moves.pull_view: _view,
    moves.pull_reshaped: _reshaped,
    moves.pull_transposed: _transposed,
    moves.pull_chosen: _chosen,
    moves.pull_broadcast: _broadcast,
    moves.pull_parts: _parts,
    sums.pull_sum: _spread,
    sums.pull_running_sum: _running_sum,
    sums.pull_matmul: _product,
}
