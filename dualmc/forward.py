"""Forward mode: `jacobian_fwd`, `value_and_jacobian_fwd`, `derivative`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numba.core.registry import CPUDispatcher
from numpy import ndarray

from dualmc.calls import names, repeats, signatures, watch
from dualmc.calls.inputs import FLOAT64, as_input
from dualmc.calls.options import Argnums, Batch, Layout, Sparse
from dualmc.calls.outputs import scalar
from dualmc.calls.request import check_callable
from dualmc.calls.structures import points, trees
from dualmc.calls.structures.trees import Structure
from dualmc.passes.jacobian import jacobian, usual

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import ArrayLike


def _with_options(
    caller: str,
    f: Callable,
    args: tuple,
    /,
    *,
    argnums: Argnums = 0,
    chunk_size: int | None = None,
    sparse: Sparse = False,
    layout: Layout = "numerator",
    has_aux: bool = False,
    batch: Batch = False,
    executor: Executor | None = None,
    out: Any = None,
    resume: bool = False,
    progress: bool = False,
    prepare: bool = True,
    **unknown: Any,
) -> Any:
    """What `jacobian_fwd` and `value_and_jacobian_fwd` return where options are given."""
    if unknown:
        names.refuse_keywords(caller, unknown)
    spread = None
    if not (executor is out is None and progress is resume is False):
        spread = _spread(caller, executor, out, resume, progress)
    options = argnums, chunk_size, sparse, layout, has_aux, spread
    if batch is not False:
        return points.answered(caller, f, args, batch, *options)
    y, J, aux = (repeats.asked(f, prepare, caller) or jacobian)(caller, f, args, *options)
    if caller == "jacobian_fwd":
        return (J, aux) if has_aux else J
    return ((y, aux), J) if has_aux else (y, J)


@signatures.jacobian
@signatures.with_options(_with_options)
def jacobian_fwd(f: Callable, *args: Any, **options: Any) -> Any:
    """Jacobian of `f` at `args[argnums]`, by forward mode.

    Parameters
    ----------
    f : callable
        Plain NumPy code: ``f(*args)`` returns a number, an array of any shape, a list or tuple of
        those (stacked as ``np.array`` would), or a structure: a dict, a named tuple, a dataclass,
        a ragged list.
    *args : float, list or array
        Arguments of `f`.  Those differentiated may have any shape; integers become float64,
        float32 stays float32.  They are copied: the caller's arrays never change.  A structure
        of numbers and arrays may stand for one.
    argnums : int or tuple of int, optional
        Which positional arguments to differentiate; a tuple gives a tuple of Jacobians.
    chunk_size : int, optional
        Columns per call of `f`, which is called ``ceil(n / chunk_size)`` times; by default all at
        once, or as many as the memory budget allows.  Beyond rounding the result does not depend
        on it.
    sparse : bool or {"csr", "csc", "coo", "banded"}, optional
        Return `scipy.sparse.csr_array` of shape (m, n), or another of SciPy's formats by its name,
        from the same pass; needs SciPy (which knows no float16: there in float32).  Entries
        that depend on an input but happen to be 0 are stored, as long as the structure was
        carried; where it became dense, only nonzeros are.  "banded" returns `Banded`, the diagonals
        of J as ``scipy.linalg.solve_banded`` takes them: as many as the entries take up, or, of
        ``("banded", lower, upper)``, as many as told.
    layout : {"numerator", "denominator"}, optional
        Numerator layout has shape ``y.shape + x.shape``; denominator layout ``x.shape + y.shape``.
    has_aux : bool, optional
        `f` returns ``(y, aux)``; the result becomes ``(J, aux)``, aux free of Duals.
    batch : bool, tuple of int or "broadcast", optional
        `f` at many points: with True each argument that is differentiated has the axis of the
        points in front, and so has J, ``(points, *y.shape, *x.shape)``.  A tuple names the
        arguments that have this axis; all others are the same at every point.  With "broadcast"
        `f` is called once, on all points, as a function that broadcasts over their axis; arrays of
        its other arguments have the axis if they are as long.  `chunk_size` then counts points.
    executor : concurrent.futures.Executor, optional
        Computes chunks of columns, or of points: threads, processes, loky, or dask's
        ``client.get_executor()``.  `docs/big.md` has this and the next three.
    out : ndarray, numpy.memmap, zarr or h5py array, optional
        Of the shape and dtype of J, which is written to it as it is computed, and returned.
    resume : bool, optional
        Go on with the columns that an interrupted call has left in the file of `out`.
    progress : bool, optional
        Show the columns that are done; needs tqdm.
    prepare : bool, optional
        False: f is run, and nothing is recorded, also after `auto_prepare`.

    Returns
    -------
    J : ndarray, shape ``y.shape + x.shape``; or csr_array, shape (y.size, x.size)
        ``J[i, j] = d y_i / d x_j``, in units of y per unit of x.  Of structures a structure of
        these, ``J[out][in]``.

    Raises
    ------
    MissingRuleError
        If `f` calls a NumPy function that has no derivative rule.
    TangentLostError
        If `f` converts a Dual to a float or stores one in a float array.
    TypeError, ValueError
        If an argument or what `f` returns is of the wrong kind or shape; if an entry lies outside
        of the diagonals told.

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
    if options:
        return _with_options("jacobian_fwd", f, args, **options)
    if type(f) is CPUDispatcher and len(args) == 1:  # in few steps: f may take half a microsecond
        (x,) = args
        if type(x) is ndarray and x.dtype is FLOAT64 and x.flags.carray and not watch.watched:
            try:
                sweep = swift[id(f)][x.size]
            except KeyError:
                sweep = None
            J = calling_compiled().at_once(f, x, swift) if sweep is None else sweep(x)
            if J is not None:
                return J
    return (repeats.answer and repeats.answer(f) or usual)("jacobian_fwd", f, args)[1]


@signatures.value_and_jacobian
@signatures.with_options(_with_options)
def value_and_jacobian_fwd(f: Callable, *args: Any, **options: Any) -> Any:
    """The value of `f` and its Jacobian, from the same pass.

    Parameters are those of `jacobian_fwd`.

    Returns
    -------
    y : ndarray or scalar
        ``f(*args)`` bit for bit, a list or tuple stacked into an array; to rounding under `batch`.
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
    if options:
        return _with_options("value_and_jacobian_fwd", f, args, **options)
    return (repeats.answer and repeats.answer(f) or usual)("value_and_jacobian_fwd", f, args)[:2]


def derivative(f: Callable, x: ArrayLike, *args: Any, prepare: bool = True, **unknown: Any) -> Any:
    """Derivative of `f` with respect to a scalar.

    Parameters
    ----------
    f : callable, ``f(x, *args)`` returns a number or an array
    x : float
    prepare : bool, optional
        As for `jacobian_fwd`.

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
    try:
        shape = () if type(x) is float else as_input(x, "derivative", "x").shape
    except Structure as met:
        raise TypeError(f"{met} Use jacobian_fwd, which takes structures.") from None
    if shape != ():
        raise ValueError(
            f"derivative needs a scalar x, got shape {shape}. Use jacobian_fwd for arrays."
        )
    J = (repeats.asked(f, prepare, "derivative") or usual)("derivative", f, (x, *args))[1]
    is_whole = type(J) is ndarray or not trees.is_container(J)
    return scalar(J) if is_whole else trees.mapped(scalar, J)


# Jacobians of compiled functions at one vector or array: by id of the function its sweeps by their
# number of inputs, for as long as it lives.
swift: dict = {}


def calling_compiled():
    """What calls compiled functions, loaded with the first of them."""
    from dualmc.compiled import calling

    return calling


def jacobian_of(caller, f, args, argnums, sparse, layout):
    """The value and the Jacobian, on behalf of `caller`."""
    return jacobian(caller, f, args, argnums, None, sparse, layout, False)[:2]


def _spread(caller, *asked):
    """What makes a Jacobian in chunks, as the options `asked` for that say."""
    from dualmc.chunks.spread import Spread

    return Spread(caller, *asked)
