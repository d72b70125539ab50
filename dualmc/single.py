"""Quick sweeps of one float64 cotangent: the commonest pullbacks with as little Python as possible.

`pullbacks.py` serves every sweep, of many rows, of any dtype, of Duals, with care for zeros; what
it inspects costs more than the arithmetic on small arrays.  Here all steps are float64 and there is
one cotangent: an array of the step's shape, or a number that stands for an array of equal ones.
Large arrays, and steps that have no short way here, take the pullbacks of `pullbacks.py`.
"""

import math

import numpy as np

from dualmc import buffers, pullbacks
from dualmc.quick import QUICK_ALONE, QUICK_PAIRS
from dualmc.sweep import SINGLE, NotQuick, is_finite, unbroadcast

ndarray = np.ndarray
LARGE = buffers.LARGE


def short_for(pull):
    """Decorator: the function below is the short way of the pullback `pull` (None: of any other)."""

    def register(step):
        SINGLE[pull] = step
        return step

    return register


def _add(sweep, parent, part, is_new):
    """Add `part` to the cotangent of `parent`; `is_new` if nothing else looks into it."""
    place = parent.place
    bars = sweep.bars
    have = bars[place]
    if have is None:
        bars[place] = part
        sweep.owned[place] = is_new
    elif type(have) is ndarray and sweep.owned[place]:
        have += part
    else:
        bars[place] = have + part
        sweep.owned[place] = True


@short_for(None)
def general(node, bar, sweep):
    """The pullback that serves every sweep."""
    is_owned = sweep.owned[node.place]
    if type(bar) is not ndarray:
        bar, is_owned = np.float64(bar), False
        if node.shape and (node.pull not in pullbacks.UNIFORM):
            bar, is_owned = sweep.full(bar, node), True
    node.pull(node, bar, is_owned, sweep)
    for parent in node.parents:
        if parent is not None and hasattr(sweep.bars[parent.place], "own_tangent"):
            raise NotQuick  # a user's function gave Duals of an outer level for plain numbers


def _is_large(bar, x):
    """Whether a number stands for an array so large that its products take kept buffers."""
    return type(bar) is not ndarray and type(x) is ndarray and x.nbytes >= LARGE


def _reduced(part, shape, parent):
    """`part`, of an array of `shape`, summed for the `parent` that was repeated along it."""
    if type(part) is ndarray:
        return unbroadcast(part, parent.shape, ())
    return part * (math.prod(shape) / max(1, math.prod(parent.shape)))


@short_for(pullbacks.pull_scaled)
def scaled(node, bar, sweep):
    shape, parents = node.shape, node.parents
    for parent, c in zip(parents, node.data):  # noqa: B905
        if c == 1.0:
            part = bar
            is_new = len(parents) == 1 and sweep.owned[node.place]
        else:
            part, is_new = -bar if c == -1.0 else bar * c, True
        if parent.shape != shape:
            part, is_new = _reduced(part, shape, parent), True
        _add(sweep, parent, part, is_new)


@short_for(pullbacks.pull_multiplied)
def multiplied(node, bar, sweep):
    b, a = node.data
    if _is_large(bar, a):
        return general(node, bar, sweep)
    t, u = node.parents
    _add(sweep, t, bar * b, True)
    _add(sweep, u, bar * a, True)


@short_for(pullbacks.pull_times)
def times(node, bar, sweep):
    factors, _ = node.data
    shape = node.shape
    if type(bar) is not ndarray and shape and any(f.shape != shape for f in factors):
        bar = sweep.full(np.float64(bar), node)
    elif _is_large(bar, factors[0]):
        return general(node, bar, sweep)
    for parent, factor in zip(node.parents, factors):  # noqa: B905
        if parent.shape == shape:
            part = bar * factor
        elif not parent.shape and type(bar) is ndarray and factor.shape == shape:
            part = bar.reshape(-1).dot(factor.reshape(-1))
        else:
            part = unbroadcast(bar * factor, parent.shape, ())
        _add(sweep, parent, part, True)


@short_for(pullbacks.pull_unary)
def unary(node, bar, sweep):
    rule, x, y = node.data
    if rule.quick is None or _is_large(bar, y):
        return general(node, bar, sweep)
    _add(sweep, node.parents[0], rule.quick.small(bar, x, y), True)


@short_for(pullbacks.pull_elementwise)
def elementwise(node, bar, sweep):
    function, _, _, primals, y, argnums = node.data
    quick = (QUICK_ALONE if len(argnums) == 1 else QUICK_PAIRS).get(function)
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
        _add(sweep, parent, part, True)


@short_for(pullbacks.pull_slice)
def part(node, bar, sweep):
    (parent,) = node.parents
    key = node.data
    place = parent.place
    have = sweep.bars[place]
    if type(have) is ndarray and sweep.owned[place]:
        if node.shape or key[-1] is not Ellipsis:
            view = have[key]
            view += bar
        else:  # one number
            have[key[:-1]] += bar
        return
    whole = np.zeros(parent.shape)
    whole[key] = bar
    if have is not None:
        whole += have
    sweep.bars[place] = whole
    sweep.owned[place] = True


@short_for(pullbacks.pull_reshaped)
def reshaped(node, bar, sweep):
    (parent,) = node.parents
    if type(bar) is ndarray:
        bar = bar.reshape(parent.shape)
    _add(sweep, parent, bar, sweep.owned[node.place])


@short_for(pullbacks.pull_broadcast)
def broadcast(node, bar, sweep):
    (parent,) = node.parents
    _add(sweep, parent, _reduced(bar, node.shape, parent), True)


@short_for(pullbacks.pull_parts)
def parts(node, bar, sweep):
    is_array = type(bar) is ndarray
    is_owned = is_array and sweep.owned[node.place]
    for parent, key in zip(node.parents, node.data):  # noqa: B905
        _add(sweep, parent, bar[key] if is_array else bar, is_owned)


@short_for(pullbacks.pull_sum)
def spread(node, bar, sweep):
    (parent,) = node.parents
    if type(bar) is not ndarray:
        _add(sweep, parent, bar, False)
        return
    shape, axes = parent.shape, node.data
    ndim = len(shape)
    if len(axes) == 1 and bar.ndim < ndim:
        axis = axes[0]
        wide = bar[..., None] if axis == -1 else np.expand_dims(bar, axis)
    else:
        wide = bar.reshape([1 if i - ndim in axes else n for i, n in enumerate(shape)])
    whole = np.empty(shape)
    whole[...] = wide
    _add(sweep, parent, whole, True)


@short_for(pullbacks.pull_running_sum)
def running_sum(node, bar, sweep):
    if type(bar) is not ndarray or bar.ndim != 1:
        return general(node, bar, sweep)
    _add(sweep, node.parents[0], np.add.accumulate(bar[::-1])[::-1], True)


@short_for(pullbacks.pull_matmul)
def product(node, bar, sweep):
    a, b, shape_a, shape_b, _ = node.data
    t, u = node.parents
    kind = len(shape_a), len(shape_b)
    if kind == (1, 1):
        if t is not None:
            _add(sweep, t, bar * b, True)
        if u is not None:
            _add(sweep, u, bar * a, True)
        return
    step = _PRODUCTS.get(kind)
    if step is None:
        return general(node, bar, sweep)
    if type(bar) is not ndarray:
        bar = sweep.full(np.float64(bar), node)
    if t is not None:
        _add(sweep, t, step[0](bar, b), True)
    if u is not None:
        _add(sweep, u, step[1](bar, a), True)


# By the numbers of dimensions: the cotangents of both operands.
_PRODUCTS = {
    (2, 1): (lambda bar, b: bar[:, None] * b, lambda bar, a: bar.dot(a)),
    (1, 2): (lambda bar, b: b.dot(bar), lambda bar, a: a[:, None] * bar),
    (2, 2): (lambda bar, b: bar.dot(b.T), lambda bar, a: a.T.dot(bar)),
}
