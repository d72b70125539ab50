"""Steps that bring axes down to one number each: sums, means, extremes, norms."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dualmc.graph.nodes import UfuncMethod, fill, name_of_function
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import constant, each, reduced, taken
from dualmc.replay.arithmetic.elementwise import elementwise
from dualmc.replay.arithmetic.pairs import Pair
from dualmc.replay.recording.program import NotReplayable


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


def _axes(a, axis):
    return tuple(range(len(a.shape))) if axis is None else normalize_axis_tuple(axis, len(a.shape))


_REDUCTION = ("axis", "dtype", "out", "keepdims", "initial", "where")


def _options(node, operands, *names, **known):
    """The arguments of a reduction: the array and its options, those not in `known` refused."""
    args = [fill(a, operands) for a in node.args]
    given = dict(zip(names, args[1:], strict=False)) | node.options
    for name, value in given.items():
        if name not in known and value is not None and value is not np._NoValue:
            is_plain = name == "where" and value is True or name == "dtype" and value == np.float64
            if not is_plain:
                raise NotReplayable(f"{name_of_function(node.function)} with {name}")
    out = {name: given.get(name, default) for name, default in known.items()}
    a = args[0]
    if type(a) is not Pair:
        raise NotReplayable(f"{name_of_function(node.function)} of a list")
    if any(type(v) is Pair for v in out.values()):
        raise NotReplayable(f"{name_of_function(node.function)} with options that vary")
    return a, out


def _sum(node, operands):
    is_ufunc = isinstance(node.function, UfuncMethod)
    a, options = _options(node, operands, *_REDUCTION, axis=0 if is_ufunc else None, keepdims=False)
    return sum_over(a.numbers(), _axes(a, options["axis"]))


def _mean(node, operands):
    a, options = _options(
        node, operands, "axis", "dtype", "out", "keepdims", axis=None, keepdims=False
    )
    return _mean_over(a.numbers(), _axes(a, options["axis"]))


def _mean_over(pair, axes):
    return _divided(sum_over(pair, axes), math.prod(pair.shape[i] for i in axes))


def _divided(pair, count):
    return elementwise(np.divide, [pair, Pair(constant(np.float64(count)))])


def _variance(node, operands):
    a, options = _options(
        node, operands, "axis", "dtype", "out", "ddof", "keepdims",
        axis=None, ddof=0, keepdims=False,
    )  # fmt: skip
    axes = _axes(a, options["axis"])
    count = math.prod(a.shape[i] for i in axes)
    centre = _mean_over(a, axes).reshape(
        tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    )
    off = elementwise(np.square, [elementwise(np.subtract, [a, centre])])
    return _divided(sum_over(off, axes), count - options["ddof"])


def _deviation(node, operands):
    return elementwise(np.sqrt, [_variance(node, operands)])


def _norm(node, operands):
    a, options = _options(node, operands, "ord", "axis", "keepdims", ord=None, axis=None,
                          keepdims=False)  # fmt: skip
    order, axis = options["ord"], options["axis"]
    is_plain = order is None or order == 2 and (len(a.shape) == 1 or issubclass(type(axis), int))
    if not is_plain:
        raise NotReplayable("a norm of this order")
    total = sum_over(elementwise(np.square, [a]), _axes(a, axis))
    return elementwise(np.sqrt, [total])


def _extreme(op):
    def handler(node, operands):
        is_ufunc = isinstance(node.function, UfuncMethod)
        a, options = _options(
            node, operands, *(_REDUCTION if is_ufunc else ("axis", "out", "keepdims")),
            axis=0 if is_ufunc else None, keepdims=False,
        )  # fmt: skip
        axes = _axes(a, options["axis"])
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
        axes = _axes(a, options["axis"])
        target, shape = _targets(a.shape, axes)
        y = reduced("add", [(each("number", a.array), target)], math.prod(shape)).reshape(shape)
        full = float(a.array.size // max(1, y.size))
        return Pair(each("greater", y, 0.0) if op == "any" else each("equal", y, full))

    return handler


STEPS = {
    np.sum: _sum,
    UfuncMethod(np.add, "reduce"): _sum,
    np.mean: _mean,
    np.var: _variance,
    np.std: _deviation,
    np.linalg.norm: _norm,
    np.max: _extreme("maximum"),
    np.min: _extreme("minimum"),
    np.amax: _extreme("maximum"),
    np.amin: _extreme("minimum"),
    UfuncMethod(np.maximum, "reduce"): _extreme("maximum"),
    UfuncMethod(np.minimum, "reduce"): _extreme("minimum"),
    np.any: _any_all("any"),
    np.all: _any_all("all"),
}
