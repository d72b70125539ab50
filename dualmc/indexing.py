"""Reading and writing Duals by index, with views that write through to their base.

A view remembers its root and how it was taken.  Its tangent is derived from the root's when it is
read, and again after the root was written to; a write to a view is a write to the root at the flat
positions that the view selects.
"""

import math
from types import EllipsisType

import numpy as np

from dualmc import dense, levels, tangent, union
from dualmc.errors import TangentLostError
from dualmc.number_tangent import NumberTangent, of_slots
from dualmc.payload import values
from dualmc.structure import content_of, key_of
from dualmc.tangent import DenseTangent

FLOAT64 = np.dtype(np.float64)
_ONE = (1.0,)


class View:
    """How a Dual was taken from its root, step by step: what each does to arrays is remembered."""

    __slots__ = ("root", "outer", "parent", "select_step", "batched_step", "is_batched", "key",
                 "step_key", "seen", "memory", "_positions", "_structure")  # fmt: skip

    def __init__(self, root, select, batched, key=None, parent=None, step_key=None):
        self.root = root
        # The view that this one was taken from, if it is not taken from the root itself.
        self.outer = None if parent is None else parent._view
        self.parent = parent if root.level.records else None
        self.select_step = select  # S array -> view array
        self.batched_step = batched  # (w, *S) array -> (w, *view), or None: gather by position
        self.is_batched = batched is not None and (self.outer is None or self.outer.is_batched)
        self.key = key  # the index of the last step, if that is all it is
        self.step_key = step_key  # else what tells the last step apart, or None
        self.seen = -1
        self.memory = root._primal  # what the view's own primal was taken from
        self._positions = None
        self._structure = None

    def root_key(self):
        """The index of the root, if that is all the view is."""
        return self.key if self.outer is None else None

    def structure_key(self):
        """What the steps are to `structure.py`, or None if it could not tell them apart."""
        if self._structure is None:
            self._structure = self._structure_key()
        return self._structure

    def _structure_key(self):
        if self.outer is None:
            if self.step_key is None and self.key is not None:
                return key_of(self.key)
            return self.step_key
        keys = []
        for view in self._steps():
            step = view.step_key
            if step is None:
                step = None if view.key is None else key_of(view.key)
            if step is None:
                return None
            keys.append(step)
        return ("steps", *keys)

    def keys(self):
        """The indices of the steps, or None if one is not an index."""
        keys = tuple(view.key for view in self._steps())
        return None if None in keys else keys

    def _steps(self):
        """The views on the way from the root to this one."""
        found = [self]
        while found[-1].outer is not None:
            found.append(found[-1].outer)
        return reversed(found)

    def select(self, a):
        if self.outer is None:
            return self.select_step(a)
        for view in self._steps():
            a = view.select_step(a)
        return a

    def batched(self, a):
        if self.outer is None:
            return self.batched_step(a)
        for view in self._steps():
            a = view.batched_step(a)
        return a

    def positions(self):
        """Flat positions of the view's elements in its root."""
        if self._positions is None:
            self._positions = self.select(positions(self.root.shape))
        return self._positions

    def is_behind(self):
        """Whether the root, which may be written in place, was since the tangent was derived."""
        root = self.root
        return root._owned and self.seen != root._writes and not root.level.records

    def derive(self, shape):
        """The tangent of the view, of `shape`, from the root's as it is now."""
        root = self.root
        t = root._tangent
        if t is None:
            return None
        if t.is_recorded:
            return self._derive_recorded(shape)
        if not self.is_batched:
            return t.take(self.positions())
        key = self.structure_key() if t.is_sparse else None
        if root._owned:
            # The root may be written in place.  A small view takes a copy; a large one shares the
            # arrays instead, and the next write to the root copies them.
            if 2 * math.prod(shape) < root.size:
                return t.copied(self.batched, key)
            root._owned = False
        return t.map(self.batched) if key is None else t.moved(self.batched, key)

    def _derive_recorded(self, shape):
        """On a tape: the last step of what the array it was taken from is now."""
        chain = []
        dual = self.parent
        while dual is not None and dual._view is not None:
            if dual._view.seen == self.root._writes:
                break
            chain.append(dual)
            dual = dual._view.parent
        t = self.root._tangent if dual is None or dual._view is None else dual._tangent
        for dual in reversed(chain):
            view = dual._view
            t = dual._tangent = view._followed(t, dual._primal.shape)
            view.seen = self.root._writes
        return self._followed(t, shape)

    def _followed(self, t, shape):
        """The last step, done to the tangent `t` on a tape."""
        if self.key is not None:
            return t.slice(self.key, shape)
        if self.batched_step is not None:
            return t.map(self.batched_step, shape)
        return t.take(self.select_step(positions(t.shape)))


class KeyView(View):
    """A view of a root taken by one basic index, a tuple."""

    __slots__ = ()
    is_batched = True
    outer = step_key = None

    def __init__(self, root, key):
        self.root = self.parent = root
        self.key = key
        self.seen = -1
        self.memory = root._primal
        self._positions = None
        self._structure = None

    def select_step(self, a):
        return a[self.key]

    def batched_step(self, a):
        return a[(slice(None), *self.key)]


class PartView:
    """The real or imaginary part of a complex Dual, as a view: a write sets that part of it."""

    __slots__ = ("base", "part", "root", "key", "seen", "memory")

    def __init__(self, base, part):
        self.base = base
        self.part = part  # numpy.real or numpy.imag
        self.root = base if base._view is None else base._view.root
        self.key = None
        self.seen = -1
        self.memory = self.root._primal

    def root_key(self):
        return None

    def select(self, a):
        return self.part(a if self.base._view is None else self.base._view.select(a))

    def derive(self, shape):
        t = self.base.own_tangent()
        return None if t is None else tangent.part(t, self.part)

    def set(self, key, value):
        self.base.release()
        base, numbers = self.base, values(self.base.primal)
        before = numbers[key].copy()
        plain = values(value) if hasattr(value, "own_tangent") else value
        if np.result_type(plain).kind == "c":
            raise TypeError(
                "Cannot store complex numbers in the real or imaginary part of an array; store "
                "their own parts, e.g. numpy.real(value)."
            )
        self.part(numbers)[key] = plain  # NumPy's own error if it does not fit
        after = np.array(numbers[key])
        numbers[key] = before
        old = base[key]
        with np.errstate(all="ignore"):
            if self.part is np.real:
                base[key] = value + 1j * np.imag(old)
            else:
                base[key] = np.real(old) + 1j * value
        # Arithmetic with 1j turns inf into nan and loses the sign of 0: put the exact parts back.
        numbers[key] = after


def view_of(parent, select, batched, key=None, step_key=None):
    """The `View` of `parent`'s root that `select` and `batched` take from `parent`."""
    outer = parent._view
    if not parent.level.open:
        raise levels.finished()
    if outer is None:
        return View(parent, select, batched, key, None, step_key)
    if type(outer) is PartView:
        base = outer.base
        inner = view_of(base, select, batched, key)
        return PartView(base.make(select(base.primal), None, base.level, inner), outer.part)
    return View(outer.root, select, batched, key, parent, step_key)


_aranges: dict = {}


def positions(shape):
    """``arange(size).reshape(shape)``; recent small ones are kept, all are read-only."""
    size = math.prod(shape)
    found = _aranges.get(size)
    if found is None:
        found = np.arange(size)
        found.flags.writeable = False
        if size <= 100_000:
            if len(_aranges) > 16:
                _aranges.clear()
            _aranges[size] = found
    return found.reshape(shape)


_BASIC = frozenset({int, slice, type(None), EllipsisType})


def plain_key(key):
    """`key` with the Duals in it replaced by their values (masks, computed integer indices)."""
    if type(key) in _BASIC:
        return key
    if isinstance(key, tuple):
        return tuple(plain_key(k) for k in key)
    if hasattr(key, "own_tangent"):
        return values(key)
    return key


def is_basic(key):
    """Whether `key` takes a view (slices, integers, None, ...) rather than a copy."""
    if type(key) in _BASIC:
        return True
    parts = key if isinstance(key, tuple) else (key,)
    return all(
        type(k) in _BASIC
        or k is None
        or isinstance(k, (slice, int, np.integer, EllipsisType))
        and type(k) is not bool
        for k in parts
    )


def get(dual, key):
    """``dual[key]``: a view where NumPy gives one."""
    if not dual.level.open:
        raise levels.finished()
    kind = type(key)
    if dual.level.records and dual._view is None and (kind is slice or kind is int):
        if type(dual._primal) is np.ndarray:
            return _recorded_part(dual, key)
    if kind is int and not dual.level.records:
        y = _number(dual, key)
        if y is not None:
            return y
    if kind is not int and kind is not slice:
        key = plain_key(key)
        if not is_basic(key):
            return _taken(dual, key)
    primal = dual.primal[key]
    path = (slice(None), *key) if kind is tuple else (slice(None), key)
    if primal.ndim == 0 and not (key is Ellipsis or kind is tuple and Ellipsis in key):
        t = _tangent_at(dual, path, type(primal) is np.float64)
        # Without one it is a number, or a Dual of an outer call.
        return primal if t is None else dual.make(primal, t, dual.level)
    if dual._view is None:
        view = KeyView(dual, path[1:])
    else:
        view = view_of(dual, lambda a: a[key], lambda a: a[path], path[1:])
    return dual.make(primal, None, dual.level, view)


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
    if t is None or type(p) is not np.ndarray or p.ndim != 1:
        return None
    return (_number_of_slots if t.is_sparse else _number_of_block)(dual, i)


def _number_of_block(dual, i):
    """Element `i` of a vector with a dense tangent."""
    p, t = dual._primal, dual._tangent
    if dual._owned:
        return None
    y, block, scale = p[i], t.block, t.scale
    seeded = dense.SEEDED.get(id(block))
    if seeded is not None and (scale is seeded[1] or scale is not None and dense.is_unit(scale)):
        column = seeded[0] + (i if i >= 0 else i + p.size)
        if 0 <= column < t.level.n:
            return dual.make(y, NumberTangent(t.level, (column,), _ONE), dual.level)
        return dual.make(y, NumberTangent(t.level, (), ()), dual.level)
    if type(block) is not np.ndarray:
        return None
    if scale is not None:
        scale = dense.unit((), scale.dtype) if dense.is_unit(scale) else scale[:, i]
    return dual.make(y, DenseTangent(t.level, block[:, i], scale, t.finite or None), dual.level)


def _number_of_slots(dual, i):
    """Element `i` of a vector with a sparse tangent."""
    t = dual._tangent
    coef = t.coef
    if type(coef) is not np.ndarray or coef.dtype is not FLOAT64 or coef.shape[0] == 0:
        return None
    y = dual._primal[i]
    if coef.shape[0] != 1:
        t = of_slots(t.level, coef[:, i], t.col[:, i])
        return None if t is None else dual.make(y, t, dual.level)
    column = t.col.item(0, i)
    if column < 0:
        return dual.make(y, NumberTangent(t.level, (), ()), dual.level)
    return dual.make(y, NumberTangent(t.level, (column,), (coef.item(0, i),)), dual.level)


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
    return t.map(lambda a: a[path]) if key is None else t.moved(lambda a: a[path], key)


def _recorded_part(dual, key):
    """``dual[key]`` on a tape, of a plain root and by a number or slice, recorded at once."""
    primal, t = dual._primal[key], dual._tangent
    if type(primal) is not np.ndarray:
        return primal if t is None else dual.make(primal, t.slice((key,), ()), dual.level)
    view = KeyView(dual, (key,))
    if t is not None:
        view.seen = dual._writes
        t = t.slice((key,), primal.shape)
    return dual.make(primal, t, dual.level, view)


def _taken(dual, key):
    """``dual[key]`` for integer arrays and masks, which copy."""
    primal = dual.primal[key]
    t = dual.own_tangent()
    if t is not None:
        t = t.take_by(content_of(key), lambda: positions(dual.shape)[key])
    return dual.make(primal, t, dual.level)


def set(dual, key, value):
    """``dual[key] = value``, for a root or a view."""
    key = plain_key(key)
    if not dual.level.open:
        raise levels.finished()
    level = dual.level
    value_level = getattr(value, "level", None)
    if value_level is level:
        if _is_own_view(dual, key, value):
            return  # the second half of dual[key] += ..., already written through the view
    elif value_level is not None and value_level.serial == level.serial:
        levels.innermost((level, value_level))  # an error
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
    if type(value) is not np.ndarray:
        _promote(dual, value)
    dual.release()
    dual.primal[key] = value
    _write_tangent(dual, key, t)


def _promote(dual, value):
    """Let the array that `dual` is or views hold Duals of an outer call, if `value` is one."""
    level = getattr(value, "level", None)
    if level is None:
        return
    root = dual if dual._view is None else dual._view.root
    inner = root.primal
    if hasattr(inner, "own_tangent"):
        if level.serial > inner.level.serial:
            root.replace_primal(root.make(inner, None, level))
        elif level.serial < inner.level.serial:
            _promote(inner, value)
    else:
        root.level.check_not_lent(root)
        root.replace_primal(root.make(inner, None, level))


def _is_own_view(dual, key, value):
    """Whether `value` is the view ``dual[key]`` itself."""
    view = value._view
    if view is None or view.root is not dual or view.root_key() is None or not is_basic(key):
        return False
    return view.key == (key if isinstance(key, tuple) else (key,))


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
    return key if isinstance(key, tuple) else (key,)


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
    root._tangent = union.put(
        root._tangent, shape, place, t, root.level, dtype, root._owned, is_small, root._writes
    )
    root._owned = True
    root._writes += 1


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
    if value_level is not None and value_level.serial > dual.level.serial:
        set(dual, ..., result)  # raises
    if type(dual._view) is PartView:
        dual._view.set(..., result)
        return dual
    if value_level is not None and value_level.serial == dual.level.serial:
        levels.innermost((dual.level, value_level))
    if type(value) is not np.ndarray:
        _promote(dual, value)
    dual.release()
    np.copyto(dual.primal, value, casting="same_kind")
    t = result.own_tangent() if value_level is dual.level else None
    if dual._view is None and (t is None or t.shape == dual.shape):
        if t is not None and dual._tangent is None:
            dual.level.check_not_lent(dual)
        dual._tangent = None if t is None else t.astype(dual.dtype)
        dual._owned = False
        dual._writes += 1
    else:
        _write_tangent(dual, ..., t)
    return dual


class FlatIterator:
    """``dual.flat``: reads and writes as ``dual.reshape(-1)`` does."""

    def __init__(self, dual):
        self._dual = dual

    def __getitem__(self, key):
        return np.copy(np.ravel(self._dual)[key])

    def __setitem__(self, key, value):
        where = positions(self._dual.shape).reshape(-1)[plain_key(key)]
        index = np.unravel_index(where, self._dual.shape)
        self._dual[index] = value

    def __iter__(self):
        return iter(np.ravel(self._dual))

    def __len__(self):
        return self._dual.size
