"""Operands: what arrives beside a Dual, as a Dual, an ndarray or a number."""

import numpy as np

from dualmc.duals import elements, levels, subclasses
from dualmc.duals.dual import Dual

# What operands are made of; whatever else arrives beside a Dual is looked at in `subclasses.py`.
OPERANDS = subclasses.OPERANDS | {Dual}


def as_operand(a):
    """Anything a user may combine with a Dual, as a Dual, an ndarray or a number."""
    kind = type(a)
    if kind is Dual or kind is float or kind is int:
        return a
    if kind is np.ndarray:
        return from_objects(a) if a.dtype == object else a
    if issubclass(type(a), (list, tuple)):
        return from_sequence(a)
    if kind not in OPERANDS:
        if kind is elements.Number:
            return a.carrier
        subclasses.check(a)
        if issubclass(type(a), np.ndarray):
            return as_operand(a.view(np.ndarray))
        if elements.is_labelled(a):
            return as_operand(a.to_numpy())
    return a


def has_dual(a):
    """Whether a nest of lists and tuples, or an object array, holds a Dual."""
    if type(a) is Dual:
        return True
    if issubclass(type(a), (list, tuple)):
        return any(has_dual(item) for item in a)
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        return any(type(elements.opened(item)) is Dual for item in np.asarray(a).flat)
    return type(a) is elements.Number and type(a.carrier) is Dual


# Functions that join a list if they can, and else return None: `steps/lists.py` has one.
SHORT_JOINS: list = []


def from_sequence(items):
    """What ``np.array(items)`` would be, as a Dual if any entry is one."""
    for join in SHORT_JOINS:
        y = join(items)
        if y is not None:
            return y
    if not has_dual(items):
        subclasses.check(items)
        return np.asarray(items)
    parts = [_in_an_array(as_operand(item)) for item in items]
    shapes = {part.shape if type(part) is Dual else np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"A list of arrays of shapes {sorted(shapes, key=str)} has no common shape; "
            f"use numpy.concatenate to join them."
        )
    return np.stack(parts)


def _in_an_array(a):
    """`a` as an item of an array: a Python float (`weak.py`) is a float64 there."""
    dtype = getattr(a, "dtype", None)
    return a if dtype is None or dtype.metadata is None else a.astype(np.float64)


def has_tangent(a):
    """Whether `a`, or an entry of a nest of lists, is a Dual with a tangent at any level."""
    if issubclass(type(a), (list, tuple)):
        return any(has_tangent(item) for item in a)
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        return any(has_tangent(item) for item in a.flat)
    while type(a) is Dual:
        if a.own_tangent() is not None:
            return True
        a = a.primal
    return False


def from_objects(a):
    """An object array of Duals and numbers, as one Dual."""
    if not has_dual(a):
        return a
    a = elements.opened_array(a)
    return np.reshape(np.stack([as_operand(item) for item in a.flat]), a.shape)


def level_of(*args):
    """The innermost open level among Duals in `args` (nests of lists and tuples included)."""
    found = []
    _collect_levels(args, found)
    top = levels.innermost(found, args)
    for level in found:
        if not level.open:
            raise levels.finished(next((a for a in args if getattr(a, "level", 0) is level), None))
    return top


def _collect_levels(args, found):
    for a in args:
        if type(a) is Dual:
            found.append(a.level)
        elif issubclass(type(a), (list, tuple)):
            _collect_levels(a, found)


def primal_at(a, level):
    """`a` as the functions of `level` see it: primals of its Duals, everything else as it is."""
    if type(a) is Dual:
        return a.primal if a.level is level else a
    if type(a) is list or type(a) is tuple:
        return type(a)(primal_at(item, level) for item in a)
    return a


def tangent_at(a, level):
    """The tangent of `a` at `level`, or None for constants."""
    if type(a) is Dual and a.level is level:
        return a.own_tangent()
    return None
