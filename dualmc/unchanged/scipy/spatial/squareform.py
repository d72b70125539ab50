"""Stand-in for scipy.spatial.distance.squareform, and what its compiled code does for objects.

That code takes the memory of any array for numbers: an array of Duals would end the process.  Where
the stand-in is not found (a table of functions, another library), the movements are made by NumPy.
"""

import functools

import numpy as np
from scipy.spatial import distance

from dualmc.graph.traced import Traced
from dualmc.unchanged.standins.table import has_carrier, operand, value_of


@functools.wraps(distance.squareform)
def squareform(X, force="no", checks=True):
    if not has_carrier(X):
        return distance.squareform(X, force, checks)
    X = operand(X)
    if type(X) is Traced and X.ndim == 2 and checks:  # what SciPy's checks look at
        bool(np.all(X == X.T))
        bool(np.all(np.diagonal(X) == 0))
    plain = distance.squareform(value_of(X), force, checks)
    if plain.ndim == 1:
        return X[np.triu_indices(X.shape[0], 1)]
    index = distance.squareform(np.arange(1, X.size + 1))
    return np.concatenate([np.zeros(1, X.dtype), X])[index]


HANDLERS = {"scipy.spatial.distance.squareform": squareform}


def _to_matrix(matrix, vector):
    upper = np.triu_indices(matrix.shape[0], 1)
    matrix[upper] = vector
    matrix.T[upper] = vector


def _to_vector(matrix, vector):
    vector[...] = matrix[np.triu_indices(matrix.shape[0], 1)]


def _survive_objects(compiled, name, by_numpy):
    """Let the function `name` of a compiled module run `by_numpy` where an array has objects."""
    original = getattr(compiled, name, None)
    if original is None:
        return

    @functools.wraps(original)
    def function(matrix, vector):
        if matrix.dtype.hasobject or vector.dtype.hasobject:
            return by_numpy(matrix, vector)
        return original(matrix, vector)

    setattr(compiled, name, function)


_compiled = getattr(distance, "_distance_wrap", None)
_survive_objects(_compiled, "to_squareform_from_vector_wrap", _to_matrix)
_survive_objects(_compiled, "to_vector_from_squareform_wrap", _to_vector)
