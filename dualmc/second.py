"""Second order, forward over reverse: `hessian` and `hvp`.

The reverse sweep of a gradient runs on the Duals of an outer forward call, so that the tangent of
the gradient is the Hessian, as sparse as f is locally coupled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numba.core.registry import CPUDispatcher

from dualmc.calls import banded, names, repeats, signatures, watch
from dualmc.calls.options import Argnums, Batch, Sparse
from dualmc.calls.outputs import scalar
from dualmc.calls.request import Request, check_callable
from dualmc.calls.structures import points, structured, trees
from dualmc.calls.structures.trees import Structure
from dualmc.passes.jacobian import jacobian
from dualmc.products import jvp_of
from dualmc.reverse import gradient_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@signatures.hessian
def hessian(
    f: Callable,
    *args: Any,
    argnums: Argnums = 0,
    chunk_size: int | None = None,
    sparse: Sparse = False,
    batch: Batch = False,
    prepare: bool = True,
    **unknown: Any,
) -> Any:
    """Hessian of a scalar function, from one forward pass over its gradient.

    Parameters
    ----------
    f, args, argnums, chunk_size, batch, prepare
        As for `jacobian_fwd`; `f` returns one number; `batch` means many points, and H of shape
        ``(points, *x.shape, *x.shape)``.
    sparse : bool or {"csr", "csc", "coo", "banded"}, optional
        Return `scipy.sparse.csr_array` of shape (x.size, x.size), or what else `jacobian_fwd` has
        names for, from the same pass and without a pattern; needs SciPy.  Time and memory are those
        of the entries.

    Returns
    -------
    H : ndarray, shape ``x.shape + x.shape``; or csr_array
        ``H[i, j] = d2 f / dx_i dx_j``, in units of y per unit of x squared.  For a tuple of
        argnums a tuple of tuples, ``H[a][b]`` of shape ``x_a.shape + x_b.shape``.

    Raises
    ------
    ValueError
        If `f` does not return a scalar; and as `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> dm.hessian(lambda x: x[0] ** 2 * x[1], [1.0, 2.0])
    array([[4., 2.],
           [2., 0.]])
    """
    if unknown:
        names.refuse_keywords("hessian", unknown)
    if batch is not False:
        return points.answered("hessian", f, args, batch, argnums, chunk_size, sparse)
    call = "hessian", f, args, argnums, chunk_size, sparse
    return (repeats.asked(f, prepare, "hessian") or hessian_of)(*call)[1]


def hessian_of(caller, f, args, argnums=0, chunk_size=None, sparse=False):
    """Nothing, the Hessian and nothing, as other verbs have value, derivative and aux."""
    return None, _hessian(caller, f, args, argnums, chunk_size, sparse), None


def _hessian(caller, f, args, argnums, chunk_size, sparse):
    if banded.is_asked(sparse):
        H = _hessian(caller, f, args, argnums, chunk_size, "csr")
        return banded.all_packed(H, sparse, caller)
    try:  # here, so that what is wrong with the arguments is said of this call
        request = Request(caller, f, args, argnums, chunk_size, sparse, "numerator", False)
    except Structure as met:

        def flat(g, *inner, argnums):
            return _hessian(caller, g, inner, argnums, chunk_size, sparse)

        return structured.hessian(met, flat, f, args, argnums)
    if type(f) is CPUDispatcher:
        H = _of_compiled(request)
        if H is not None:
            return H
    if watch.watched and watch.is_due():
        with watch.looked_at(request):
            return _hessian(caller, f, args, argnums, chunk_size, sparse)

    def differentiated(g, sparse):
        call = args, argnums, chunk_size, sparse, "numerator", False
        return jacobian("jacobian_fwd", g, *call)[1]

    if not isinstance(argnums, (tuple, list)):
        return differentiated(lambda *inner: _gradient(caller, f, inner, argnums), sparse)

    def joined(*inner: Any) -> Any:
        parts = _gradient(caller, f, inner, argnums)
        return np.concatenate([np.ravel(part) for part in parts])

    columns = differentiated(joined, request.sparse)
    shapes = [np.shape(args[i]) for i in argnums]
    ends = np.cumsum([0, *(math.prod(shape) for shape in shapes)]).tolist()
    rows = []
    for shape, start, stop in zip(shapes, ends, ends[1:], strict=False):
        blocks = [c[start:stop] for c in columns]
        if request.sparse:
            blocks = [b.asformat(request.format) for b in blocks]
        else:
            blocks = [b.reshape(shape + b.shape[1:]) for b in blocks]
        rows.append(tuple(blocks))
    return tuple(rows)


def _of_compiled(request: Request) -> Any:
    from dualmc.compiled import calling

    return calling.hessian(request)


def hvp(
    f: Callable, primals: ArrayLike | tuple, tangents: ArrayLike | tuple, *args: Any, **unknown: Any
) -> Any:
    """Hessian of a scalar function times a vector: a few times the cost of `f`, whatever n.

    Parameters
    ----------
    f : callable, returns one number
    primals : array_like, or a tuple of them, one per argument of `f`
    tangents : array_like of the same shape, or a tuple of them
    *args : further arguments of `f`, not differentiated
        ``functools.partial(hvp, f)`` is what ``scipy.optimize.minimize(..., hessp=)`` takes.

    Returns
    -------
    hv : ndarray of the shape of `primals`, or a tuple of them
        ``hv[i] = sum_j d2 f / dx_i dx_j * tangents[j]``.

    Raises
    ------
    As `gradient` and `jvp`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> dm.hvp(lambda x: x[0] ** 2 * x[1], [1.0, 2.0], [1.0, 0.0])
    array([4., 2.])
    """
    if unknown:
        names.refuse_keywords("hvp", unknown)
    if not isinstance(primals, tuple) or hasattr(primals, "_fields"):
        check_callable(f, "hvp")
        return jvp_of("hvp", lambda x: _gradient("hvp", f, (x, *args), 0), primals, tangents)[1]
    check_callable(f, "hvp")
    shapes = [np.shape(x) for x in primals]

    def joined(*inner: Any) -> Any:
        parts = _gradient("hvp", f, (*inner, *args), tuple(range(len(inner))))
        if any(map(trees.is_container, parts)):
            return parts
        return np.concatenate([np.ravel(part) for part in parts])

    _, flat = jvp_of("hvp", joined, primals, tangents)
    if isinstance(flat, tuple):  # of structures
        return flat
    ends = np.cumsum([0, *(math.prod(shape) for shape in shapes)]).tolist()
    return tuple(
        scalar(flat[i:j].reshape(shape))
        for shape, i, j in zip(shapes, ends, ends[1:], strict=False)
    )


def _gradient(caller: str, f: Callable, args: tuple, argnums: Any) -> Any:
    return gradient_of(caller, f, args, argnums, False)[1]
