"""NumPy's two protocols: what a ufunc or another function of NumPy does to a Traced.

What `registry` and `rules` differentiate is recorded; what they call flat gives plain results;
everything else is refused.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals import beside, ended
from dualmc.errors import TangentLostError, missing_rule
from dualmc.graph.nodes import UfuncMethod
from dualmc.graph.record import as_operand, constant, first, has_traced, plain, record, template
from dualmc.graph.returning import returning, ufunc_at
from dualmc.graph.traced import Traced
from dualmc.graph.views import rebind, write
from dualmc.rules import registry
from dualmc.rules.table import RULES

# Constant on each side of 0, for real numbers.
_STEPS = frozenset({np.sign})


def _ufunc(ufunc: np.ufunc, method: str, inputs: tuple, options: dict) -> Any:
    inputs, y = beside.ufunc_beside(ufunc, method, inputs, options, as_operand)
    if inputs is None:
        return y
    inputs = tuple(as_operand(a) for a in inputs)
    out = options.pop("out", None)
    if issubclass(type(out), tuple):
        if len(out) > 1:
            raise missing_rule(f"{registry.name_of(ufunc)} with several out arrays")
        (out,) = out
    if method == "at":
        write(ufunc.at, ufunc_at(ufunc), inputs, options)
        return None
    if method == "__call__":
        is_known = ufunc in RULES or ufunc in registry.UFUNCS or registry.learn(ufunc)
        if not is_known and not _are_flat(inputs, options):
            raise missing_rule(registry.name_of(ufunc))
        entry = registry.UFUNCS.get(ufunc)
        function: Any = ufunc
    else:
        entry = registry.REDUCTIONS.get((ufunc, method), registry.METHODS.get(method))
        if entry is None and not _are_flat(inputs, options):
            raise missing_rule(f"{registry.name_of(ufunc)}.{method}")
        function = UfuncMethod(ufunc, method)
    where = options.get("where", True)
    if where is not True and method == "__call__":
        del options["where"]
        with np.errstate(all="ignore"):
            y = _result(entry, function, inputs, options)
        found = first((where,))
        where = where if found is not None and found._recorder.whole else plain(where)
        return _stored(out, np.where(where, y, np.zeros(y.shape) if out is None else out))
    return _stored(out, _result(entry, function, inputs, options))


def _are_flat(inputs: tuple, options: dict) -> bool:
    """Whether all that is traced of a whole program has no derivative here."""
    found: list[Traced] = []
    template((inputs, tuple(options.values())), found)
    return bool(found) and found[0]._recorder.whole and all(t.is_flat for t in found)


def _result(entry: Any, function: Callable, args: tuple, options: dict) -> Any:
    if function in _STEPS or (entry is not None and entry.kind == "flat"):
        return _flat(function, args, options)
    if entry is None and function not in RULES:  # of arrays without derivative only
        return _recorded_flat(function, args, options)
    if first(args) is None and first(tuple(options.values())) is None:
        return function(*args, **options)
    return record(function, args, options)


# What these say of an array does not depend on its numbers.
_OF_SHAPES = frozenset(
    {
        np.shape, np.ndim, np.size, np.common_type, np.result_type, np.can_cast, np.iscomplexobj,
        np.isrealobj, np.may_share_memory, np.shares_memory,
    }
)  # fmt: skip
_OF_MEMORY = frozenset({np.may_share_memory, np.shares_memory})


def _recorded_flat(function: Callable, args: tuple, options: dict) -> Any:
    """A step without derivative, as a node of its own if it depends on numbers."""
    if function in _OF_SHAPES:
        if function in _OF_MEMORY:
            for a in args[:2]:
                if type(a) is Traced:
                    a.in_memory()
        return function(*_values(args), **{key: _values(a) for key, a in options.items()})
    y = record(function, args, options)
    for part in y if issubclass(type(y), (tuple, list)) else (y,):
        if type(part) is Traced and part.node.function is not None:
            part._recorder.flat.add(part.node.serial)
    return y


def _values(a: Any) -> Any:
    if type(a) is Traced:
        return a.value
    return type(a)(map(_values, a)) if type(a) in (list, tuple) else a


def _flat(function: Callable, args: tuple, options: dict) -> Any:
    found = first((args, tuple(options.values())))
    if found is not None and found._recorder.whole:
        return _recorded_flat(function, args, options)
    y = function(*plain(args), **{key: plain(a) for key, a in options.items()})
    if found is not None and issubclass(type(y), (np.ndarray, np.floating)) and y.dtype.kind == "f":
        return constant(found._recorder, y, issubclass(type(y), np.ndarray))
    return y


def _stored(out: Any, y: Any) -> Any:
    """`y`, written into `out` if there is one."""
    if out is None:
        return y
    if type(out) is Traced:
        out[...] = y
        return out
    if type(y) is Traced and not y.is_constant:
        raise TangentLostError(
            "An operation cannot write a Traced into a plain array (out=, or an in-place operator "
            "such as a += x). Allocate with numpy.zeros_like(x), or use a = a + x."
        )
    np.copyto(out, plain(y), casting="same_kind")
    return out


def _function(self: Traced, function: Any, types: tuple, args: tuple, options: dict) -> Any:
    if len(types) > 1 or types and types[0] is not Traced:
        args, options = beside.function_beside(function, types, args, options, as_operand)
        if args is None:
            return options
    entry = registry.FUNCTIONS.get(function)
    if entry is None:
        if function in registry.CREATION:  # called with like=traced
            if has_traced(args[:1]):
                return np.copy(as_operand(args[0]))
            y = function(*args, **options)
            return constant(self._recorder, y) if y.dtype.kind == "f" else y
        if _are_flat(args, options):
            return _recorded_flat(function, args, options)
        raise missing_rule(registry.name_of(function))
    options = dict(options)
    options.pop("overwrite_input", None)  # leaves the argument in no particular order
    if function is np.nan_to_num and not options.pop("copy", True):
        rebind(args[0], record(function, args, options))
        return args[0]
    if entry.kind == "in-place":
        write(function, returning(function), args, options)
        return None
    out = options.pop("out", None)
    return _stored(out, _result(entry, function, args, options))


def _noted(self: Traced, call: Callable, *args: Any) -> Any:
    """A call in whose place a Dual may answer, should it raise: f may catch what only a Traced
    says, and then is not what a program of it would be."""
    try:
        return call(*args)
    except Exception as error:
        if self._recorder.noted is not error:
            self._recorder.refuse(f"recording it raised {type(error).__name__}: {error}")
        raise


def _array_ufunc(self: Traced, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    if self.has_ended:
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        return ended.called(call, inputs, options)
    return _noted(self, _ufunc, ufunc, method, inputs, options)


def _array_function(self: Traced, function: Any, types: Any, args: Any, options: Any) -> Any:
    if self.has_ended:
        return ended.called(function, args, options)
    return _noted(self, _function, self, function, types, args, options)


Traced.__array_ufunc__ = _array_ufunc
Traced.__array_function__ = _array_function
