"""Functions that only move elements: reshape, index, join, repeat, pad, where, diag, ...

One rule serves them all: run the function once more on the flat positions of its input to learn
where each output element came from, and gather the tangent there; -1 stands for an element that
came from a constant.  The commonest reshapings act on the tangent's arrays directly, as views.
Where NumPy's result shares memory with its input, the result is a view that writes through.
"""

import inspect

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from dualmc.duals import choices, writing
from dualmc.duals.dual import Dual, as_array, make
from dualmc.duals.operands import as_operand, has_tangent
from dualmc.duals.views import PartView, plain_key, positions, view_of
from dualmc.errors import TangentLostError
from dualmc.kernels.payload import align, values
from dualmc.rules.registry import handles, register_one
from dualmc.steps.short import moves as short_moves
from dualmc.tangents.structure import key_of_call
from dualmc.tangents.tape import Reshape


def result(y, x, select, batched=None, key=None):
    """The Dual for `y`, taken from `x` by `select` (on S arrays) or `batched` (on (w, *S)).

    `y` is NumPy's own result on the primal.  Views stay views.  A `key` tells for `structure.py`
    what is done.
    """
    if not isinstance(y, (np.ndarray, Dual)):
        y = np.asarray(y)
    if np.may_share_memory(values(y), values(x.primal)):
        if not x.is_number:
            out = make(y, None, x.level, view_of(x, select, batched, None, key))
            if choices.rooted and type(y) is Dual:
                return choices.moved(out, x, select)
            return out
        y = y.copy()
    t = x.own_tangent() if x.size or not y.size else None  # what NumPy makes of nothing
    if t is None:
        return make(y, None, x.level)
    if batched is None:
        t = t.take_by(key, lambda: select(positions(x.shape)))
    else:
        t = t.map(batched, key)
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
    p = a.primal
    if type(p) is not np.ndarray or not p.flags.c_contiguous or not p.size:
        return None
    y = p.reshape(shape)
    shape = y.shape
    view = view_of(a, lambda p: p.reshape(shape), Reshape(shape), None, ("reshape", shape))
    return make(y, None, a.level, view)


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
    order = memory_order(a, order)
    if order == "K":
        # Along the memory: in C order of the axes as NumPy's iterator sorts them.
        axes = _axes_along_memory(values(a))
        return result(np.ravel(a.primal, "K"), a, lambda p: np.transpose(p, axes).reshape(-1))
    if order != "C":
        return by_position(np.ravel, a, order)
    if not a.level.records and (y := _reshaped(a, -1)) is not None:
        return y
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
    axes = tuple(range(a.ndim))[::-1] if axes is None else normalize_axis_tuple(axes, a.ndim)
    if not axes and a.is_number:
        return a
    order = (0, *(i + 1 for i in axes))
    p = a.primal
    if type(p) is np.ndarray and p.size:
        view = view_of(
            a, lambda p: p.transpose(axes), lambda p: p.transpose(order), None, ("transpose", order)
        )
        return make(p.transpose(axes), None, a.level, view)
    y = np.transpose(p, axes)
    return result(
        y, a, lambda p: p.transpose(axes), lambda p: np.transpose(p, order), ("transpose", order)
    )


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
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
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
    return result(y, a, select, None, key_of_call(function, args, kwargs))


_COPIES = frozenset({np.roll, np.tile, np.repeat})


def _register_by_position(function):
    first = next(iter(inspect.signature(function).parameters))

    def handler(*args, **kwargs):
        if function in _COPIES and args and not kwargs:
            y = short_moves.moved(function, *args)
            if y is not None:
                return y
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
        return writing.assign(out, y)
    if type(y) is Dual and y.own_tangent() is not None:
        raise TangentLostError(
            f"out= is a plain {out.dtype} array, where the derivative would be lost. Allocate it "
            f"with numpy.zeros_like(dual), or leave out= away."
        )
    np.copyto(out, values(y) if type(y) is Dual else y, casting="same_kind")
    return out


for _function in (
    np.rollaxis, np.unstack, np.tile, np.repeat, np.roll, np.flip, np.fliplr, np.flipud, np.rot90,
    np.take, np.diagonal,
    np.linalg.diagonal, np.linalg.matrix_transpose, np.take_along_axis, np.resize, np.delete,
    np.lib.stride_tricks.sliding_window_view, np.fft.fftshift, np.fft.ifftshift,
):  # fmt: skip
    _register_by_position(_function)


_SPLITS: dict = {}


def _register_split(function, default_axis):
    def slices_of(ary, indices_or_sections, axis):
        """The slices that the parts are."""
        function(values(ary), indices_or_sections, *axis)  # NumPy's own errors
        (axis,) = axis or (default_axis(ary),)
        axis = normalize_axis_index(axis, ary.ndim)
        # Where the elements along the axis go; every part is a slice of them.
        places = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
        lead = (slice(None),) * axis
        slices = [slice(int(p[0]), int(p[-1]) + 1) if p.size else slice(0, 0) for p in places]
        return [(*lead, part) if axis else part for part in slices]

    def handler(ary, indices_or_sections, *axis, **kwargs):
        axis = axis or tuple(kwargs.values())
        if type(indices_or_sections) is int:
            key = (function, ary.shape, indices_or_sections, axis)
            keys = _SPLITS.get(key)
            if keys is None:
                if len(_SPLITS) > 64:
                    _SPLITS.clear()
                keys = _SPLITS[key] = slices_of(ary, indices_or_sections, axis)
        else:
            keys = slices_of(ary, plain_key(indices_or_sections), axis)
        return [ary[key] for key in keys]

    register_one("selection", function, handler)


_register_split(np.split, lambda a: 0)
_register_split(np.array_split, lambda a: 0)
_register_split(np.vsplit, lambda a: 0)
_register_split(np.hsplit, lambda a: min(a.ndim, 2) - 1)
_register_split(np.dsplit, lambda a: 2)


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
    def raised(a):
        shape = function(values(a)).shape
        return a.as_array() if a.shape == shape else reshape(a, shape)

    def handler(*arys):
        out = tuple(raised(a) if type(a) is Dual else function(a) for a in map(as_operand, arys))
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
    if dtype.kind not in "fc" and not has_tangent(x):
        return values(x).astype(dtype)
    if dtype.kind not in "fc":
        raise TypeError(f"A Dual of dtype {x.dtype} cannot be cast to dtype {dtype}.")
    t = x.own_tangent()
    if x.dtype.kind == "c" and dtype.kind == "f":
        return np.real(x).astype(dtype)
    y = make(x.primal.astype(dtype), None if t is None else t.astype(dtype), x.level)
    return y if x.is_number else y.as_array()


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
