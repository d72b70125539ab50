"""The steps of a quick sweep: the commonest pullbacks with as little Python as possible.

Each is called with a step of the tape, its cotangent (of a large array only as a number that stands
for equal ones), and the sweep.  It returns what the first parent gets, if it has not added that
itself; what has no short way here takes the pullback that serves every sweep.
"""

import math

import numpy as np

from dualmc.cotangents import elementwise, moves, sums
from dualmc.cotangents.quick_partials import quick_pair
from dualmc.cotangents.single import add_to, general, put
from dualmc.cotangents.sweep import is_finite, unbroadcast
from dualmc.kernels import buffers

ndarray = np.ndarray
LARGE = buffers.LARGE


def _is_large(bar, x):
    """Whether a number stands for an array so large that its products take kept buffers."""
    return type(bar) is not ndarray and type(x) is ndarray and x.nbytes >= LARGE


def _reduced(part, shape, parent):
    """`part`, of an array of `shape`, summed for the `parent` that was repeated along it."""
    if type(part) is ndarray:
        return unbroadcast(part, parent.shape, ()) if parent.shape else np.add.reduce(part, None)
    return part * (math.prod(shape) / max(1, math.prod(parent.shape)))


def _scaled(node, bar, sweep):
    shape, parents = node.shape, node.parents
    if len(parents) == 1 and parents[0].shape == shape:
        (c,) = node.data
        return bar if c == 1.0 else -bar if c == -1.0 else bar * c
    first = None
    for parent, c in zip(parents, node.data):  # noqa: B905
        part = bar if parent.shape == shape else _reduced(bar, shape, parent)
        part = part if c == 1.0 else -part if c == -1.0 else part * c
        if first is None:
            first = part
        else:
            add_to(sweep, parent, part)
    return first


def _multiplied(node, bar, sweep):
    b, a = node.data
    if type(bar) is not ndarray and _is_large(bar, a):
        return general(node, bar, sweep)
    add_to(sweep, node.parents[1], a * bar)
    return b * bar


def _times(node, bar, sweep):
    factors = node.data[0]
    shape = node.shape
    if type(bar) is not ndarray:
        if shape and any(f.shape != shape for f in factors):
            bar = sweep.full(np.float64(bar), node)
        elif _is_large(bar, factors[0]):
            return general(node, bar, sweep)
    for parent, factor in zip(node.parents, factors):  # noqa: B905
        if parent.shape == shape:
            part = factor * bar
        elif not parent.shape and type(bar) is ndarray and factor.shape == shape:
            part = bar.reshape(-1).dot(factor.reshape(-1))
        else:
            part = unbroadcast(factor * bar, parent.shape, ())
        add_to(sweep, parent, part)


def _unary(node, bar, sweep):
    rule, x, y = node.data
    if rule.small is not None and (type(bar) is ndarray or y.nbytes < LARGE):
        return rule.small(bar, x, y)
    if type(bar) is ndarray and x.ndim and x.flags.c_contiguous and y.flags.c_contiguous:
        part = np.empty((1, x.size))
        rule.kernel(x.reshape(-1), y.reshape(-1), bar.reshape(1, -1), part)
        return part.reshape(node.shape)
    return general(node, bar, sweep)


def _elementwise(node, bar, sweep):
    function, _, _, primals, y, argnums = node.data
    quick = quick_pair(function, primals, argnums)
    if quick is None or _is_large(bar, y) or function is not np.divide and not is_finite(y):
        return general(node, bar, sweep)
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
        add_to(sweep, parent, part)


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
        return general(node, bar, sweep)
    whole = np.empty(shape)
    seen = node.data(whole[None])
    if not moves.is_same_memory(seen, whole):
        return general(node, bar, sweep)
    seen[...] = bar  # every element is written
    put(sweep, parent, whole, True)


def _reshaped(node, bar, sweep):
    return bar.reshape(node.parents[0].shape) if type(bar) is ndarray else bar


def _transposed(node, bar, sweep):
    return bar.transpose(node.data) if type(bar) is ndarray else bar


def _chosen(node, bar, sweep):
    t, u = node.parents
    if type(bar) is not ndarray and 8 * math.prod(node.shape) >= LARGE:
        return general(node, bar, sweep)
    if t is not None:
        add_to(sweep, t, unbroadcast(np.where(node.data, bar, 0.0), t.shape, ()))
    if u is not None:
        add_to(sweep, u, unbroadcast(np.where(node.data, 0.0, bar), u.shape, ()))


def _broadcast(node, bar, sweep):
    return _reduced(bar, node.shape, node.parents[0])


def _parts(node, bar, sweep):
    is_array = type(bar) is ndarray
    for parent, key in zip(node.parents, node.data):  # noqa: B905
        add_to(sweep, parent, bar[key] if is_array else bar)


def _spread(node, bar, sweep):
    if type(bar) is not ndarray:
        return bar
    shape, axes = node.parents[0].shape, node.data
    if 8 * math.prod(shape) >= LARGE:
        return general(node, bar, sweep)
    ndim = len(shape)
    if bar.ndim < ndim:
        bar = bar.reshape([1 if i - ndim in axes else n for i, n in enumerate(shape)])
    whole = np.empty(shape)
    whole[...] = bar
    return whole


def _running_sum(node, bar, sweep):
    if type(bar) is not ndarray or bar.ndim != 1:
        return general(node, bar, sweep)
    return np.add.accumulate(bar[::-1])[::-1]


def _product(node, bar, sweep):
    a, b, shape_a, shape_b, _ = node.data
    t, u = node.parents
    steps = _PRODUCTS.get((len(shape_a), len(shape_b)))
    if steps is None:
        return general(node, bar, sweep)
    if node.shape and type(bar) is not ndarray:
        bar = sweep.full(np.float64(bar), node)
    if u is not None:
        add_to(sweep, u, steps[1](bar, a))
    return None if t is None else steps[0](bar, b)


# By the numbers of dimensions: the cotangents of both operands.
_PRODUCTS = {
    (1, 1): (lambda bar, b: b * bar, lambda bar, a: a * bar),
    (2, 1): (lambda bar, b: bar[:, None] * b, lambda bar, a: bar.dot(a)),
    (1, 2): (lambda bar, b: b.dot(bar), lambda bar, a: a[:, None] * bar),
    (2, 2): (lambda bar, b: bar.dot(b.T), lambda bar, a: a.T.dot(bar)),
}

# The short way of each pullback that has one.
STEPS = {
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
