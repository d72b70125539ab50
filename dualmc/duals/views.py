"""Views of Duals: arrays that share memory with another, their root.

A view remembers its root and how it was taken.  Its tangent is derived from the root's when it is
read, and again after the root was written to.
"""

import math
from types import EllipsisType

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import make
from dualmc.kernels.payload import values
from dualmc.tangents.structure import key_of


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
        if self.outer.outer is None:
            outer, key = self.outer.structure_key(), self.step_key
            if key is None and self.key is not None:
                key = key_of(self.key)
            return None if outer is None or key is None else ("steps", outer, key)
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
        if self.outer.outer is None:
            return self.batched_step(self.outer.batched_step(a))
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
        key = None
        if t.is_sparse:
            key = self._structure
            if key is None:
                key = self._structure = self._structure_key()
        if root._owned:
            # The root may be written in place.  A small view takes a copy; a large one shares the
            # arrays instead, and the next write to the root copies them.
            if 2 * math.prod(shape) < root.size:
                return t.copied(self.batched, key)
            root._owned = False
        return t.map(self.batched, key)

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
            return t.map(self.batched_step, None, shape)
        return t.take(self.select_step(positions(t.shape)))


class _ByKey(View):
    """A view whose last step is one basic index, a tuple."""

    __slots__ = ()
    step_key = None

    def select_step(self, a):
        return a[self.key]

    def batched_step(self, a):
        return a[(slice(None), *self.key)]


class KeyView(_ByKey):
    """A view of a root taken by one basic index."""

    __slots__ = ()
    is_batched = True
    outer = None

    def __init__(self, root, key):
        self.root = self.parent = root
        self.key = key
        self.seen = -1
        self.memory = root._primal
        self._positions = self._structure = None


class InnerKeyView(_ByKey):
    """A view of a view taken by one basic index."""

    __slots__ = ()

    def __init__(self, parent, key):
        self.outer = outer = parent._view
        self.root = root = outer.root
        self.parent = parent if root.level.records else None
        self.is_batched = outer.is_batched
        self.key = key
        self.seen = -1
        self.memory = root._primal
        self._positions = self._structure = None


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
        return None if t is None else t.part(self.part)

    def set(self, key, value):
        base = self.base
        plain = values(value) if hasattr(value, "own_tangent") else value
        if np.result_type(plain).kind == "c":
            raise TypeError(
                "Cannot store complex numbers in the real or imaginary part of an array; store "
                "their own parts, e.g. numpy.real(value)."
            )
        after = np.array(values(base.primal)[key])
        self.part(after)[...] = plain  # NumPy's own error if it does not fit
        old = base[key]
        with np.errstate(all="ignore"):
            if self.part is np.real:
                base[key] = value + 1j * np.imag(old)
            else:
                base[key] = np.real(old) + 1j * value
        # Arithmetic with 1j turns inf into nan and loses the sign of 0: put the exact parts back.
        values(base.primal)[key] = after


def view_of(parent, select, batched, key=None, step_key=None):
    """The `View` of `parent`'s root that `select` and `batched` take from `parent`."""
    outer = parent._view
    if not parent.level.open:
        raise levels.finished(parent)
    if outer is None:
        return View(parent, select, batched, key, None, step_key)
    if type(outer) is PartView:
        base = outer.base
        inner = view_of(base, select, batched, key)
        return PartView(make(select(base.primal), None, base.level, inner), outer.part)
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


def is_plain(key):
    """Whether an index takes a view and holds no Dual, at a look."""
    if type(key) is not tuple:
        return type(key) in _BASIC
    for k in key:
        if type(k) not in _BASIC:
            return False
    return True


def plain_key(key):
    """`key` with the Duals in it replaced by their values (masks, computed integer indices)."""
    if is_plain(key):
        return key
    if issubclass(type(key), tuple):
        return tuple(plain_key(k) for k in key)
    if hasattr(key, "own_tangent"):
        return values(key)
    return key


def is_basic(key):
    """Whether `key` takes a view (slices, integers, None, ...) rather than a copy."""
    if is_plain(key):
        return True
    parts = key if issubclass(type(key), tuple) else (key,)
    return all(
        type(k) in _BASIC or issubclass(type(k), (int, np.integer)) and type(k) is not bool
        for k in parts
    )
