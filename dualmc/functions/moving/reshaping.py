"""Reshapings: reshape, transpose, broadcast_to, ..., which act on the tangent's arrays as views."""

import functools

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from dualmc.duals.dual import Dual, as_array, make
from dualmc.duals.move_plans import viewed
from dualmc.duals.operands import as_operand
from dualmc.duals.views import PartView, view_of
from dualmc.functions.moving.by_position import by_position, result
from dualmc.kernels.payload import align, values
from dualmc.rules.registry import handles, register_one
from dualmc.tangents.tape import Reshape, Transpose


def memory_order(a, order):
    """`order` with "A" and, where one of both fits, "K" resolved to "C" or "F"."""
    flags = values(a).flags
    if order in ("A", "K") and flags.f_contiguous and not flags.c_contiguous:
        return "F"
    return "C" if order in (None, "A") or order == "K" and flags.c_contiguous else order


@handles("selection", np.reshape)
def reshape(a, /, shape, order="C", *, copy=None):
    if a.is_number:
        y = np.reshape(values(a), shape)
        if not y.ndim:
            return a
        a = as_array(a)
    if order == "C" and copy is None:
        y = _recorded_reshape(a, shape) if a.level.records else _reshaped(a, shape)
        if y is not None:
            return y
    order = memory_order(a, order)
    if order != "C":
        return by_position(np.reshape, a, shape, order=order, copy=copy)
    y = np.reshape(a.primal, shape) if copy is None else np.reshape(a.primal, shape, copy=copy)
    shape = y.shape
    return result(y, a, lambda p: p.reshape(shape), Reshape(shape), ("reshape", shape))


def _reshaped(a, shape):
    """``a.reshape(shape)`` where that is a view for certain; None elsewhere."""
    y = viewed(a, np.reshape, shape, _path_of_reshape, _reshaped_view)
    if y is not None:
        return y
    p = a.primal
    if type(p) is not np.ndarray or not p.flags.c_contiguous or not p.size:
        return None
    y = p.reshape(shape)
    return make(y, None, a.level, _reshaped_view(a, shape, y))


def _reshaped_view(a, given, y):
    return view_of(a, *_reshaping(y.shape))


def _path_of_reshape(a, shape):
    shape = a.primal.reshape(shape).shape
    return (-1, *shape), ("reshape", shape)


@functools.lru_cache
def _reshaping(shape):
    """What a reshape to `shape` is to a `View`."""
    return lambda p: p.reshape(shape), Reshape(shape), None, ("reshape", shape)


def _recorded_reshape(a, shape):
    """``a.reshape(shape)`` on a tape, where that is a view; None elsewhere."""
    p, t = a.primal, a.own_tangent()
    if type(p) is not np.ndarray or not p.flags.c_contiguous or type(a._view) is PartView:
        return None
    y = p.reshape(shape)
    shape = y.shape
    view = view_of(a, lambda p: p.reshape(shape), Reshape(shape))
    if t is not None:
        view.seen = view.root._writes
        t = t.map(view.batched_step)
    return make(y, t, a.level, view)


@handles("selection", np.ravel)
def ravel(a, order="C"):
    a = as_array(a)
    if order == "C" and not a.level.records and (y := _reshaped(a, -1)) is not None:
        return y
    order = memory_order(a, order)
    if order == "K":
        # Along the memory: in C order of the axes as NumPy's iterator sorts them.
        axes = _axes_along_memory(values(a))
        return result(np.ravel(a.primal, "K"), a, lambda p: np.transpose(p, axes).reshape(-1))
    if order != "C":
        return by_position(np.ravel, a, order)
    y = np.ravel(a.primal)
    n = y.shape[0]
    return result(y, a, lambda p: p.reshape(n), Reshape(y.shape), ("reshape", (n,)))


def _axes_along_memory(a):
    """The axes by descending stride; repeated ones (stride 0) stand where insertion leaves them."""
    strides = [abs(s) if n > 1 else 0 for s, n in zip(a.strides, a.shape, strict=True)]
    inner_first = []
    for axis in reversed(range(a.ndim)):
        place = len(inner_first)
        for i in reversed(range(len(inner_first))):
            before = strides[inner_first[i]]
            if strides[axis] and before:
                if before <= strides[axis]:
                    break
                place = i
        inner_first.insert(place, axis)
    return inner_first[::-1]


@handles("selection", np.transpose, np.permute_dims)
def transpose(a, axes=None):
    a = as_operand(a)
    if not a.level.records:
        y = viewed(a, np.transpose, axes, _path_of_transpose, _transposed_view)
        if y is not None:
            return y
    axes = _permutation(a.ndim, axes)
    if not axes and a.is_number:
        return a
    p = a.primal
    if type(p) is np.ndarray and p.size:
        return make(p.transpose(axes), None, a.level, _transposed_view(a, axes))
    y = np.transpose(p, axes)
    select, batched, _, name = _transposition(a.ndim, axes)
    return result(y, a, select, batched, name)


def _permutation(ndim, axes):
    return tuple(range(ndim))[::-1] if axes is None else normalize_axis_tuple(axes, ndim)


def _path_of_transpose(a, axes):
    order = (0, *(i + 1 for i in _permutation(a.ndim, axes)))
    return order, ("transpose", order)


def _transposed_view(a, axes, y=None):
    return view_of(a, *_transposition(a.ndim, axes))


@functools.lru_cache
def _transposition(ndim, axes):
    """What a transposition is to a `View`."""
    axes = _permutation(ndim, axes)
    order = (0, *(i + 1 for i in axes))
    return lambda p: p.transpose(axes), Transpose(axes), None, ("transpose", order)


@handles("selection", np.matrix_transpose)
def matrix_transpose(x, /):
    return np.swapaxes(x, -1, -2)


@handles("selection", np.swapaxes)
def swapaxes(a, axis1, axis2):
    order = list(range(a.ndim))
    i, j = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    order[i], order[j] = order[j], order[i]
    return transpose(a, tuple(order))


@handles("selection", np.moveaxis)
def moveaxis(a, source, destination):
    return transpose(a, _moved(a.ndim, source, destination))


def _moved(ndim, source, destination):
    """The permutation that ``np.moveaxis`` applies."""
    source = normalize_axis_tuple(source, ndim, "source")
    destination = normalize_axis_tuple(destination, ndim, "destination")
    if len(source) != len(destination):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [n for n in range(ndim) if n not in source]
    for to, axis in sorted(zip(destination, source, strict=True)):
        order.insert(to, axis)
    return tuple(order)


@handles("selection", np.expand_dims)
def expand_dims(a, axis):
    a = as_operand(a)
    return reshape(a, np.expand_dims(values(a), axis).shape)


@handles("selection", np.squeeze)
def squeeze(a, axis=None):
    shape = np.squeeze(values(a), axis).shape  # NumPy's own errors
    return a if shape == a.shape else reshape(a, shape)


@handles("selection", np.broadcast_to)
def broadcast_to(array, shape, subok=False):
    shape = (shape,) if issubclass(type(shape), (int, np.integer)) else tuple(shape)
    y = np.broadcast_to(array.primal, shape)
    shape = y.shape
    key = ("broadcast", shape)
    view = view_of(array, lambda p: np.broadcast_to(p, shape), lambda p: align(p, shape), None, key)
    return make(y, None, array.level, view)


@handles("selection", np.broadcast_arrays)
def broadcast_arrays(*args, subok=False):
    args = tuple(as_operand(a) for a in args)
    args = tuple(as_array(a) if type(a) is Dual else np.asarray(a) for a in args)
    shape = np.broadcast_shapes(*(np.shape(a) for a in args))
    if all(np.shape(a) == shape for a in args):
        return args
    return tuple(np.broadcast_to(a, shape) for a in args)


def _register_atleast(function):
    def raised(a):
        shape = function(values(a)).shape
        return a.as_array() if a.shape == shape else reshape(a, shape)

    def handler(*arys):
        out = tuple(raised(a) if type(a) is Dual else function(a) for a in map(as_operand, arys))
        return out[0] if len(out) == 1 else out

    register_one("selection", function, handler)


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _register_atleast(_function)


# --- Grids ---------------------------------------------------------------------------------------


@handles("selection", np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    xi = [np.ravel(as_operand(x)) for x in xi]
    ndim = len(xi)
    shapes = [(1,) * i + (-1,) + (1,) * (ndim - i - 1) for i in range(ndim)]
    grids = [np.reshape(x, shape) for x, shape in zip(xi, shapes, strict=True)]
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    if indexing == "xy" and ndim > 1:
        grids = [np.swapaxes(g, 0, 1) for g in grids]
    if not sparse:
        grids = np.broadcast_arrays(*grids)
    return tuple(np.copy(g) if copy else g for g in grids)


@handles("selection", np.ix_)
def ix_(*args):
    ndim = len(args)
    return tuple(
        np.reshape(a, (1,) * i + (-1,) + (1,) * (ndim - i - 1))
        if type(a) is Dual
        else np.ix_(*([[0]] * i + [a] + [[0]] * (ndim - i - 1)))[i]
        for i, a in enumerate(args)
    )
