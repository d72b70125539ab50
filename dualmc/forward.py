"""Forward mode: `jacobian_fwd`, `value_and_jacobian_fwd`, `jvp`, `derivative`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dualmc import buffers, seeds
from dualmc.errors import TangentLostError
from dualmc.levels import open_level
from dualmc.tangent import ChunkNeeded


def jacobian_fwd(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    chunk_size: int | None = None,
    sparse: bool = False,
    layout: str = "numerator",
    has_aux: bool = False,
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
    sparse : bool, optional
        Return `scipy.sparse.csr_array` of shape (m, n), from the same pass; needs SciPy.  Entries
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
    _, J, aux = _differentiate(
        "jacobian_fwd", f, args, argnums, chunk_size, sparse, layout, has_aux
    )
    return (J, aux) if has_aux else J


def value_and_jacobian_fwd(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    chunk_size: int | None = None,
    sparse: bool = False,
    layout: str = "numerator",
    has_aux: bool = False,
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
    y, J, aux = _differentiate(
        "value_and_jacobian_fwd", f, args, argnums, chunk_size, sparse, layout, has_aux
    )
    return ((y, aux), J) if has_aux else (y, J)


def jvp(f: Callable, primals: ArrayLike | tuple, tangents: ArrayLike | tuple) -> tuple[Any, Any]:
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
    _check_callable(f, "jvp")
    if not isinstance(primals, tuple):
        if isinstance(tangents, tuple):
            raise TypeError("jvp: tangents is a tuple, but primals is not. Give both or neither.")
        primals, tangents = (primals,), (tangents,)
    elif not isinstance(tangents, tuple):
        raise TypeError("jvp: primals is a tuple, but tangents is not. Give both or neither.")
    if len(primals) != len(tangents) or not primals:
        raise ValueError(
            f"jvp needs one tangent per primal; got {len(primals)} primals and "
            f"{len(tangents)} tangents."
        )
    xs = [seeds.as_input(x, "jvp", f"primals[{i}]") for i, x in enumerate(primals)]
    x_dots = [seeds.as_input(t, "jvp", f"tangents[{i}]") for i, t in enumerate(tangents)]
    for i, (x, x_dot) in enumerate(zip(xs, x_dots, strict=True)):
        if x.shape != x_dot.shape:
            raise ValueError(
                f"jvp: tangents[{i}] has shape {x_dot.shape}, but primals[{i}] has shape {x.shape}."
            )
    try:
        with open_level(1) as level:
            duals = [seeds.seed_direction(x, t, level) for x, t in zip(xs, x_dots, strict=True)]
            y = seeds.as_output(_call(f, duals, level), "jvp")
            piece = seeds.Piece(y, level, xs[0].dtype)
            return _scalar(piece.primal), _scalar(piece.columns()[..., 0])
    finally:
        buffers.trim()


def derivative(f: Callable, x: ArrayLike, *args: Any) -> Any:
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
    _check_callable(f, "derivative")
    x = seeds.as_input(x, "derivative", "x")
    if x.shape != ():
        raise ValueError(
            f"derivative needs a scalar x, got shape {x.shape}. Use jacobian_fwd for arrays."
        )
    _, J, _ = _differentiate("derivative", f, (x, *args), 0, None, False, "numerator", False)
    return _scalar(J)


def _scalar(a):
    """A 0-d array as the scalar NumPy would return; arrays as the caller's own, writable."""
    if type(a) is not np.ndarray:
        return a
    return a[()] if a.ndim == 0 else a if a.flags.writeable else a.copy()


def _check_callable(f, caller):
    if not callable(f):
        raise TypeError(
            f"{caller} needs a function as its first argument, got {type(f).__name__}. "
            f"Call it as {caller}(f, x)."
        )


def _call(f, args, level):
    """``f(*args)``; a Dual that NumPy refused to store in a float array is reported as that."""
    try:
        return f(*args)
    except (ValueError, TypeError) as error:
        is_lost = isinstance(error.__cause__, TangentLostError) or (
            # ndarray.flat reports the refusal without its cause.
            level.lost and "setting" in str(error) and "array" in str(error)
        )
        if is_lost and not isinstance(error, TangentLostError):
            lost = TangentLostError(
                "Cannot store a Dual in a float array (x[i] = dual), nor convert it to one: the "
                "derivative would be lost. Allocate with numpy.zeros_like(dual), or build the "
                "array with numpy.stack."
            )
            raise lost.with_traceback(error.__traceback__) from error
        raise


def _differentiate(caller, f, args, argnums, chunk_size, sparse, layout, has_aux):
    _check_callable(f, caller)
    if not args:
        raise TypeError(f"{caller} needs the point of evaluation: {caller}(f, x).")
    if layout not in ("numerator", "denominator"):
        raise ValueError(
            f'{caller}: layout must be "numerator" or "denominator", got layout={layout!r}.'
        )
    numbers, is_tuple = seeds.check_argnums(argnums, len(args), caller)
    chunk_size = seeds.check_chunk_size(chunk_size, caller)
    if sparse:
        seeds.import_sparse(caller)
    xs = [
        seeds.as_input(args[i], caller, "x" if len(args) == 1 else f"argument {i}") for i in numbers
    ]
    sizes = [math.prod(x.shape) for x in xs]
    try:
        y, pieces, aux = _passes(caller, f, args, numbers, xs, sizes, chunk_size, sparse, has_aux)
    except BaseException:
        buffers.trim()
        raise
    joined = pieces[0] if len(pieces) == 1 else _joined(pieces, sparse)
    jacobians = []
    start = 0
    for x, size in zip(xs, sizes, strict=True):
        J = joined if len(xs) == 1 else joined[..., start : start + size]
        start += size
        if sparse:
            jacobians.append(J.T.tocsr() if layout == "denominator" else J)
            continue
        J = J.reshape(y.shape + x.shape)
        if layout == "denominator":
            order = (*range(y.ndim, y.ndim + len(x.shape)), *range(y.ndim))
            J = np.transpose(J, order)
        jacobians.append(J.copy() if len(xs) > 1 and type(J) is np.ndarray else J)
    return _scalar(y), tuple(jacobians) if is_tuple else jacobians[0], aux


def _joined(pieces, sparse):
    if sparse:
        return seeds.import_sparse("").hstack(pieces, format="csr")
    return np.concatenate(pieces, axis=-1)


def _passes(caller, f, args, numbers, xs, sizes, chunk_size, sparse, has_aux):
    """Call `f` once per chunk of columns; the value, the pieces of the Jacobian, and aux."""
    n = sum(sizes)
    step = max(n, 1) if chunk_size is None else chunk_size
    dtype = np.result_type(*(x.dtype for x in xs))
    is_sparse = seeds.starts_sparse(n, sparse)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    pieces = []
    first = first_aux = None
    start = 0
    while start < n or not pieces:
        with open_level(min(step, n - start)) as level:
            call = list(args)
            for i, x, offset in zip(numbers, xs, offsets, strict=False):
                call[i] = seeds.seed(x, level, offset - start, is_sparse)
            try:
                out, aux = _call(f, call, level), None
                if has_aux:
                    out, aux = _with_aux(out, caller)
                    aux = seeds.strip(aux, level)
                piece = seeds.Piece(seeds.as_output(out, caller), level, dtype)
                columns = piece.rows(caller) if sparse else piece.columns()
            except ChunkNeeded as need:
                if need.level is not level:
                    raise
                step = min(need.columns, level.n - 1)
                continue
        if pieces and columns.shape[:-1] != pieces[0].shape[:-1]:
            raise ValueError(
                f"{caller} calls f once per chunk of columns, and f returned shape "
                f"{piece.primal.shape} after shape {first.shape}. f must be a function of its "
                f"arguments alone."
            )
        if not pieces:
            first, first_aux = piece.primal, aux
        pieces.append(columns)
        start += level.n
        del out, call, piece  # the last holders of this pass's tangents
        buffers.trim()
    return first, pieces, first_aux


def _with_aux(out, caller):
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(
            f"{caller}: with has_aux=True f must return a pair (y, aux); "
            f"f returned {type(out).__name__}."
        )
    return out
