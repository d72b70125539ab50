"""`prepare`: a function's Jacobian as machine code, for those who call it again and again."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dualmc.calls import names, watch
from dualmc.calls.options import Argnums, Layout, Of, Sparse
from dualmc.calls.request import Request
from dualmc.calls.structures import structured

if TYPE_CHECKING:
    from dualmc.replay.prepared import Prepared


def prepare(
    f: Callable,
    *args: Any,
    argnums: Argnums = 0,
    sparse: Sparse = False,
    layout: Layout = "numerator",
    max_seconds: float | None = None,
    of: Of = "jacobian",
    **unknown: Any,
) -> Prepared:
    """A derivative of `f` as machine code, to be called again and again at other points.

    f is run once to record its steps; everything that depends on their structure alone (where
    elements go, which inputs each depends on, what is constant) is done then, and the arithmetic
    that is left is compiled: a fraction of a second for most functions, some seconds for thousands
    of steps.  A call then costs a few microseconds and a few nanoseconds per nonzero.

    A replay stands in for f only where f would learn the same.  Checked at every call are values
    that f read on its way (a branch taken, a count, a position, a text), shapes and lengths that
    depend on values, exceptions that were caught and those that were not raised; arguments beside x
    by what they hold; global names, closures, attributes and defaults that f and the functions that
    it calls mention, and their code.  Where something is no longer so, the call runs f afresh, and
    the new way is recorded too, at the first such call, the second, the fourth, ...  That costs
    0.1 us for a function that reads nothing but modules, about 0.5 us per small array or dict that
    it reads, and 0.1 ms per MB of large ones.

    Not replayed, with a reason, is f if it draws random numbers, changes what it reads or its
    arguments, reads generators or files, runs under ``np.errstate(all="raise")`` or collects
    warnings, or is given an argument that cannot be compared.  Not noticed are changes of what only
    C code or the system keeps (the clock, files opened by name, objects of C extensions in global
    names), of names that are made up as f runs, and of functions of other packages.  Nor are side
    effects repeated: what f prints or counts, it does so in fresh calls only.

    Parameters
    ----------
    f : callable
        Plain NumPy code, as `jacobian_fwd` takes it.
    *args : float, list or array
        A point of evaluation, which tells the shapes.  Arguments beyond those differentiated that
        are floats or arrays of floats may change from call to call; others may too, at the price
        of a new recording, as may types, shapes and the order in memory.
    argnums, sparse, layout
        As for `jacobian_fwd`.
    max_seconds : float, optional
        What a recording, with the making of its machine code, may take: where more is predicted, f
        is not replayed.  Without it, programs of up to 40,000 operations are compiled.
    of : {"jacobian", "gradient", "hessian", "jvp", "vjp", "hvp"}, optional
        Which derivative: what the functions of these names return; gradients and Hessians are those
        of an f that returns one number.  A product takes its vector as the last argument, after
        those of f: ``prepare(f, x, v, of="jvp")`` is the Jacobian times `v`, of the shape of y;
        "vjp" the row `v` times it, and "hvp" the Hessian times `v`, of the shape of x.

    Returns
    -------
    prepared : Prepared
        ``prepared(*args)`` is ``jacobian_fwd(f, *args, ...)``;
        ``prepared.value_and_jacobian(*args)`` has the value too, to rounding; of a Hessian, which
        is the Jacobian of the gradient, that is the gradient.  `Prepared.njit` and `Prepared.cfunc`
        hand the machine code to callers that are compiled themselves.

    Warns
    -----
    UserWarning
        If f cannot be replayed; calls then are those of `jacobian_fwd`, and ``prepared.reason``
        says why.

    Raises
    ------
    As `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> J = dm.prepare(lambda x: x[1:] * np.sin(x[:-1]), [0.0, 1.0, 2.0])
    >>> J([0.0, 3.0, 5.0])
    array([[ 3.        ,  0.        ,  0.        ],
           [ 0.        , -4.94996248,  0.14112001]])
    """
    from dualmc.replay.prepared import Prepared

    if unknown:
        names.refuse_keywords("prepare", unknown)
    if watch.watched and watch.is_due():

        def made(request: Request) -> Prepared:
            with watch.looked_at(request):
                return Prepared(f, args, argnums, sparse, layout, max_seconds, of)

        prepared = structured.with_request(made, "prepare", f, args, argnums)
    else:
        prepared = Prepared(f, args, argnums, sparse, layout, max_seconds, of)
    if prepared.reason is not None:
        warnings.warn(
            f"prepare: f is not replayed, since {prepared.reason}. Calls run f on Duals, as "
            f"jacobian_fwd does.",
            stacklevel=2,
        )
    return prepared
