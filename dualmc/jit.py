"""Derivatives of compiled functions that compiled functions can call: `jit_jacobian`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dualmc.calls.options import Argnums


def jit_jacobian(
    f: Callable,
    *,
    argnums: Argnums = 0,
    chunk_size: int | None = None,
    value: bool = False,
    sparse: Any = None,
    out: int | None = None,
    inplace: bool = False,
) -> Any:
    """The Jacobian of a function compiled by Numba, as such a function itself.

    Parameters
    ----------
    f : function under ``numba.njit``
        ``f(*args)`` returns a number, an array, or a tuple of those of one shape.  What it calls
        may be compiled functions, as far as Duals can take their place.
    argnums : int or tuple of int, optional
        Which positional arguments to differentiate; a tuple gives a tuple of Jacobians.
    chunk_size : int, optional
        Columns per call of `f`, 8 by default, rounded up to a power of two.
    value : bool, optional
        Return ``(y, J)``, with ``y = f(*args)``.
    sparse : array, or tuple of arguments, optional
        An example of x, or of all arguments.  The pattern of the Jacobian is found there, and `jac`
        returns its nonzeros alone, row by row: ``scipy.sparse.csr_array((jac(x), jac.indices,
        jac.indptr), jac.shape)``.  Several arguments of `argnums` have their columns side by side.
    out : int, optional
        The position of the argument that `f` writes its result to, if it returns nothing; it is
        written to by `jac` as well.
    inplace : bool, optional
        ``jac(J, *args)`` writes to J, C-contiguous and of the size of the Jacobian, and returns it;
        with `sparse` to an array for the nonzeros.

    Returns
    -------
    jac : a Numba dispatcher, ``jac(*args) -> J``, shape ``y.shape + x.shape``
        Callable from Python and from nopython code; it releases the GIL.  Compiled when first
        called, and kept on disk where `f` is under ``cache=True``.  With `sparse` it has the
        attributes `indptr`, `indices` and `shape`, and the method ``include(*args)``, which adds
        the entries of another example to the pattern.

    Raises
    ------
    TypeError
        If `f` is not a compiled function, or an option is of the wrong kind.
    ValueError
        When called, with `sparse`, where branches of `f` make it depend on inputs that it did not
        depend on at the examples: no derivative is left out.

    Examples
    --------
    >>> import numba, numpy as np, dualmc as dm
    >>> @numba.njit
    ... def f(x):
    ...     out = np.empty(2)
    ...     out[0] = x[0] * x[1]
    ...     out[1] = np.sin(x[0])
    ...     return out
    >>> jac = dm.jit_jacobian(f, chunk_size=2)
    >>> jac(np.array([0.0, 3.0]))
    array([[3., 0.],
           [1., 0.]])
    >>> J = np.empty((2, 2))
    >>> _ = dm.jit_jacobian(f, inplace=True)(J, np.array([0.0, 5.0]))
    >>> J
    array([[5., 0.],
           [1., 0.]])
    >>> nonzeros = dm.jit_jacobian(f, sparse=np.ones(2))
    >>> nonzeros(np.array([0.0, 3.0])), nonzeros.indices, nonzeros.indptr
    (array([3., 0., 1.]), array([0, 1, 0], dtype=int32), array([0, 2, 3], dtype=int32))
    """
    from dualmc.compiled import verbs

    return verbs.jacobian(f, argnums, chunk_size, value, sparse, out, inplace)
