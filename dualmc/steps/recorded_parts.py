"""The short way of reading parts of arrays on a tape: by one number or slice, recorded at once.

`indexing.py` has the general way, which derives the tangent of a view when that is read.
"""

import numpy as np

from dualmc.cotangents.moves import pull_slice
from dualmc.duals import choices, indexing
from dualmc.duals.dual import Dual
from dualmc.duals.views import InnerKeyView, KeyView, PartView
from dualmc.steps.recording import FLOAT64, parts, recorded

ndarray = np.ndarray


def get(dual, key):
    """``dual[key]``."""
    level = dual.level
    if level.records and (type(key) is slice or type(key) is int) and level.open:
        y = _recorded(dual, key, level)
        if y is not None:
            return y
    y = indexing.get(dual, key)
    if choices.rooted and type(dual._primal) is Dual:
        return choices.moved(y, dual, lambda a: a[key])
    return y


def _recorded(dual, key, level):
    """``dual[key]`` of a plain float64 array; None: not here."""
    view = dual._view
    if view is None:
        p, t = dual._primal, dual._tangent
    elif type(view) is PartView:
        return None
    else:
        p, t = parts(dual)
    if t is None or t.dtype is not FLOAT64 or type(p) is not ndarray:
        return None
    y = p[key]
    out = recorded(y, level, pull_slice, (t,), (key, Ellipsis))
    if type(y) is ndarray:  # else a number, which is a copy
        if view is None:
            out._view = new = KeyView(dual, (key,))
            new.seen = dual._writes
        else:
            out._view = new = InnerKeyView(dual, (key,))
            new.seen = new.root._writes
    return out


Dual.__getitem__ = get
