"""Products with the Jacobian: `jvp` along a direction, by forward mode; `vjp` back, by reverse."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from dualmc.calls import names, signatures, watch
from dualmc.calls.inputs import as_input, as_read, is_sparse_matrix
from dualmc.calls.outputs import as_output, scalar
from dualmc.calls.remembered import is_due, once_more, settled
from dualmc.calls.request import Request, check_callable
from dualmc.calls.structures import structured, trees
from dualmc.calls.structures.trees import Structure
from dualmc.cotangents import sweep
from dualmc.duals.choices import meetings
from dualmc.duals.equalities import thread
from dualmc.errors import TangentLostError
from dualmc.functions.matrices.splitting import resolved
from dualmc.passes.forward_pass import along
from dualmc.passes.reverse_pass import taped
from dualmc.reverse import gradient_of
from dualmc.unchanged import adapt

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def jvp(
    f: Callable, primals: ArrayLike | tuple, tangents: ArrayLike | tuple, *args: Any, **unknown: Any
) -> tuple[Any, Any]:
    """Value and directional derivative: the Jacobian times a vector, in one pass over `f`.

    Parameters
    ----------
    f : callable
    primals : array_like, or a tuple of them, one per argument of `f`
    tangents : array_like of the same shape, or a tuple of them
    *args : further arguments of `f`, not differentiated

    Returns
    -------
    y : ndarray or scalar, ``f(*primals, *args)``
    y_dot : ndarray or scalar of the same shape, ``sum_i J_i @ tangents[i]``

    Raises
    ------
    TypeError, ValueError
        If the tangents do not match the primals; and as `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> y, y_dot = dm.jvp(np.sin, 0.0, 2.0)
    >>> float(y), float(y_dot)
    (0.0, 2.0)
    """
    if unknown:
        names.refuse_keywords("jvp", unknown)
    if args:
        check_callable(f, "jvp")
        args = as_read(args)
        return jvp_of("jvp", lambda *xs: adapt.adapted(f)(*xs, *args), primals, tangents)
    return jvp_of("jvp", f, primals, tangents)


def jvp_of(caller: str, f: Callable, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """`jvp`, on behalf of `caller`."""
    check_callable(f, caller)
    if not issubclass(type(primals), tuple) or hasattr(primals, "_fields"):
        if issubclass(type(tangents), tuple) and not hasattr(tangents, "_fields"):
            raise TypeError(
                f"{caller}: tangents is a tuple, but primals is not. Give both or neither."
            )
        primals, tangents = (primals,), (tangents,)
    elif not issubclass(type(tangents), tuple):
        raise TypeError(f"{caller}: primals is a tuple, but tangents is not. Give both or neither.")
    if len(primals) != len(tangents) or not primals:
        raise ValueError(
            f"{caller} needs one tangent per primal; got {len(primals)} primals and "
            f"{len(tangents)} tangents."
        )
    try:
        if structured.known and structured.returns_one(f):
            raise Structure
        return _along(caller, f, primals, tangents)
    except Structure as met:
        return structured.along(met, _along, caller, f, primals, tangents)


def _along(caller: str, f: Callable, given: tuple, tangents: tuple) -> tuple[Any, Any]:
    xs = [as_input(x, caller, f"primals[{i}]") for i, x in enumerate(given)]
    x_dots = [as_input(t, caller, f"tangents[{i}]") for i, t in enumerate(tangents)]
    for i, (x, x_dot) in enumerate(zip(xs, x_dots, strict=True)):
        if x.shape != x_dot.shape:
            raise ValueError(
                f"{caller}: tangents[{i}] has shape {x_dot.shape}, but primals[{i}] has shape "
                f"{x.shape}."
            )
    if watch.watched and watch.is_due():
        numbers = tuple(range(len(xs)))
        request = Request(caller, f, given, numbers, None, False, "numerator", False)
        with watch.looked_at(request, x_dots):
            return _along(caller, f, given, tangents)
    if meetings.split is not None:
        split = meetings.split
        y, y_dot = along(
            caller, split.stretched(f, range(len(xs)), adapt.adapted), xs, x_dots, given
        )
        return y, split.undone(y_dot)
    again, numbers = functools.partial(_along, caller, f, given, tangents), tuple(range(len(given)))
    try:
        y, y_dot = along(caller, f, xs, x_dots, given)
    except TangentLostError:
        if not is_due():
            raise
        return once_more(caller, f, given, numbers, again)
    if meetings.met:
        y_dot = resolved(y_dot, y, lambda: again()[1])
    if thread.met:
        return settled(caller, along, f, given, numbers, False, (y, y_dot), again)
    return y, y_dot


@signatures.pullback
def vjp(
    f: Callable,
    primals: ArrayLike | tuple,
    *more: Any,
    has_aux: bool = False,
    **unknown: Any,
) -> tuple[Any, ...]:
    """Value of `f` and its pullback, which multiplies a row vector by the Jacobian.

    Parameters
    ----------
    f : callable
    primals : array_like, or a tuple of them, one per argument of `f`
        ``vjp(f, a, b)`` means ``vjp(f, (a, b))``; a sparse matrix after the first is a constant.
    has_aux : bool, optional
        `f` returns ``(y, aux)``; the result becomes ``(y, pullback, aux)``.

    Returns
    -------
    y : ndarray or scalar, ``f(*primals)``
    pullback : callable
        ``pullback(y_bar)``, with `y_bar` of the shape of `y`, gives ``x_bar`` of the shape of the
        primal, ``x_bar[j] = sum_i y_bar[i] * dy_i/dx_j``; a tuple of them for a tuple of primals.
        It keeps the tape of this call, and may be called any number of times.

    Raises
    ------
    ValueError
        From `pullback`, if `y_bar` does not have the shape of `y`; and as `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> y, pullback = dm.vjp(np.sin, [0.0, np.pi])
    >>> pullback([2.0, 3.0])
    array([ 2., -3.])
    """
    if unknown:
        names.refuse_keywords("vjp", unknown)
    is_tuple = issubclass(type(primals), tuple) and not hasattr(primals, "_fields")
    args: Any = (primals, *more) if more or not is_tuple else primals
    argnums = tuple(i for i, a in enumerate(args) if i == 0 or not is_sparse_matrix(a))
    is_tuple = is_tuple or len(argnums) > 1
    try:
        if structured.known and structured.returns_one(f):
            raise Structure
        return vjp_of("vjp", f, args, argnums, is_tuple, has_aux)
    except Structure as met:
        return structured.pullback(met, vjp, f, args, argnums, is_tuple, has_aux)


def vjp_of(
    caller: str, f: Callable, args: Any, argnums: tuple[int, ...], is_tuple: bool, has_aux: bool
) -> tuple[Any, ...]:
    """`vjp` of arrays, on behalf of `caller`."""
    request = Request(caller, f, args, argnums, None, False, "numerator", has_aux)
    with watch.looked_at(request) if watch.watched and watch.is_due() else nullcontext():
        again = functools.partial(taped, request)
        try:
            tape = again()
        except TangentLostError:
            if not is_due():
                raise
            tape = once_more(caller, f, args, argnums, again)
    if thread.met:
        tape = settled(caller, along, f, args, argnums, has_aux, tape, again)
    y = tape.value.copy()  # the tape outlives this call, and y is the caller's
    met = meetings.met, meetings.is_hidden

    def weighed(y_bar):
        """The gradient of ``sum(y_bar * f)``, in which values that meet are split."""

        def total(*xs):
            out = adapt.adapted(f)(*xs)
            return np.sum(as_output(out[0] if has_aux else out, "vjp") * y_bar)

        return gradient_of("vjp", total, args, argnums, False)[1]

    def pullback(y_bar: ArrayLike) -> Any:
        y_bar = as_input(y_bar, "pullback", "y_bar", is_complex=tape.value.dtype.kind == "c")
        if y_bar.shape != tape.value.shape:
            raise ValueError(
                f"pullback needs a cotangent of shape {tape.value.shape} like f(x), got "
                f"{y_bar.shape}."
            )
        found = tuple(
            scalar(sweep.narrowed(x_bar, var.dtype))
            for x_bar, var in zip(tape.pull(y_bar.copy(), ()), tape.inputs, strict=True)
        )
        if met[0] and y.dtype.kind != "c":
            meetings.met, meetings.is_hidden = met
            found = resolved(found, 0.0, lambda: weighed(y_bar))
        return found if is_tuple else found[0]

    return (scalar(y), pullback, trees.copied(tape.aux)) if has_aux else (scalar(y), pullback)
