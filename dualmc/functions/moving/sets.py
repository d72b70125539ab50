"""Sets of numbers: which elements are kept the values decide, and each keeps its derivative.

Of equal elements the first counts, those of the first array before those of the second.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one


def _plain(a):
    return values(a) if type(a) is Dual else a


@handles("selection", np.setdiff1d)
def setdiff1d(ar1, ar2, assume_unique=False):
    ar1 = np.ravel(as_operand(ar1)) if assume_unique else np.unique(as_operand(ar1))
    return ar1[~np.isin(_plain(ar1), _plain(as_operand(ar2)))]


@handles("selection", np.intersect1d)
def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    ar1, ar2 = as_operand(ar1), as_operand(ar2)
    _, first, second = np.intersect1d(_plain(ar1), _plain(ar2), assume_unique, return_indices=True)
    common = np.ravel(ar1)[first]
    return (common, first, second) if return_indices else common


@handles("selection", np.setxor1d)
def setxor1d(ar1, ar2, assume_unique=False):
    parts = [np.ravel(a) if assume_unique else np.unique(a) for a in map(as_operand, (ar1, ar2))]
    both = np.concatenate(parts)
    if not both.shape[0]:
        return both
    order = np.argsort(_plain(both), kind="stable")
    found = _plain(both)[order]
    differs = np.concatenate([[True], found[1:] != found[:-1], [True]])
    return both[order[differs[1:] & differs[:-1]]]


def _register_unique(function):
    def handler(x):
        found = function(values(x))
        _, index = np.unique(values(x), return_index=True, equal_nan=False)
        return type(found)(np.ravel(x)[index], *found[1:])

    register_one("selection", function, handler)


for _function in (np.unique_all, np.unique_counts, np.unique_inverse):
    _register_unique(_function)
