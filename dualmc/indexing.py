"""Reading and writing Duals by index, with views that write through to their base.

A view remembers its root and how it was taken.  Its tangent is derived from the root's when it is
read, and again after the root was written to; a write to a view is a write to the root at the flat
positions that the view selects.
"""

import math
from types import EllipsisType

import numpy as np

from dualmc import levels, tangent
from dualmc.errors import TangentLostError
from dualmc.payload import values


class View:
    """How a Dual was taken from its root, step by step: what each does to arrays is remembered."""

    __slots__ = ("root", "outer", "parent", "select_step", "batched_step", "is_batched", "key",
                 "seen", "memory", "_positions")  # fmt: skip

    def __init__(self, root, select, batched, key=None, parent=None):
        self.root = root
        # The view that this one was taken from, if it is not taken from the root itself.
        self.outer = None if parent is None else parent._view
        self.parent = parent if root.level.records else None
        self.select_step = select  # S array -> view array
        self.batched_step = batched  # (w, *S) array -> (w, *view), or None: gather by position
        self.is_batched = batched is not None and (self.outer is None or self.outer.is_batched)
        self.key = key  # the index of the last step, if that is all it is
        self.seen = -1
        self.memory = root._primal  # what the view's own primal was taken from
        self._positions = None

    def root_key(self):
        """The index of the root, if that is all the view is."""
        return self.key if self.outer is None else None

    def _steps(self):
        """The views on the way from the root to this one."""
        found = [self]
        while found[-1].outer is not None:
            found.append(found[-1].outer)
        return reversed(found)

    def select(self, a):
        for view in self._steps():
            a = view.select_step(a)
        return a

    def batched(self, a):
        for view in self._steps():
            a = view.batched_step(a)
        return a

    def positions(self):
        """Flat positions of the view's elements in its root."""
        if self._positions is None:
            self._positions = self.select(positions(self.root.shape))
        return self._positions

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
        if not root._owned:
            return t.map(self.batched)
        # The root may be written in place.  A small view takes a copy; a large one shares the
        # arrays instead, and the next write to the root copies them.
        part = t.map(self.batched)
        if 2 * math.prod(part.shape) < root.size:
            return t.map(lambda a: self.batched(a).copy())
        root._owned = False
        return part

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
    """A view of a root on a tape, taken by one number or slice."""

    __slots__ = ()
    is_batched = True

    def __init__(self, root, key):
        self.root = self.parent = root
        self.outer = None
        self.key = (key,)
        self.seen = -1
        self.memory = root._primal
        self._positions = None

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


def view_of(parent, select, batched, key=None):
    """The `View` of `parent`'s root that `select` and `batched` take from `parent`."""
    outer = parent._view
    if not parent.level.open:
        raise levels.finished()
    if outer is None:
        return View(parent, select, batched, key)
    if type(outer) is PartView:
        base = outer.base
        inner = view_of(base, select, batched, key)
        return PartView(base.make(select(base.primal), None, base.level, inner), outer.part)
    return View(outer.root, select, batched, key, parent)


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


def plain_key(key):
    """`key` with the Duals in it replaced by their values (masks, computed integer indices)."""
    if isinstance(key, tuple):
        return tuple(plain_key(k) for k in key)
    if hasattr(key, "own_tangent"):
        return values(key)
    return key


def is_basic(key):
    """Whether `key` takes a view (slices, integers, None, ...) rather than a copy."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(
        k is None or isinstance(k, (slice, int, np.integer, EllipsisType)) and type(k) is not bool
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
    if kind is not int and kind is not slice:
        key = plain_key(key)
        if not is_basic(key):
            return _taken(dual, key)
    primal = dual.primal[key]
    path = (slice(None), *key) if kind is tuple else (slice(None), key)
    if primal.ndim == 0 and not (key is Ellipsis or kind is tuple and Ellipsis in key):
        # A NumPy scalar is a copy; so is its tangent if the array may be written in place.
        t = dual._tangent if dual._view is None else dual.own_tangent()
        if t is None:
            return primal  # a number, or a Dual of an outer call
        if t.is_recorded:
            t = t.slice(path[1:], ())
        else:
            copy = dual._owned
            t = t.map((lambda a: a[path].copy()) if copy else (lambda a: a[path]))
        return dual.make(primal, t, dual.level)
    view = view_of(dual, lambda a: a[key], lambda a: a[path], path[1:])
    return dual.make(primal, None, dual.level, view)


def _recorded_part(dual, key):
    """``dual[key]`` on a tape, of a plain root and by a number or slice, recorded at once."""
    primal, t = dual._primal[key], dual._tangent
    if type(primal) is not np.ndarray:
        return primal if t is None else dual.make(primal, t.slice((key,), ()), dual.level)
    view = KeyView(dual, key)
    if t is not None:
        view.seen = dual._writes
        t = t.slice((key,), primal.shape)
    return dual.make(primal, t, dual.level, view)


def _taken(dual, key):
    """``dual[key]`` for integer arrays and masks, which copy."""
    primal = dual.primal[key]
    t = dual.own_tangent()
    t = None if t is None else t.take(positions(dual.shape)[key])
    return dual.make(primal, t, dual.level)


def set(dual, key, value):
    """``dual[key] = value``, for a root or a view."""
    key = plain_key(key)
    if not dual.level.open:
        raise levels.finished()
    level = dual.level
    value_level = getattr(value, "level", None)
    if value_level is level and _is_own_view(dual, key, value):
        return  # the second half of dual[key] += ..., already written through the view
    if value_level is not None and value_level.serial == level.serial:
        levels.innermost((level, value_level))  # the same level, or an error
    if value_level is not None and value_level.serial > level.serial:
        raise TangentLostError(
            "Cannot store a Dual of an inner derivative call in an array of an outer one. "
            "Allocate the array inside the inner function, e.g. with numpy.zeros_like(dual)."
        )
    if type(dual._view) is PartView:
        dual._view.set(key, value)
        return
    is_active = value_level is level
    t = value.own_tangent() if is_active else None
    value = value.primal if is_active else value
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
    """Where a write goes: an index of the root (basic keys), or flat positions in it."""

    __slots__ = ("shape", "key", "_positions")

    def __init__(self, shape, key, where):
        self.shape = shape
        self.key = key
        self._positions = where

    def positions(self):
        if self._positions is None:
            self._positions = np.asarray(positions(self.shape)[self.key])
        return self._positions

    def selected(self):
        """The shape of what the place selects."""
        if self._positions is None and self.key is not None:
            return np.broadcast_to(_NOTHING, self.shape)[self.key].shape
        return self._positions.shape

    def write(self, a, new):
        """Set the selected elements of every row of `a`, (w, *S), to `new`, (w, *selected)."""
        if self.key is not None:
            a[(slice(None), *self.key)] = new
            return
        where = self._positions.reshape(-1)
        new = new if np.ndim(new) == 0 else new.reshape(new.shape[0], where.size)
        a.reshape(a.shape[0], math.prod(self.shape))[:, where] = new

    def read(self, a):
        """A copy of the selected elements of every row of `a`, (w, *S): (w, *selected)."""
        if self.key is not None:
            return a[(slice(None), *self.key)].copy()
        return a.reshape(a.shape[0], math.prod(self.shape))[:, self._positions]

    def overwritten(self):
        """Where, in a write to repeated positions, a later element took the place; None: nowhere.

        Flat, in the order of the elements written.
        """
        if self.key is not None:
            return None
        where = self._positions.reshape(-1)
        _, last = np.unique(where[::-1], return_index=True)
        if last.size == where.size:
            return None
        lost = np.ones(where.size, bool)
        lost[where.size - 1 - last] = False
        return lost


_NOTHING = np.zeros(())


def _place(dual, key):
    """The `Place` in the root of `dual` that ``dual[key]`` selects."""
    if dual._view is not None:
        if key is Ellipsis and dual._view.root_key() is not None:
            return Place(dual._view.root.shape, dual._view.key, None)
        return Place(dual._view.root.shape, None, np.asarray(dual._view.positions()[key]))
    if is_basic(key):
        return Place(dual.shape, key if isinstance(key, tuple) else (key,), None)
    return Place(dual.shape, None, np.asarray(positions(dual.shape)[key]))


def _write_tangent(dual, key, t):
    root = dual if dual._view is None else dual._view.root
    if t is None and root._tangent is None:
        return
    place = _place(dual, key)
    if t is not None:
        if root._tangent is None:
            root.level.check_not_lent(root)
        t = t.astype(root.dtype)
        selected = place.selected()
        if t.shape != selected:
            t = _fit(t, selected)
    root._tangent = tangent.put(
        root._tangent, root.shape, place, t, root.level, root.dtype, root._owned
    )
    root._owned = True
    root._writes += 1


def _fit(t, shape):
    """`t` broadcast to `shape`, extra leading axes of length 1 dropped as assignment does."""
    extra = len(t.shape) - len(shape)
    if extra > 0:
        t = t.map(lambda a: a.reshape((a.shape[0], *a.shape[1 + extra :])))
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
