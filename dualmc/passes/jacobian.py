"""A Jacobian by forward mode, whatever is met on the way: many calls of f, or another way.

`jacobian` is that of every call, `usual` the same of one without options, in fewer steps.
"""

import functools

import numpy as np
from numba.core.registry import CPUDispatcher
from numpy import ndarray

from dualmc.calls import banded, watch
from dualmc.calls.inputs import FLOAT64, as_read
from dualmc.calls.outputs import scalar, split
from dualmc.calls.remembered import is_due, once_more, settled
from dualmc.calls.request import Request
from dualmc.calls.structures import structured
from dualmc.calls.structures.trees import Structure
from dualmc.duals import levels
from dualmc.duals.choices import meetings
from dualmc.duals.equalities import thread
from dualmc.errors import TangentLostError
from dualmc.functions.matrices.splitting import numbers_of, resolved
from dualmc.kernels import buffers
from dualmc.passes.forward_pass import along, joined, passes, whole
from dualmc.unchanged import adapt

# The options where none are given: argnums, chunk_size, sparse, layout and has_aux.
USUAL = 0, None, False, "numerator", False


def usual(caller, f, args):
    """The value and the Jacobian without options: `jacobian` in fewer steps at an array."""
    x = args[0] if args else None
    if type(x) is float:
        x = np.array(x)
    is_rare = watch.watched or type(f) is CPUDispatcher or not callable(f)
    is_rare = is_rare or structured.known and structured.returns_one(f)
    if is_rare or type(x) is not ndarray or x.dtype is not FLOAT64 or meetings.split is not None:
        return jacobian(caller, f, args, *USUAL)[:2]
    if len(args) > 1:
        args = as_read(args)
    outside = len(levels.stack.levels)
    try:
        found = whole(caller, f, args, x)
        if type(found) is int:  # columns at a time
            return jacobian(caller, f, args, 0, found, *USUAL[2:])[:2]
        if meetings.met or thread.met:
            return _settled((*found, None), caller, f, args, *USUAL)[:2]
        return found
    except MemoryError as error:
        raise _too_large(caller, x.size, error) from error
    except BaseException as error:
        again = _after(error, outside, caller, f, args, *USUAL)
        if again is None:
            raise
        return again()[:2]


def jacobian(caller, f, args, argnums, chunk_size, sparse, layout, has_aux, spread=None):
    """The value, the Jacobian and aux."""
    if sparse is not False and sparse is not True and banded.is_asked(sparse):
        csr = caller, f, args, argnums, chunk_size, "csr", layout, has_aux, spread
        y, J, aux = jacobian(*csr)
        return y, banded.all_packed(J, sparse, caller), aux
    call = caller, f, args, argnums, chunk_size, sparse, layout, has_aux
    outside = len(levels.stack.levels)
    try:
        if structured.known and structured.returns_one(f):
            raise Structure
        if watch.watched and watch.is_due():
            with watch.looked_at(Request(*call)):
                return jacobian(*call, spread)
        if meetings.split is not None:
            split = meetings.split
            g = split.stretched(f, numbers_of(argnums, args), adapt.adapted)
            y, J, aux = _passed(caller, g, *call[2:])
            return y, split.undone(J), aux
        found = _passed(*call, spread)
        return _settled(found, *call, spread) if meetings.met or thread.met else found
    except BaseException as error:
        again = _after(error, outside, *call, spread=spread)
        if again is None:
            raise
        return again()


def _settled(found, caller, f, args, argnums, chunk_size, sparse, layout, has_aux, spread=None):
    """`found`, (y, J, aux), where f met eigenvalues that are equal, or numbers equal to its own."""
    y, J, aux = found
    if meetings.met:
        dense = caller, f, args, argnums, chunk_size, False, layout, has_aux
        again = functools.partial(jacobian, *dense)
        resolve = functools.partial(
            resolved, y=y, again=lambda: again()[1], is_turned=layout == "denominator"
        )
        J = resolve(J) if spread is None else spread.rewritten(J, resolve)
    if thread.met:
        options = argnums, chunk_size, sparse, layout, has_aux, spread
        again = functools.partial(jacobian, caller, f, args, *options)
        return settled(caller, along, f, args, argnums, has_aux, (y, J, aux), again)
    return y, J, aux


def _after(error, outside, caller, f, args, argnums, *options, spread=None):
    """What answers the call that `error` has ended, if that is not for its caller; or None."""
    levels.close_beyond(outside)  # an interrupt may come while a level closes
    buffers.trim()
    if isinstance(error, TangentLostError) and is_due():
        again = functools.partial(jacobian, caller, f, args, argnums, *options, spread)
        return functools.partial(once_more, caller, f, args, argnums, again)
    if not isinstance(error, Structure):
        return None
    differentiate = jacobian
    if spread is not None:
        spread.refuse_structures()
        differentiate = functools.partial(jacobian, spread=spread)
    call = caller, f, args, argnums, *options
    return functools.partial(structured.jacobian, error, differentiate, *call)


def _too_large(caller, size, error):
    buffers.trim()
    return MemoryError(
        f"{caller}: the arrays of {size} inputs do not fit into memory: {error}. "
        f"Use sparse=True if few entries are not 0, out= to have the columns in a file, "
        f"linearize or jvp for products, or fewer argnums."
    )


def _passed(caller, f, args, argnums, chunk_size, sparse, layout, has_aux, spread=None):
    request = Request(caller, f, args, argnums, chunk_size, sparse, layout, has_aux)
    try:
        if spread is not None:
            return spread.passes(request)
        y, pieces, aux = passes(request)
    except MemoryError as error:
        raise _too_large(caller, sum(request.sizes), error) from error
    columns = pieces[0] if len(pieces) == 1 else joined(pieces, request.sparse)
    return scalar(y), split(request, columns, y.shape), aux
