"""Eigenvalues of sparse matrices, eigsh, eigs and svds, and the exponential times a vector.

A simple eigenpair of ``A v = w M v`` with ``c^H v = const`` moves by the bordered system

    [[A - w M, -M v], [c^H, 0]] [dv; dw] = [-(dA - w dM) v; 0],

which is regular if and only if w is simple.  The normalization is SciPy's: ``v^H M v = 1``.
"""

import functools
import inspect
import sys

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.errors import MissingRuleError, missing_case
from dualmc.functions.results import with_primal
from dualmc.unchanged.scipy import entering
from dualmc.unchanged.scipy.sparse import making
from dualmc.unchanged.scipy.sparse.places import (
    is_sparse,
    level_among,
    level_with,
    numbers,
    plain,
    varies,
)
from dualmc.unchanged.scipy.sparse.solving import spsolve
from dualmc.unchanged.scipy.sparse.systems import of_value
from dualmc.unchanged.scipy.sparse_products import holds_number, view_of
from dualmc.unchanged.standins.table import operand

# How near two eigenvalues may be, relative to the largest, to be told apart.
APART = 1e-9


def _sparse(a):
    a = operand(a) if issubclass(type(a), np.ndarray) else a
    return a if a is None or is_sparse(a) else making.from_dense(_coo(), a)


def _coo():
    return sys.modules["scipy.sparse"].coo_array


def _solver(name):
    original = getattr(sys.modules["scipy.sparse.linalg"], name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def standin(*args, **kwargs):
        given = dict(signature.bind(*args, **kwargs).arguments)
        given["v0"] = entering.plain(given.get("v0"))
        A, M = given["A"], given.get("M")
        rest = [a for key, a in given.items() if key not in ("A", "M", "v0")]
        is_dense = not is_sparse(A) and holds_number(A)
        if not varies(A) and not varies(M) and not is_dense and not holds_number(rest):
            return original(**{key: entering.plain(a) for key, a in given.items()})
        if holds_number(rest) or (given.get("mode") or "normal") != "normal":
            raise missing_case(f"scipy.sparse.linalg.{name}", "these options of Duals")
        A, M = _sparse(A), _sparse(M)
        vectors = given.pop("return_eigenvectors", True)
        given.update(A=plain(A), return_eigenvectors=True)
        if M is not None:
            given["M"] = plain(M)
        with levels.outside():
            w, v = original(**given)
        pairs = [_pair(A, M, w, v, i, name) for i in range(len(w))]
        w_dual = of_value(w, np.stack([pair[0] for pair in pairs]))
        if not vectors:
            return w_dual
        v_dual = np.stack([pair[1] for pair in pairs], axis=1)
        return w_dual, of_value(v, v_dual)

    return standin


def _pair(A, M, w, v, i, name):
    """An eigenpair as Duals, by two steps of Newton's method on the bordered system."""
    gap = np.abs(np.delete(w, i) - w[i])
    if gap.size and gap.min() <= APART * np.abs(w).max():
        raise MissingRuleError(
            f"scipy.sparse.linalg.{name}: the eigenvalue {w[i]} is repeated; it has no derivative. "
            f"Take a sum over the repeated ones of a dense matrix, with numpy.linalg.eigvalsh."
        )
    size, vector = w[i], v[:, i]
    border = vector if M is None else plain(M) @ vector
    depth, seen = 0, level_with(A) if varies(A) else level_with(M)
    a = numbers(A) if varies(A) else numbers(M)
    while seen is not None:
        depth, a = depth + 1, a.primal
        seen = level_among(a)
    for _ in range(max(depth.bit_length(), 1)):
        vector, size = _step(A, M, vector, size, border)
    return size, _renormalized(vector, M, v[:, i])


def _step(A, M, vector, size, border):
    image = vector if M is None else M @ vector
    r = np.concatenate([A @ vector - image * size, np.zeros(1)])
    sparse = sys.modules["scipy.sparse"]
    unit = view_of(sparse.eye_array(A.shape[0], format="csc")) if M is None else M
    join = making.function("block_array", sparse.block_array)
    column, row = _column(-image), _column(np.conj(border)).T
    system = join([[A - unit * size, column], [row, None]])
    step = spsolve(system.tocsc(), -r)
    return vector + step[:-1], size + step[-1]


def _column(vector):
    return making.from_dense(_coo(), np.reshape(vector, (-1, 1)))


def _renormalized(vector, M, own):
    """``vector`` of the size that SciPy's has: |v|_M."""
    image = vector if M is None else M @ vector
    if own.dtype.kind == "c":
        square = np.sum(np.real(np.conj(vector) * image))
    else:
        square = np.sum(vector * image)
    return vector / np.sqrt(square)


def _svds(A, k=6, *args, **kwargs):
    original = sys.modules["scipy.sparse.linalg"].svds
    if not varies(A) and not (holds_number(A) and not is_sparse(A)):
        return original(entering.plain(A), k, *args, **kwargs)
    raise missing_case("scipy.sparse.linalg", "svds of Duals: use scipy.linalg.svd(A.toarray())")


# --- The exponential -----------------------------------------------------------------------------

# Terms of the series for a matrix of norm 1: the next is below 1e-18, and its derivative too.
TERMS = 22


def _expm_multiply(A, B, start=None, stop=None, num=None, endpoint=None, traceA=None, **options):
    """``expm(A) B`` by steps of the power series, whose derivative converges as fast."""
    original = sys.modules["scipy.sparse.linalg"].expm_multiply
    given = (A, B, start, stop, num, endpoint)
    if not varies(A) and not holds_number([A, B, start, stop]):
        return original(*map(entering.plain, given), traceA, **options)
    if any(x is not None for x in (start, stop, num, endpoint)):
        return _at_times(A, B, start, stop, num, endpoint)
    B = operand(B)
    if not is_sparse(A):
        A = _sparse(A)
    norm = abs(plain(A)).sum(axis=0).max() if A.shape[0] else 0.0
    steps = max(int(np.ceil(norm)), 1)
    y = B
    for _ in range(steps):
        term = y
        for k in range(1, TERMS + 1):
            term = (A @ term) / (steps * k)
            y = y + term
    level = level_with(A, B)
    if level is None or type(y) is not Dual or type(y.primal) is Dual:
        return y
    with levels.outside():
        own = original(plain(A), np.asarray(B.primal if type(B) is Dual else B))
    return with_primal(own, y)


def _at_times(A, B, start, stop, num, endpoint):
    start = 0.0 if start is None else start
    stop = 1.0 if stop is None else stop
    count = 50 if num is None else num
    if holds_number([start, stop]):
        step = (stop - start) / (count - (endpoint is not False))
        times = [start + i * step for i in range(count)]
    else:
        times = np.linspace(start, stop, count, endpoint=endpoint is not False)
    return np.stack([_expm_multiply(A * t, B) for t in times])


def found():
    """Stand-ins by name."""
    handlers = {name: _solver(name) for name in ("eigsh", "eigs")}
    return handlers | {"expm_multiply": _expm_multiply, "svds": _svds}
