"""Sets of numbers: which elements are kept the values decide, and each keeps its derivative.

Of equal elements the first counts, those of the first array before those of the second.
"""

import numpy as np

from dualmc.duals.operands import as_operand
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one


@handles("selection", np.unique)
def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, **kwargs):
    found = np.unique(values(ar), True, return_inverse, return_counts, axis, **kwargs)
    index = found[1]
    y = np.ravel(ar)[index] if axis is None else np.take(ar, index, axis)
    rest = found[1:] if return_index else found[2:]
    return (y, *rest) if rest else y


@handles("selection", np.unique_values)
def unique_values(x):
    return np.unique(x)


def _register_unique(function):
    def handler(x):
        found = function(values(x))
        _, index = np.unique(values(x), return_index=True, equal_nan=False)
        return type(found)(np.ravel(x)[index], *found[1:])

    register_one("selection", function, handler)


for _function in (np.unique_all, np.unique_counts, np.unique_inverse):
    _register_unique(_function)


@handles("selection", np.union1d)
def union1d(ar1, ar2):
    return np.unique(np.concatenate([np.ravel(as_operand(ar1)), np.ravel(as_operand(ar2))]))


@handles("selection", np.setdiff1d)
def setdiff1d(ar1, ar2, assume_unique=False):
    ar1 = np.ravel(as_operand(ar1)) if assume_unique else np.unique(as_operand(ar1))
    return ar1[~np.isin(values(ar1), values(as_operand(ar2)))]


@handles("selection", np.intersect1d)
def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    ar1, ar2 = as_operand(ar1), as_operand(ar2)
    _, first, second = np.intersect1d(values(ar1), values(ar2), assume_unique, return_indices=True)
    common = np.ravel(ar1)[first]
    return (common, first, second) if return_indices else common


@handles("selection", np.setxor1d)
def setxor1d(ar1, ar2, assume_unique=False):
    parts = [np.ravel(a) if assume_unique else np.unique(a) for a in map(as_operand, (ar1, ar2))]
    both = np.concatenate(parts)
    if not both.shape[0]:
        return both
    order = np.argsort(values(both), kind="stable")
    found = values(both)[order]
    differs = np.concatenate([[True], found[1:] != found[:-1], [True]])
    return both[order[differs[1:] & differs[:-1]]]
