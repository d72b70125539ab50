"""Requests for the derivatives of compiled functions, answered by their sweeps.

What is not answered here (None) goes the general way: the function's Python body runs on Duals.
That is so for arguments that are Duals of an outer call, while kinks are watched, and, with a
warning, for code that cannot be compiled for Duals.
"""

import weakref

import numba
import numpy as np
from numba.core import errors, types

from dualmc.calls import watch
from dualmc.compiled import messages
from dualmc.compiled.helpers import known
from dualmc.compiled.sweeps import chunk_for
from dualmc.compiled.verbs import made

_BASES = {np.dtype(np.float64): types.float64, np.dtype(np.float32): types.float32}
_refused: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def is_answered(f, xs):
    """Whether sweeps are asked for derivatives of `f` at `xs` at all."""
    if watch.watched or not all(type(x) is np.ndarray for x in xs):
        return False
    other = next((x.dtype for x in xs if x.dtype not in _BASES), None)
    if other is not None:
        messages.runs_as_python(f, f"Numba has no numbers of dtype {other}.")
    return other is None


def arguments(given, numbers, xs):
    """The arguments of a sweep: those differentiated as numbers or arrays of its own layout."""
    args = list(given)
    for i, x in zip(numbers, xs, strict=True):
        if x.ndim or type(args[i]) is np.ndarray:
            args[i] = x if x.flags.carray else np.array(x, order="C")
        else:
            args[i] = x[()]
    return args


def passes(request):
    """As `passes.forward_pass.passes`: the value, the columns of the Jacobian, and aux."""
    f, xs = request.f, request.xs
    if request.sparse:
        from dualmc.compiled.sparse import verbs as sparse

        return sparse.passes(request)
    if request.has_aux or not is_answered(f, xs):  # a tuple: `helpers` make one step of the call
        return None
    n = sum(request.sizes)
    chunk = chunk_for(n) if request.chunk_size is None else min(request.chunk_size, max(n, 1))
    positions = tuple(sorted(request.numbers))
    sweep = made(f, positions, min(chunk, MOST_LANES), "value and raw")
    args = arguments(request.args, request.numbers, xs)
    found = answered("jacobian", f, sweep, args, args)
    if found is None:
        return None
    y, columns = found
    return np.asarray(y), [columns[..., order_of(request)]], None


def part(request, begin, end):
    """The same for the columns from `begin` to `end` alone; None: not here."""
    f, xs = request.f, request.xs
    if request.sparse or list(request.numbers) != sorted(request.numbers):
        found = passes(request)
        if found is None:
            return None
        y, (columns,), aux = found
        return y, [columns[..., begin:end].copy()], aux
    if request.has_aux or not is_answered(f, xs):
        return None
    chunk = min(chunk_for(end - begin), request.chunk_size or MOST_LANES)
    sweep = made(f, tuple(request.numbers), chunk, "part")
    args = arguments(request.args, request.numbers, xs)
    found = answered("jacobian", f, sweep, [begin, end, *args], args)
    return None if found is None else (np.asarray(found[0]), [found[1]], None)


def order_of(request):
    """Where the columns of the arguments as they are asked for lie among those by position."""
    numbers = request.numbers
    if list(numbers) == sorted(numbers):
        return slice(None)
    order = np.argsort(numbers)
    ends = np.cumsum([0, *(request.sizes[k] for k in order)])
    starts = dict(zip(order.tolist(), ends.tolist(), strict=False))
    parts = [np.arange(size) + starts[k] for k, size in enumerate(request.sizes)]
    return np.concatenate(parts)


def at_once(f, x, swift):
    """The Jacobian of ``f(x)``, whose sweep `swift` keeps for as long as f lives; or None."""
    if not is_answered(f, (x,)):
        return None
    n = x.size
    sweep = made(f, (0,), chunk_for(n), "shaped")
    J = answered("jacobian", f, sweep, (x,), (x,))
    if J is not None:
        key = id(f)
        if key not in swift:  # one table alone: see `forward.swift`
            swift[key] = {}
            _ends[key] = weakref.ref(f, lambda _: (swift.pop(key, None), _ends.pop(key, None)))
        swift[key][n] = sweep
    return J


_ends: dict = {}  # what tells that a function of `swift` is gone


# More partials than this per Dual are registers that spill, and slow to compile.
MOST_LANES = 16


def hessian(request):
    """The Hessian as `hessian` returns it, by Duals of Duals; None: not here.

    NaN is what nested Duals say where a convention chose a first derivative: the general path then
    answers, which knows how to go on.
    """
    f, xs = request.f, request.xs
    if not is_answered(f, xs) or request.sparse and len(xs) > 1:
        return None
    n = sum(request.sizes)
    if n > MOST_INPUTS:
        return None
    positions = tuple(sorted(request.numbers))
    chunk = chunk_for(n) if request.chunk_size is None else min(request.chunk_size, max(n, 1))
    gradient = made(f, positions, min(chunk_for(n), INNER_LANES), "raw")
    if request.sparse or n > FEW_INPUTS:
        H = _structured(request, gradient)
        if H is not None:
            return H
        if request.sparse:
            return None
    sweep = made(gradient, positions, min(chunk, MOST_LANES), "raw")
    args = arguments(request.args, request.numbers, xs)
    H = answered("hessian", f, sweep, args, args)
    if H is None or H.shape != (n, n) or np.isnan(H).any():
        return None
    order = order_of(request)
    return _in_blocks(request, H[order][:, order])


# Partials of the inner Duals of nested ones: with more, their machine code leaves the registers.
INNER_LANES = 4
# Up to so many inputs a Hessian is computed without looking for its structure, and from so many on
# the general path is faster: nested Duals take as many passes as there are chunks of inputs.
FEW_INPUTS, MOST_INPUTS = 32, 20_000


def _structured(request, gradient):
    """The Hessian as the sparse Jacobian of the gradient; None: not here, or it is rather dense."""
    from dualmc.compiled.sparse import verbs

    found = verbs.filled(request.of(gradient, sparse=True), not request.sparse)
    if found is None:
        return None
    matrix = found[1]
    if matrix.shape[0] != matrix.shape[1] or np.isnan(matrix.data).any():
        return None
    if request.sparse:
        return matrix if request.format == "csr" else matrix.asformat(request.format)
    return _in_blocks(request, matrix.toarray())


def _in_blocks(request, H):
    """The Hessian of all inputs in a row as that of one argument, or as a tuple of tuples."""
    if not request.is_tuple:
        return H.reshape(request.xs[0].shape * 2)
    ends = np.cumsum([0, *request.sizes]).tolist()
    places = list(zip(request.xs, ends, ends[1:], strict=False))
    rows = [
        tuple(H[i:j, k:m].copy().reshape(x.shape + z.shape) for z, k, m in places)
        for x, i, j in places
    ]
    return tuple(rows)


def along(f, xs, x_dots, given):
    """As `passes.forward_pass.along`: the value and its change; None: not here."""
    if not is_answered(f, (*xs, *x_dots)):
        return None
    positions = tuple(range(len(xs)))
    sweep = made(f, positions, 1, "along")
    args = arguments(given, positions, xs)
    dots = arguments(args, positions, [t.astype(x.dtype) for x, t in zip(xs, x_dots, strict=True)])
    count = len(xs)
    found = answered("jvp", f, sweep, [*args[:count], *dots[:count], *args[count:]], args)
    if found is None:
        return None
    y, columns = found
    return y, columns[..., 0][()]


def answered(what, f, sweep, args, given):
    """``sweep(*args)``; None, and a warning, where it cannot be compiled for the `given`."""
    refused = _refused.get(f)
    if refused and (what, *kinds_of(given)) in refused:
        return None
    try:
        return sweep(*args)
    except errors.NumbaError as error:
        _refused.setdefault(f, set()).add((what, *kinds_of(given)))
        known.of(f).is_refused = True  # what runs instead need not try again
        messages.runs_as_python(f, str(error))
        return None


def kinds_of(args):
    """The types of arguments, as Numba sees them."""
    try:
        return tuple(map(numba.typeof, args))
    except (ValueError, errors.NumbaError):
        return tuple(map(type, args))
