"""Arrays of Duals made of numbers, lists, tuples and other arrays: ``np.array``, ``x.astype``."""

import numpy as np
from numba import literal_unroll
from numba.core import types
from numba.extending import intrinsic, overload

from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars.dual_type import is_dual, is_scalar, promoted
from dualmc.compiled.scalars.intrinsics import instance

# Before Numba's own templates, which build a dtype for every array they see.
FIRST = {"target": "cpu"}


def common(kinds):
    """The Dual type that holds all these scalars; None: not all are ours, or none is a Dual."""
    found = None
    for kind in kinds:
        if not is_scalar(kind):
            return None
        if found is None or not (is_dual(found) or is_dual(kind)):
            found = kind if found is None or not is_dual(kind) else found
            continue
        found = promoted(found, kind)
        if found is None:
            return None
    return found if is_dual(found) else None


@intrinsic
def tuple_of(context, values, like):
    """A tuple of numbers and Duals as one of Duals of one type."""
    kind = types.UniTuple(instance(like), values.count)

    def code(context, builder, sig, args):
        return context.cast(builder, args[0], sig.args[0], kind)

    return kind(values, like), code


@overload(np.asarray, **FIRST)
def _asarray(a, dtype=None):
    if is_dual(a) and is_nothing(dtype):
        return lambda a, dtype=None: np.array(a)
    return None


@overload(np.array, **FIRST)
def _array(object, dtype=None):
    if not is_nothing(dtype) and not isinstance(getattr(dtype, "dtype", None), types.Float):
        return None
    if isinstance(object, types.Array) and is_dual(object.dtype):
        return lambda object, dtype=None: object.copy()
    if is_dual(object):
        return _of_number(object)
    if isinstance(object, types.BaseTuple):
        return _of_tuple(object)
    if isinstance(object, (types.List, types.ListType)):
        return _of_list(object)
    return None


def _of_number(value):
    def zero_dimensional(object, dtype=None):
        out = np.empty((), value)
        out[()] = object
        return out

    return zero_dimensional


def _of_tuple(values):
    T = common(values.types)
    n = values.count
    if T is not None:

        def of_numbers(object, dtype=None):
            duals = tuple_of(object, T)
            out = np.empty(n, T)
            for i in range(n):
                out[i] = duals[i]
            return out

        return of_numbers
    if not n or not all(isinstance(row, types.BaseTuple) for row in values.types):
        return _of_arrays(values)
    columns = {row.count for row in values.types}
    T = common([kind for row in values.types for kind in row.types])
    if T is None or len(columns) != 1:
        return None
    k = columns.pop()

    def of_rows(object, dtype=None):
        out = np.empty((n, k), T)
        i = 0
        for row in literal_unroll(object):
            duals = tuple_of(row, T)
            for j in range(k):
                out[i, j] = duals[j]
            i += 1
        return out

    return of_rows


def _of_arrays(values):
    kinds = values.types
    if not kinds or not all(isinstance(kind, types.Array) and kind.ndim == 1 for kind in kinds):
        return None
    T = common([kind.dtype for kind in kinds])
    if T is None:
        return None
    n = values.count

    def of_vectors(object, dtype=None):
        k = object[0].size
        out = np.empty((n, k), T)
        i = 0
        for row in literal_unroll(object):
            if row.size != k:
                raise ValueError("setting an array element with a sequence of another length.")
            for j in range(k):
                out[i, j] = row[j]
            i += 1
        return out

    return of_vectors


def _of_list(values):
    T = values.dtype
    if is_dual(T):

        def of_numbers(object, dtype=None):
            out = np.empty(len(object), T)
            for i in range(len(object)):
                out[i] = object[i]
            return out

        return of_numbers
    if isinstance(T, (types.List, types.ListType)) and is_dual(T.dtype):
        E = T.dtype

        def of_rows(object, dtype=None):
            k = len(object[0])
            out = np.empty((len(object), k), E)
            for i in range(len(object)):
                if len(object[i]) != k:
                    raise ValueError("setting an array element with a sequence of another length.")
                for j in range(k):
                    out[i, j] = object[i][j]
            return out

        return of_rows
    return None
