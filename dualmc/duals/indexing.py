"""Reading Duals by index: views where NumPy gives them, numbers and tape parts the short way."""

import operator

import numpy as np

from dualmc.cotangents.moves import pull_slice
from dualmc.duals import choices, move_plans
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.duals.recorded import parts, recorded
from dualmc.duals.signatures import TAPE, signature_of, tape_signature
from dualmc.duals.views import (
    InnerKeyView,
    KeyView,
    PartView,
    is_basic,
    is_plain,
    plain_key,
    positions,
    view_of,
)
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import NumberTangent, of_slots
from dualmc.tangents.structure import content_of, key_of

FLOAT64 = np.dtype(np.float64)
ndarray = np.ndarray
_ONE = (1.0,)


def get(dual, key):
    """``dual[key]``."""
    level = dual.level
    kind = type(key)
    if level.records:
        if level.open and (kind is slice or kind is int or kind is tuple and is_plain(key)):
            y = _recorded(dual, key, level)
            if y is not None:
                return y
    elif kind is slice or kind is tuple or kind is int and dual._primal.ndim > 1:
        s = dual._signature
        if s is None and dual._view is None and not dual._owned:
            s = signature_of(dual)  # not of what is being written to: that would cost it its array
        if s is not None:
            plan, path = False, key if kind is tuple else (key,)
            if kind is slice:  # `part`, written out
                try:
                    plan = s.plans[((key.start, key.stop, key.step),)]
                except (KeyError, TypeError):
                    pass
            y = move_plans.part(dual, s, path) if plan is False else plan and plan(dual, path)
            if y is not None:
                return y
    elif kind is ndarray:
        y = move_plans.taken(dual, key)
        if y is not None:
            return y
    y = _part(dual, key)
    if choices.rooted and type(dual._primal) is Dual:
        return choices.moved(y, dual, lambda a: a[key])
    return y


def _recorded(dual, key, level):
    """``dual[key]`` of a plain float64 array; None: not here."""
    view = dual._view
    if view is None:
        p, t = dual._primal, dual._tangent
    elif type(view) is PartView:
        return None
    else:
        p, t = parts(dual)
    if t is None or t.dtype is not FLOAT64 or type(p) is not ndarray:
        return None
    if type(key) is not tuple:
        path, whole = (key,), (key, Ellipsis)
    elif p.ndim:
        path, whole = key, key if Ellipsis in key else (*key, Ellipsis)
    else:
        return None
    y = p[key]
    is_array = type(y) is ndarray  # else a number, which is a copy
    which = y.shape, is_array
    own = TAPE.get(which) or tape_signature(*which)
    out = recorded(y, level, pull_slice, (t,), whole, y.shape, False, own)
    if is_array:
        if view is None:
            out._view = new = KeyView(dual, path)
            new.seen = dual._writes
        else:
            out._view = new = InnerKeyView(dual, path)
            new.seen = new.root._writes
    return out


def _part(dual, key):
    """``dual[key]``: a view where NumPy gives one, its tangent derived when that is read."""
    if not dual.level.open:
        return dual.ended_value()[plain_key(key)]
    kind = type(key)
    if kind is int and not dual.level.records:
        y = _number(dual, key)
        if y is not None:
            return y
    if not is_plain(key):
        key = plain_key(key)
        if not is_basic(key):
            return _taken(dual, key)
        kind = type(key)
    if kind is not slice and kind is not int and not dual._writes and not dual._primal.ndim:
        dual = dual.as_array()  # a view of a number is one of a copy
    primal = dual.primal[key]
    path = key if kind is tuple else (key,)
    if primal.ndim == 0 and not (key is Ellipsis or kind is tuple and Ellipsis in key):
        t = _tangent_at(dual, (slice(None), *path), type(primal) is np.float64)
        if t is None and issubclass(type(primal), np.generic):
            return primal
        # Of an outer call's numbers too: what f makes of it may be written this level's.
        return make(primal, t, dual.level)
    outer = dual._view
    if outer is None:
        view = KeyView(dual, path)
    elif type(outer) is PartView:
        view = view_of(dual, lambda a: a[key], lambda a: a[(slice(None), *path)], path)
    else:
        view = InnerKeyView(dual, path)
    return make(primal, None, dual.level, view)


def _number(dual, i):
    """Element `i` of a vector, or of a part of one; None: not here."""
    view = dual._view
    if view is not None:
        if type(view) is not KeyView or len(view.key) != 1 or type(view.key[0]) is not slice:
            return None
        dual = view.root
        if dual._primal.ndim != 1:
            return None
        part = range(dual._primal.shape[0])[view.key[0]]
        if not -len(part) <= i < len(part):
            return None
        i = part[i]
    p, t = dual._primal, dual._tangent
    if t is None or type(p) is not ndarray or p.ndim != 1:
        return None
    return (_number_of_slots if t.is_sparse else _number_of_block)(dual, i)


def _number_of_block(dual, i):
    """Element `i` of a vector with a dense tangent."""
    p, t = dual._primal, dual._tangent
    if dual._owned:
        return None
    y, block, scale = p[i], t.block, t.scale
    seeded = dense.SEEDED.get(id(block))
    if seeded is not None and (scale is seeded[1] or dense.is_unit(scale)):
        column = seeded[0] + (i if i >= 0 else i + p.size)
        if 0 <= column < t.level.n:
            return make(y, NumberTangent(t.level, (column,), _ONE), dual.level)
        return make(y, NumberTangent(t.level, (), ()), dual.level)
    if type(block) is not ndarray:
        return None
    scale = dense.unit((), scale.dtype) if dense.is_unit(scale) else scale[:, i]
    return make(y, DenseTangent(t.level, block[:, i], scale, t.finite or None), dual.level)


def _number_of_slots(dual, i):
    """Element `i` of a vector with a sparse tangent."""
    t = dual._tangent
    coef = t.coef
    if type(coef) is not ndarray or coef.dtype is not FLOAT64 or coef.shape[0] == 0:
        return None
    y = dual._primal[i]
    if coef.shape[0] != 1:
        t = of_slots(t.level, coef[:, i], t.col[:, i])
        return None if t is None else make(y, t, dual.level)
    column = t.col.item(0, i)
    if column < 0:
        return make(y, NumberTangent(t.level, (), ()), dual.level)
    return make(y, NumberTangent(t.level, (column,), (coef.item(0, i),)), dual.level)


def _tangent_at(dual, path, is_plain):
    """The tangent of the number at `path`, a copy as a NumPy scalar is one.

    `is_plain`: the number itself is a plain float64.
    """
    view = dual._view
    if view is None:
        t = dual._tangent
    elif type(view) is not PartView and view.is_batched and view.is_behind():
        # The root is being written to: the number comes from there, the view is left as it is.
        t = view.root._tangent
        if t is None:
            return None
        if t.is_sparse and is_plain:
            found = of_slots(t.level, view.batched(t.coef)[path], view.batched(t.col)[path])
            if found is not None:
                return found
        keys = (view.structure_key(), key_of(path[1:]))
        key = None if None in keys else ("steps", *keys)
        return t.copied(lambda a: view.batched(a)[path], key)
    else:
        t = dual.own_tangent()
    if t is None:
        return None
    if t.is_recorded:
        return t.slice(path[1:], ())
    return _element(t, path, dual._owned, is_plain)


def _element(t, path, is_owned, is_plain):
    """The tangent of the number at `path`, a copy if the array's may be written in place."""
    if t.is_sparse and is_plain:
        found = of_slots(t.level, t.coef[path], t.col[path])
        if found is not None:
            return found
    key = key_of(path[1:]) if t.is_sparse else None
    if is_owned:
        return t.copied(lambda a: a[path], key)
    return t.map(lambda a: a[path], key)


def _taken(dual, key):
    """``dual[key]`` for integer arrays and masks, which copy."""
    primal = dual.primal[key]
    t = dual.own_tangent()
    if t is not None:
        t = t.take_by(content_of(key), lambda: positions(dual.shape)[key])
    return make(primal, t, dual.level)


class FlatIterator:
    """``dual.flat``: reads and writes as ``dual.reshape(-1)`` does."""

    def __init__(self, dual):
        self._dual = dual
        self.index = 0

    def __getitem__(self, key):
        return np.ravel(self._dual)[key].copy()

    def __setitem__(self, key, value):
        where = positions(self._dual.shape).reshape(-1)[plain_key(key)]
        if self._dual.ndim == 0:
            if np.size(where):
                self._dual[...] = np.ravel(value)[-1] if np.ndim(value) else value
            return
        index = np.unravel_index(where, self._dual.shape)
        self._dual[index] = value

    def __iter__(self):
        return self

    def __next__(self):
        if self.index >= self._dual.size:
            raise StopIteration
        self.index += 1
        return self._dual[np.unravel_index(self.index - 1, self._dual.shape)]

    def __len__(self):
        return self._dual.size

    @property
    def base(self):
        return self._dual

    @property
    def coords(self):
        return tuple(map(int, np.unravel_index(self.index, self._dual.shape)))

    def copy(self):
        return self._dual.flatten()


def _compare_flat():
    def attach(name):
        function = getattr(operator, name)
        setattr(FlatIterator, f"__{name}__", lambda self, a: function(self._dual.flatten(), a))

    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        attach(name)


_compare_flat()


def _set_flat(dual, value):
    value = np.ravel(as_operand(value))
    dual[...] = np.reshape(np.resize(value, dual.size), dual.shape)


Dual.__getitem__ = get
Dual.flat = property(FlatIterator, _set_flat)
