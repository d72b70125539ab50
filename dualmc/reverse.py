"""Reverse mode: `jacobian_rev`, `gradient` and the forms that return the value too.

f runs once and is recorded; its output is swept back once per row of the Jacobian, many rows at a
time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls import banded, names, repeats, signatures, watch
from dualmc.calls.inputs import as_read
from dualmc.calls.options import Argnums, Batch, Layout, Sparse
from dualmc.calls.outputs import scalar
from dualmc.calls.remembered import is_due, once_more, settled
from dualmc.calls.request import Request
from dualmc.calls.structures import points, structured
from dualmc.calls.structures.trees import Structure
from dualmc.duals import levels
from dualmc.duals.choices import meetings
from dualmc.duals.equalities import thread
from dualmc.errors import TangentLostError
from dualmc.functions.matrices.splitting import numbers_of, resolved
from dualmc.kernels import buffers
from dualmc.passes.forward_pass import along
from dualmc.passes.reverse_pass import FLOAT64, Tape, swept
from dualmc.unchanged import adapt


@signatures.jacobian
def jacobian_rev(
    f: Callable,
    *args: Any,
    argnums: Argnums = 0,
    chunk_size: int | None = None,
    sparse: Sparse = False,
    layout: Layout = "numerator",
    has_aux: bool = False,
    batch: Batch = False,
    prepare: bool = True,
    **unknown: Any,
) -> Any:
    """Jacobian of `f` at `args[argnums]`, by reverse mode.

    `f` is called once; the tape of that call is swept once for every `chunk_size` rows.  Cheaper
    than `jacobian_fwd` where the outputs are few and the inputs many; `compare` tells for a given
    function.

    Parameters
    ----------
    f, args, argnums, layout, has_aux, batch, prepare
        As for `jacobian_fwd`.
    chunk_size : int, optional
        Rows per sweep; by default as many as fit the cache.  Beyond rounding the result does not
        depend on it.
    sparse : bool or {"csr", "csc", "coo", "banded"}, optional
        Return `scipy.sparse.csr_array` of shape (m, n), or what else `jacobian_fwd` has names for,
        made of the nonzeros of the swept rows; needs SciPy.  The work is that of the dense
        Jacobian: where few outputs depend on few inputs each, ``jacobian_fwd(..., sparse=True)``
        is cheaper.

    Returns
    -------
    J : ndarray, shape ``y.shape + x.shape``; or csr_array, shape (y.size, x.size)
        ``J[i, j] = d y_i / d x_j``, in units of y per unit of x.

    Raises
    ------
    As `jacobian_fwd`.

    References
    ----------
    Griewank and Walther (2008), Evaluating Derivatives, chapter 3.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> dm.jacobian_rev(lambda x: x[0] * np.sin(x), [1.0, 2.0])
    array([[ 1.38177329,  0.        ],
           [ 0.90929743, -0.41614684]])
    """
    if unknown:
        names.refuse_keywords("jacobian_rev", unknown)
    if batch is not False:
        options = argnums, chunk_size, sparse, layout, has_aux
        return points.answered("jacobian_rev", f, args, batch, *options)
    _, J, aux = (repeats.asked(f, prepare, "jacobian_rev") or _jacobian)(
        "jacobian_rev", f, args, argnums, chunk_size, sparse, layout, has_aux
    )
    return (J, aux) if has_aux else J


@signatures.value_and_jacobian
def value_and_jacobian_rev(
    f: Callable,
    *args: Any,
    argnums: Argnums = 0,
    chunk_size: int | None = None,
    sparse: Sparse = False,
    layout: Layout = "numerator",
    has_aux: bool = False,
    batch: Batch = False,
    prepare: bool = True,
    **unknown: Any,
) -> Any:
    """The value of `f` and its Jacobian by reverse mode, from one call of `f`.

    Parameters are those of `jacobian_rev`.

    Returns
    -------
    y : ndarray or scalar
        ``f(*args)`` bit for bit, a list or tuple stacked into an array.
    J : as `jacobian_rev` returns it
    With ``has_aux``: ``((y, aux), J)``.

    Raises
    ------
    As `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> y, J = dm.value_and_jacobian_rev(lambda x: np.sum(x**2), [3.0, 4.0])
    >>> float(y), J
    (25.0, array([6., 8.]))
    """
    if unknown:
        names.refuse_keywords("value_and_jacobian_rev", unknown)
    if batch is not False:
        options = argnums, chunk_size, sparse, layout, has_aux
        return points.answered("value_and_jacobian_rev", f, args, batch, *options)
    y, J, aux = (repeats.asked(f, prepare, "value_and_jacobian_rev") or _jacobian)(
        "value_and_jacobian_rev", f, args, argnums, chunk_size, sparse, layout, has_aux
    )
    return ((y, aux), J) if has_aux else (y, J)


def _gradient_with_options(
    caller: str,
    f: Callable,
    args: tuple,
    /,
    *,
    argnums: Argnums = 0,
    has_aux: bool = False,
    batch: Batch = False,
    prepare: bool = True,
    **unknown: Any,
) -> Any:
    """What `gradient` and `value_and_gradient` return where options are given."""
    if unknown:
        names.refuse_keywords(caller, unknown)
    if batch is not False:
        return points.answered(caller, f, args, batch, argnums, has_aux=has_aux)
    differentiate = repeats.asked(f, prepare, caller) or gradient_of
    y, g, aux = differentiate(caller, f, args, argnums, has_aux)
    if caller == "gradient":
        return (g, aux) if has_aux else g
    return ((y, aux), g) if has_aux else (y, g)


@signatures.gradient
@signatures.with_options(_gradient_with_options)
def gradient(f: Callable, *args: Any, **options: Any) -> Any:
    """Gradient of a scalar function, by reverse mode: a few times the cost of `f`, whatever n.

    Parameters
    ----------
    f, args, argnums, has_aux, batch, prepare
        As for `jacobian_fwd`; `f` returns one number, or an array that holds one; `batch` means
        many points, and g of shape ``(points, *x.shape)``.

    Returns
    -------
    g : ndarray, shape ``x.shape``, in units of y per unit of x; a tuple for a tuple of argnums

    Raises
    ------
    ValueError
        If `f` does not return a scalar (use `jacobian_rev`); and as `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> dm.gradient(lambda x: np.sum(x**2), [3.0, 4.0])
    array([6., 8.])
    """
    if options:
        return _gradient_with_options("gradient", f, args, **options)
    return (repeats.answer and repeats.answer(f) or gradient_of)("gradient", f, args)[1]


@signatures.value_and_gradient
@signatures.with_options(_gradient_with_options)
def value_and_gradient(f: Callable, *args: Any, **options: Any) -> Any:
    """The value of a scalar function and its gradient, from one call of `f`.

    Parameters are those of `gradient`.  ``functools.partial(value_and_gradient, f)`` is what
    ``scipy.optimize.minimize(..., jac=True)`` takes.

    Returns
    -------
    y : scalar
    g : as `gradient` returns it
    With ``has_aux``: ``((y, aux), g)``.

    Raises
    ------
    As `gradient`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> y, g = dm.value_and_gradient(lambda x: np.sum(x**2), [3.0, 4.0])
    >>> float(y), g
    (25.0, array([6., 8.]))
    """
    if options:
        return _gradient_with_options("value_and_gradient", f, args, **options)
    return (repeats.answer and repeats.answer(f) or gradient_of)("value_and_gradient", f, args)[:2]


def _jacobian(caller, f, args, argnums, chunk_size, sparse, layout, has_aux):
    if banded.is_asked(sparse):
        y, J, aux = _jacobian(caller, f, args, argnums, chunk_size, "csr", layout, has_aux)
        return y, banded.all_packed(J, sparse, caller), aux
    call = caller, f, args, argnums, chunk_size, sparse, layout, has_aux
    try:
        if structured.known and structured.returns_one(f):
            raise Structure
        request = Request(*call)
        if watch.watched and watch.is_due():
            with watch.looked_at(request):
                return _jacobian(*call)
        if meetings.split is not None:
            split = meetings.split
            f, count = split.swept(f, request.numbers, request.has_aux, adapt.adapted)
            y, J, aux = swept(request.of(f))
            return y, split.undone(J, count), aux
        y, J, aux = swept(request)
        if meetings.met:
            dense = (*call[:5], False, layout, has_aux)
            J = resolved(J, y, lambda: _jacobian(*dense)[1], layout == "denominator")
        if thread.met:
            again = functools.partial(_jacobian, *call)
            return settled(caller, along, f, args, argnums, has_aux, (y, J, aux), again)
        return y, J, aux
    except TangentLostError:
        if not is_due():
            raise
        return once_more(caller, f, args, argnums, functools.partial(_jacobian, *call))
    except Structure as met:
        return structured.jacobian(met, _jacobian, *call)


def gradient_of(caller, f, args, argnums=0, has_aux=False):
    """The value, the gradient and aux, on behalf of `caller`."""
    outside = len(levels.stack.levels)
    try:
        if watch.watched and watch.is_due():
            request = Request(caller, f, args, argnums, None, False, "numerator", has_aux)
            with watch.looked_at(request):
                return gradient_of(caller, f, args, argnums, has_aux)
        if meetings.split is not None:
            split = meetings.split
            g, count = split.swept(f, numbers_of(argnums, args), has_aux, adapt.adapted)
            y, g, aux = _pulled_back(caller, g, args, argnums, has_aux)
            return y, split.undone(g, count), aux
        y, g, aux = _pulled_back(caller, f, args, argnums, has_aux)
        if meetings.met:
            g = resolved(g, y, lambda: gradient_of(caller, f, args, argnums, has_aux)[1])
        if thread.met:
            again = functools.partial(gradient_of, caller, f, args, argnums, has_aux)
            return settled(caller, along, f, args, argnums, has_aux, (y, g, aux), again)
        return y, g, aux
    except BaseException as error:
        levels.close_beyond(outside)  # an interrupt may come while a level closes
        if isinstance(error, Structure):
            return structured.gradient(error, gradient_of, caller, f, args, argnums, has_aux)
        if not (isinstance(error, TangentLostError) and is_due()):
            raise
        again = functools.partial(gradient_of, caller, f, args, argnums, has_aux)
        return once_more(caller, f, args, argnums, again)
    finally:
        buffers.trim()


def _pulled_back(caller, f, args, argnums, has_aux):
    is_tuple = False
    if len(args) > 1:
        args = as_read(args)
    x = args[0] if args and type(argnums) is int and argnums == 0 and has_aux is False else None
    if type(x) is np.ndarray and x.dtype is FLOAT64:
        tape = Tape.of_array(caller, f, args)
    else:
        request = Request(caller, f, args, argnums, None, False, "numerator", has_aux)
        tape, is_tuple = Tape(request), request.is_tuple
    y = tape.value
    if y.size != 1 or y.dtype.kind == "c":
        what = "a complex number" if y.dtype.kind == "c" else f"shape {y.shape}"
        how = "reduce the output, e.g. with .sum()"
        how = "return its real part" if y.dtype.kind == "c" else how
        raise ValueError(
            f"{caller} needs f to return a real scalar; f returned {what}. Use jacobian_rev, "
            f"or {how}."
        )
    found = tape.gradients()
    return scalar(y), tuple(found) if is_tuple else found[0], tape.aux
