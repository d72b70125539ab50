"""Jacobians as their diagonals, packed as banded solvers take them: ``sparse="banded"``."""

from typing import Any, NamedTuple

import numpy as np

from dualmc.calls.structures import trees

NAME = "banded"


class Banded(NamedTuple):
    """A matrix as its diagonals, as ``scipy.linalg.solve_banded(J[:2], J.ab, b)`` takes it.

    Attributes
    ----------
    lower, upper : int
        How many diagonals lie below and above the main one.
    ab : ndarray, shape (lower + upper + 1, n)
        ``ab[upper + i - j, j] = J[i, j]``; corners that no entry has are 0.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> J = dm.jacobian_fwd(lambda x: x * np.append(x[1:], 1.0), [1.0, 2.0, 3.0], sparse="banded")
    >>> J.lower, J.upper
    (0, 1)
    >>> J.ab
    array([[0., 1., 2.],
           [2., 3., 1.]])
    """

    lower: int
    upper: int
    ab: np.ndarray


def is_asked(sparse: Any) -> bool:
    """Whether the option `sparse` asks for diagonals: by name, or with their numbers."""
    if isinstance(sparse, str):
        return sparse == NAME
    if type(sparse) is not tuple or len(sparse) != 3 or not isinstance(sparse[0], str):
        return False
    return sparse[0] == NAME and all(map(_is_count, sparse[1:]))


def _is_count(a: Any) -> bool:
    kind = type(a)
    return issubclass(kind, (int, np.integer)) and not issubclass(kind, bool) and a >= 0


def packed(J: Any, sparse: Any, caller: str) -> Banded:
    """A `scipy.sparse` matrix of distinct entries as its diagonals; `sparse` may tell how many.

    Raises
    ------
    ValueError
        If an entry that is not 0 lies outside of the diagonals told.
    """
    J = J.tocsr()
    rows = np.repeat(np.arange(J.shape[0]), np.diff(J.indptr))
    columns, values = J.indices, J.data
    below = rows - columns
    if sparse == NAME:
        lower, upper = int(below.max(initial=0)), int(-below.min(initial=0))
    else:
        lower, upper = int(sparse[1]), int(sparse[2])
        is_inside = (below <= lower) & (-below <= upper)
        is_lost = ~is_inside & (values != 0)
        if is_lost.any():
            raise _outside(rows, columns, values, int(np.argmax(is_lost)), sparse, caller)
        below, columns, values = below[is_inside], columns[is_inside], values[is_inside]
    ab = np.zeros((lower + upper + 1, J.shape[1]), values.dtype)
    ab[upper + below, columns] = values
    return Banded(lower, upper, ab)


def _outside(rows, columns, values, k, sparse, caller):
    """The error for entry number k."""
    return ValueError(
        f"{caller}: the entry [{rows[k]}, {columns[k]}] is {values[k]}, and lies outside of the "
        f"diagonals that sparse={sparse!r} tells ({sparse[1]} below the main one, {sparse[2]} "
        f'above). Tell more, or let sparse="banded" count them.'
    )


def all_packed(J: Any, sparse: Any, caller: str) -> Any:
    """`packed` of each matrix in a tuple or structure of them."""
    return trees.mapped(lambda block: packed(block, sparse, caller), J)
