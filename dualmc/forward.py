"""Forward mode: `jacobian_fwd`, `value_and_jacobian_fwd`, `jvp`, `derivative`."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dualmc.calls import names, seeds, watch
from dualmc.calls.request import Request, call_f, check_callable, scalar
from dualmc.duals import choices, levels
from dualmc.duals.choices import meetings
from dualmc.duals.levels import open_level
from dualmc.functions.matrices.splitting import numbers_of, resolved
from dualmc.kernels import buffers
from dualmc.tangents.dense_tangent import ChunkNeeded
from dualmc.unchanged import adapt


def jacobian_fwd(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    chunk_size: int | None = None,
    sparse: bool | str = False,
    layout: str = "numerator",
    has_aux: bool = False,
    **unknown: Any,
) -> Any:
    """Jacobian of `f` at `args[argnums]`, by forward mode.

    Parameters
    ----------
    f : callable
        Plain NumPy code: ``f(*args)`` returns a number, an array of any shape, or a list or tuple
        of those (stacked as ``np.array`` would).
    *args : float, list or array
        Arguments of `f`.  Those differentiated may have any shape; integers become float64,
        float32 stays float32.  They are copied: the caller's arrays never change.
    argnums : int or tuple of int, optional
        Which positional arguments to differentiate; a tuple gives a tuple of Jacobians.
    chunk_size : int, optional
        Columns per call of `f`, which is called ``ceil(n / chunk_size)`` times; by default all at
        once, or as many as the memory budget allows.  The result does not depend on it.
    sparse : bool or {"csr", "csc", "coo"}, optional
        Return `scipy.sparse.csr_array` of shape (m, n), or another of SciPy's formats by its name,
        from the same pass; needs SciPy (which knows no float16: there in float32).  Entries
        that depend on an input but happen to be 0 are stored, as long as the structure was
        carried; where it became dense, only nonzeros are.
    layout : {"numerator", "denominator"}, optional
        Numerator layout has shape ``y.shape + x.shape``; denominator layout ``x.shape + y.shape``.
    has_aux : bool, optional
        `f` returns ``(y, aux)``; the result becomes ``(J, aux)``, aux free of Duals.

    Returns
    -------
    J : ndarray, shape ``y.shape + x.shape``; or csr_array, shape (y.size, x.size)
        ``J[i, j] = d y_i / d x_j``, in units of y per unit of x.

    Raises
    ------
    MissingRuleError
        If `f` calls a NumPy function that has no derivative rule.
    TangentLostError
        If `f` converts a Dual to a float or stores one in a float array.
    TypeError, ValueError
        If an argument or what `f` returns is of the wrong kind or shape.

    References
    ----------
    Parr and Howard (2018), arXiv:1802.01528; Revels, Lubin, Papamarkou (2016), arXiv:1607.07892.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> dm.jacobian_fwd(lambda x: x[0] * np.sin(x), [1.0, 2.0])
    array([[ 1.38177329,  0.        ],
           [ 0.90929743, -0.41614684]])
    """
    if unknown:
        names.refuse_keywords("jacobian_fwd", unknown)
    _, J, aux = _differentiate(
        "jacobian_fwd", f, args, argnums, chunk_size, sparse, layout, has_aux
    )
    return (J, aux) if has_aux else J


def value_and_jacobian_fwd(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    chunk_size: int | None = None,
    sparse: bool | str = False,
    layout: str = "numerator",
    has_aux: bool = False,
    **unknown: Any,
) -> Any:
    """The value of `f` and its Jacobian, from the same pass.

    Parameters are those of `jacobian_fwd`.

    Returns
    -------
    y : ndarray or scalar
        ``f(*args)`` bit for bit, a list or tuple stacked into an array.
    J : as `jacobian_fwd` returns it
    With ``has_aux``: ``((y, aux), J)``.

    Raises
    ------
    As `jacobian_fwd`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> y, J = dm.value_and_jacobian_fwd(lambda x: np.sum(x**2), [3.0, 4.0])
    >>> float(y), J
    (25.0, array([6., 8.]))
    """
    if unknown:
        names.refuse_keywords("value_and_jacobian_fwd", unknown)
    y, J, aux = _differentiate(
        "value_and_jacobian_fwd", f, args, argnums, chunk_size, sparse, layout, has_aux
    )
    return ((y, aux), J) if has_aux else (y, J)


def jvp(
    f: Callable, primals: ArrayLike | tuple, tangents: ArrayLike | tuple, **unknown: Any
) -> tuple[Any, Any]:
    """Value and directional derivative: the Jacobian times a vector, in one pass over `f`.

    Parameters
    ----------
    f : callable
    primals : array_like, or a tuple of them, one per argument of `f`
    tangents : array_like of the same shape, or a tuple of them

    Returns
    -------
    y : ndarray or scalar, ``f(*primals)``
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
    return jvp_of("jvp", f, primals, tangents)


def jvp_of(caller: str, f: Callable, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """`jvp`, on behalf of `caller`."""
    check_callable(f, caller)
    if not isinstance(primals, tuple):
        if isinstance(tangents, tuple):
            raise TypeError(
                f"{caller}: tangents is a tuple, but primals is not. Give both or neither."
            )
        primals, tangents = (primals,), (tangents,)
    elif not isinstance(tangents, tuple):
        raise TypeError(f"{caller}: primals is a tuple, but tangents is not. Give both or neither.")
    if len(primals) != len(tangents) or not primals:
        raise ValueError(
            f"{caller} needs one tangent per primal; got {len(primals)} primals and "
            f"{len(tangents)} tangents."
        )
    given = primals
    xs = [seeds.as_input(x, caller, f"primals[{i}]") for i, x in enumerate(primals)]
    x_dots = [seeds.as_input(t, caller, f"tangents[{i}]") for i, t in enumerate(tangents)]
    for i, (x, x_dot) in enumerate(zip(xs, x_dots, strict=True)):
        if x.shape != x_dot.shape:
            raise ValueError(
                f"{caller}: tangents[{i}] has shape {x_dot.shape}, but primals[{i}] has shape "
                f"{x.shape}."
            )
    if watch.watched and watch.is_due():
        numbers = tuple(range(len(xs)))
        request = Request(caller, f, tuple(primals), numbers, None, False, "numerator", False)
        with watch.looked_at(request, x_dots):
            return jvp_of(caller, f, primals, tangents)
    if meetings.split is not None:
        split = meetings.split
        y, y_dot = _along(
            caller, split.stretched(f, range(len(xs)), adapt.adapted), xs, x_dots, given
        )
        return y, split.undone(y_dot)
    y, y_dot = _along(caller, f, xs, x_dots, given)
    if meetings.met:
        y_dot = resolved(y_dot, y, lambda: jvp_of(caller, f, primals, tangents)[1])
    return y, y_dot


@levels.trimming
def _along(caller, f, xs, x_dots, given):
    level, y, y_dot = _looked_along(caller, f, xs, x_dots, given)
    is_varied = choices.again(level) if level.kinked or level.chosen else None
    if is_varied is not None:
        with choices.looking(is_varied):
            _, other, other_dot = _looked_along(caller, f, xs, x_dots, given)
        if is_varied:
            y_dot = choices.agreed(y_dot, other_dot, 0)
        else:
            y = other
    return scalar(y), scalar(y_dot)


def _looked_along(caller, f, xs, x_dots, given):
    with open_level(1) as level:
        duals = [seeds.seed_direction(x, t, level) for x, t in zip(xs, x_dots, strict=True)]
        for i, x in enumerate(xs):
            if not x.shape:
                duals[i] = seeds.as_given(duals[i], given[i])
        y = seeds.as_output(call_f(f, duals, level), caller)
        piece = seeds.Piece(y, level, xs[0].dtype)
        return level, piece.primal, piece.columns()[..., 0]


def derivative(f: Callable, x: ArrayLike, *args: Any, **unknown: Any) -> Any:
    """Derivative of `f` with respect to a scalar.

    Parameters
    ----------
    f : callable, ``f(x, *args)`` returns a number or an array
    x : float

    Returns
    -------
    dy : scalar or ndarray, shape ``y.shape``, in units of y per unit of x

    Raises
    ------
    ValueError
        If `x` is not a scalar (use `jacobian_fwd`); and as `jacobian_fwd`.

    Examples
    --------
    >>> import dualmc as dm
    >>> float(dm.derivative(lambda x: x**3, 2.0))
    12.0
    """
    if unknown:
        names.refuse_keywords("derivative", unknown)
    check_callable(f, "derivative")
    shape = seeds.as_input(x, "derivative", "x").shape
    if shape != ():
        raise ValueError(
            f"derivative needs a scalar x, got shape {shape}. Use jacobian_fwd for arrays."
        )
    _, J, _ = _differentiate("derivative", f, (x, *args), 0, None, False, "numerator", False)
    return scalar(J)


def _differentiate(caller, f, args, argnums, chunk_size, sparse, layout, has_aux):
    if watch.watched and watch.is_due():
        request = Request(caller, f, args, argnums, chunk_size, sparse, layout, has_aux)
        with watch.looked_at(request):
            return _differentiate(caller, f, args, argnums, chunk_size, sparse, layout, has_aux)
    if meetings.split is not None:
        split = meetings.split
        f = split.stretched(f, numbers_of(argnums, args), adapt.adapted)
        y, J, aux = _passed(caller, f, args, argnums, chunk_size, sparse, layout, has_aux)
        return y, split.undone(J), aux
    y, J, aux = _passed(caller, f, args, argnums, chunk_size, sparse, layout, has_aux)
    if meetings.met:
        J = resolved(
            J,
            y,
            lambda: _differentiate(caller, f, args, argnums, chunk_size, False, layout, has_aux)[1],
            layout == "denominator",
        )
    return y, J, aux


def _passed(caller, f, args, argnums, chunk_size, sparse, layout, has_aux):
    request = Request(caller, f, args, argnums, chunk_size, sparse, layout, has_aux)
    outside = len(levels._running.levels)
    try:
        y, pieces, aux = passes(request)
    except MemoryError as error:
        buffers.trim()
        raise MemoryError(
            f"{caller}: the arrays of {sum(request.sizes)} inputs do not fit into memory: {error}. "
            f"Use sparse=True if few entries are not 0, jvp for products, or fewer argnums."
        ) from error
    except BaseException:
        levels.close_beyond(outside)  # an interrupt may come while a level closes
        buffers.trim()
        raise
    columns = pieces[0] if len(pieces) == 1 else joined(pieces, request.sparse)
    return scalar(y), request.split(columns, y.shape), aux


def joined(pieces, sparse):
    """The columns of all passes side by side."""
    if sparse:
        return seeds.import_sparse("").hstack(pieces, format="csr")
    whole = _whole(pieces, sum(piece.shape[-1] for piece in pieces))
    return np.concatenate(pieces, axis=-1) if whole is None else whole


def _whole(pieces, n):
    """The one array, (*S, n), that all pieces are views of; None: they have memory of their own."""
    wholes = {id(piece.base): piece.base for piece in pieces if type(piece) is np.ndarray}
    whole = wholes.popitem()[1] if len(wholes) == 1 else None
    return None if whole is None or whole.shape != (*pieces[0].shape[:-1], n) else whole


def _laid(columns, pieces, start, n):
    """The columns of one of several passes as a view of one array for all, (*S, n)."""
    if type(columns) is not np.ndarray:
        return columns
    shape = (*columns.shape[:-1], n)
    whole = _whole(pieces, n) if pieces else np.empty(shape, columns.dtype)
    if whole is None or whole.dtype != columns.dtype:
        return columns
    part = whole[..., start : start + columns.shape[-1]]
    part[...] = columns
    return part


def passes(request, is_sparse=None):
    """Call f once per chunk of columns; the value, the pieces of the Jacobian, and aux.

    `is_sparse` overrides the policy on how tangents start.
    """
    n = sum(request.sizes)
    step = max(n, 1) if request.chunk_size is None else request.chunk_size
    if is_sparse is None:
        is_sparse = seeds.starts_sparse(n, request.sparse)
    pieces = []
    first = first_aux = None
    start = 0
    while start < n or not pieces:
        width = min(step, n - start)
        found = _pass(request, start, width, is_sparse)
        if type(found) is int:
            step = found
            continue
        y, columns, aux = found
        if width == n:
            buffers.trim()
            return y, [columns], aux
        if pieces and columns.shape[:-1] != pieces[0].shape[:-1]:
            raise ValueError(
                f"{request.caller} calls f once per chunk of columns, and f returned shape "
                f"{y.shape} after shape {first.shape}. f must be a function of its arguments alone."
            )
        if not pieces:
            first, first_aux = y, aux
        pieces.append(_laid(columns, pieces, start, n))
        del found, columns
        start += width
        buffers.trim()
    return first, pieces, first_aux


def _pass(request, start, width, is_sparse, looks_again=True):
    """One call of f, for `width` columns from `start` on: its value, the columns, and aux.

    If these would pass the memory budget, how many columns do not.
    """
    xs = request.xs
    with open_level(width) as level:
        if len(xs) == 1:
            inputs = [seeds.seed(xs[0], level, -start, is_sparse)]
            dtype = xs[0].dtype
        else:
            offsets = itertools.accumulate(request.sizes, initial=-start)
            inputs = [
                seeds.seed(x, level, offset, is_sparse)
                for x, offset in zip(xs, offsets, strict=False)
            ]
            dtype = np.result_type(*(x.dtype for x in xs))
        try:
            out, aux = request.call(inputs, level)
            piece = seeds.Piece(out, level, dtype)
            columns = piece.rows(request.caller) if request.sparse else piece.columns()
        except ChunkNeeded as need:
            if need.level is not level:
                raise
            return min(need.columns, width - 1)
    found = piece.primal, columns, aux
    if looks_again and (level.kinked or level.chosen):
        is_varied = choices.again(level)
        if is_varied is not None:
            with choices.looking(is_varied):
                other = _pass(request, start, width, is_sparse, False)
            return _agreed(found, other, is_varied)
    return found


def _agreed(found, other, is_varied):
    """What `_pass` returns of two looks."""
    if type(other) is int:
        return other
    if is_varied:
        return found[0], choices.agreed(found[1], other[1], -1), found[2]
    return other[0], found[1], other[2]
