"""How a handler hands back what it found: in `out`, or with NumPy's own value in the primal."""

import numpy as np

from dualmc.duals import choices, writing
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of, primal_at
from dualmc.errors import TangentLostError
from dualmc.kernels.payload import values
from dualmc.tangents.dense_tangent import DenseTangent


def written(out, y):
    """`y`, stored in `out` if one was given."""
    if out is None:
        return y
    if type(out) is Dual:
        return writing.assign(out, y)
    if type(y) is Dual and y.own_tangent() is not None:
        raise TangentLostError(
            f"out= is a plain {out.dtype} array, where the derivative would be lost. Allocate it "
            f"with numpy.zeros_like(dual), or leave out= away."
        )
    np.copyto(out, values(y), casting="same_kind")
    return out


def with_primal(y, dual):
    """`dual` with NumPy's own value `y`, where the formula rounds differently."""
    if type(dual) is not Dual:
        return y
    if type(y) is Dual and choices.state.varied:
        return dual  # whose own primal is of the same function
    y = y if type(y) is Dual else np.asarray(y)
    t = dual.own_tangent()
    out = make(y, t if t is None or t.dtype == y.dtype else t.astype(y.dtype), dual.level)
    if choices.rooted and type(y) is Dual:
        return choices.moved(out, dual, lambda square: square)
    return out


def valued(y, dual):
    """`with_primal` for plain primals; under nesting the formula's own primal stands."""
    return with_primal(y, dual) if type(dual.primal) is np.ndarray else dual


def exact(function, formula, *args, **options):
    """`formula(*args)`, with the primal that `function` itself gives."""
    args = [as_operand(a) for a in args]
    level = level_of(args)
    y = function(*(primal_at(a, level) for a in args), **options)
    return with_primal(y, formula(*args, **options))


def applied(function, transposed, a, y):
    """The Dual for ``y = function(a)``, linear in the whole of `a`.

    `function` takes arrays like `a` with further axes before them; `transposed` does so with
    arrays like `y`, and pairs with it: sum(y_bar * function(x)) = sum(transposed(y_bar) * x).
    """
    t = a.own_tangent()
    if t is not None and t.is_recorded:
        t = t.linear(transposed, y)
    elif t is not None:
        t = DenseTangent(a.level, function(t.to_dense().dense())).astype(y.dtype)
    return make(y, t, a.level)
