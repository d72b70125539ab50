"""For test suites: is a derivative that is written by hand right?

`assert_jacobian`, `assert_gradient` and `assert_hessian` compare it with dualmc's exact one, as
functions of `numpy.testing` compare arrays.  They judge the derivative, not dualmc: that is what
`check_jacobian` does.

>>> import numpy as np
>>> from dualmc.testing import assert_jacobian
>>> assert_jacobian(lambda x: x**2, lambda x: np.diag(2 * x), [1.0, 2.0])
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls.inputs import is_sparse_matrix
from dualmc.calls.options import Argnums
from dualmc.calls.request import Request
from dualmc.calls.structures import trees
from dualmc.duals.dual import Dual
from dualmc.forward import value_and_jacobian_fwd
from dualmc.judging.disagreement import Judged
from dualmc.reverse import gradient
from dualmc.second import hessian

__all__ = ["assert_jacobian", "assert_gradient", "assert_hessian"]


def assert_jacobian(
    f: Callable,
    jac: Any,
    *args: Any,
    argnums: Argnums = 0,
    rtol: float | None = None,
    atol: float = 0.0,
) -> None:
    """Raise an `AssertionError` unless `jac` is the Jacobian of `f` at `args`.

    Parameters
    ----------
    f : callable
        As for `jacobian_fwd`.
    jac : callable or array_like
        The Jacobian to judge, of shape ``y.shape + x.shape``; or what computes it, called as
        ``jac(*args)``.  A sparse matrix of shape (y.size, x.size) may stand for it, and is compared
        entry by entry without being made dense.  For a tuple of argnums a tuple of these; for
        structures ``jac[out][in]``, as `jacobian_fwd` returns it.
    *args : float, list, array or structure
        The point, and what else `f` takes.  `f` and `jac` get copies.
    argnums : int or tuple of int, optional
    rtol, atol : float, optional
        An entry may differ by ``atol + rtol * abs(exact)``.  By default `atol` is 0, and `rtol`
        half of the digits that there are: 1.5e-8, or 3.5e-4 in float32.  NaN and inf are right
        where the exact Jacobian has the same.

    Raises
    ------
    AssertionError
        Shows how many entries differ, the worst of them, and what is likely: a transpose, a
        factor, rounding, a kink, where a convention decides.
    TypeError, ValueError
        As `jacobian_fwd`; or if `jac` is no array of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from dualmc.testing import assert_jacobian
    >>> def decay(p, t):
    ...     return p[0] * np.exp(-p[1] * t)
    >>> def by_hand(p, t):
    ...     e = np.exp(-p[1] * t)
    ...     return np.stack([e, p[0] * t * e], axis=1)
    >>> assert_jacobian(decay, by_hand, [2.0, 0.5], np.array([0.0, 2.0]))
    Traceback (most recent call last):
        ...
    AssertionError: by_hand is not the Jacobian of decay
    1 of 4 entries differs by more than rtol=1.5e-08, atol=0
    <BLANKLINE>
    entry            by_hand  exact     relative error      ulp
    ---------------  -------  --------  --------------  -------
    d y[1] / d p[1]  1.47152  -1.47152         2.0e+00  1.3e+16
    """
    __tracebackhide__ = True
    judged = _judged("assert_jacobian", "Jacobian", f, jac, args, argnums, rtol, atol)
    sparse = _is_sparse(judged.theirs)
    y, exact = value_and_jacobian_fwd(f, *_copied(args), argnums=argnums, sparse=sparse)
    judged.y_shape = None if trees.is_container(y) else np.shape(y)
    judged.against(exact)


def assert_gradient(
    f: Callable,
    grad: Any,
    *args: Any,
    argnums: Argnums = 0,
    rtol: float | None = None,
    atol: float = 0.0,
) -> None:
    """Raise an `AssertionError` unless `grad` is the gradient of `f`, a scalar function, at `args`.

    Parameters
    ----------
    f : callable
        As for `gradient`: it returns one number.
    grad : callable or array_like
        The gradient to judge, of the shape of x, or what computes it, called as ``grad(*args)``.
    *args, argnums, rtol, atol
        As for `assert_jacobian`.

    Raises
    ------
    As `assert_jacobian`.

    Examples
    --------
    >>> import numpy as np
    >>> from dualmc.testing import assert_gradient
    >>> assert_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, np.linspace(0.0, 1.0, 1000))
    """
    __tracebackhide__ = True
    judged = _judged("assert_gradient", "gradient", f, grad, args, argnums, rtol, atol)
    judged.against(gradient(f, *_copied(args), argnums=argnums))


def assert_hessian(
    f: Callable,
    hess: Any,
    *args: Any,
    argnums: Argnums = 0,
    rtol: float | None = None,
    atol: float = 0.0,
) -> None:
    """Raise an `AssertionError` unless `hess` is the Hessian of `f`, a scalar function, at `args`.

    Parameters
    ----------
    f : callable
        As for `hessian`: it returns one number.
    hess : callable or array_like
        The Hessian to judge, of shape ``x.shape + x.shape``, or sparse of shape (x.size, x.size);
        or what computes it, called as ``hess(*args)``.
    *args, argnums, rtol, atol
        As for `assert_jacobian`.

    Raises
    ------
    As `assert_jacobian`.

    Examples
    --------
    >>> import numpy as np
    >>> from dualmc.testing import assert_hessian
    >>> assert_hessian(lambda x: np.sum(x**3), lambda x: np.diag(6 * x), [1.0, 2.0])
    """
    __tracebackhide__ = True
    judged = _judged("assert_hessian", "Hessian", f, hess, args, argnums, rtol, atol)
    sparse = _is_sparse(judged.theirs)
    judged.against(hessian(f, *_copied(args), argnums=argnums, sparse=sparse))


# --- What is judged -------------------------------------------------------------------------------


def _judged(
    caller: str, noun: str, f: Any, hand: Any, args: tuple, argnums: Any, rtol: Any, atol: Any
) -> Judged:
    """The arguments of an assertion, checked, and the derivative that is judged."""
    for name, tolerance in (("rtol", 0.0 if rtol is None else rtol), ("atol", atol)):
        if type(tolerance) is bool or not isinstance(tolerance, (int, float, np.number)):
            raise TypeError(f"{caller}: {name} must be a number, got {name}={tolerance!r}.")
        if not tolerance >= 0:
            raise ValueError(f"{caller}: {name} must not be negative, got {name}={tolerance}.")
    try:  # here, so that what is wrong with the arguments is said of this call
        request = Request(caller, f, args, argnums, None, False, "numerator", False)
        if any(type(x) is Dual for x in request.xs):
            raise TypeError(f"{caller} needs plain numbers; call it outside of other calls.")
        args = _as_arrays(args, request)
    except trees.Structure:
        pass
    name = {"Jacobian": "jac", "gradient": "grad", "Hessian": "hess"}[noun]
    theirs = hand
    if callable(hand):
        theirs = hand(*_copied(args))
        given = getattr(hand, "__name__", "<lambda>")
        name = name if given == "<lambda>" else given
    return Judged(caller, noun, f, args, argnums, name, theirs, rtol, atol, ())


def _as_arrays(args: tuple, request: Request) -> tuple:
    """The arguments with arrays in place of lists, as f gets them."""
    found = list(args)
    for i, x in zip(request.numbers, request.xs, strict=True):
        if issubclass(type(args[i]), (list, tuple)):
            found[i] = x
    return tuple(found)


def _is_sparse(theirs: Any) -> bool:
    """Whether one of the matrices is sparse."""
    if isinstance(theirs, (tuple, list)):
        return any(map(_is_sparse, theirs))
    return is_sparse_matrix(theirs)


def _copied(args: tuple) -> tuple:
    """The arguments for a call that may change them."""
    return tuple(map(_copy, args))


def _copy(a: Any) -> Any:
    try:
        return copy.deepcopy(a)
    except Exception:  # what cannot be copied is handed on
        return a
