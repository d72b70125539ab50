"""Reverse mode: `vjp`, `jacobian_rev`, `gradient` and the forms that return the value too.

f runs once and is recorded; its output is swept back once per row of the Jacobian, many rows at a
time.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dualmc.calls import names, seeds, watch
from dualmc.calls.request import Request, call_f, check_callable, scalar
from dualmc.cotangents import quick_sweep, sweep
from dualmc.duals import choices, levels
from dualmc.duals.choices import meetings
from dualmc.duals.dual import Dual, make
from dualmc.duals.levels import open_level
from dualmc.functions.matrices.splitting import numbers_of, resolved
from dualmc.kernels import buffers
from dualmc.tangents.tape import leaf
from dualmc.unchanged import adapt

# Bytes of one step's cotangents that rows are swept together for: more would leave the cache.
ROWS_BUDGET = 2**24
FLOAT64 = np.dtype(np.float64)


def jacobian_rev(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    chunk_size: int | None = None,
    sparse: bool | str = False,
    layout: str = "numerator",
    has_aux: bool = False,
    **unknown: Any,
) -> Any:
    """Jacobian of `f` at `args[argnums]`, by reverse mode.

    `f` is called once; the tape of that call is swept once for every `chunk_size` rows.  Cheaper
    than `jacobian_fwd` where the outputs are few and the inputs many; `compare` tells for a given
    function.

    Parameters
    ----------
    f, args, argnums, layout, has_aux
        As for `jacobian_fwd`.
    chunk_size : int, optional
        Rows per sweep; by default as many as fit the cache.  The result does not depend on it.
    sparse : bool or {"csr", "csc", "coo"}, optional
        Return `scipy.sparse.csr_array` of shape (m, n), or another of SciPy's formats by its name,
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
    request = Request("jacobian_rev", f, args, argnums, chunk_size, sparse, layout, has_aux)
    _, J, aux = _jacobian(request)
    return (J, aux) if has_aux else J


def value_and_jacobian_rev(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    chunk_size: int | None = None,
    sparse: bool | str = False,
    layout: str = "numerator",
    has_aux: bool = False,
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
    request = Request(
        "value_and_jacobian_rev", f, args, argnums, chunk_size, sparse, layout, has_aux
    )
    y, J, aux = _jacobian(request)
    return ((y, aux), J) if has_aux else (y, J)


def gradient(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    **unknown: Any,
) -> Any:
    """Gradient of a scalar function, by reverse mode: a few times the cost of `f`, whatever n.

    Parameters
    ----------
    f, args, argnums, has_aux
        As for `jacobian_fwd`; `f` returns one number, or an array that holds one.

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
    if unknown:
        names.refuse_keywords("gradient", unknown)
    _, g, aux = gradient_of("gradient", f, args, argnums, has_aux)
    return (g, aux) if has_aux else g


def value_and_gradient(
    f: Callable,
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    **unknown: Any,
) -> Any:
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
    if unknown:
        names.refuse_keywords("value_and_gradient", unknown)
    y, g, aux = gradient_of("value_and_gradient", f, args, argnums, has_aux)
    return ((y, aux), g) if has_aux else (y, g)


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
    is_tuple = isinstance(primals, tuple)
    args: Any = (primals, *more) if more or not is_tuple else primals
    argnums = tuple(i for i, a in enumerate(args) if i == 0 or not seeds.is_sparse_matrix(a))
    is_tuple = is_tuple or len(argnums) > 1
    request = Request("vjp", f, args, argnums, None, False, "numerator", has_aux)
    if watch.watched and watch.is_due():
        with watch.looked_at(request):
            tape = _taped(request)
    else:
        tape = _taped(request)
    y = tape.value.copy()  # the tape outlives this call, and y is the caller's
    met = meetings.met, meetings.is_hidden

    def weighed(y_bar):
        """The gradient of ``sum(y_bar * f)``, in which values that meet are split."""

        def total(*xs):
            out = adapt.adapted(f)(*xs)
            return np.sum(seeds.as_output(out[0] if has_aux else out, "vjp") * y_bar)

        return gradient_of("vjp", total, args, argnums, False)[1]

    def pullback(y_bar: ArrayLike) -> Any:
        y_bar = seeds.as_input(y_bar, "pullback", "y_bar", is_complex=tape.value.dtype.kind == "c")
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

    return (scalar(y), pullback, _copied(tape.aux)) if has_aux else (scalar(y), pullback)


def _copied(aux):
    """`aux` with copies of the arrays in it."""
    if isinstance(aux, dict):
        return {key: _copied(value) for key, value in aux.items()}
    if isinstance(aux, (list, tuple)):
        items = [_copied(item) for item in aux]
        return type(aux)(*items) if hasattr(aux, "_fields") else type(aux)(items)
    return aux.copy() if isinstance(aux, (np.ndarray, Dual)) else aux


class Tape:
    """One recorded call of f."""

    other: Any = None  # where an inner call met a kink: the tape of another look at f

    def __init__(self, request: Request, looks_again: bool = True) -> None:
        with open_level(0, records=True) as level:
            seeded = [seeds.seed_recorded(x, level) for x in request.xs]
            y, aux = request.call([dual for dual, _ in seeded], level)
            self._hold([var for _, var in seeded], y, aux, level)
        if looks_again and (level.kinked or level.chosen):
            self._look_again(level, lambda: Tape(request, False))

    @classmethod
    def of_array(cls, caller: str, f: Callable, args: tuple, looks_again: bool = True) -> "Tape":
        """The tape of a call that differentiates a plain float64 array, its first argument."""
        check_callable(f, caller)
        x = args[0]
        with open_level(0, records=True) as level:
            var = leaf(x)
            dual = make(np.array(x), var, level)
            dual._writes = 1  # what has no dimensions is an array here: see `make_array`
            y = call_f(f, (dual, *args[1:]), level)
            tape = cls.__new__(cls)
            tape._hold([var], seeds.as_output(y, caller), None, level)
        if looks_again and (level.kinked or level.chosen):
            tape._look_again(level, lambda: cls.of_array(caller, f, args, False))
        return tape

    def _look_again(self, level, record):
        is_varied = choices.again(level)
        if is_varied is None:
            return
        with choices.looking(is_varied):
            other = record()
        if is_varied:
            self.other = other
        else:
            self.value, self.aux = other.value, other.aux

    def _hold(self, inputs, y, aux, level):
        self.inputs = inputs
        self.aux = aux
        if type(y) is Dual and y.level is level:
            self.value, self.output = y.primal, y.own_tangent()
        else:
            self.value, self.output = y, None

    @functools.cached_property
    def order(self) -> list:
        """The part of the tape that is swept."""
        return [] if self.output is None else sweep.reachable(self.output)

    def gradients(self) -> list:
        """The inputs' cotangents where the value is one number, of whatever shape."""
        found: Any = NotImplemented
        if self.output is not None and type(self.value) is np.ndarray:
            one = 1.0 if self.value.ndim == 0 else np.ones(self.value.shape)
            found = quick_sweep.pulled(self.output, one, self.inputs)
        if type(found) is not list:
            ones = np.ones(self.value.shape, self.value.dtype)
            found = self.swept(ones, (), None, found is None)
            found = [np.asarray(bar) if isinstance(bar, np.generic) else bar for bar in found]
        return found if self.other is None else _agreed(found, self.other.gradients(), ())

    def pull(self, y_bar: Any, lead: tuple, first: int | None = None) -> list:
        """The inputs' cotangents, (*lead, *x.shape) each, for `y_bar`, (*lead, *y.shape).

        With `first`, `y_bar` is the rows of the identity from that one on.
        """
        found: Any = NotImplemented
        others = None if self.other is None else self.other.pull(y_bar.copy(), lead, first)
        is_plain = type(self.value) is type(y_bar) is np.ndarray and y_bar.dtype is FLOAT64
        if is_plain and not lead and first is None and self.output is not None:
            bar = y_bar if y_bar.ndim else y_bar.item()
            found = quick_sweep.pulled(self.output, bar, self.inputs)
        if type(found) is not list:
            found = self.swept(y_bar, lead, first, found is None)
        return found if others is None else _agreed(found, others, lead)

    def swept(self, y_bar: Any, lead: tuple, first: int | None, is_careful: bool) -> list:
        """The same by the sweep that serves every dtype, many rows, and Duals."""
        if self.output is None:
            return [np.zeros(lead + var.shape, var.dtype) for var in self.inputs]
        swept = sweep.pulled(self.order, y_bar, lead, self.inputs, first, is_careful)
        found = []
        for var, (bar, is_owned) in zip(self.inputs, swept, strict=True):
            if bar is None:
                bar = np.zeros(lead + var.shape, var.dtype)
            elif not isinstance(bar, sweep.PLAIN):
                bar = bar if is_owned else bar.copy()
            elif is_owned and type(bar) is np.ndarray and buffers.is_tight(bar):
                np.add(bar, 0.0, bar)  # no -0 among the results
            else:  # which share memory with nothing, one another included
                bar = np.add(bar, 0.0)
            found.append(bar)
        return found

    def rows_per_sweep(self):
        """How many rows are swept together, so that the largest cotangent stays in the cache."""
        order = self.order or self.other.order
        largest = max(math.prod(var.shape) * var.dtype.itemsize for var in order)
        return max(1, ROWS_BUDGET // max(1, largest))


def _agreed(found, others, lead):
    """The inputs' cotangents, NaN where another look at f gave others."""
    return [choices.agreed(bar, other, len(lead)) for bar, other in zip(found, others, strict=True)]


def _jacobian(request):
    if watch.watched and watch.is_due():
        with watch.looked_at(request):
            return _jacobian(request)
    if meetings.split is not None:
        split = meetings.split
        f, count = split.swept(request.f, request.numbers, request.has_aux, adapt.adapted)
        y, J, aux = _swept(request.of(f))
        return y, split.undone(J, count), aux
    y, J, aux = _swept(request)
    if meetings.met:
        J = resolved(
            J,
            y,
            lambda: _jacobian(request.of(request.f, sparse=False))[1],
            request.layout == "denominator",
        )
    return y, J, aux


@levels.trimming
def _taped(request):
    return Tape(request)


@levels.trimming
def _swept(request):
    tape = Tape(request)
    y = tape.value
    dtype = y.dtype if y.dtype.kind in "fc" else np.result_type(*(x.dtype for x in request.xs))
    n, m = sum(request.sizes), math.prod(y.shape)
    if not (tape.order or tape.other and tape.other.order) or m == 0 or n == 0:
        rows = [np.zeros((m, size), dtype) for size in request.sizes]
        parts = [request.sparse_rows(r) if request.sparse else r for r in rows]
    else:
        parts = _rows(request, tape, m, dtype)
    return scalar(y), request.result(parts, y.shape), tape.aux


def _rows(request, tape, m, dtype):
    """The Jacobian's rows, per argument (m, x.size), swept in chunks."""
    step = request.chunk_size or tape.rows_per_sweep()
    chunks = [[] for _ in request.xs]
    out = None
    for start in range(0, m, step):
        k = min(step, m - start)
        y_bar = np.zeros((k, m), dtype)
        y_bar[np.arange(k), start + np.arange(k)] = 1
        bars = _pulled(tape, y_bar, start)
        rows = [
            np.reshape(bar.astype(dtype, copy=False), (k, size))
            for bar, size in zip(bars, request.sizes, strict=True)
        ]
        if k < m and not request.sparse and all(type(r) is np.ndarray for r in rows):
            if out is None:
                out = [np.empty((m, size), dtype) for size in request.sizes]
            for whole, part in zip(out, rows, strict=True):
                whole[start : start + k] = part
            continue
        for found, part in zip(chunks, rows, strict=True):
            found.append(request.sparse_rows(part) if request.sparse else part)
    if out is not None:
        return out
    if request.sparse:
        stack = seeds.import_sparse("").vstack
        return [stack(found, format="csr") if len(found) > 1 else found[0] for found in chunks]
    return [np.concatenate(found) if len(found) > 1 else found[0] for found in chunks]


def _pulled(tape, y_bar, first):
    """The inputs' cotangents for the rows of the identity, (k, m), from the `first` on.

    One row is swept without its axis.
    """
    shape = tape.value.shape
    k = y_bar.shape[0]
    lead = () if k == 1 else (k,)
    y_bar = y_bar.reshape(lead + shape)
    first = None if y_bar.size == 1 else first
    if y_bar.dtype.kind != "c":
        return tape.pull(y_bar, lead, first)
    # Of a complex output, 1 and -i select the real and the imaginary part.
    real, imaginary = tape.pull(y_bar, lead), tape.pull(y_bar * -1j, lead)
    return [a + 1j * b for a, b in zip(real, imaginary, strict=True)]


@levels.trimming
def gradient_of(caller, f, args, argnums, has_aux):
    """The value, the gradient and aux, on behalf of `caller`."""
    if watch.watched and watch.is_due():
        request = Request(caller, f, args, argnums, None, False, "numerator", has_aux)
        with watch.looked_at(request):
            return gradient_of(caller, f, args, argnums, has_aux)
    if meetings.split is not None:
        split = meetings.split
        f, count = split.swept(f, numbers_of(argnums, args), has_aux, adapt.adapted)
        y, g, aux = _pulled_back(caller, f, args, argnums, has_aux)
        return y, split.undone(g, count), aux
    y, g, aux = _pulled_back(caller, f, args, argnums, has_aux)
    if meetings.met:
        g = resolved(g, y, lambda: gradient_of(caller, f, args, argnums, has_aux)[1])
    return y, g, aux


def _pulled_back(caller, f, args, argnums, has_aux):
    is_tuple = False
    x = args[0] if args and type(argnums) is int and argnums == 0 and has_aux is False else None
    if type(x) is np.ndarray and x.dtype is FLOAT64:
        tape = Tape.of_array(caller, f, args)
    else:
        request = Request(caller, f, args, argnums, None, False, "numerator", has_aux)
        tape, is_tuple = Tape(request), request.is_tuple
    y = tape.value
    if math.prod(y.shape) != 1 or y.dtype.kind == "c":
        what = "a complex number" if y.dtype.kind == "c" else f"shape {y.shape}"
        how = "reduce the output, e.g. with .sum()"
        how = "return its real part" if y.dtype.kind == "c" else how
        raise ValueError(
            f"{caller} needs f to return a real scalar; f returned {what}. Use jacobian_rev, "
            f"or {how}."
        )
    found = tape.gradients()
    return scalar(y), tuple(found) if is_tuple else found[0], tape.aux
