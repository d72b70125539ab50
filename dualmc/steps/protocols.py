"""NumPy's two protocols: what a ufunc or another function of NumPy does on a Dual.

Ufuncs are propagated through the rule table and its kernels, NumPy's other functions by the
handlers in `registry.py`.
"""

import numpy as np

import dualmc.steps.lists  # noqa: F401  (joins lists of numbers)
from dualmc.duals import beside, ended, writing
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import OPERANDS, from_objects, from_sequence, has_dual, has_tangent
from dualmc.errors import TangentLostError, missing_case, missing_rule
from dualmc.kernels.payload import values
from dualmc.rules import registry
from dualmc.rules.table import RULES
from dualmc.steps import flat
from dualmc.steps.elementwise import apply, push
from dualmc.steps.operators import SCALAR_OPERATORS, planned, rounded


def _array_ufunc(self, ufunc, method, *inputs, **kwargs):
    try:
        if method == "__call__" and not kwargs:
            if len(inputs) == 1:
                signature = self._signature
                if signature is not None:
                    plan = signature.plans.get(ufunc)
                    if plan is not None:
                        y = plan(self)
                        if y is not None:
                            return y
                y = planned(ufunc, self)
            elif len(inputs) == 2 and (self.level.records or ufunc is not np.matmul):
                plan = _known_plan(ufunc, self, *inputs)
                if plan is not None:
                    y = plan(*inputs)
                    if y is not None:
                        return y
                y = planned(ufunc, *inputs)
            else:
                planner = registry.PLANNERS.get(ufunc)
                y = None if planner is None else planner(inputs, kwargs)
            if y is None:
                for a in inputs:
                    if type(a) not in OPERANDS:
                        inputs, y = beside.ufunc_beside(ufunc, method, inputs, kwargs, from_objects)
                        if inputs is None:
                            return y
                        break
                y = apply(ufunc, *inputs)
            if (
                issubclass(type(inputs[0]), np.generic)
                and ufunc in SCALAR_OPERATORS
                and y.ndim == 0
            ):
                # This is how NumPy hands over its scalars' operators.
                return rounded(SCALAR_OPERATORS[ufunc], y, *inputs)
            return y
        inputs, y = beside.ufunc_beside(ufunc, method, inputs, kwargs, from_objects)
        if inputs is None:
            return y
        if method != "__call__":
            if isinstance(kwargs.get("out"), tuple):
                (kwargs["out"],) = kwargs["out"]
            entry = registry.REDUCTIONS.get((ufunc, method))
            if entry is not None:
                return entry.handler(*inputs, **kwargs)
            entry = registry.METHODS.get(method)
            known = registry.UFUNCS.get(ufunc)
            is_flat = known is not None and known.kind == "flat"
            if method != "at" and (is_flat or not has_tangent([*inputs, *kwargs.values()])):
                return flat.flat_handler(getattr(ufunc, method))(*inputs, **kwargs)
            if entry is None:
                raise missing_rule(f"{registry.name_of(ufunc)}.{method}")
            return entry.handler(ufunc, *inputs, **kwargs)
        return _ufunc_with_options(ufunc, inputs, dict(kwargs))
    except ended.REFUSALS as error:
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        return ended.again(error, call, inputs, kwargs)


def _known_plan(ufunc, dual, a, b):
    """The plan for `dual` and another operand, where its signature has it, but not for scalars
    of NumPy's before it, whose operators round otherwise.
    """
    signature = dual._signature
    if signature is None:
        return None
    if a is dual:
        kind = type(b)
        kind = b._signature if kind is Dual else b.shape if kind is np.ndarray else kind
        return signature.plans.get((ufunc, kind))
    kind = type(a)
    if kind is np.ndarray:
        return signature.plans.get((a.shape, ufunc))
    return signature.plans.get((kind, ufunc)) if kind is float or kind is int else None


def _ufunc_with_options(ufunc, inputs, kwargs):
    """A ufunc call with ``out=``, ``where=``, ``dtype=``, ... given."""
    out = kwargs.pop("out", None)
    where = kwargs.pop("where", True)
    where = values(where) if type(where) is Dual else where
    out = out[0] if issubclass(type(out), tuple) and len(out) == 1 else out
    if issubclass(type(out), tuple):
        raise missing_case(registry.name_of(ufunc), "with several out arrays")
    # Elements that `where` leaves out are computed too, but neither kept nor warned about.
    with np.errstate(all=None if where is True else "ignore"):
        result = _ufunc_result(ufunc, inputs, kwargs)
    if where is not True:
        rest = np.zeros(result.shape, result.dtype) if out is None else out
        result = np.where(where, result, rest)
    if out is None:
        return result
    if type(out) is Dual:
        return writing.assign(out, result)
    if type(result) is Dual:
        if result.own_tangent() is not None:
            raise TangentLostError(
                f"{registry.name_of(ufunc)} cannot write a Dual into a plain {out.dtype} array "
                f"(out=, or an in-place operator such as a += dual). Allocate with "
                f"numpy.zeros_like(dual), or use a = a + dual."
            )
        result = values(result)
    np.copyto(out, result, casting="same_kind")
    return out


def _ufunc_result(ufunc, inputs, kwargs):
    if not any(type(a) is Dual for a in inputs):
        return ufunc(*inputs, **kwargs)
    if not kwargs:
        return apply(ufunc, *inputs)
    rule = RULES.get(ufunc)
    if rule is not None:
        return push(rule, ufunc, inputs, kwargs)
    if ufunc in registry.UFUNCS:
        return registry.UFUNCS[ufunc].handler(*inputs, **kwargs)
    if registry.learn(ufunc):
        return _ufunc_result(ufunc, inputs, kwargs)
    if not has_tangent([*inputs, *kwargs.values()]):
        return flat.flat_handler(ufunc)(*inputs, **kwargs)
    raise missing_rule(registry.name_of(ufunc))


# --- NumPy's other functions --------------------------------------------------------------------

_NONE = type(None)


def _array_function(self, function, types, args, kwargs):
    planner = registry.PLANNERS.get(function)
    if planner is not None:
        y = planner(args, kwargs)
        if y is not None:
            return y
    if not self.level.open:
        return ended.called(function, args, kwargs)
    try:
        if len(types) > 1 or len(args) > 1 and not types:
            for kind in types or map(type, args):
                if kind not in OPERANDS and kind is not _NONE:
                    args, kwargs = beside.function_beside(
                        function, types, args, kwargs, from_objects
                    )
                    if args is None:
                        return kwargs
                    break
        entry = registry.FUNCTIONS.get(function)
        if entry is not None:
            if len(args) > 1 and entry.kind in _OF_VALUES:
                args = _without_blanks(function, args)
            return entry.handler(*args, **kwargs)
        if function in registry.CREATION:  # called with like=dual
            return _created_like(self, function, args, kwargs)
        if not has_tangent([*args, *kwargs.values()]):
            return registry.flat_handler(function)(*args, **kwargs)
        raise missing_rule(registry.name_of(function))
    except ended.REFUSALS as error:
        return ended.again(error, function, args, kwargs)


# Kinds of functions that take the values of their arguments and return new arrays.
_OF_VALUES = frozenset({"linear", "bilinear", "composite"})


def _without_blanks(function, args):
    """`args` with plain arrays for Duals without tangent beside others that have one."""
    duals = [i for i, a in enumerate(args) if type(a) is Dual]
    if len(duals) < 2:
        return args
    blank = [i for i in duals if args[i].own_tangent() is None]
    if not blank or len(blank) == len(duals):
        return args
    out = registry.position_of_out(function)
    return tuple(a.primal if i in blank and i != out else a for i, a in enumerate(args))


def _created_like(dual, function, args, kwargs):
    """``np.zeros(n, like=dual)`` and its kin: a Dual that may be written to."""
    if has_dual(args):
        y = args[0] if type(args[0]) is Dual else from_sequence(args[0])
        dtype = kwargs.get("dtype")
        return np.copy(y) if dtype is None else y.astype(dtype)
    y = function(*args, **kwargs)
    return make(y, None, dual.level) if y.dtype.kind in "fc" else y


Dual.__array_ufunc__ = _array_ufunc
Dual.__array_function__ = _array_function
