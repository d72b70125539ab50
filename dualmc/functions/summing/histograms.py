"""Histograms: counts are flat, weights add up per bin, and edges move with the data's ends."""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand
from dualmc.functions.results import valued
from dualmc.functions.summing.reductions import ufunc_at
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("linear", np.bincount)
def bincount(x, /, weights=None, minlength=0):
    """Counts are flat; weights are summed per bin."""
    x = values(x)
    if type(weights) is not Dual:
        return np.bincount(x, weights, minlength)
    y = np.bincount(x, values(weights), minlength)
    total = np.zeros_like(weights, shape=y.shape)
    ufunc_at(np.add, total, np.asarray(x), weights)
    return valued(y, total)


def _edges(a, bins, range, found):
    """The edges `found` by NumPy, with what they depend on."""
    if not isinstance(bins, str) and np.ndim(bins) == 1:
        return bins
    if range is None:
        if type(a) is not Dual or a.size == 0:
            return found
        first, last = np.min(a), np.max(a)
    else:
        first, last = as_operand(range)
    if values(first) == values(last):
        first, last = first - 0.5, last + 0.5
    edges = np.linspace(first, last, found.shape[0])
    return valued(found, edges) if type(edges) is Dual else found


@handles("composite", np.histogram_bin_edges)
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    a, bins, weights = as_operand(a), as_operand(bins), values(as_operand(weights))
    plain_range = None if range is None else values(as_operand(range))
    found = np.histogram_bin_edges(values(a), values(bins), plain_range, weights)
    return _edges(a, bins, range, found)


@handles("composite", np.histogram)
def histogram(a, bins=10, range=None, density=None, weights=None):
    a, bins, weights = as_operand(a), as_operand(bins), as_operand(weights)
    plain_range = None if range is None else values(as_operand(range))
    found, places = np.histogram(values(a), values(bins), plain_range, density, values(weights))
    edges = _edges(a, bins, range, places)
    count = found
    if type(weights) is Dual or density and type(edges) is Dual:
        x = np.ravel(values(a))
        inside = (x >= places[0]) & (x <= places[-1])
        bin = np.minimum(np.searchsorted(places, x[inside], "right") - 1, found.size - 1)
        kept = None if weights is None else np.ravel(weights)[inside]
        count = np.bincount(bin, kept, found.size)
        if density:
            count = count / np.diff(edges) / np.sum(count)
        count = valued(found, count)
    return count, edges
