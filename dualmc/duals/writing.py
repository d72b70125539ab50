"""Writing to Duals by index; a write to a view is a write to the root, where the view selects."""

import math

import numpy as np

from dualmc.duals import ended, levels
from dualmc.duals.dual import Dual, make_array
from dualmc.duals.operands import as_operand
from dualmc.duals.views import PartView, is_basic, plain_key, positions
from dualmc.errors import TangentLostError
from dualmc.tangents import combining
from dualmc.tangents.structure import content_of, key_of


def set(dual, key, value):
    """``dual[key] = value``, for a root or a view."""
    value = as_operand(value)
    key = plain_key(key)
    if not dual.level.open:
        dual.ended_value()[key] = ended.plain_of(value)
        return
    level = dual.level
    value_level = getattr(value, "level", None)
    if value_level is level:
        if _is_own_view(dual, key, value):
            return  # the second half of dual[key] += ..., already written through the view
    elif value_level is not None and value_level.serial == level.serial:
        levels.innermost((level, value_level))  # an error
    elif value_level is not None and not value_level.open and not levels.is_inside():
        value = value.ended_value()
    elif value_level is not None and value_level.serial > level.serial:
        raise TangentLostError(
            "Cannot store a Dual of an inner derivative call in an array of an outer one. "
            "Allocate the array inside the inner function, e.g. with numpy.zeros_like(dual)."
        )
    if type(dual._view) is PartView:
        dual._view.set(key, value)
        return
    t = None
    if value_level is level:
        t, value = value.own_tangent(), value.primal
    dual.release()
    if type(value) is not np.ndarray:
        _promote(dual, value)
    dual.primal[key] = value
    _write_tangent(dual, key, t)


def _promote(dual, value):
    """Let the array that `dual` is or views hold Duals of an outer call, if `value` is one."""
    level = getattr(value, "level", None)
    if level is None:
        return
    root = dual if dual._view is None else dual._view.root
    # What a tape has kept is the array as it is now, which the write to come must not reach.
    root.release()
    inner = root.primal
    if hasattr(inner, "own_tangent"):
        if level.serial > inner.level.serial:
            root.replace_primal(make_array(inner, None, level))
        elif level.serial < inner.level.serial:
            _promote(inner, value)
    else:
        root.level.check_not_lent(root)
        root.replace_primal(make_array(inner, None, level))


def _is_own_view(dual, key, value):
    """Whether `value` is the view ``dual[key]`` itself."""
    view = value._view
    if view is None or view.root is not dual or view.root_key() is None or not is_basic(key):
        return False
    return view.key == (key if issubclass(type(key), tuple) else (key,))


class Place:
    """Where a write goes: basic indices one after the other, or flat positions in the root."""

    __slots__ = ("shape", "steps", "_positions")

    def __init__(self, shape, steps, where):
        self.shape = shape
        self.steps = steps
        self._positions = where

    def positions(self):
        if self._positions is None:
            where = positions(self.shape)
            for step in self.steps:
                where = where[step]
            self._positions = np.asarray(where)
        return self._positions

    def structure_key(self):
        """What the place is to `structure.py`, or None if it could not tell it apart."""
        if self.steps is None:
            return content_of(self._positions)
        keys = tuple(map(key_of, self.steps))
        return None if None in keys else keys

    def _part(self, a):
        """The rows of `a`, (w, *S), before the last step."""
        for step in self.steps[:-1]:
            a = a[(slice(None), *step)]
        return a

    def write(self, a, new):
        """Set the selected elements of every row of `a`, (w, *S), to `new`, (w, *selected)."""
        if self.steps is not None:
            self._part(a)[(slice(None), *self.steps[-1])] = new
            return
        where = self._positions.reshape(-1)
        new = new if np.ndim(new) == 0 else new.reshape(new.shape[0], where.size)
        a.reshape(a.shape[0], math.prod(self.shape))[:, where] = new

    def read(self, a):
        """A copy of the selected elements of every row of `a`, (w, *S): (w, *selected)."""
        if self.steps is not None:
            return self._part(a)[(slice(None), *self.steps[-1])].copy()
        return a.reshape(a.shape[0], math.prod(self.shape))[:, self._positions]

    def overwritten(self):
        """Where, in a write to repeated positions, a later element took the place; None: nowhere.

        Flat, in the order of the elements written.
        """
        if self.steps is not None:
            return None
        where = self._positions.reshape(-1)
        _, last = np.unique(where[::-1], return_index=True)
        if last.size == where.size:
            return None
        lost = np.ones(where.size, bool)
        lost[where.size - 1 - last] = False
        return lost


def _place(dual, key):
    """The `Place` in the root of `dual` that ``dual[key]`` selects, and the shape of that."""
    view = dual._view
    if is_basic(key):
        steps = () if view is None else view.keys()
        if steps is not None:
            selected = dual.primal.shape if key is Ellipsis else dual.primal[key].shape
            root = dual if view is None else view.root
            if key is not Ellipsis or not steps:
                steps = (*steps, _as_tuple(key))
            return Place(root.primal.shape, steps, None), selected
    where = positions(dual.shape) if view is None else view.positions()
    where = np.asarray(where[key])
    return Place(dual.shape if view is None else view.root.shape, None, where), where.shape


def _as_tuple(key):
    return key if issubclass(type(key), tuple) else (key,)


def _write_tangent(dual, key, t):
    root = dual if dual._view is None else dual._view.root
    if t is None and root._tangent is None:
        return
    place, selected = _place(dual, key)
    shape, dtype = place.shape, root._primal.dtype
    if t is not None:
        if root._tangent is None:
            root.level.check_not_lent(root)
        t = t.astype(dtype)
        if t.shape != selected:
            t = _fit(t, selected)
    is_small = 64 * math.prod(selected) < math.prod(shape)
    root._tangent = combining.put(
        root._tangent, shape, place, t, root.level, dtype, root._owned, is_small, root._writes
    )
    root._owned = True
    root._writes += 1
    root._signature = None


def _fit(t, shape):
    """`t` broadcast to `shape`, extra leading axes of length 1 dropped as assignment does."""
    extra = len(t.shape) - len(shape)
    if extra > 0:
        t = t.reshaped(t.shape[extra:])
    return t.broadcast(shape)


def assign(dual, result):
    """``dual[...] = result`` with the casting rules of an in-place operator; returns `dual`."""
    value = result.primal if getattr(result, "level", None) is dual.level else result
    value_level = getattr(result, "level", None)
    if not dual.level.open:
        np.copyto(dual.ended_value(), ended.plain_of(result), casting="same_kind")
        return dual
    if value_level is not None and value_level.serial > dual.level.serial:
        set(dual, ..., result)  # raises
    if type(dual._view) is PartView:
        dual._view.set(..., result)
        return dual
    if value_level is not None and value_level.serial == dual.level.serial:
        levels.innermost((dual.level, value_level))
    dual.release()
    if type(value) is not np.ndarray:
        _promote(dual, value)
    np.copyto(dual.primal, value, casting="same_kind")
    t = result.own_tangent() if value_level is dual.level else None
    if dual._view is None and (t is None or t.shape == dual.shape):
        if t is not None and dual._tangent is None:
            dual.level.check_not_lent(dual)
        dual._tangent = None if t is None else t.astype(dual.dtype)
        dual._owned = False
        dual._writes += 1
        dual._signature = None
    else:
        _write_tangent(dual, ..., t)
    return dual


Dual.__setitem__ = set
