"""What f returned: as a Dual or a plain array, as columns of the Jacobian, aux free of Duals."""

import math

import numpy as np

from dualmc.calls import banded, options, room
from dualmc.calls.inputs import FLOAT64, is_sparse_matrix
from dualmc.calls.structures import trees
from dualmc.duals import elements, levels, subclasses, weak
from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, from_objects, from_sequence, has_dual
from dualmc.kernels import buffers, slot_kernels, stamped
from dualmc.kernels.payload import flat, is_plain
from dualmc.tangents import csr, dense


def as_output(y, caller):
    """What f returned, as a Dual or a plain array."""
    if type(y) is Dual and y.level.open and not weak.state.made:
        return y
    if type(y) is not Dual:
        if y is None or issubclass(type(y), (dict, set, str, bytes)) or callable(y):
            hint = " Did f forget its return statement?" if y is None else ""
            raise (trees.Structure if issubclass(type(y), dict) else TypeError)(
                f"{caller} needs f to return a number, an array, or a list or tuple of those; "
                f"f returned {'None' if y is None else 'a ' + type(y).__name__}.{hint}"
            )
        if is_sparse_matrix(y):
            raise TypeError(
                f"{caller} needs f to return a number, an array, or a list or tuple of those; f "
                f"returned a {type(y).__name__}. Return its entries, e.g. with .toarray()."
            )
        if issubclass(type(y), (list, tuple)):
            y = _stacked(y, caller)
        else:
            y = as_operand(numbers_of(y, caller))
    if type(y) is Dual:
        if not y.level.open:
            raise levels.finished(y)
        return weak.strong(y)
    numbers = np.asarray(y)
    if numbers.dtype.kind not in "biufc":
        if trees.is_named(y):
            raise trees.Structure(f"{caller} needs f to return numbers, not a {type(y).__name__}.")
        raise TypeError(
            f"{caller} needs f to return numbers; f returned an array of dtype {numbers.dtype}."
        )
    return numbers


def numbers_of(y, caller):
    """The numbers of an output; what would mean more is refused, matrices and labels do not."""
    if issubclass(type(y), np.matrix):
        return y.view(np.ndarray)
    if subclasses.is_masked(y):
        if not np.any(y.mask):
            return y.data
        raise TypeError(
            f"{caller} needs f to return numbers; f returned a masked array, some elements of "
            f"which have none. Return y.filled(0), y.compressed() or a reduction of it."
        )
    if elements.is_labelled(y):
        return y.to_numpy()
    found = subclasses.more_than_array(y)
    if found is not None:
        raise TypeError(
            f"{caller} needs f to return a number, an array, or a list or tuple of those; f "
            f"returned a {type(found).__name__}, whose class means more. Return its numbers, e.g. "
            f"{subclasses.numbers_by(type(found), 'y')}."
        )
    return y


def _stacked(y, caller):
    _check_numbers(y, caller)
    try:
        return from_sequence(y)
    except ValueError as error:
        raise trees.Structure(
            f"{caller} needs f to return arrays of one shape; f returned a "
            f"{type(y).__name__} that is ragged. ({error})"
        ) from None


def _check_numbers(y, caller):
    """Every entry of a nest of lists must be a number, an array of numbers or a Dual."""
    for item in y:
        if issubclass(type(item), (list, tuple)):
            _check_numbers(item, caller)
        elif type(item) is not Dual and np.asarray(item).dtype.kind not in "biufc":
            if not has_dual(item) and not elements.is_labelled(item):
                raise (trees.Structure if trees.is_named(item) else TypeError)(
                    f"{caller} needs f to return numbers; f returned a list that holds a "
                    f"{type(item).__name__}."
                )


def primal_of(y, level):
    """The value of an output, with the Duals of outer calls kept."""
    return y.primal if type(y) is Dual and y.level is level else y


def strip(aux, level):
    """`aux` with the Duals of `level` replaced by their values."""
    return trees.mapped(lambda a: _stripped(a, level), aux)


def _stripped(a, level):
    if type(a) is Dual:
        return primal_of(a, level)
    if type(a) in subclasses.MASKED:
        return np.ma.array(_stripped(a.data, level), mask=a.mask)
    if issubclass(type(a), np.ndarray) and a.dtype == object and has_dual(a):
        if subclasses.is_foreign(a):
            return elements.with_entries(a, lambda item: _stripped(item, level))
        return _stripped(from_objects(a), level)
    if type(a) is elements.Number:
        return _stripped(a.carrier, level)
    if elements.is_labelled(a):
        return a.map(lambda v: scalar(_stripped(v, level))).infer_objects()
    return a


class Piece:
    """The columns of one pass: a primal, and the tangent of the output (None: all zero)."""

    __slots__ = ("primal", "tangent", "k", "dtype")

    def __init__(self, y, level, dtype):
        if type(y) is not Dual or y.level is not level:
            self.primal, self.tangent = y, None
        elif y._view is None:
            self.primal, self.tangent = y._primal, y._tangent
            y._owned = False
        else:
            self.primal, self.tangent = y.primal, y.own_tangent()
        self.k = level.n
        y_dtype = self.primal.dtype
        self.dtype = y_dtype if y_dtype.kind in "fc" else dtype

    def columns(self):
        """The Jacobian's columns, dense, (*S, k)."""
        t, shape, k = self.tangent, self.primal.shape, self.k
        if k * self.primal.size >= room.LARGE // 16:
            room.need((*shape, k), self.dtype)
        if t is None:
            return np.zeros((*shape, k), self.dtype)
        if t.is_sparse and is_plain(t.coef):
            out = np.zeros((math.prod(shape), k), t.dtype)
            slot_kernels.scatter_dense(flat(t.col), flat(t.coef), out.T)
            return out.reshape((*shape, k))
        if not t.is_sparse and 0 < k <= dense.FEW:
            block, scale = t.block, t.scale
            if type(block) is type(scale) is np.ndarray and block.dtype is scale.dtype is FLOAT64:
                out = np.empty((*shape, k))
                if len(shape) == 1 and block.flags.c_contiguous and scale.flags.c_contiguous:
                    stamped.scaled_columns(block, scale[0], out)
                else:
                    _scale_columns(block, scale, out)
                return out
        block = t.dense()
        return dense.columns(block) if type(block) is np.ndarray else np.moveaxis(block, 0, -1)

    def rows(self, caller):
        """The same columns as a `scipy.sparse.csr_array`, (size, k)."""
        sparse = options.import_sparse(caller)
        t, size = self.tangent, math.prod(self.primal.shape)
        if t is None:
            return sparse.csr_array((size, self.k), dtype=csr.storable(self.dtype))
        if not t.is_sparse:
            block = t.dense()
            if not is_plain(block):
                raise nested_sparse(caller)
            return csr.matrix_of_rows(self.columns().reshape(size, self.k), sparse.csr_array)
        if not is_plain(t.coef):
            raise nested_sparse(caller)
        return csr.matrix_of(t, size, self.k, sparse.csr_array)


def _scale_columns(block, scale, out):
    """Write ``scale * block`` as columns, (*S, k), for few directions in float64."""
    block, scale, k = buffers.contiguous(block), buffers.contiguous(scale), block.shape[0]
    stamped.scaled_columns(block.reshape(k, -1), scale.reshape(-1), out.reshape(-1, k))


def nested_sparse(caller):
    return TypeError(
        f"{caller}: sparse=True cannot hold the Duals of an outer derivative call. Use "
        f"sparse=False inside, and sparse=True in the outermost call."
    )


def split(request, joined, shape):
    """The Jacobian per argument, from its columns of all arguments, (*shape, n)."""
    if len(request.xs) == 1:
        return result(request, [joined], shape)
    ends = np.cumsum([0, *request.sizes]).tolist()
    parts = [joined[..., i:j] for i, j in zip(ends, ends[1:], strict=False)]
    return result(request, [p if request.sparse else p.copy() for p in parts], shape)


def sparse_rows(request, rows):
    """Dense rows, (k, n), as a `scipy.sparse.csr_array`."""
    sparse = options.import_sparse(request.caller)
    if type(rows) is not np.ndarray:
        raise nested_sparse(request.caller)
    return csr.matrix_of_rows(rows, sparse.csr_array)


def result(request, parts, shape):
    """What the caller gets, from one array (*shape, x.size) or sparse matrix per argument."""
    found = []
    for J, x in zip(parts, request.xs, strict=True):
        if request.sparse:
            is_turned = request.layout == "denominator"
            if is_turned:
                J = J.T
            if banded.is_asked(request.format):
                J = banded.packed(J, request.format, request.caller)
            elif is_turned or request.format != options.FORMATS[0]:  # which it is
                J = J.asformat(request.format)
            found.append(J)
            continue
        if J.shape != shape + x.shape:
            J = np.reshape(J, shape + x.shape)
        if request.layout == "denominator":
            ndim = len(shape)
            J = np.transpose(J, (*range(ndim, ndim + len(x.shape)), *range(ndim)))
        found.append(J)
    return tuple(found) if request.is_tuple else found[0]


def scalar(a):
    """A 0-d array as the scalar NumPy would return; arrays as the caller's own, writable."""
    if type(a) is not np.ndarray:
        return a
    return a[()] if a.ndim == 0 else a if a.flags.writeable else a.copy()
