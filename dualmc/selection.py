"""Functions that only move elements: reshape, index, join, repeat, pad, where, diag, ...

One rule serves them all: run the function once more on the flat positions of its input to learn
where each output element came from, and gather the tangent there; -1 stands for an element that
came from a constant.  The commonest reshapings act on the tangent's arrays directly, as views.
Where NumPy's result shares memory with its input, the result is a view that writes through.
"""

import inspect

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from dualmc import indexing
from dualmc.dual import Dual, as_operand, level_of, make, primal_at
from dualmc.errors import TangentLostError
from dualmc.indexing import plain_key, positions, view_of
from dualmc.registry import handles, register_one
from dualmc.tangent import align, pool, values


def result(y, x, select, batched=None):
    """The Dual for `y`, taken from `x` by `select` (on S arrays) or `batched` (on (w, *S)).

    `y` is NumPy's own result on the primal.  Views stay views.
    """
    if not isinstance(y, (np.ndarray, Dual)):
        y = np.asarray(y)
    if y.ndim and np.may_share_memory(values(y), values(x.primal)):
        return make(y, None, x.level, view_of(x, select, batched))
    t = x.own_tangent()
    if t is None:
        return make(y, None, x.level)
    t = t.take(select(positions(x.shape))) if batched is None else t.map(batched)
    return make(y, t if t.dtype == y.dtype else t.astype(y.dtype), x.level)


def memory_order(a, order):
    """`order` with "A" and, where one of both fits, "K" resolved to "C" or "F"."""
    flags = values(a).flags
    if order in ("A", "K") and flags.f_contiguous and not flags.c_contiguous:
        return "F"
    return "C" if order in (None, "A") or order == "K" and flags.c_contiguous else order


# --- Reshapings that act on the leading-axis arrays too -------------------------------------------


@handles("selection", np.reshape)
def reshape(a, /, shape, order="C", *, copy=None):
    order = memory_order(a, order)
    if order != "C":
        return by_position(np.reshape, a, shape, order=order, copy=copy)
    y = np.reshape(a.primal, shape) if copy is None else np.reshape(a.primal, shape, copy=copy)
    shape = y.shape
    return result(y, a, lambda p: p.reshape(shape), lambda p: p.reshape((p.shape[0], *shape)))


@handles("selection", np.ravel)
def ravel(a, order="C"):
    order = memory_order(a, order)
    if order == "K":
        # Along the memory, whatever its strides: number the elements in an array laid out alike.
        index = np.empty_like(values(a), dtype=np.intp)
        index[...] = positions(a.shape)
        return gathered(np.ravel(a.primal, "K"), a, np.ravel(index, "K"))
    if order != "C":
        return by_position(np.ravel, a, order)
    y = np.ravel(a.primal)
    n = y.shape[0]
    return result(y, a, lambda p: p.reshape(n), lambda p: p.reshape((p.shape[0], n)))


@handles("selection", np.transpose, np.permute_dims)
def transpose(a, axes=None):
    a = as_operand(a)
    axes = tuple(range(a.ndim))[::-1] if axes is None else normalize_axis_tuple(axes, a.ndim)
    order = (0, *(i + 1 for i in axes))
    y = np.transpose(a.primal, axes)
    return result(y, a, lambda p: p.transpose(axes), lambda p: np.transpose(p, order))


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
    return reshape(a, np.squeeze(values(a), axis).shape)


@handles("selection", np.broadcast_to)
def broadcast_to(array, shape, subok=False):
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    y = np.broadcast_to(array.primal, shape)
    shape = y.shape
    view = view_of(array, lambda p: np.broadcast_to(p, shape), lambda p: align(p, shape))
    return make(y, None, array.level, view)


@handles("selection", np.broadcast_arrays)
def broadcast_arrays(*args, subok=False):
    shape = np.broadcast_shapes(*(np.shape(a) for a in args))
    return tuple(np.broadcast_to(as_operand(a), shape) for a in args)


# --- Everything that moves the elements of one array ----------------------------------------------


def by_position(function, a, *args, **kwargs):
    """`function(a, ...)` for a function that copies elements of `a` to new places."""
    args = tuple(plain_key(arg) for arg in args)
    kwargs = {key: plain_key(arg) for key, arg in kwargs.items()}
    if type(a) is not Dual:
        return function(as_operand(a), *args, **kwargs)
    y = function(a.primal, *args, **kwargs)

    def select(p):
        return function(p, *args, **kwargs)

    if isinstance(y, (list, tuple)):
        return type(y)(result(part, a, lambda p, i=i: select(p)[i]) for i, part in enumerate(y))
    return result(y, a, select)


def _register_by_position(function):
    first = next(iter(inspect.signature(function).parameters))

    def handler(*args, **kwargs):
        if not args:
            args = (kwargs.pop(first),)
        if "out" in kwargs:
            return written(kwargs.pop("out"), handler(*args, **kwargs))
        return by_position(function, *args, **kwargs)

    register_one("selection", function, handler)


def written(out, y):
    """`y`, stored in `out` if one was given."""
    if out is None:
        return y
    if type(out) is Dual:
        return indexing.assign(out, y)
    if type(y) is Dual and y.own_tangent() is not None:
        raise TangentLostError(
            f"out= is a plain {out.dtype} array, where the derivative would be lost. Allocate it "
            f"with numpy.zeros_like(dual), or leave out= away."
        )
    np.copyto(out, values(y) if type(y) is Dual else y, casting="same_kind")
    return out


for _function in (
    np.rollaxis, np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit, np.unstack,
    np.tile, np.repeat, np.roll, np.flip, np.fliplr, np.flipud, np.rot90, np.take, np.diagonal,
    np.linalg.diagonal, np.linalg.matrix_transpose, np.take_along_axis, np.resize, np.delete,
    np.lib.stride_tricks.sliding_window_view, np.fft.fftshift, np.fft.ifftshift,
):  # fmt: skip
    _register_by_position(_function)


@handles("selection", np.compress)
def compress(condition, a, axis=None, out=None):
    return written(out, by_position(lambda p: np.compress(values(condition), p, axis), a))


@handles("selection", np.extract)
def extract(condition, arr):
    return by_position(lambda p: np.extract(values(condition), p), arr)


@handles("selection", np.trim_zeros)
def trim_zeros(filt, trim="fb", axis=None):
    """The trimmed region is decided by the values, then taken as a slice."""
    kept = np.ones(filt.shape, bool)
    shape = np.trim_zeros(values(filt), trim, axis).shape
    nonzero = np.argwhere(values(filt))
    starts = (
        nonzero.min(axis=0) if nonzero.size and "f" in trim.lower() else np.zeros(kept.ndim, int)
    )
    axes = range(kept.ndim) if axis is None else normalize_axis_tuple(axis, kept.ndim)
    key = tuple(
        slice(int(s), int(s) + n) if i in axes else slice(None)
        for i, (s, n) in enumerate(zip(starts, shape, strict=True))
    )
    return filt[key]


@handles("selection", np.unique)
def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, **kwargs):
    found = np.unique(values(ar), True, return_inverse, return_counts, axis, **kwargs)
    index = found[1]
    y = np.ravel(ar)[index] if axis is None else np.take(ar, index, axis)
    rest = found[1:] if return_index else found[2:]
    return (y, *rest) if rest else y


@handles("selection", np.union1d)
def union1d(ar1, ar2):
    return np.unique(np.concatenate([np.ravel(as_operand(ar1)), np.ravel(as_operand(ar2))]))


@handles("selection", np.unique_values)
def unique_values(x):
    return np.unique(x)


def _register_atleast(function):
    def handler(*arys):
        out = tuple(reshape(a, function(values(a)).shape) if type(a) is Dual else function(a)
                    for a in map(as_operand, arys))  # fmt: skip
        return out[0] if len(out) == 1 else out

    register_one("selection", function, handler)


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _register_atleast(_function)


# --- Filling the rest with zeros -----------------------------------------------------------------


def with_constants(function, a, *args, **kwargs):
    """`function(a, ...)` where the rest of the result is zero: diag, diagflat, tril, triu."""
    y = function(a.primal, *args, **kwargs)
    # Position p is run through as p + 1, so that 0 marks what came from nowhere.
    index = function(positions(a.shape) + 1, *args, **kwargs) - 1
    return gathered(y, a, index)


def gathered(y, a, index):
    """The Dual for `y` whose elements are those of `a` at `index`, -1 for constants."""
    t = a.own_tangent()
    if t is not None:
        t = t.take(index)
        t = t if t.dtype == y.dtype else t.astype(y.dtype)
    return make(y, t, a.level)


@handles("selection", np.diag)
def diag(v, k=0):
    if v.ndim == 2:
        return by_position(np.diag, v, k)
    return with_constants(np.diag, v, k)


@handles("selection", np.diagflat)
def diagflat(v, k=0):
    return with_constants(np.diagflat, as_operand(v), k)


@handles("selection", np.tril)
def tril(m, k=0):
    return with_constants(np.tril, as_operand(m), k)


@handles("selection", np.triu)
def triu(m, k=0):
    return with_constants(np.triu, as_operand(m), k)


# --- Joining several arrays ----------------------------------------------------------------------


class Leaves:
    """The arrays of a call, active ones numbered one after the other by flat position."""

    def __init__(self, level):
        self.level = level
        self.parts = []
        self.offset = 0

    def index(self, a):
        """Positions in the pool for an active array, -1 for every element of a constant."""
        if type(a) is Dual and a.level is self.level:
            t = a.own_tangent()
            if t is not None:
                self.parts.append((t, a.size))
                self.offset += a.size
                return positions(a.shape) + (self.offset - a.size)
        return np.full(np.shape(a), -1)

    def tree(self, a):
        if isinstance(a, (list, tuple)):
            return [self.tree(item) for item in a]
        return self.index(a)

    def take(self, y, index):
        """The Dual for `y`, its elements found in the pool at `index`."""
        if not isinstance(y, (np.ndarray, Dual)):
            y = np.asarray(y)
        if not self.parts:
            return make(y, None, self.level)
        parts = [(t.astype(y.dtype), size) for t, size in self.parts]
        return make(y, pool(self.level, parts, y.dtype).take(np.asarray(index)), self.level)


def joined(function, arrays, *args, **kwargs):
    """`function(arrays, ...)` for a function that places the elements of several arrays."""
    arrays = [as_operand(a) for a in arrays]
    level = level_of(arrays)
    y = function([primal_at(a, level) for a in arrays], *args, **kwargs)
    leaves = Leaves(level)
    kwargs.pop("dtype", None)
    kwargs.pop("casting", None)
    index = function([leaves.index(a) for a in arrays], *args, **kwargs)
    return leaves.take(y, index)


def _register_joined(function):
    def handler(arrays, *args, out=None, **kwargs):
        if type(arrays) is Dual:
            arrays = list(arrays)
        return written(out, joined(function, arrays, *args, **kwargs))

    register_one("selection", function, handler)


for _function in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack):
    _register_joined(_function)


@handles("selection", np.block)
def block(arrays):
    level = level_of(arrays)
    leaves = Leaves(level)
    y = np.block(_plain_tree(arrays, level))
    return leaves.take(y, np.block(leaves.tree(arrays)))


def _plain_tree(a, level):
    if isinstance(a, (list, tuple)):
        return [_plain_tree(item, level) for item in a]
    return primal_at(a, level)


@handles("selection", np.append)
def append(arr, values, axis=None):
    if axis is None:
        return np.concatenate([np.ravel(as_operand(arr)), np.ravel(as_operand(values))])
    return np.concatenate([arr, values], axis=axis)


@handles("selection", np.insert)
def insert(arr, obj, values, axis=None):
    arr, new = as_operand(arr), as_operand(values)
    level = level_of(arr, new)
    obj = plain_key(obj)
    leaves = Leaves(level)
    y = np.insert(primal_at(arr, level), obj, primal_at(new, level), axis)
    return leaves.take(y, np.insert(leaves.index(arr), obj, leaves.index(new), axis))


@handles("selection", np.where)
def where(condition, x=None, y=None, /):
    condition = values(condition)
    if x is None and y is None:
        return np.where(condition)
    x, y = as_operand(x), as_operand(y)
    if type(x) is not Dual and type(y) is not Dual:
        return np.where(condition, x, y)
    level = level_of(x, y)
    leaves = Leaves(level)
    value = np.where(condition, primal_at(x, level), primal_at(y, level))
    return leaves.take(value, np.where(condition, leaves.index(x), leaves.index(y)))


@handles("selection", np.choose)
def choose(a, choices, out=None, mode="raise"):
    a = values(a)
    choices = list(choices) if isinstance(choices, Dual) else [as_operand(c) for c in choices]
    if not any(type(c) is Dual for c in choices):
        return np.choose(a, choices, mode=mode)
    level = level_of(choices)
    leaves = Leaves(level)
    index = np.choose(a, [leaves.index(c) for c in choices], mode=mode)
    # Through this handler again where the primals are Duals of an outer level.
    y = choose(a, primal_at(choices, level), mode=mode)
    return written(out, leaves.take(y, index))


@handles("selection", np.select)
def select(condlist, choicelist, default=0):
    condlist = [values(c) for c in condlist]
    choices = [as_operand(c) for c in choicelist]
    default = as_operand(default)
    if not any(type(c) is Dual for c in (*choices, default)):
        return np.select(condlist, choices, default)
    level = level_of(choices, default)
    leaves = Leaves(level)
    y = np.select(condlist, [primal_at(c, level) for c in choices], primal_at(default, level))
    index = np.select(condlist, [leaves.index(c) for c in choices], leaves.index(default))
    return leaves.take(y, index)


# --- Copies --------------------------------------------------------------------------------------


@handles("selection", np.copy)
def copy(a, order="K", subok=False):
    t = a.own_tangent()
    primal = a.primal.copy() if isinstance(a.primal, Dual) else np.array(a.primal, order=order)
    return make(primal, t, a.level)


@handles("selection", np.astype)
def astype(x, dtype, /, *, copy=True, device=None):
    dtype = np.dtype(dtype)
    if dtype == x.dtype and not copy:
        return x
    if dtype.kind in "biu":
        # Rounding to integers is locally constant.
        return values(x).astype(dtype)
    if dtype.kind not in "fc":
        raise TypeError(f"A Dual of dtype {x.dtype} cannot be cast to dtype {dtype}.")
    t = x.own_tangent()
    if x.dtype.kind == "c" and dtype.kind == "f":
        return np.real(x).astype(dtype)
    return make(x.primal.astype(dtype), None if t is None else t.astype(dtype), x.level)


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


# --- Padding -------------------------------------------------------------------------------------


@handles("selection", np.pad)
def pad(array, pad_width, mode="constant", **kwargs):
    if type(array) is not Dual:
        array = as_operand(array)
    if mode == "constant":
        return _pad_constant(array, pad_width, kwargs.get("constant_values", 0))
    if mode in ("edge", "wrap", "symmetric", "reflect") and kwargs.get("reflect_type") != "odd":
        return by_position(np.pad, array, pad_width, mode, **kwargs)
    if mode == "empty":
        return _pad_constant(array, pad_width, 0)
    return _pad_by_axis(array, pad_width, mode, kwargs)


def _widths(pad_width, ndim):
    if isinstance(pad_width, dict):
        found = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            found[axis] = width if isinstance(width, tuple) else (width, width)
        return found
    return np.broadcast_to(np.asarray(pad_width), (ndim, 2)).tolist()


def _pad_constant(array, pad_width, constant_values):
    """Zero elsewhere by position; a constant (or active) border is joined axis by axis."""
    ndim = array.ndim
    if not isinstance(constant_values, (int, float)) or type(array) is not Dual:
        borders = as_operand(constant_values)
        y = array
        for axis, (before, after) in enumerate(_widths(pad_width, ndim)):
            left, right = np.broadcast_to(borders, (ndim, 2))[axis]
            first, last = list(y.shape), list(y.shape)
            first[axis], last[axis] = before, after
            y = np.concatenate(
                [np.broadcast_to(left, first), y, np.broadcast_to(right, last)], axis=axis
            )
        return y
    y = np.pad(array.primal, pad_width, constant_values=constant_values)
    return gathered(y, array, np.pad(positions(array.shape), pad_width, constant_values=-1))


def _pad_by_axis(array, pad_width, mode, kwargs):
    """The modes that compute their border: mean, median, maximum, minimum, linear_ramp, odd."""
    y = array
    for axis, (before, after) in enumerate(_widths(pad_width, array.ndim)):
        x = np.moveaxis(y, axis, 0)
        left = _border(x, before, mode, kwargs, axis, 0, array.ndim)
        right = _border(x[::-1], after, mode, kwargs, axis, 1, array.ndim)
        y = np.moveaxis(np.concatenate([left[::-1], x, right]), 0, axis)
    primal = np.pad(array.primal, pad_width, mode, **kwargs)
    return make(primal, y.own_tangent(), y.level)


def _odd_border(x, width, skip):
    """Twice the edge minus the reflection; `skip` leaves the edge itself out of it."""
    rows = []
    while len(rows) < width:  # reflect again where the pad is longer than the axis
        source = [x[i] for i in range(x.shape[0])]
        source = rows[::-1] + source
        count = min(width - len(rows), x.shape[0] - skip if not rows else len(source) - skip)
        if count <= 0:
            rows.extend([source[0]] * (width - len(rows)))
            break
        rows.extend([2 * source[0] - source[i + skip] for i in range(count)])
    return np.stack(rows) if rows else x[:0]


def _border(x, width, mode, kwargs, axis, side, ndim):
    """`width` rows outward from ``x[0]``."""
    if mode in ("reflect", "symmetric"):
        return _odd_border(x, width, 1 if mode == "reflect" else 0)
    steps = np.arange(1, width + 1).reshape((-1,) + (1,) * (x.ndim - 1))
    if mode == "linear_ramp":
        end = np.broadcast_to(as_operand(kwargs.get("end_values", 0)), (ndim, 2))[axis, side]
        edge = x[0]
        return edge + (end - edge) * (steps / max(width, 1))
    length = kwargs.get("stat_length")
    if length is not None:
        length = int(np.broadcast_to(np.asarray(length), (ndim, 2))[axis, side])
    statistic = {"mean": np.mean, "median": np.median, "maximum": np.max, "minimum": np.min}
    if mode not in statistic:
        raise ValueError(f"mode '{mode}' is not supported")
    value = statistic[mode](x[:length], axis=0)
    return np.broadcast_to(value, (width, *value.shape))
