"""Plans of moves: what indices, reshapes and other moves make of a signed Dual.

Views have their tangent derived at once, where that takes no large copy: what it looks like, its
columns included, is known from the signature.  A view that is not served has it derived when it is
read (`views.py`).  What is no view gathers elements, whose positions the plan knows.
"""

from operator import getitem

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.signatures import (
    DENSE,
    FLOAT64,
    SLOTS,
    dense_signature,
    is_fresh,
    made,
    signature_of,
    slots_signature,
)
from dualmc.duals.views import InnerKeyView, KeyView, PartView, positions
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.structure import content_of, key_of

ndarray = np.ndarray
# Bytes of coefficients up to which they are copied where a view of them is not in C order.
COPIED = 2**14
# Plans of one signature beyond which no more are made of indices, which loops may run through.
MANY = 256

# Bytes of an index array up to which its contents are compared with those of the last ones.
CONTENT = 2**11

_new_dual, _new_view = Dual.__new__, KeyView.__new__
_new_slots, _new_block = SparseTangent.__new__, DenseTangent.__new__


def looked_at(x):
    """The signature of a Dual as it is now."""
    found = x._signature
    return signature_of(x) if found is None or found.is_view and not is_fresh(x) else found


# --- Views ---------------------------------------------------------------------------------------


def name_of(key):
    """What tells a basic index, a tuple, from others in the plans of a signature; or None."""
    parts = []
    for k in key:
        kind = type(k)
        if kind is slice:
            parts.append((k.start, k.stop, k.step))
        elif kind is int or k is None or k is Ellipsis:
            parts.append(k)
        elif issubclass(kind, np.integer):
            parts.append(int(k))
        else:
            return None
    return tuple(parts)


def part(x, s, key):
    """``x[key]``, a tuple, of a Dual with the signature `s`; None: not served."""
    name = name_of(key)
    if name is None:
        return None
    try:
        plan = s.plans[name]
    except KeyError:
        if s.kind is None or len(s.plans) >= MANY:
            return None
        plan = s.keep(name, view_plan(x, s, getitem, key, (slice(None), *key), key_of(key)))
    except TypeError:  # an index that is an array, say
        return None
    return None if plan is None else plan(x, key)


def viewed(x, function, key, path_of, view_of):
    """A reshape or transposition of `x`, told by `function` and `key`; None: not served.

    For a plan, ``path_of(x, key)`` gives the same for arrays with an axis more in front, and what
    tells it apart, and ``view_of(x, key, y)`` makes the view whose primal is `y`.
    """
    s = x._signature
    if s is None and x._view is None and not x._owned:
        s = signature_of(x)
    if s is None or s.kind is None or not s.shape:
        return None
    try:
        plan = s.plans[function, key]
    except KeyError:
        path, name = path_of(x, key)
        take = _TAKES[function]
        plan = s.keep((function, key), view_plan(x, s, take, key, path, name, view_of))
    except TypeError:
        return None
    return None if plan is None else plan(x, key)


_TAKES = {np.reshape: ndarray.reshape, np.transpose: ndarray.transpose}


def view_plan(x, s, take, key, path, name, view_of=None):
    """The plan ``plan(x, key)`` of a view; None: not served.

    It is ``take(a, key)`` of the primal and ``take(a, path)`` of arrays with an axis more in front;
    `name` tells what that does to them.  ``view_of(x, key, y)`` makes the view where that is no
    index.  A plan gives None where it does not apply.
    """
    p, t = x._primal, x._tangent
    if s.kind not in (SLOTS, DENSE) or not s.is_c or x._signature is not s or name is None:
        return None
    if s.is_view and not is_fresh(x):
        return None
    y = take(p, key)
    if type(y) is not ndarray or not y.ndim or not y.size:
        return None
    is_sparse, is_view, shape = s.kind is SLOTS, s.is_view, y.shape
    rows = take(t.coef if is_sparse else t.block, path)
    is_few = s.width <= dense.FEW
    copies = not rows.flags.c_contiguous and (is_sparse or is_few)
    if copies and rows.nbytes > COPIED:
        return None
    is_c = y.flags.c_contiguous and y.flags.aligned
    view_of = view_of or (_inner_view if is_view else _key_view)
    if is_sparse:
        structures, col = x.level.structures, s.column()
        if col is None:
            return None
        col = structures.moved(col, lambda a: take(a, path), name)
        if id(col) not in structures.held:
            return None
        signature = slots_signature(structures, col, is_c, True)
    else:  # of few directions the signature says that the block is contiguous
        signature = dense_signature(shape, s.width, is_few, is_c, True)
        one, other_one = dense.unit(s.shape, FLOAT64), dense.unit(shape, FLOAT64)
    column = signature.column

    def plan(x, key):
        level, t = x.level, x._tangent
        if not level.open or is_view and not is_fresh(x):
            return None
        if is_sparse:
            col = column()
            if col is None:
                return None
            u = _new_slots(SparseTangent)
            coef = take(t.coef, path)
            u.coef = coef.copy() if copies else coef
            u.col = col
        else:
            u = _new_block(DenseTangent)
            block, scale = take(t.block, path), t.scale
            u.block = block.copy() if is_few and not block.flags.c_contiguous else block
            if scale is one:
                u.scale = other_one
            else:
                scale = take(scale, path)
                u.scale = scale if scale.flags.c_contiguous else scale.copy()
            u.finite = t.finite or None
        u.level = level
        out = _new_dual(Dual)
        out._primal = y = take(x._primal, key)
        out.level = level
        out._tangent = u
        out._view = view = view_of(x, key, y)
        if view is None:
            return None
        view.seen = view.root._writes
        out._writes = 0
        out._owned = out._kept = False
        out._signature = signature
        return out

    return plan


def _key_view(x, key, y):
    """``KeyView(x, key)`` without the frame of a call of `__init__`."""
    view = _new_view(KeyView)
    view.root = view.parent = x
    view.key = key
    view.memory = x._primal
    view._positions = view._structure = None
    return view


def _inner_view(x, key, y):
    if type(x._view) is PartView:
        return None
    return InnerKeyView(x, key)


# --- Gathers -------------------------------------------------------------------------------------


def taken(x, index):
    """``x[index]`` of an array of positions or a mask; None: not served."""
    s = looked_at(x)
    if s.kind is None or index.dtype.kind not in "ib" or index.nbytes > CONTENT:
        return None
    name = index.dtype, index.shape, index.tobytes()
    plan = s.plans.get(name)
    if plan is None:
        if name in s.plans or len(s.plans) >= MANY:
            return None
        place = positions(s.shape)[index]
        plan = s.keep(name, gather_plan(x, s, content_of(index), place))
        if plan is None:
            return None
    return plan(x)


def gather_plan(x, s, name, place):
    """The plan for the elements at flat positions `place`, which `name` tells; or None."""
    if s.kind not in (SLOTS, DENSE) or name is None or not s.shape or not place.shape:
        return None
    if not s.size or not place.size:
        return None
    is_sparse, shape, width = s.kind is SLOTS, place.shape, s.width
    if is_sparse:
        col = x._tangent.take_by(name, lambda: place).col
        structures = x.level.structures
        if id(col) not in structures.held:
            return None
        signature = slots_signature(structures, col)
    elif width > dense.FEW:
        return None
    else:
        signature = dense_signature(shape, width, True)
    column, is_view = signature.column, s.is_view
    index = np.ascontiguousarray(place.reshape(-1))
    one, other_one = dense.unit(s.shape, FLOAT64), dense.unit(shape, FLOAT64)
    is_flat, size = len(s.shape) == len(shape) == 1, s.size

    def gathered(rows, width):
        if is_flat:
            return rows.take(index, 1)
        return rows.reshape((width, size)).take(index, 1).reshape((width, *shape))

    def plan(x):
        level, t, p = x.level, x._tangent, x._primal
        if not level.open or is_view and not is_fresh(x):
            return None
        if is_sparse:
            col = column()
            if col is None:
                return None
            t = SparseTangent(level, gathered(t.coef, width), col)
        else:
            scale = other_one if t.scale is one else gathered(t.scale, 1)
            t = DenseTangent(level, gathered(t.block, width), scale, t.finite or None)
        y = p.take(index) if is_flat else p.reshape(-1).take(index).reshape(shape)
        return made(y, t, level, signature)

    return plan
