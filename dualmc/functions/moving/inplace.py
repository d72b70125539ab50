"""Functions that write into their first argument, and the methods that do."""

import numpy as np

from dualmc.duals import writing
from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_tangent
from dualmc.duals.views import positions
from dualmc.errors import TangentLostError
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, name_of
from dualmc.steps.flat import stripped


def _takes(a, function, *operands):
    """Whether `function` writes into the Dual `a`; else into a plain array, which takes constants.

    Raises
    ------
    TangentLostError
        If a derivative would have to be stored in a plain array.
    """
    if type(a) is Dual:
        return True
    if has_tangent(operands):
        raise TangentLostError(
            f"{name_of(function)} cannot store a Dual in a plain array: the derivative would be "
            f"lost. Allocate the array with numpy.zeros_like(dual)."
        )
    return False


@handles("in-place", np.copyto)
def copyto(dst, src, casting="same_kind", where=True):
    if not _takes(dst, np.copyto, src):
        return np.copyto(dst, stripped(src), casting, stripped(where))
    where = values(where)
    src = as_operand(src)
    if where is True:
        dst[...] = src
    else:
        mask = np.broadcast_to(where, dst.shape)
        dst[mask] = np.broadcast_to(src, dst.shape)[mask]


@handles("in-place", np.put)
def put(a, ind, v, mode="raise"):
    if not _takes(a, np.put, v):
        return np.put(a, stripped(ind), stripped(v), mode)
    # Which element lands where, by the same call on positions.
    v = np.ravel(as_operand(v))
    landed = np.full(a.size, -1)
    ind = np.ravel(values(ind))
    np.put(landed, ind, np.resize(np.arange(v.shape[0]), ind.shape), mode)
    _scatter(a, landed, v)


def _scatter(a, landed, v):
    """Write ``v[landed[i]]`` to flat position i wherever landed is not -1."""
    where = np.flatnonzero(landed >= 0)
    if a.ndim == 0:
        if where.size:
            a[...] = v[landed[0]]
        return
    a[np.unravel_index(where, a.shape)] = v[landed[where]]


@handles("in-place", np.place)
def place(arr, mask, vals):
    if not _takes(arr, np.place, vals):
        return np.place(arr, stripped(mask), stripped(vals))
    where = np.flatnonzero(values(mask))
    vals = np.ravel(as_operand(vals))
    landed = np.full(arr.size, -1)
    landed[where] = np.resize(np.arange(vals.shape[0]), where.shape)
    _scatter(arr, landed, vals)


@handles("in-place", np.putmask)
def putmask(a, /, mask, values):
    if not _takes(a, np.putmask, values):
        return np.putmask(a, stripped(mask), stripped(values))
    new = np.ravel(as_operand(values))
    landed = np.full(a.size, -1)
    np.putmask(landed, np.ravel(_plain(mask)), np.arange(new.shape[0]))
    if new.shape[0] != a.size:
        landed = np.where(landed >= 0, np.arange(a.size) % new.shape[0], -1)
    _scatter(a, landed, new)


def _plain(mask):
    return values(mask) if type(mask) is Dual else np.asarray(mask)


@handles("in-place", np.fill_diagonal)
def fill_diagonal(a, val, wrap=False):
    if not _takes(a, np.fill_diagonal, val):
        return np.fill_diagonal(a, stripped(val), wrap)
    val = np.ravel(as_operand(val))
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    where = np.flatnonzero(marks)
    landed = np.full(a.size, -1)
    landed[where] = np.resize(np.arange(val.shape[0]), where.shape)
    _scatter(a, landed, val)


@handles("in-place", np.put_along_axis)
def put_along_axis(arr, indices, values, axis=-1):
    if not _takes(arr, np.put_along_axis, values):
        return np.put_along_axis(arr, stripped(indices), stripped(values), axis)
    where = np.take_along_axis(positions(arr.shape), _plain(indices), axis)
    if axis is None:
        where = np.take_along_axis(positions(arr.shape).reshape(-1), _plain(indices), 0)
    arr[np.unravel_index(where, arr.shape)] = np.broadcast_to(as_operand(values), where.shape)


def fill(self, value):
    self[...] = as_operand(value)


def sort(self, axis=-1, kind=None, order=None, *, stable=None):
    writing.assign(self, np.sort(self, axis, kind, order, stable=stable))


def partition(self, kth, axis=-1, kind="introselect", order=None):
    writing.assign(self, np.partition(self, kth, axis, kind, order))


def put_method(self, indices, values, mode="raise"):
    put(self, indices, values, mode)
