"""Entries of a sparse matrix of Duals that are read and set by index.

The matrices that are written to one by one (lil, dok) are SciPy's own of the places of their
numbers: what is written is appended, and its places are set.
"""

import numpy as np

from dualmc.duals import levels
from dualmc.errors import TangentLostError
from dualmc.unchanged.scipy.sparse.places import (
    WRITTEN_TO,
    _class_of,
    become_of_parts,
    blank_of,
    gathered,
    is_sparse,
    moved,
    numbers,
    of_parts,
    places,
    plain_kind,
    summed,
    with_numbers,
)
from dualmc.unchanged.standins.table import operand

# How many numbers of several parts are picked one by one, before the parts are joined.
FEW = 256


def picked(a, key):
    """``a[key]``."""
    if a.format not in WRITTEN_TO:
        return moved(lambda m: m[key], a)
    found = _own_places(a)[key]
    if not is_sparse(found):
        return _lookup(a, found)
    found = found.tocsr()
    y = with_numbers(found, np.asarray(found.data))
    y.data = _lookup(a, y.data) if y.data.size else np.zeros(0)
    y = with_numbers(y, y.data)
    return y.asformat(a.format) if len(y.shape) == 2 else y


def _own_places(a):
    """SciPy's own matrix of places, whose state is that of `a`."""
    out = blank_of(plain_kind(a))
    out.__dict__ = a.__dict__
    return out


def _lookup(a, found):
    """The numbers at places `found`, of several parts."""
    parts = a._parts
    index = np.asarray(found).astype(np.intp) - 1
    starts = np.cumsum([0, *(part.shape[0] for part in parts)])
    which = np.searchsorted(starts, index, side="right") - 1
    if index.ndim == 0:
        i = int(which)
        return parts[i][index - starts[i]] if index >= 0 else np.float64(0.0)
    if (which == which.flat[0]).all() and index.min() >= 0:
        return parts[which.flat[0]][index - starts[which.flat[0]]]
    if index.size > FEW or len(parts) == 1 or index.min() < 0:
        a.__dict__["_parts"] = parts = [np.concatenate(parts)]
        return gathered(parts[0], found)
    chosen = zip(which.ravel().tolist(), index.ravel().tolist(), strict=True)
    return np.reshape(np.stack([parts[k][i - starts[k]] for k, i in chosen]), index.shape)


def assign(a, key, value):
    """``a[key] = value``."""
    if is_sparse(value):
        value = summed(value)
    else:
        value = operand(value)
        value = np.asarray(value) if issubclass(type(value), (list, tuple)) else value
    _put(a, value, lambda m, new: m.__setitem__(key, new))


def set_diagonal(a, values, k=0):
    values = operand(values)
    values = np.asarray(values) if issubclass(type(values), (list, tuple)) else values
    _put(a, values, lambda m, new: m.setdiag(new, k))


def _put(a, value, put):
    """Set the places of `value` by `put`, and keep its numbers."""
    if a.format not in WRITTEN_TO:
        a_summed = summed(a).asformat(a.format)
        first = numbers(a_summed).shape[0] + 1
        target = places(a_summed)
    else:
        first = sum(part.shape[0] for part in a._parts) + 1
        target = _own_places(a)
    if is_sparse(value):
        new, flat = places(value, first), numbers(value)
    else:
        size = int(np.prod(np.shape(value)))
        new = np.arange(float(first), first + size).reshape(np.shape(value))[()]
        flat = np.reshape(value, (size,))
    put(target, new)
    if a.format in WRITTEN_TO:
        a._parts.append(flat)
        return
    flat = np.concatenate([numbers(a_summed), flat])
    become(a, with_numbers(target, gathered(flat, target.data)))


def become(a, other):
    a.__dict__.update(other.__dict__)


def copied(a):
    return of_parts(_own_places(a).copy(), list(a._parts))


# --- A constant matrix that is written a Dual ----------------------------------------------------


def begin(a):
    """Let the constant matrix `a`, made by f, be one of Duals from now on."""
    level = levels.current()
    if level is None or a.__dict__.get("_made_in") is not level:
        raise TangentLostError(
            f"Cannot store a Dual in a {plain_kind(a).__name__} that was not made by f, in this "
            f"call: the derivative would be lost. Write to a copy, e.g. K = K.copy()."
        )
    if a.format in WRITTEN_TO:
        flat, found = numbers(a), places(a)
        kind = _class_of(plain_kind(a))
        become_of_parts(a, found, [flat])
    else:
        kind = _class_of(plain_kind(a))
    a.__class__ = kind
