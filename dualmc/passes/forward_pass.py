"""Forward mode: f called on Duals, once for all columns of the Jacobian or once per chunk of them.

`passes` makes the columns of a Jacobian, `whole` those of a call without options in fewer steps,
`along` one directional derivative.
"""

import itertools

import numpy as np
from numba.core.registry import CPUDispatcher

from dualmc.calls import options, room, seeds
from dualmc.calls.calling import call_f, called
from dualmc.calls.inputs import FLOAT64
from dualmc.calls.outputs import Piece, as_output, scalar
from dualmc.calls.request import Request
from dualmc.duals import choices, levels
from dualmc.duals.levels import Level, open_level
from dualmc.kernels import buffers
from dualmc.tangents.dense_tangent import DENSE_INPUTS, ChunkNeeded
from dualmc.unchanged import adapt


def passes(request, is_sparse=None, begin=0, end=None):
    """Call f once per chunk of columns; the value, the pieces of the Jacobian, and aux.

    `is_sparse` overrides the policy on how tangents start; `begin` and `end` are those of the
    columns that are asked for, if not all are.
    """
    if type(request.f) is CPUDispatcher:
        found = _of_compiled(request, begin, end)
        if found is not None:
            return found
    n = sum(request.sizes)
    if is_sparse is None:
        is_sparse = seeds.starts_sparse(n, request.sparse)
    end = n if end is None else end
    n = end - begin
    step = max(n, 1) if request.chunk_size is None else request.chunk_size
    pieces = []
    first = first_aux = None
    start = 0
    while start < n or not pieces:
        width = min(step, n - start)
        try:
            found = _pass(request, begin + start, width, is_sparse)
        except adapt.Restart:
            continue
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


def whole(caller, f, args, x):
    """The value of f and its Jacobian by `x`, the float64 array that is the first of `args`.

    What `passes` makes of a call without options, from one call of f; where its columns pass the
    memory budget, how many do not.
    """
    n = x.size
    is_sparse = n > DENSE_INPUTS
    here = levels.stack.levels
    while True:
        level = Level(n)
        here.append(level)
        try:
            try:
                dual = seeds.seed(x, level, 0, is_sparse)
                if not x.shape:
                    dual = seeds.as_given(dual, args[0])
                out = as_output(call_f(f, (dual, *args[1:]), level), caller)
                piece = Piece(out, level, FLOAT64)
                y, J = piece.primal, piece.columns()
            finally:
                level.open = False
                level.structures.latest = None
                here.remove(level)
            if level.kinked or level.chosen:
                request = Request(caller, f, args, 0, None, False, "numerator", False)
                found = _looked_again((y, J, None), level, request, 0, n, is_sparse)
                if type(found) is int:
                    return found
                y, J, _ = found
            break
        except adapt.Restart:
            continue
        except ChunkNeeded as need:
            if need.level is not level:
                raise
            return min(need.columns, n - 1)
    buffers.trim()
    if x.ndim != 1:
        J = J.reshape(y.shape + x.shape)
    return scalar(y), J


def _of_compiled(request, begin, end):
    from dualmc.compiled import calling

    return calling.passes(request) if end is None else calling.part(request, begin, end)


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
            out, aux = called(request, inputs, level)
            piece = Piece(out, level, dtype)
            columns = piece.rows(request.caller) if request.sparse else piece.columns()
        except ChunkNeeded as need:
            if need.level is not level:
                raise
            return min(need.columns, width - 1)
    found = piece.primal, columns, aux
    if looks_again and (level.kinked or level.chosen):
        return _looked_again(found, level, request, start, width, is_sparse)
    return found


def _looked_again(found, level, *of_pass):
    """What `_pass` returns, `found` at one look, where another may be needed."""
    is_varied = choices.again(level)
    if is_varied is None:
        return found
    with choices.looking(is_varied):
        other = _pass(*of_pass, False)
    return _agreed(found, other, is_varied)


def _agreed(found, other, is_varied):
    """What `_pass` returns of two looks."""
    if type(other) is int:
        return other
    if is_varied:
        return found[0], choices.agreed(found[1], other[1], -1), found[2]
    return other[0], found[1], other[2]


def joined(pieces, sparse):
    """The columns of all passes side by side."""
    if len(pieces) == 1:
        return pieces[0]
    if sparse:
        return options.import_sparse("").hstack(pieces, format="csr")
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
    if not pieces:
        room.need(shape, columns.dtype)
        whole = np.empty(shape, columns.dtype)
    else:
        whole = _whole(pieces, n)
    if whole is None or whole.dtype != columns.dtype:
        return columns
    part = whole[..., start : start + columns.shape[-1]]
    part[...] = columns
    return part


@levels.trimming
def along(caller, f, xs, x_dots, given):
    if type(f) is CPUDispatcher:
        from dualmc.compiled import calling

        found = calling.along(f, xs, x_dots, given)
        if found is not None:
            return found
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


@adapt.restarting
def _looked_along(caller, f, xs, x_dots, given):
    with open_level(1) as level:
        duals = [seeds.seed_direction(x, t, level) for x, t in zip(xs, x_dots, strict=True)]
        for i, x in enumerate(xs):
            if not x.shape:
                duals[i] = seeds.as_given(duals[i], given[i])
        y = as_output(call_f(f, duals, level), caller)
        piece = Piece(y, level, xs[0].dtype)
        return level, piece.primal, piece.columns()[..., 0]
