"""`scipy_jac`: value and derivatives of f as a solver asks for them, each point computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dualmc.calls import names
from dualmc.calls.options import Layout, Sparse

if TYPE_CHECKING:
    from dualmc.adapters.jac import ScipyJac


def scipy_jac(
    f: Callable,
    solver: str | None = None,
    *,
    argnums: int | None = None,
    sparse: Sparse = False,
    layout: Layout = "numerator",
    prepare: bool | None = None,
    **unknown: Any,
) -> ScipyJac:
    """Value and derivatives of `f` for a solver of SciPy's, lmfit or iminuit.

    Solvers ask for the value and the Jacobian at the same point in two calls; here both come from
    one evaluation of `f`, and are remembered for the point, the latest, and for what `f` reads
    beside it.  ``fun`` returns what `f` returns, to the bit; a point is the same only where its
    bits, the other arguments and all that `f` reads are.  A function that changes its arguments,
    or reads what cannot be compared, is run afresh at every call; ``reason`` says so.

    Parameters
    ----------
    f : callable
        As the solver calls it.
    solver : str, optional
        Left out where the solver calls ``f(x, *args)`` and varies x: `least_squares`, `root`,
        `fsolve`, `minimize`, `odeint`.  Named where it does otherwise:

        "curve_fit"
            ``f(t, a, b, ...)``: by all but the first, as one array of shape (m, parameters).
        "solve_ivp"
            ``f(t, y, *args)``, by y; of `ode`, and of `odeint` with ``tfirst=True``, too.
        "solve_bvp"
            ``fun(x, y[, p])``, at every node, and ``bc(ya, yb[, p])``.
        "NonlinearConstraint"
            ``f(x)``; ``hess(x, v)`` is the Hessian of ``v @ f(x)``.
        "lmfit"
            ``f(params, *args, **kws)``, by the parameters that vary.
        "iminuit"
            ``f(a, b, ...)`` or ``f(x)``, which returns a number: its gradient.

        The others may be named too; "minimize" expects a number of f.
    argnums : int, optional
        Which argument of `f` is varied, where that is not the first.
    sparse : bool or {"csr", "csc", "coo", "banded"}, optional
        As for `jacobian_fwd`, of Jacobians and Hessians.  "banded" is the packed array alone, as
        LSODA and `odeint` take it; ``("banded", lower, upper)`` where they are told the widths.
    layout : {"numerator", "denominator"}, optional
        "denominator" where the solver is called with ``col_deriv=True``.
    prepare : bool, optional
        True: as machine code (see `prepare`) from the first call on; False: never.  By default
        once fresh calls have taken as long as it takes to make.  Both are exact to rounding, but
        may differ in the last bits: where runs have to agree in these, say which.

    Returns
    -------
    J : ScipyJac
        ``J(x, *args)`` and ``J.jac(x, *args)``
            The Jacobian; of a function that returns one number, its gradient.
        ``J.fun(x, *args)``
            What `f` returns.
        ``J.value_and_jac(x, *args)``
            Both, for ``jac=True``.
        ``J.hess(x, *args)``, ``J.hessp(x, p, *args)``
            The Hessian of a function that returns one number, and the same times p.

        It is pickled as `f` and these options.

    Raises
    ------
    TypeError, ValueError
        If an option is wrong, or the solver does not call `f` like this; and as `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> from scipy.optimize import curve_fit, least_squares
    >>> t = np.array([0.0, 1.0, 2.0, 3.0])
    >>> decay = lambda t, a, b: a * np.exp(-b * t)
    >>> J = dm.scipy_jac(decay, "curve_fit")
    >>> p, covariance = curve_fit(J.fun, t, decay(t, 5.0, 0.5), (1.0, 1.0), jac=J.jac)
    >>> p.round(6)
    array([5. , 0.5])
    >>> J = dm.scipy_jac(lambda x, a: [x[0] + x[1] - a, x[0] * x[1] - 2.0])
    >>> least_squares(J.fun, [0.0, 1.0], jac=J.jac, args=(3.0,)).x.round(6)
    array([1., 2.])
    """
    from dualmc.adapters.jac import ScipyJac

    if unknown:
        names.refuse_keywords("scipy_jac", unknown)
    return ScipyJac(f, solver, argnums, sparse, layout, prepare)
