"""Least squares: lsqr and lsmr.

The x that makes ``|A x - b|^2 + damp^2 |x - x0|^2`` least, of full rank, is the solution of

    [[I, A], [A^H, -damp^2 I]] [r; x] = [b; -damp^2 x0],

and for fewer rows than columns and damp = 0 the shortest, ``x = A^H y`` with ``A A^H y = b``.  Both
are sparse systems, of which the derivative is taken.
"""

import functools
import inspect
import sys

import numpy as np

from dualmc.duals import levels
from dualmc.duals.operands import as_operand
from dualmc.errors import missing_case
from dualmc.unchanged.scipy import entering
from dualmc.unchanged.scipy.sparse import making
from dualmc.unchanged.scipy.sparse.places import is_sparse, level_among, numbers, plain, varies
from dualmc.unchanged.scipy.sparse.solving import spsolve
from dualmc.unchanged.scipy.sparse.systems import of_value
from dualmc.unchanged.scipy.sparse_products import holds_number, view_of
from dualmc.unchanged.standins.table import value_of


def _exact(A, b, damp, x0):
    """The solution by the systems above, as Duals."""
    m, n = A.shape
    sparse = sys.modules["scipy.sparse"]
    b = b if x0 is None else b - A @ x0
    if m < n and not damp:
        x = A.T @ spsolve((A @ A.T).tocsc(), b)
    else:
        unit = view_of(sparse.eye_array(m, format="csc"))
        corner = view_of(sparse.eye_array(n, format="csc") * -(damp**2))
        system = making.function("block_array", sparse.block_array)([[unit, A], [A.T, corner]])
        right = np.concatenate([b, np.zeros(n)])
        x = spsolve(system.tocsc(), right)[m:]
    return x if x0 is None else x0 + x


def _solver(name, at):
    """The stand-in; ``at`` says where the norms are in what SciPy returns."""
    original = getattr(sys.modules["scipy.sparse.linalg"], name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def standin(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        A, b = given["A"], as_operand(given["b"])
        others = [a for key, a in given.items() if key not in ("A", "b", "x0", "damp")]
        if not varies(A) and not holds_number(list(given.values())):
            return original(**{key: entering.plain(a) for key, a in given.items()})
        if holds_number(others) or holds_number(given["damp"]) or given.get("calc_var"):
            raise missing_case(f"scipy.sparse.linalg.{name}", "its options, or calc_var=True")
        if not is_sparse(A) and hasattr(A, "_matvec"):
            raise missing_case(f"scipy.sparse.linalg.{name}", "of a LinearOperator")
        A = A if is_sparse(A) else making.from_dense(sys.modules["scipy.sparse"].coo_array, A)
        x0 = None if given["x0"] is None else as_operand(given["x0"])
        plainly = dict(given, A=plain(A), b=np.asarray(value_of(b)))
        plainly["x0"] = None if x0 is None else np.array(value_of(x0))
        with levels.outside():
            found = list(original(**plainly))
        flat = np.reshape(b, (b.size,))
        x = _exact(view_of(A), flat, given["damp"], x0)
        own = level_among(x)
        found[0] = of_value(found[0], x) if own is not None else found[0]
        return tuple(_with_norms(found, at, A, flat, x, x0, given["damp"]))

    return standin


def _with_norms(found, at, A, b, x, x0, damp):
    """What SciPy returns, the norms with their derivatives; estimates have none that is known."""
    r = b - A @ x
    shift = x if x0 is None else x - x0
    exact = {
        "residual": lambda: np.sqrt(np.sum(r * r)),
        "damped": lambda: np.sqrt(np.sum(r * r) + damp**2 * np.sum(shift * shift)),
        "size": lambda: np.sqrt(np.sum(x * x)),
        "unknown": lambda: np.sum(x) * np.nan,
    }
    if varies(A):
        exact["unknown"] = lambda: (np.sum(x) + np.sum(numbers(A))) * np.nan
    for i, what in at.items():
        y = exact[what]()
        found[i] = of_value(found[i], y) if level_among(y) is not None else found[i]
    return found


def found():
    """Stand-ins by name."""
    norms = {3: "residual", 4: "damped", 8: "size"}
    lsqr = norms | dict.fromkeys((5, 6, 7), "unknown")
    lsmr = {3: "damped", 4: "unknown", 5: "unknown", 6: "unknown", 7: "size"}
    return {"lsqr": _solver("lsqr", lsqr), "lsmr": _solver("lsmr", lsmr)}
