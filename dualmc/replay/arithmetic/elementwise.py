"""Steps that compute element by element, by the rule table."""

import sys

import numpy as np

from dualmc.custom import REGISTERED_RULES
from dualmc.graph.events import has_slot
from dualmc.replay.arithmetic import launches, slots
from dualmc.replay.arithmetic.arrays import as_array, broadcast, by_partial, each
from dualmc.replay.arithmetic.pairs import Pair, filled
from dualmc.replay.arithmetic.scalars import UFUNCS
from dualmc.replay.recording.program import NotReplayable
from dualmc.rules import registry
from dualmc.rules.derived import Derived
from dualmc.rules.table import RULES


def elementwise(ufunc, args, is_flat=False):
    """`ufunc` by its rule."""
    is_special = ufunc not in UFUNCS
    if is_special and not launches.is_special(ufunc):
        raise NotReplayable(f"{ufunc.__name__} has no replayed form")
    arrays = [a.array for a in args]
    y = ufunc(*arrays)
    if is_flat or all(a.tangent is None for a in args) or not (is_special or ufunc in RULES):
        return Pair(y)
    active = [i for i, a in enumerate(args) if a.tangent is not None]
    tangents = [a.spread(y.shape) for a in args]
    return Pair(y, by_rule(ufunc, arrays, y, active, tangents))


def by_rule(ufunc, arrays, y, active, tangents):
    """The tangent of y = ufunc(*arrays), by its arguments that are `active`, whose `tangents` are
    spread to its shape."""
    if ufunc not in RULES and not (registry.learn(ufunc) and ufunc in RULES):
        raise NotReplayable(f"{ufunc.__name__} has no rule of partials")
    rule = RULES[ufunc]
    partials = rule.alone if len(active) == 1 and rule.alone is not None else rule.partials
    total = None
    for i in active:
        partial = partials[i]
        if callable(partial):
            partial = partial_of(ufunc, i, partial, arrays, y)
        if not callable(partial) and type(partial) is float and partial == 0.0:
            continue
        factor = broadcast(as_array(partial), y.shape)
        total = slots.added(total, slots.scaled(tangents[i], factor))
    return total


def partial_of(ufunc, i, partial, arrays, y):
    """The partial of y = ufunc(*arrays) by argument `i`, which `partial` of the rule gives."""
    if ufunc in (np.power, np.float_power):
        partial = _POWER[i]
    elif ufunc not in UFUNCS:
        return _special_partial(ufunc, partial, arrays, y)
    return by_partial(partial, arrays, y) if type(partial) is Derived else partial(*arrays, y)


def _special_partial(ufunc, partial, arrays, y):
    """That of a function of scipy.special, whose rule may be no formula, but a series by NumPy."""
    special = sys.modules["scipy.special"]
    try:
        if ufunc is special.psi and ufunc not in REGISTERED_RULES:
            return special._ufuncs._zeta(2.0, arrays[0])  # polygamma(1, x)
        with np.errstate(all="ignore"):
            if type(partial) is Derived:
                return by_partial(partial, arrays, y)
            return as_array(partial(*arrays, y))
    except (TypeError, AttributeError, NotImplementedError, ValueError, IndexError) as problem:
        raise NotReplayable(f"the derivative of {ufunc.__name__} is no formula") from problem


# Where a power has kept its digits; elsewhere NaN, which sends the call the general way.
_TINY, _HUGE = 1e-290, 1e290


def _usable(y, partial):
    size = np.abs(y)
    return np.where((size > _TINY) & (size < _HUGE), partial, np.nan)


def _is_whole_or_half(b):
    """Whether powers to `b` are products and roots, of which derivatives are too."""
    return b.const is not None and (2 * b.const == np.rint(2 * b.const)).all()


def _by_base(a, b, y):
    if _is_whole_or_half(b):
        return b * np.power(a, b - 1.0)
    return _usable(y, b * y / a)


def _by_base_twice(a, b, y, d):
    if _is_whole_or_half(b):  # d may be 0 by underflow where this is not
        return b * (b - 1.0) * np.power(a, b - 2.0)
    return _usable(d, (b - 1.0) * (d / a))


def _mixed(a, b, y, d):
    return _usable(y, (1.0 + b * np.log(a)) * (y / a))


_POWER = (
    Derived(_by_base, _by_base_twice, _mixed),
    Derived(lambda a, b, y: _usable(y, y * np.log(a)), _mixed, lambda a, b, y, d: d * np.log(a)),
)


def _where(node, operands):
    args = [filled(a, operands) for a in node.args]
    if len(args) != 3 or node.options:
        raise NotReplayable("numpy.where with one argument")
    condition, a, b = args
    y = each("select", condition.array, a.array, b.array)
    if a.tangent is None and b.tangent is None:
        return Pair(y)
    c = broadcast(condition.array, y.shape)
    return Pair(y, slots.chosen(c, a.spread(y.shape), b.spread(y.shape)))


def _clip(node, operands):
    names = ("a", "a_min", "a_max")
    given = dict(zip(names, node.args, strict=False)) | node.options
    low = given.pop("a_min", given.pop("min", None))
    high = given.pop("a_max", given.pop("max", None))
    y = filled(given.pop("a"), operands)
    if given:
        raise NotReplayable("clip with options")
    for bound, ufunc in ((low, np.maximum), (high, np.minimum)):
        if bound is not None and bound is not np._NoValue:
            y = elementwise(ufunc, [y, filled(bound, operands)])
    return y


def _finite(node, operands):
    """`numpy.nan_to_num`: of what it fills in the derivative is 0."""
    names = ("x", "copy", "nan", "posinf", "neginf")
    given = dict(zip(names, node.args, strict=False)) | node.options
    x = filled(given["x"], operands)
    if x.array.is_bool or has_slot(tuple(given[name] for name in names[2:] if name in given)):
        raise NotReplayable("nan_to_num of truth values, or with fillings that vary")
    largest = np.finfo(float)
    nan, above, below = (
        other if given.get(name) is None else given[name]
        for name, other in zip(names[2:], (0.0, largest.max, largest.min), strict=True)
    )
    infinite = np.where(np.signbit(x.array), below, above)
    is_kept = np.isfinite(x.array)
    y = np.where(is_kept, x.array, np.where(np.isnan(x.array), nan, infinite))
    return Pair(y, slots.chosen(is_kept, x.tangent, None))


def _typed(node, operands):
    if node.value.dtype not in (np.float64, bool):
        raise NotReplayable(f"astype({node.value.dtype})")
    a = filled(node.args[0], operands)
    if node.value.dtype == bool:
        return Pair(each("truth", a.array))
    return a.numbers()


STEPS = {np.where: _where, np.clip: _clip, np.nan_to_num: _finite, np.astype: _typed}
