"""Between the user's arrays and the levels: inputs, seeds, outputs, assembled Jacobians."""

import math
import sys
import weakref

import numpy as np

from dualmc.duals import elements, levels, subclasses, weak
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, from_objects, from_sequence, has_dual
from dualmc.graph.record import has_traced
from dualmc.kernels import buffers, slot_kernels, stamped
from dualmc.kernels.payload import KERNEL_DTYPES, flat, is_plain
from dualmc.tangents import csr, dense, tape
from dualmc.tangents.dense_tangent import DENSE_INPUTS, DenseTangent
from dualmc.tangents.slots import SparseTangent

FLOAT64 = np.dtype(np.float64)

# --- Inputs --------------------------------------------------------------------------------------


def as_input(x, caller, name, is_complex=False):
    """`x` as a floating array, or as the Dual of an outer derivative call that it is.

    Complex numbers only where `is_complex` allows them.
    """
    if type(x) is np.ndarray and x.dtype is FLOAT64:
        return x
    if type(x) is Dual:
        if x.dtype.kind != "f" and not (is_complex and x.dtype.kind == "c"):
            raise TypeError(_complex_input(caller, name, x.dtype))
        return x
    if isinstance(x, (list, tuple)) and has_dual(x):
        return from_sequence(x)
    found = subclasses.more_than_array(x)
    if found is not None:
        raise TypeError(
            f"{caller} needs {name} to be a float, a list or a plain array of floats; got "
            f"{'a list that holds a ' * (found is not x)}{type(found).__name__}. Convert it first, "
            f"e.g. with numpy.asarray({name})."
        )
    if x is None or isinstance(x, (dict, set, str, bytes)) or is_sparse_matrix(x):
        raise TypeError(
            f"{caller} needs {name} to be a float, a list or an array of floats; got "
            f"{type(x).__name__}."
        )
    try:
        a = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{caller}: {name} is not a regular array: {error}") from None
    if a.dtype == object and has_dual(a):
        return from_objects(a)
    if a.dtype.kind in "iu":
        return a.astype(np.float64)
    if a.dtype == object and has_traced(x):
        raise TypeError(
            f"{caller} met arrays that prepare, explain or trace record, where they cannot find "
            f"it (kept in a table or an object, say). Call it by its name in f."
        )
    if a.dtype.kind == "c" and is_complex:
        return a
    if a.dtype.kind == "c":
        raise TypeError(_complex_input(caller, name, a.dtype))
    if a.dtype.kind != "f":
        raise TypeError(
            f"{caller} needs {name} to be an array of floats; got dtype {a.dtype}. "
            f"Convert it with {name}.astype(float) if its entries are numbers."
        )
    return a


def is_sparse_matrix(a):
    """Whether `a` is a sparse matrix or array of SciPy, which need not be imported."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(a)


def _complex_input(caller, name, dtype):
    return (
        f"{caller} needs a real {name}; got dtype {dtype}. Differentiate with respect to the real "
        f"and imaginary parts, e.g. f(z[0] + 1j * z[1]) with real z."
    )


def check_argnums(argnums, count, caller):
    """`argnums` as a tuple of positions, and whether it was given as one."""
    if type(argnums) is int and 0 <= argnums < count:
        return (argnums,), False
    given = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not given:
        raise ValueError(f"{caller}: argnums must name at least one argument, got ().")
    numbers = []
    for a in given:
        if isinstance(a, bool) or not isinstance(a, (int, np.integer)):
            raise TypeError(
                f"{caller}: argnums must be an int or a tuple of ints, got argnums={argnums!r}."
            )
        if not -count <= a < count:
            raise ValueError(
                f"{caller}: argnums={argnums!r} is out of range: f is called with {count} "
                f"positional argument{'s' * (count != 1)}, numbered from 0."
            )
        numbers.append(int(a) % count)
    if len(numbers) != len(frozenset(numbers)):
        raise ValueError(f"{caller}: argnums={argnums!r} names an argument twice.")
    return tuple(numbers), isinstance(argnums, (tuple, list))


def check_chunk_size(chunk_size, caller):
    if chunk_size is None:
        return None
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, (int, np.integer)):
        raise TypeError(
            f"{caller}: chunk_size must be a positive int, got chunk_size={chunk_size!r}."
        )
    if chunk_size < 1:
        raise ValueError(
            f"{caller}: chunk_size must be a positive int, got chunk_size={chunk_size}."
        )
    return int(chunk_size)


# --- Seeds ---------------------------------------------------------------------------------------


def seed(x, level, offset, is_sparse):
    """A Dual of `x` whose entry i is column ``offset + i`` of the basis.

    Columns outside [0, level.n) belong to another chunk and carry no tangent.
    """
    primal = np.array(x) if isinstance(x, np.ndarray) else x.copy()
    shape, dtype, k = x.shape, x.dtype, level.n
    if not is_sparse or dtype not in KERNEL_DTYPES:
        # With its factor from the start, element-wise steps find it in place.
        block = _basis(k, shape, dtype, offset)
        return make(primal, DenseTangent(level, block, dense.unit(shape, dtype), True), level)
    level.starts_sparse = True
    col = level.structures.seeded(offset, x.shape, k)
    coef = buffers.empty(col.shape, x.dtype)
    coef.fill(1)
    if offset < 0 or offset + math.prod(shape) > k:
        coef[col < 0] = 0
    return make(primal, SparseTangent(level, coef, col), level)


# Blocks of seeds up to this many entries are kept for the next call.
KEPT_SEEDS = 1024
_bases: dict = {}


def _basis(k, shape, dtype, offset):
    """The block, (k, *shape), whose element i is column ``offset + i``; not to be written to."""
    key = (k, shape, dtype, offset)
    found = _bases.get(key)
    if found is None:
        size = math.prod(shape)
        found = np.zeros((k, size), dtype)
        first, last = max(0, -offset), min(size, k - offset)
        if last > first:
            entries = np.arange(first, last)
            found[entries + offset, entries] = 1
        found = found.reshape((k, *shape))
        found.flags.writeable = False
        if found.size <= KEPT_SEEDS:
            if len(_bases) > 64:
                dense.SEEDED.clear()
                _bases.clear()
            _bases[key] = found
            if len(shape) == 1 and dtype is FLOAT64:
                dense.SEEDED[id(found)] = offset, dense.unit(shape, dtype)
    return found


def seed_recorded(x, level):
    """A Dual of `x` whose tangent is an input of the tape, and that tangent."""
    primal = np.array(x) if isinstance(x, np.ndarray) else x.copy()
    var = tape.leaf(primal)
    return make(primal, var, level), var


def as_given(dual, a):
    """The number `dual`, as an array if the argument `a` that it stands for is one."""
    if type(a) is float or type(a) is Dual and any(r() is a for r in a.level.floats):
        dual.level.floats += (weakref.ref(dual),)
        return dual
    is_array = isinstance(a, np.ndarray) or type(a) is Dual and not a.is_number
    return dual.as_array() if is_array else dual


def starts_sparse(n, sparse):
    """Policy: few inputs start dense; a sparse result keeps the structure from the start."""
    return sparse or n > DENSE_INPUTS


def seed_direction(x, x_dot, level):
    """A Dual of `x` with the single tangent `x_dot`."""
    primal = np.array(x) if isinstance(x, np.ndarray) else x.copy()
    x_dot = np.array(x_dot, x.dtype) if isinstance(x_dot, np.ndarray) else x_dot.copy()
    return make(primal, DenseTangent(level, x_dot.reshape((1, *x.shape))), level)


# --- Outputs -------------------------------------------------------------------------------------


def as_output(y, caller):
    """What f returned, as a Dual or a plain array."""
    if type(y) is not Dual:
        if y is None or isinstance(y, (dict, set, str, bytes)) or callable(y):
            hint = " Did f forget its return statement?" if y is None else ""
            raise TypeError(
                f"{caller} needs f to return a number, an array, or a list or tuple of those; "
                f"f returned {'None' if y is None else 'a ' + type(y).__name__}.{hint}"
            )
        if is_sparse_matrix(y):
            raise TypeError(
                f"{caller} needs f to return a number, an array, or a list or tuple of those; f "
                f"returned a {type(y).__name__}. Return its entries, e.g. with .toarray()."
            )
        if isinstance(y, (list, tuple)):
            y = _stacked(y, caller)
        else:
            y = as_operand(numbers_of(y, caller))
    if type(y) is Dual:
        if not y.level.open:
            raise levels.finished()
        return weak.strong(y) if weak.state.made else y
    y = np.asarray(y)
    if y.dtype.kind not in "biufc":
        raise TypeError(
            f"{caller} needs f to return numbers; f returned an array of dtype {y.dtype}."
        )
    return y


def numbers_of(y, caller):
    """The numbers of an output; what would mean more is refused, a matrix means no more."""
    if isinstance(y, np.matrix):
        return y.view(np.ndarray)
    if subclasses.is_masked(y):
        if not np.any(y.mask):
            return y.data
        raise TypeError(
            f"{caller} needs f to return numbers; f returned a masked array, some elements of "
            f"which have none. Return y.filled(0), y.compressed() or a reduction of it."
        )
    found = subclasses.more_than_array(y)
    if found is not None:
        raise TypeError(
            f"{caller} needs f to return a number, an array, or a list or tuple of those; f "
            f"returned a {type(found).__name__}, whose class means more. Return its numbers, e.g. "
            f"numpy.asarray(y)."
        )
    return y


def _stacked(y, caller):
    _check_numbers(y, caller)
    try:
        return from_sequence(y)
    except ValueError as error:
        raise ValueError(
            f"{caller} needs f to return arrays of one shape; f returned a "
            f"{type(y).__name__} that is ragged. ({error})"
        ) from None


def _check_numbers(y, caller):
    """Every entry of a nest of lists must be a number, an array of numbers or a Dual."""
    for item in y:
        if isinstance(item, (list, tuple)):
            _check_numbers(item, caller)
        elif type(item) is not Dual and np.asarray(item).dtype.kind not in "biufc":
            if not has_dual(item):
                raise TypeError(
                    f"{caller} needs f to return numbers; f returned a list that holds a "
                    f"{type(item).__name__}."
                )


def primal_of(y, level):
    """The value of an output, with the Duals of outer calls kept."""
    return y.primal if type(y) is Dual and y.level is level else y


def strip(aux, level):
    """`aux` with the Duals of `level` replaced by their values."""
    if type(aux) is Dual:
        return primal_of(aux, level)
    if isinstance(aux, dict):
        return {key: strip(value, level) for key, value in aux.items()}
    if isinstance(aux, (list, tuple)):
        items = [strip(item, level) for item in aux]
        return type(aux)(*items) if hasattr(aux, "_fields") else type(aux)(items)
    if type(aux) in subclasses.MASKED:
        return np.ma.array(strip(aux.data, level), mask=aux.mask)
    if isinstance(aux, np.ndarray) and aux.dtype == object and has_dual(aux):
        if subclasses.is_foreign(aux):
            return elements.with_entries(aux, lambda a: strip(a, level))
        return strip(from_objects(aux), level)
    if type(aux) is elements.Number:
        return strip(aux.carrier, level)
    return aux


class Piece:
    """The columns of one pass: a primal, and the tangent of the output (None: all zero)."""

    __slots__ = ("primal", "tangent", "k", "dtype")

    def __init__(self, y, level, dtype):
        self.primal = primal_of(y, level)
        self.tangent = y.own_tangent() if type(y) is Dual and y.level is level else None
        self.k = level.n
        y_dtype = self.primal.dtype
        self.dtype = y_dtype if y_dtype.kind in "fc" else dtype

    def columns(self):
        """The Jacobian's columns, dense, (*S, k)."""
        t, shape = self.tangent, self.primal.shape
        if t is None:
            return np.zeros((*shape, self.k), self.dtype)
        if t.is_sparse and is_plain(t.coef):
            out = np.zeros((math.prod(shape), self.k), t.dtype)
            slot_kernels.scatter_dense(flat(t.col), flat(t.coef), out.T)
            return out.reshape((*shape, self.k))
        if not t.is_sparse and 0 < self.k <= dense.FEW:
            out = _scaled_columns(t.block, t.scale)
            if out is not None:
                return out
        block = t.dense()
        return dense.columns(block) if type(block) is np.ndarray else np.moveaxis(block, 0, -1)

    def rows(self, caller):
        """The same columns as a `scipy.sparse.csr_array`, (size, k)."""
        sparse = import_sparse(caller)
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


def _scaled_columns(block, scale):
    """``scale * block`` as columns, (*S, k), for few directions in float64; None: not here."""
    if not are_float64(block, scale):
        return None
    if not block.flags.c_contiguous:
        block = buffers.contiguous(block)
    if not scale.flags.c_contiguous:
        scale = buffers.contiguous(scale)
    k, shape = block.shape[0], block.shape[1:]
    out = np.empty((*shape, k))
    if len(shape) == 1:
        stamped.scaled_columns(block, scale[0], out)
    else:
        stamped.scaled_columns(block.reshape(k, -1), scale.reshape(-1), out.reshape(-1, k))
    return out


def are_float64(a, b):
    """Whether both are plain float64 arrays."""
    kind = np.ndarray
    return type(a) is kind and type(b) is kind and a.dtype is FLOAT64 and b.dtype is FLOAT64


def nested_sparse(caller):
    return TypeError(
        f"{caller}: sparse=True cannot hold the Duals of an outer derivative call. Use "
        f"sparse=False inside, and sparse=True in the outermost call."
    )


def import_sparse(caller):
    try:
        import scipy.sparse
    except ImportError:
        raise ImportError(
            f"{caller}: sparse=True returns a scipy.sparse.csr_array and needs SciPy. "
            f"Install it with: pip install dualmc[sparse]"
        ) from None
    return scipy.sparse
