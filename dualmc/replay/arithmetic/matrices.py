"""Steps of linear algebra on one matrix: solves, inverses, factors, determinants.

Values come from the loops of NumPy's own ufuncs, which call LAPACK, and so have its bits.  Such a
loop fills its result with NaN where NumPy raises LinAlgError: the code then says that it does not
hold, and a fresh call raises.  Tangents are the formulas of `dualmc/functions/matrices/`.
"""

import math

import numpy as np

from dualmc.graph.nodes import Output
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import Array, Leaf, constant, each, reduced, taken
from dualmc.replay.arithmetic.elementwise import by_rule
from dualmc.replay.arithmetic.launches import LINALG, of_matrix
from dualmc.replay.arithmetic.pairs import Pair, filled
from dualmc.replay.arithmetic.products import contracted
from dualmc.replay.recording.program import NotReplayable

# The condition number up to which ``det(A) inv(A)^T`` gives the cofactors to about 12 digits.
WELL_CONDITIONED = 1e3


def handler_of(function):
    """What lowers a function of `numpy.linalg`, or None."""
    if isinstance(function, Output):
        return _slogdet if function.function is np.linalg.slogdet else None
    return _STEPS.get(function)


def _arguments(node, operands, count):
    """The arguments, of which the first is a square matrix."""
    if len(node.args) != count or any(value is not False for value in node.options.values()):
        raise NotReplayable("options")  # but upper=False
    a, *others = (filled(x, operands).numbers() for x in node.args)
    if len(a.shape) != 2 or a.shape[0] != a.shape[1] or not a.array.size:
        raise NotReplayable("a stack of matrices")
    return a, *others


def _of_one(name):
    def handler(node, operands):
        (a,) = _arguments(node, operands, 1)
        return _launched(name, "d->d", [a], [node.shape]).reshape(node.shape)

    return handler


def _solve(node, operands):
    a, b = _arguments(node, operands, 2)
    if len(b.shape) > 2 or not b.array.size:
        raise NotReplayable("a stack of matrices")
    name = "solve1" if len(b.shape) == 1 else "solve"
    return _launched(name, "dd->d", [a, b], [b.shape]).reshape(b.shape)


def _slogdet(node, operands):
    both = _launched("slogdet", "d->dd", _arguments(node, operands, 1), [(), ()])
    return both.taken(np.array([node.function.index])).reshape(())


_STEPS = {
    np.linalg.solve: _solve,
    np.linalg.inv: _of_one("inv"),
    np.linalg.cholesky: _of_one("cholesky_lo"),
    np.linalg.det: _of_one("det"),
}


def _launched(name, types, pairs, shapes):
    """What a loop makes of Pairs: its outputs, of these shapes, as one vector."""
    leaf = _leaf(name, types, [pair.array for pair in pairs], shapes)
    whole = Array((leaf.size,), (leaf,))
    return Pair(whole, launched_tangent(leaf, [pair.tangent for pair in pairs]), whole)


def _leaf(name, types, arrays, shapes):
    n = arrays[0].shape[0]
    launch = of_matrix(name, types, n, *(a.shape for a in arrays[1:]), *shapes)
    if launch is None:
        raise NotReplayable(f"{name} has no loop")
    return Leaf("launch", sum(map(math.prod, shapes)), launch, tuple(arrays))


def _inverse(a):
    return Array(a.shape, (_leaf("inv", "d->d", [a], [a.shape]),))


def launched_tangent(leaf, tangents):
    """The tangent of all numbers of a leaf of kind "launch", by those of its operands."""
    if all(t is None for t in tangents):
        return None
    loop = leaf.op.loop
    if loop.module != LINALG:
        shape = leaf.operands[0].shape
        active = [i for i, t in enumerate(tangents) if t is not None]
        return by_rule(loop.ufunc, leaf.operands, Array(shape, (leaf,)), active, tangents)
    pairs = [Pair(a, t) for a, t in zip(leaf.operands, tangents, strict=True)]
    return _TANGENTS[loop.name](Array((leaf.size,), (leaf,)), *pairs)


# --- Tangents ------------------------------------------------------------------------------------


def _negative(t):
    return None if t is None else slots.scaled(t, constant(np.full(slots.size_of(t), -1.0)))


def _dot_solve(y, a, b):
    """``inv(A) (db - dA y)``."""
    n = a.shape[0]
    m = y.size // n
    rest = slots.added(b.tangent, _negative(_left(a, y, n, n, m)))
    if rest is None:
        return None
    cols = slots.columns_of(rest)
    rows = slots.as_block(rest, cols).coef.reshape((n, m * cols.size))
    found = Array(rows.shape, (_leaf("solve", "dd->d", [a.array, rows], [rows.shape]),))
    return slots.Block(cols, found.reshape((rows.size,)))


def _dot_inv(y, a):
    """``-Y dA Y``."""
    n = a.shape[0]
    return _negative(_between(y, a.tangent, y, n))


def _left(a, b, m, p, q):
    """``dA B``."""
    return None if a.tangent is None else contracted(a, Pair(b), m, p, q).tangent


def _between(a, t, b, n):
    """``A dX B`` of square matrices."""
    x = contracted(Pair(a), Pair(a, t), n, n, n).tangent
    return None if x is None else contracted(Pair(a, x), Pair(b), n, n, n).tangent


def _dot_cholesky(y, a):
    """``L phi(W dA W^T)`` for W = inv(L): phi takes the lower triangle, half of the diagonal.

    A is what its lower triangle says.
    """
    n = a.shape[0]
    i, j = np.indices((n, n)).reshape(2, -1)
    t = slots.moved([a.tangent], [n * n], np.maximum(i, j) * n + np.minimum(i, j))
    w = _inverse(y.reshape((n, n)))
    inner = None if t is None else _between(w, t, taken(w, j * n + i), n)
    if inner is None:
        return None
    inner = slots.scaled(inner, constant(np.where(i > j, 1.0, np.where(i == j, 0.5, 0.0))))
    return None if inner is None else contracted(Pair(y), Pair(y, inner), n, n, n).tangent


def _trace(t, coef, n):
    """``sum(C dA)`` for the matrix C with these elements."""
    return slots.summed(slots.scaled(t, coef), np.zeros(n * n, np.int64), 1)


def _transposed(a, n):
    return taken(a, np.arange(n * n).reshape(n, n).T.reshape(-1))


def _dot_slogdet(y, a):
    """``tr(inv(A) dA)`` for the logarithm; the sign is constant."""
    n = a.shape[0]
    t = _trace(a.tangent, _transposed(_inverse(a.array), n), n)
    return slots.moved([t], [1], np.array([-1, 0]))


def _dot_det(y, a):
    """``sum(cofactors * dA)``: NaN, and so a fresh call, where the inverse gives too few digits."""
    n = a.shape[0]
    inverse = _inverse(a.array)
    size = each("multiply", _size(a.array, n), _size(inverse, n))
    scale = each("select", each("less", size, WELL_CONDITIONED), y, np.nan)
    coef = each("multiply", _transposed(inverse, n), scale)
    return _trace(a.tangent, coef, n)


def _size(a, n):
    """The largest absolute sum of a row."""
    rows = reduced("add", [(each("absolute", a), np.arange(n * n) // n)], n)
    return reduced("maximum", [(rows, np.zeros(n, np.int64))], 1)


_TANGENTS = {
    "solve": _dot_solve,
    "solve1": _dot_solve,
    "inv": _dot_inv,
    "cholesky_lo": _dot_cholesky,
    "det": _dot_det,
    "slogdet": _dot_slogdet,
}
