"""Operators and ufuncs of arrays of Duals: one loop, in it the function of scalars.

With broadcasting, results in place (``o += x``, ``np.exp(x, out)``), and numbers and arrays of
numbers beside Duals.  What is constant between jumps (``np.floor(x)``) gives Duals with partials 0,
which other Duals may be written over; comparisons and tests give booleans.
"""

import operator

import numpy as np
from numba.core import errors, types
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer, infer_global
from numba.extending import lower_builtin

from dualmc.compiled.arrays import looping
from dualmc.compiled.arrays.looping import bare, dimensions, element
from dualmc.compiled.scalars.dual_type import is_dual, is_scalar, promoted
from dualmc.compiled.scalars.whole_numbers import JUMPS, TESTS
from dualmc.rules.table import RULES

# The operator that does what a ufunc does, without a function to compile.
AS_OPERATOR = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul,
    np.divide: operator.truediv, np.negative: operator.neg, np.positive: operator.pos,
    np.less: operator.lt, np.less_equal: operator.le, np.greater: operator.gt,
    np.greater_equal: operator.ge, np.equal: operator.eq, np.not_equal: operator.ne,
}  # fmt: skip

# What the elements of an operator go through.
OPERATORS = {
    operator.add: operator.add, operator.sub: operator.sub, operator.mul: operator.mul,
    operator.truediv: operator.truediv, operator.pow: operator.pow, operator.mod: np.remainder,
    operator.floordiv: np.floor_divide, operator.neg: operator.neg, operator.pos: operator.pos,
    operator.lt: operator.lt, operator.le: operator.le, operator.gt: operator.gt,
    operator.ge: operator.ge, operator.eq: operator.eq, operator.ne: operator.ne,
    abs: np.absolute,
}  # fmt: skip

_IN_PLACE = {
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.itruediv: operator.truediv, operator.ipow: np.power, operator.imod: np.remainder,
    operator.ifloordiv: np.floor_divide,
}  # fmt: skip

_SYMBOLS = {
    operator.iadd: "+=", operator.isub: "-=", operator.imul: "*=", operator.itruediv: "/=",
    operator.ipow: "**=", operator.imod: "%=", operator.ifloordiv: "//=",
}  # fmt: skip


def scalar_of(op):
    """The function of scalars that elements go through."""
    return OPERATORS.get(op) or AS_OPERATOR.get(op, op)


def _result_type(found, kinds):
    """The dtype of the result, where scalars of these kinds give `found`."""
    if is_dual(found) or isinstance(found, types.Boolean):
        return found
    dual = None
    for kind in kinds:
        dual = kind if dual is None else promoted(dual, kind) or dual
    return dual if is_dual(dual) else found


def _scalar_kinds(inputs):
    return [element(kind) for kind in inputs]


class _Rule(AbstractTemplate):
    """Types a call of `key` on arrays of Duals; `scalar` is what elements go through."""

    metadata = {"target": "cpu"}
    prefer_literal = True
    scalar = None
    count = 1

    def get_impl_key(self, sig):
        return type(self).name

    def _resolved(self, args):
        """Bare argument types, kinds of the elements and the dtype of the result, or None."""
        if len(args) < self.count:
            return None
        kinds = [element(bare(kind)) for kind in args]
        if not any(map(is_dual, kinds)) or not all(map(is_scalar, kinds)):
            return None
        if not any(isinstance(bare(kind), types.Array) for kind in args):
            return None
        taken = [kept(kind) for kind in args]
        sig = looping.typed_call(self.context, self.scalar, _scalar_kinds(taken[: self.count]))
        if sig is None:
            return None
        return taken, _result_type(sig.return_type, kinds[: self.count])


def kept(kind):
    """An argument's type in the signature: a whole number keeps its value, for powers."""
    return kind if isinstance(kind, types.IntegerLiteral) else bare(kind)


def fits(dtype, into):
    """Whether numbers of `dtype` can be stored in an array of `into`."""
    return dtype == into or is_dual(into) and promoted(dtype, into) == into


def _check_out(key, out, dtype):
    label = _SYMBOLS.get(key) or f"np.{key.__name__}"
    if not isinstance(out, types.Array):
        raise errors.TypingError(f"dualmc: {label} takes an array as out, got {out}")
    if not out.mutable:
        raise errors.TypingError(f"dualmc: {label} writes to an array that is read-only")
    if not fits(dtype, out.dtype):
        raise errors.TypingError(cannot_hold(out, f"the result of {label}"))


def cannot_hold(array, what):
    return (
        f"dualmc: an array of {array.dtype} cannot hold {what}, which depends on the inputs: its "
        f"derivative would be lost"
    )


class _New(_Rule):
    """``f(a, b)`` and ``f(a, b, out)``."""

    def generic(self, args, kws):
        if kws or len(args) > self.count + 1:
            return None
        found = self._resolved(args)
        if found is None:
            return None
        taken, dtype = found
        if len(taken) > self.count:
            _check_out(type(self).key, taken[-1], dtype)
            return signature(taken[-1], *taken)
        if type(self).key is np.sinc:  # no ufunc: its result is as precise as its argument
            dtype = taken[0].dtype
        ndim = max(map(dimensions, taken))
        return signature(types.Array(dtype, ndim, looping.layout_of(taken)), *taken)


class _InPlace(_Rule):
    """``a += b``."""

    count = 2

    def generic(self, args, kws):
        if not isinstance(bare(args[0]), types.Array):
            return None
        found = self._resolved(args)
        if found is None:
            return None
        taken, dtype = found
        # That an array of floats cannot hold it is said when it is compiled: Numba's own rules
        # would stumble over the Dual first.
        return signature(taken[0], *taken)


def _code(rule):
    def code(context, builder, sig, args):
        scalar, n = rule.scalar, rule.count
        kinds, given = list(sig.args), list(args)
        inputs = [
            looping.Operand(context, builder, k, v)
            for k, v in zip(kinds[:n], given[:n], strict=True)
        ]
        scalars = _scalar_kinds(kinds[:n])
        result = sig.return_type

        def compute(values):
            value, found = looping.call_scalar(context, builder, scalar, scalars, values)
            return context.cast(builder, value, found, result.dtype)

        if issubclass(rule, _InPlace):
            found = looping.typed_call(context.typing_context, scalar, scalars).return_type
            _check_out(rule.key, result, _result_type(found, scalars))
            return looping.fill_given(context, builder, result, given[0], inputs, compute)
        if len(given) > n:
            return looping.fill_given(context, builder, result, given[n], inputs, compute)
        return looping.fill_new(context, builder, result, inputs, compute)

    return code


def _install(key, scalar, count, base=_New):
    name = f"dualmc.{getattr(key, '__name__', key)}.{base.__name__}"
    rule = type(
        f"DualArrays_{name}", (base,), {"key": key, "scalar": scalar, "count": count, "name": name}
    )
    rule.scalar = staticmethod(scalar) if not isinstance(scalar, np.ufunc) else scalar
    infer(rule)
    infer_global(key, types.Function(rule))
    lower_builtin(name, types.VarArg(types.Any))(_code(rule))


LOGICAL = (np.logical_and, np.logical_or, np.logical_xor)


def _install_all():
    for ufunc, rule in RULES.items():
        _install(ufunc, AS_OPERATOR.get(ufunc, ufunc), len(rule.partials))
    for function in (*JUMPS, *TESTS, np.logical_not):
        _install(function, function, 1)
    for ufunc in (*LOGICAL, np.floor_divide):
        _install(ufunc, ufunc, 2)
    for ufunc, op in AS_OPERATOR.items():
        if ufunc not in RULES:
            _install(ufunc, op, 2)
    for op, scalar in OPERATORS.items():
        count = 1 if op in (operator.neg, operator.pos, abs) else 2
        _install(op, scalar, count)
    for op, scalar in _IN_PLACE.items():
        _install(op, scalar, 2, _InPlace)


_install_all()
