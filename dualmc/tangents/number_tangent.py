"""Numbers that depend on a few inputs, as in scalar code: their derivatives as Python floats.

An array of three coefficients costs more to make than the arithmetic on it.  A number taken out of
an array keeps its columns and coefficients in tuples instead; sums, products and functions of such
numbers stay in Python, and the arrays that every other step expects are made when one asks.
"""

import numpy as np

from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent, need_block
from dualmc.tangents.slots import SparseTangent

FLOAT64 = np.dtype(np.float64)
# Inputs beyond which a number is better off with arrays.
FEW = 8


class NumberTangent(SparseTangent):
    """The derivatives `values` of one float64 number by the inputs `cols`: tuples, cols sorted."""

    __slots__ = ("cols", "values", "_coef", "_col")
    shape = ()
    dtype = FLOAT64

    def __init__(self, level, cols, values):
        self.level = level
        self.cols = cols
        self.values = values
        self._coef = self._col = None

    @property
    def coef(self):
        """Coefficients as an array, (w,); one unused slot where there are no inputs."""
        if self._coef is None:
            self._coef = np.array(self.values or (0.0,))
        return self._coef

    @property
    def col(self):
        """Columns as an array, (w,), the same object for the same columns."""
        if self._col is None:
            structures, key = self.level.structures, ("number", self.cols)
            found = structures.found.get(key)
            if found is None:
                col = np.array(self.cols or (-1,), np.int32)
                found = (structures.keep(key, col, (), col),)
            self._col = found[0]
        return self._col

    def dense(self):
        need_block(self.level, (self.level.n,), FLOAT64)
        block = np.zeros(self.level.n)
        for c, v in zip(self.cols, self.values, strict=True):
            block[c] = v
        return block

    def to_dense(self):
        return DenseTangent(self.level, self.dense(), dense.unit((), FLOAT64))


def of_slots(level, coef, col):
    """The tangent of a number from its slots, (w,) each: with tuples if they fit."""
    if type(coef) is not np.ndarray or coef.dtype is not FLOAT64 or coef.shape[0] > FEW:
        return None
    values, cols = coef.tolist(), col.tolist()
    while cols and cols[-1] < 0:  # unused slots come last
        cols.pop()
        values.pop()
    return NumberTangent(level, tuple(cols), tuple(values))
