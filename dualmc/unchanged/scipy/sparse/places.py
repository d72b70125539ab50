"""How a sparse matrix of Duals is kept, and how its numbers are moved.

It is an object of a subclass of SciPy's class, in the state of SciPy's own, but for `data`, which
is a Dual (or Traced).  The formats that are written to one by one (lil, dok) hold the *places* of
their numbers, counted from 1, in `_parts`, the vectors that were written.

Every function of SciPy that moves numbers and computes nothing is carried out on the places, and
tells where the numbers go.
"""

import sys

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.duals.operands import has_dual, level_of, primal_at
from dualmc.functions.results import valued
from dualmc.unchanged.scipy import sparse_products as constant
from dualmc.unchanged.standins.table import is_carrier, value_of

WRITTEN_TO = ("lil", "dok")
_classes: dict = {}
METHODS: dict = {}  # of the classes made here, filled by the files above


def varies(a):
    """Whether `a` is a sparse matrix of Duals."""
    return getattr(type(a), "_holds_duals", False)


def is_sparse(a):
    return hasattr(type(a), "tocsr")


def plain_kind(a):
    """SciPy's own class of a sparse matrix."""
    return next(c for c in type(a).__mro__ if "_looks_for_duals" not in c.__dict__)


def _class_of(kind):
    made = _classes.get(kind)
    if made is None:
        base = constant.kind_of(kind)
        found = METHODS | {"_looks_for_duals": True, "_holds_duals": True}
        made = _classes[kind] = type(base)(kind.__name__, (base,), found)
    return made


def blank_of(kind):
    """An object of a class without its state; those in DOK form are dicts too."""
    return dict.__new__(kind) if issubclass(kind, dict) else object.__new__(kind)


def with_numbers(like, data):
    """A sparse matrix of the structure of `like`, whose `data` are these."""
    if like.format in WRITTEN_TO:
        like = like.tocsr()
    is_varying = is_carrier(data)
    kind = plain_kind(like)
    out = blank_of(_class_of(kind) if is_varying else kind)
    out.__dict__.update(like.__dict__)
    out.__dict__["data"] = data
    return out


def of_parts(places, parts):
    """A matrix that is written to one by one, of the `places` of its numbers in `parts`."""
    out = blank_of(_class_of(plain_kind(places)))
    become_of_parts(out, places, parts)
    return out


def become_of_parts(out, places, parts):
    out.__dict__.clear()
    out.__dict__.update(places.__dict__)
    out.__dict__["_parts"] = parts


def numbers(a):
    """All numbers of a sparse matrix, one after another."""
    if varies(a) and a.format in WRITTEN_TO:
        return np.concatenate(a._parts)
    data = a.data if a.format not in WRITTEN_TO else a.tocsr().data
    return np.reshape(data, (data.size,))


@levels.aside
def places(a, first=1):
    """A plain matrix like `a`, that holds the places of its numbers, counted from `first`."""
    if varies(a) and a.format in WRITTEN_TO:
        out = blank_of(plain_kind(a))
        out.__dict__.update({k: v for k, v in a.__dict__.items() if k != "_parts"})
        shifted = out.tocsr()
        shifted.data = shifted.data + (first - 1)
        return shifted.asformat(a.format)
    if a.format in WRITTEN_TO:
        return places(a.tocsr(), first).asformat(a.format)
    size = a.data.size
    return with_numbers(a, np.arange(float(first), first + size).reshape(a.data.shape))


def gathered(flat, found):
    """The numbers of `flat` at places `found`, an array; 0 where there is none."""
    index = np.asarray(found).astype(np.intp) - 1
    if (index < 0).any():
        flat = np.concatenate([flat, np.zeros(1, flat.dtype)])
    elif index.size == flat.shape[0] and (index.ravel() == np.arange(index.size)).all():
        return flat if index.ndim == 1 else np.reshape(flat, index.shape)
    return flat[index]


def filled(found, flat):
    """What SciPy returned of places, as that of the numbers `flat`."""
    if not is_sparse(found):
        return gathered(flat, found)
    if found.format in WRITTEN_TO:
        return of_parts(found.astype(np.float64), [flat])
    return with_numbers(found, gathered(flat, found.data))


def moved(function, *matrices):
    """``function(*matrices)``, which moves numbers only; some of them vary."""
    matrices = [summed(a) for a in matrices]
    of_places, first = [], 1
    flat = [numbers(a) for a in matrices]
    for a, part in zip(matrices, flat, strict=True):
        of_places.append(places(a, first))
        first += part.shape[0]
    with levels.outside():
        found = function(*of_places)
    return filled(found, flat[0] if len(flat) == 1 else np.concatenate(flat))


# --- Entries -------------------------------------------------------------------------------------


def entries(a):
    """The numbers of `a` and their coordinates, an array per axis; several may share a place."""
    if a.format == "coo":
        return a.data, a.coords
    with levels.outside():
        found = places(a).tocoo()
    return gathered(numbers(a), found.data), found.coords


def of_entries(data, coords, shape, like):
    """The matrix of entries, in COO form, of the family (array or matrix) of `like`."""
    with levels.outside():
        kind = coo_kind(like)
        counted = kind((np.arange(1.0, data.shape[0] + 1.0), coords), shape=shape)
    return with_numbers(counted, data)


@levels.aside
def coo_kind(like):
    """The class of SciPy's in COO form, of the family of `like`."""
    return plain_kind(like._coo_container((1, 1)))


@levels.aside
def adding(index, size):
    """The constant matrix that adds vectors of entries: to number `index[i]` of `size` goes i."""
    count = len(index)
    made = sys.modules["scipy.sparse"].csr_array
    return made((np.ones(count), (index, np.arange(count))), shape=(size, count))


def total(index, size, data):
    """The sums of `data` (n,) or (n, k) by `index`, (size,) or (size, k)."""
    if not is_carrier(data):
        return adding(index, size) @ data
    return constant.matmul(adding(index, size), data)


def flat_index(coords, shape):
    return np.ravel_multi_index([np.asarray(c) for c in coords], shape)


def summed(a):
    """`a`, or where entries share a place its entries added, in COO form and sorted."""
    if not varies(a):
        return _summed_constants(a)
    if a.format in WRITTEN_TO or _is_canonical(a):
        return a
    data, coords = entries(a)
    index = flat_index(coords, a.shape)
    unique, where = np.unique(index, return_inverse=True)
    if unique.size == index.size:
        return a
    found = total(where.ravel(), unique.size, data)
    if type(found) is Dual:
        own = at(a, found.level)
        if not varies(own):
            own = own.tocoo().tocsr() if len(a.shape) == 2 else own
            same = own.nnz == unique.size and len(a.shape) == 2
            found = valued(own.data, found) if same else found
    return of_entries(found, np.unravel_index(unique, a.shape), a.shape, a)


@levels.aside
def _summed_constants(a):
    if getattr(a, "has_canonical_format", True):
        return a
    a = a.copy()
    a.sum_duplicates()
    return a


def _is_canonical(a):
    return a.format == "dia" or (a.format in ("csr", "csc") and places(a).has_canonical_format)


# --- Levels --------------------------------------------------------------------------------------


def level_among(*args):
    """The innermost level among operands, None where there is no Dual."""
    return level_of(*args) if has_dual(args) else None


def level_with(a, *others):
    """The innermost level among the numbers of a sparse matrix, constant or not, and operands."""
    return level_among(numbers(a), *others) if varies(a) else level_among(*others)


def at(a, level):
    """`a` as the functions of `level` see it."""
    if not varies(a):
        return a
    if a.format in WRITTEN_TO:
        a = a.tocsr()
    return with_numbers(a, primal_at(a.data, level))


def plain(a):
    """`a` with plain numbers."""
    if not varies(a):
        return a
    if a.format in WRITTEN_TO:
        a = a.tocsr()
    return with_numbers(a, value_of(a.data))
