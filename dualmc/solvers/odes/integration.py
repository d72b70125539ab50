"""SciPy's methods for an enlarged system: the state, and columns of derivatives beside it.

All columns share the state's Jacobian J = F_y.  Implicit methods solve with I - c J, n by n, for
all of them at once: their Newton matrix is block diagonal.  What couples the columns to the state
is left to the iteration, which so converges as that of the state does.
"""

import functools
import inspect

import numpy as np
from scipy.integrate import BDF, LSODA, Radau, solve_ivp
from scipy.sparse import csc_array, eye_array, issparse

from dualmc.solvers.odes.bdf import StaggeredBDF
from dualmc.solvers.odes.radau import StaggeredRadau
from dualmc.solvers.odes.staggered import factors, solved

METHODS = {"BDF": BDF, "Radau": Radau, "LSODA": LSODA}
STAGGERED = {BDF: StaggeredBDF, Radau: StaggeredRadau}
# Options of the user's that are of the state's Jacobian, not of the enlarged system's.
OF_THE_STATE = ("jac", "jac_sparsity", "lband", "uband")


def integrated(rhs, t0, z0, ts, method, options, n, slopes, staggered=None):
    """The enlarged solution: plain times, of which `ts` has all that are asked, to (size, times).

    With `ts` a number, the solution up to there at any time.

    Parameters
    ----------
    rhs : callable
    n : int
        How many of the numbers z0 are the state.
    slopes : callable
        ``slopes(t, z)`` is the state's Jacobian.
    staggered : dict, optional
        Arguments of `Staggered`, where that may serve.
    """
    is_sparse = options.get("jac_sparsity") is not None or issparse(options.get("jac"))
    options = {k: v for k, v in options.items() if k not in OF_THE_STATE}
    method = METHODS.get(method, method)
    if method in STAGGERED and staggered is not None and not is_sparse:
        method = STAGGERED[method]
        options.update(staggered)
    elif inspect.isclass(method) and issubclass(method, (BDF, Radau)):
        method = _in_blocks(method)
        options["jac"] = (lambda t, z: csc_array(slopes(t, z))) if is_sparse else slopes
    elif inspect.isclass(method) and issubclass(method, LSODA):
        options.update(lband=n - 1, uband=n - 1)
        options["jac"] = lambda t, z: _banded(slopes(t, z), z.size // n)
    whole = np.ndim(ts) == 0
    times = np.zeros(0) if whole else np.unique(ts)
    end = ts if whole else max(times, key=lambda t: abs(t - t0), default=t0)
    if end == t0:
        return lambda at: np.repeat(z0[:, None], np.size(at), axis=1)
    if end < t0:
        times = times[::-1]
    step = options.get("first_step")
    if step is not None and step > abs(end - t0):
        del options["first_step"]
    found = solve_ivp(
        rhs, (t0, end), z0, method, None if whole else times, dense_output=whole, **options
    )
    if found.status != 0:
        raise ArithmeticError(
            f"The derivatives of the solution of an ODE could not be integrated as far as the "
            f"solution itself: {found.message} Try smaller tolerances or another method."
        )
    if whole:
        return found.sol
    order = np.argsort(times)
    columns, times = found.y[:, order], times[order]
    return lambda at: columns[:, np.searchsorted(times, at)]


@functools.cache
def _in_blocks(method):
    """`method`, BDF or Radau, for a system of columns that share one Jacobian."""

    class Blocks(method):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            n = self.J.shape[0]
            if issparse(self.J):
                self.I = eye_array(n, format="csc")
                solve = self.solve_lu
            else:
                self.I = np.identity(n)
                self.lu, solve = factors, solved

            def solve_all(LU, b):
                return solve(LU, b.reshape(-1, n).T).T.reshape(-1)

            self.solve_lu = solve_all

        def _validate_jac(self, jac, sparsity):
            def slope(t, z, f=None):
                self.njev += 1
                return jac(t, z)

            return slope, slope(self.t, self.y)

    return Blocks


def _banded(J, count):
    """`count` copies of J along the diagonal, as LSODA takes a banded matrix."""
    n = J.shape[0]
    packed = np.zeros((2 * n - 1, n))
    i, j = np.indices(J.shape)
    packed[n - 1 + i - j, j] = J
    return np.tile(packed, count)
