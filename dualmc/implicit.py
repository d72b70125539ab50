"""Derivatives of roots by the implicit function theorem: `custom_root`.

A Newton loop converges in its value before it converges in its derivative, and bisection has no
useful derivative at all.  At a root y of ``F(y, a) = 0`` the derivative is that of a linear system,
``F_y dy = -F_a da``, whatever found the root.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls import options
from dualmc.calls.options import check_flag
from dualmc.calls.structures import trees
from dualmc.duals.dual import Dual
from dualmc.duals.levels import quiet
from dualmc.duals.operands import as_operand, from_sequence, has_dual, level_of, primal_at
from dualmc.duals.subclasses import more_than_array
from dualmc.forward import jacobian_fwd
from dualmc.functions.results import applied, with_primal
from dualmc.rules.registry import name_of


class custom_root:
    """A function that returns the root of a residual, differentiated exactly.

    ``custom_root(residual, solver)(*args)`` is ``solver(*args)``; its derivatives, of any order and
    in either mode, come from one linear solve with the residual's own Jacobian at the root.

    Parameters
    ----------
    residual : callable
        ``residual(y, *args)``, of the shape of `y`, zero at the root; plain NumPy code.
    solver : callable
        ``solver(*args)`` returns the root, a number or an array.  It is called with plain numbers
        and arrays, once per evaluation; it may be a loop, `scipy.optimize.root`, `brentq`,
        compiled code.
    sparse : bool, optional
        Solve with the residual's Jacobian as a `scipy.sparse` matrix; needs SciPy.

    Raises
    ------
    ValueError
        If the residual has not the shape of the root.
    numpy.linalg.LinAlgError
        If the residual's Jacobian is singular at the root: the root is not a function of `args`.

    Notes
    -----
    What the residual depends on must be given by `args`: numbers that it takes from its closure are
    constants, and Duals in it are refused.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> from scipy.optimize import brentq
    >>> kepler = dm.custom_root(
    ...     lambda E, M, e: E - e * np.sin(E) - M,
    ...     lambda M, e: brentq(lambda E: E - e * np.sin(E) - M, 0.0, 7.0, xtol=1e-14),
    ... )
    >>> E, slope = kepler(1.0, 0.3), dm.derivative(lambda M: kepler(M, 0.3), 1.0)
    >>> bool(np.isclose(slope, 1 / (1 - 0.3 * np.cos(E)), rtol=1e-13))
    True
    """

    def __init__(self, residual: Callable, solver: Callable, sparse: bool = False) -> None:
        for name, given in (("residual", residual), ("solver", solver)):
            if not callable(given):
                raise TypeError(
                    f"custom_root needs {name} to be a function, got {type(given).__name__}. Call "
                    f"it as custom_root(residual, solver)."
                )
        if check_flag("sparse", sparse, "custom_root"):
            options.import_sparse("custom_root")
        functools.update_wrapper(self, solver, updated=())
        self.residual = residual
        self.solver = solver
        self.sparse = sparse

    def __repr__(self) -> str:
        return f"<custom_root of {name_of(self.residual)}, by {name_of(self.solver)}>"

    def __call__(self, *args: Any) -> Any:
        args = tuple(a if more_than_array(a) is not None else as_operand(a) for a in args)
        if any(trees.carries(a) for a in args):
            raise TypeError(
                "custom_root got a structure (a dict, a dataclass, ...) that holds a Dual; it "
                "differentiates numbers and arrays. Pass them one by one."
            )
        if not any(type(a) is Dual for a in args):
            return self._solved(args)
        level = level_of(args)
        primals = tuple(primal_at(a, level) for a in args)
        y = self(*primals)
        y = y if type(y) is Dual else np.asarray(y)
        r = self._residual(y, args)
        if np.shape(r) != y.shape:
            raise ValueError(
                f"custom_root: the residual has shape {np.shape(r)} at a root of shape {y.shape}; "
                f"they must be equal."
            )
        if type(r) is not Dual or r.level is not level:
            return with_primal(y, np.zeros_like(args[0], shape=y.shape))
        step = self._step(y, primals, np.reshape(r, (y.size,)))
        return with_primal(y, -np.reshape(step, y.shape))

    def _step(self, y: Any, primals: tuple, r: Dual) -> Any:
        """The residual `r` divided by its own Jacobian."""

        def residual(flat: Any) -> Any:
            return np.ravel(self._residual(np.reshape(flat, y.shape), primals))

        if not self.sparse:
            slopes = jacobian_fwd(residual, np.ravel(y))
            try:
                return np.linalg.solve(slopes, r)
            except np.linalg.LinAlgError as error:
                raise _singular(error) from None
        import scipy.sparse.linalg

        if type(y) is Dual:
            raise TypeError(
                "custom_root: sparse=True cannot hold the Duals of an outer derivative call. Use "
                "sparse=False for derivatives of higher order."
            )
        slopes = jacobian_fwd(residual, np.ravel(y), sparse=True).tocsc()
        try:
            factors = scipy.sparse.linalg.splu(slopes)
        except RuntimeError as error:
            raise _singular(error) from None

        def solve(b: Any, trans: str = "N") -> Any:
            columns = np.asarray(b).reshape(-1, y.size).T
            return factors.solve(np.ascontiguousarray(columns), trans).T.reshape(np.shape(b))

        return applied(solve, lambda b: solve(b, "T"), r, solve(r.primal))

    def _solved(self, args: tuple) -> Any:
        """The root at plain numbers."""
        with quiet():
            y = self.solver(*args)
        if has_dual(y):
            raise TypeError(
                "custom_root: the solver returned a Dual. It must depend on its arguments alone; "
                "pass what it takes from its closure as an argument."
            )
        if _kind(y) not in "biuf":
            raise TypeError(
                f"custom_root: the solver must return the root, a number or an array of real "
                f"numbers; it returned {_named(y)}. Of scipy.optimize.root return sol.x."
            )
        probe = self._residual(np.array(y, dtype=np.float64) if np.ndim(y) else y, args)
        if has_dual(probe):
            raise TypeError(
                "custom_root: the residual depends on a Dual that is not among its arguments. Pass "
                "it as an argument of the root, or its derivative would be lost."
            )
        return y

    def _residual(self, y: Any, args: tuple) -> Any:
        """The residual at `y`, an array or a Dual."""
        r = self.residual(y, *args)
        if not has_dual(r) and _kind(r) not in "biuf":
            raise TypeError(
                f"custom_root: the residual must return a number or an array of real numbers; it "
                f"returned {_named(r)}."
            )
        return as_operand(r) if not issubclass(type(r), (list, tuple)) else from_sequence(r)


def _kind(a: Any) -> str:
    try:
        return np.asarray(a).dtype.kind
    except ValueError:  # ragged
        return "O"


def _named(a: Any) -> str:
    return "None" if a is None else f"a {type(a).__name__}"


def _singular(error: Exception) -> np.linalg.LinAlgError:
    return np.linalg.LinAlgError(
        f"custom_root: the derivative of the residual with respect to the root is singular there "
        f"({error}): the root is not a differentiable function of the arguments."
    )
