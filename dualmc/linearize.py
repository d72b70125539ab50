"""`linearize`: a Jacobian that is never formed, as the operator that SciPy's solvers take."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from dualmc.calls import names
from dualmc.calls.outputs import scalar
from dualmc.calls.request import Request
from dualmc.calls.structures import trees
from dualmc.calls.structures.trees import Structure
from dualmc.duals.dual import Dual
from dualmc.forward import jacobian_fwd
from dualmc.functions.results import with_primal
from dualmc.products import jvp_of, vjp_of
from dualmc.unchanged import adapt

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


def linearize(
    f: Callable, *args: Any, argnums: int = 0, **unknown: Any
) -> tuple[Any, LinearOperator]:
    """Value of `f`, and its Jacobian as a linear operator of SciPy's: products, no matrix.

    Parameters
    ----------
    f : callable
        As for `jacobian_fwd`; its output may have any shape.
    *args : float, list or array
        The arguments of `f`.  They are copied: the operator belongs to this point.
    argnums : int, optional
        The argument by which `f` is differentiated.

    Returns
    -------
    y : ndarray or scalar, ``f(*args)``
    J : scipy.sparse.linalg.LinearOperator, shape ``(y.size, x.size)``
        ``J @ v`` is `jvp`, one call of f; ``J.T @ w`` and ``J.H @ w`` sweep the tape of the call
        that gave y, and do not call f.  ``J @ V`` of k columns is one call of f where memory allows
        it.  `lsmr`, `lsqr`, `gmres`, `svds` and ``least_squares(jac=...)`` take it.

    Raises
    ------
    ImportError
        If SciPy is not installed.
    TypeError
        If `x` or what `f` returns is a structure (use `jvp` and `vjp`), or in another derivative
        call; and as `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> y, J = dm.linearize(lambda x: x[1:] * np.sin(x[:-1]), np.array([1.0, 2.0, 3.0]))
    >>> J.shape, J @ np.ones(3), J.T @ np.ones(2)
    ((2, 3), array([ 1.9220756 , -0.33914308]), array([ 1.08060461, -0.40696952,  0.90929743]))
    """
    if unknown:
        names.refuse_keywords("linearize", unknown)
    try:
        from scipy.sparse.linalg import LinearOperator
    except ImportError:
        raise ImportError(
            "linearize returns a scipy.sparse.linalg.LinearOperator and needs SciPy. Install it "
            "with: pip install dualmc[sparse]"
        ) from None
    try:
        request = Request("linearize", f, args, argnums, None, False, "numerator", False)
        products = _Products(request)
    except Structure as met:
        raise TypeError(
            f"{met} linearize takes arrays; use jvp and vjp, which take structures."
        ) from None
    J = LinearOperator(
        (products.m, products.n),
        matvec=products.along,
        rmatvec=products.back,
        matmat=products.along_all,
        rmatmat=products.back_all,
        dtype=products.dtype,
    )
    return scalar(products.y), J


class _Products:
    """The products of one Jacobian with vectors."""

    def __init__(self, request: Request) -> None:
        if request.is_tuple:
            raise TypeError("linearize differentiates by one argument: argnums must be an int.")
        if type(request.xs[0]) is Dual:
            raise TypeError(
                "linearize makes an operator of numbers, and inside of another derivative call its "
                "products are Duals. Use jvp and vjp there."
            )
        (position,) = request.numbers
        args = trees.copied(tuple(request.args))
        self.f = request.f
        if len(args) > 1:
            self.f = functools.partial(_at, request.f, args[:position], args[position + 1 :])
        self.x = np.array(request.xs[0])
        # A number is handed to f as the number that it is.
        self.given = self.x if self.x.ndim else args[position]
        y, self.pullback = vjp_of("linearize", self.f, (self.given,), (0,), False, False)
        self.y = np.asarray(y)
        self.m, self.n = self.y.size, self.x.size
        self.dtype = self.y.dtype if self.y.dtype.kind in "fc" else self.x.dtype

    def along(self, v: np.ndarray) -> np.ndarray:
        """J v."""
        if v.dtype.kind == "c":
            return self.along(v.real) + 1j * self.along(v.imag)
        v = self._direction(v)
        return np.reshape(jvp_of("linearize", self.f, self.given, v)[1], self.m)

    def along_all(self, V: np.ndarray) -> np.ndarray:
        """J V: the Jacobian of f(x + V t) by t, at t = 0."""
        if V.dtype.kind == "c":
            return self.along_all(V.real) + 1j * self.along_all(V.imag)
        V, k = np.asarray(V, self.x.dtype), V.shape[1]
        if k == 0 or not np.isfinite(V).all():  # an infinite entry is of its own column alone
            columns = [self.along(V[:, i]) for i in range(k)]
            return np.stack(columns, 1) if k else np.empty((self.m, 0), self.dtype)
        x = self.x

        def moved(t: Any) -> Any:
            moved_x = np.reshape(np.matmul(V, t), x.shape)
            return adapt.adapted(self.f)(with_primal(x, moved_x))

        return np.reshape(jacobian_fwd(moved, np.zeros(k, x.dtype)), (self.m, k))

    def back(self, w: np.ndarray) -> np.ndarray:
        """J^H w."""
        w = np.reshape(w, self.y.shape)
        if self.dtype.kind != "c":
            if w.dtype.kind == "c":
                return self.back(w.real) + 1j * self.back(w.imag)
            return np.reshape(self.pullback(np.asarray(w, self.dtype)), self.n)
        w = w.conj()  # pullback(w) is the real part of J^T w
        return np.reshape(self.pullback(w) - 1j * self.pullback(-1j * w), self.n)

    def back_all(self, W: np.ndarray) -> np.ndarray:
        """J^H W."""
        rows = [self.back(W[:, i]) for i in range(W.shape[1])]
        return np.stack(rows, 1) if rows else np.empty((self.n, 0), self.dtype)

    def _direction(self, v: np.ndarray) -> np.ndarray:
        return np.reshape(np.asarray(v, self.x.dtype), self.x.shape)


def _at(f: Callable, before: tuple, behind: tuple, x: Any) -> Any:
    return adapt.adapted(f)(*before, x, *behind)
