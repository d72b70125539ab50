"""What arrives at a Traced: ufuncs, NumPy's functions, operators and array methods.

Every operation is the NumPy function of the same name.  What `registry` and `rules` differentiate
is recorded; what they call flat gives plain results; everything else is refused.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals import beside, subclasses
from dualmc.duals.indexing import FlatIterator
from dualmc.duals.operands import OPERANDS
from dualmc.errors import TangentLostError, missing_rule
from dualmc.graph.nodes import UfuncMethod
from dualmc.graph.record import (
    _template,
    as_operand,
    check_writable,
    constant,
    first,
    get,
    has_traced,
    plain,
    put,
    rebind,
    record,
    returning,
    ufunc_at,
)
from dualmc.graph.traced import Traced
from dualmc.rules import registry
from dualmc.rules.table import RULES

# --- Dispatch ------------------------------------------------------------------------------------

# Constant on each side of 0, for real numbers.
_STEPS = frozenset({np.sign})


def _ufunc(ufunc: np.ufunc, method: str, inputs: tuple, options: dict) -> Any:
    inputs, y = beside.ufunc_beside(ufunc, method, inputs, options, as_operand)
    if inputs is None:
        return y
    inputs = tuple(as_operand(a) for a in inputs)
    out = options.pop("out", None)
    if isinstance(out, tuple):
        if len(out) > 1:
            raise missing_rule(f"{registry.name_of(ufunc)} with several out arrays")
        (out,) = out
    if method == "at":
        _write(ufunc.at, ufunc_at(ufunc), inputs, options)
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
    _template((inputs, tuple(options.values())), found)
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
                if isinstance(a, Traced):
                    a.in_memory()
        return function(*_values(args), **{key: _values(a) for key, a in options.items()})
    y = record(function, args, options)
    for part in y if isinstance(y, (tuple, list)) else (y,):
        if isinstance(part, Traced) and part.node.function is not None:
            part._recorder.flat.add(part.node.serial)
    return y


def _values(a: Any) -> Any:
    if isinstance(a, Traced):
        return a.value
    return type(a)(map(_values, a)) if type(a) in (list, tuple) else a


def _flat(function: Callable, args: tuple, options: dict) -> Any:
    found = first((args, tuple(options.values())))
    if found is not None and found._recorder.whole:
        return _recorded_flat(function, args, options)
    y = function(*plain(args), **{key: plain(a) for key, a in options.items()})
    if found is not None and isinstance(y, (np.ndarray, np.floating)) and y.dtype.kind == "f":
        return constant(found._recorder, y, isinstance(y, np.ndarray))
    return y


def _stored(out: Any, y: Any) -> Any:
    """`y`, written into `out` if there is one."""
    if out is None:
        return y
    if isinstance(out, Traced):
        out[...] = y
        return out
    if isinstance(y, Traced) and not y.is_constant:
        raise TangentLostError(
            "An operation cannot write a Traced into a plain array (out=, or an in-place operator "
            "such as a += x). Allocate with numpy.zeros_like(x), or use a = a + x."
        )
    np.copyto(out, plain(y), casting="same_kind")
    return out


def _write(function: Callable, returning: Callable, args: tuple, options: dict) -> None:
    """A function that writes into its first argument."""
    target, *rest = args
    if not isinstance(target, Traced):
        raise TangentLostError(
            f"{registry.name_of(function)} cannot store a Traced in a plain array: the derivative "
            f"would be lost. Allocate the array with numpy.zeros_like(x)."
        )
    check_writable(target)
    rest = [as_operand(a) for a in rest]
    rebind(target, record(returning, (target, *rest), options))


def _function(self: Traced, function: Any, types: tuple, args: tuple, options: dict) -> Any:
    if len(types) > 1 or types and types[0] is not Traced:
        args, options = beside.function_beside(types, args, options)
        if args is None:
            return NotImplemented
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
        _write(function, returning(function), args, options)
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


# --- Operators and methods -----------------------------------------------------------------------

_BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "matmul": np.matmul,
    "pow": np.power,
}
_COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
# Of masks, which only a whole program holds.
_OF_MASKS = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}
# NumPy's own shortcuts for ``x ** p``.
_POWERS = {2: np.square, 0.5: np.sqrt, 1: np.positive, -1: np.reciprocal}
# Methods that are not the function of their name called on the array.
_OTHERS = frozenset("sort partition put resize fill reshape transpose compress astype".split())


def _is_known(other: Any) -> bool:
    return type(other) in OPERANDS or type(other) is Traced


def _binary(name: str, ufunc: np.ufunc) -> None:
    def apply(a: Any, b: Any) -> Any:
        if ufunc is np.power and type(b) in (int, float) and b in _POWERS:
            return _POWERS[b](a)
        return ufunc(as_operand(a), as_operand(b))

    function = getattr(operator, f"__{name}__")

    def method(self: Traced, other: Any) -> Any:
        if not _is_known(other):
            other, y = beside.operator_beside(function, self, other, as_operand)
            if other is None:
                return y
        return apply(self, other)

    def reflected(self: Traced, other: Any) -> Any:
        if not _is_known(other):
            if beside.defers(other):
                return NotImplemented
            other, y = beside.reflected_beside(function, other, self, as_operand)
            if other is None:
                return y
        return apply(other, self)

    def in_place(self: Traced, other: Any) -> Any:
        if not (self.ndim == 0 and self._owner is None):
            subclasses.check(other)
        y = apply(self, other)
        if self.is_number:
            return y
        check_writable(self)
        rebind(self, y)
        return self

    setattr(Traced, f"__{name}__", method)
    setattr(Traced, f"__r{name}__", reflected)
    setattr(Traced, f"__i{name}__", in_place)


def _comparison(name: str) -> None:
    compare = getattr(operator, name)
    ufunc = _COMPARISONS[name]

    def method(self: Traced, other: Any) -> Any:
        if not _is_known(other):
            other, y = beside.operator_beside(compare, self, other, as_operand)
            if other is None:
                return y
        if self._recorder.whole:
            return ufunc(self, as_operand(other))
        return compare(self.value, plain(as_operand(other)))

    setattr(Traced, f"__{name}__", method)


def _delegate(function: Callable) -> Callable:
    def method(self: Traced, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    method.__name__ = getattr(function, "__name__", "method")
    return method


def _reshape(self: Traced, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)  # type: ignore


def _transpose(self: Traced, *axes: Any) -> Any:
    axes = axes[0] if len(axes) == 1 else axes
    return np.transpose(self, axes if axes else None)  # type: ignore


def _item(self: Traced, *args: Any) -> Any:
    """One element, as a 0-d Traced: a Python float would lose the derivative."""
    if not args and self.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    index = args[0] if args else 0
    whole = len(args) > 1 or isinstance(index, tuple)
    return self[args if len(args) > 1 else index] if whole else np.ravel(self)[index]  # type: ignore


def _tolist(self: Traced) -> Any:
    return [row.tolist() if row.ndim else row for row in self] if self.ndim else _number(self)


def _number(self: Traced) -> Traced:
    """The number in an array of no dimensions, or itself."""
    return Traced(self._recorder, self.node)


def _copy(self: Traced, order: str = "C") -> Any:
    return _number(self) if self.is_number else np.copy(self, order)  # type: ignore


def _conj(self: Traced) -> Traced:
    """The array itself, unlike ``np.conj``, which copies."""
    return self


def _astype(self: Traced, dtype: Any, *args: Any, copy: bool = True, **options: Any) -> Any:
    if self.is_number:
        return np.astype(self.as_array(), dtype)[()]  # type: ignore
    return np.astype(self, dtype, copy=copy)  # type: ignore


def _view(self: Traced, *args: Any, **options: Any) -> Any:
    if len(args) == 1 and isinstance(args[0], type) and not options:
        y = beside.viewed(self, args[0])
        if y is not None:
            return y
    if args or options:
        raise TangentLostError(
            "traced.view(dtype) would reinterpret the value and lose the derivative. Use astype."
        )
    return self if self.is_number else self[...]


def _sort(self: Traced, axis: int = -1, **options: Any) -> None:
    rebind(self, np.sort(self, axis, **options))  # type: ignore


def _partition(self: Traced, kth: Any, axis: int = -1, **options: Any) -> None:
    rebind(self, np.partition(self, kth, axis, **options))  # type: ignore


class _Flat(FlatIterator):
    """``traced.flat``."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(plain(key), value)


def _set_flat(self: Traced, value: Any) -> None:
    value = np.ravel(as_operand(value))
    self[...] = np.reshape(np.resize(value, self.size), self.shape)


def _put(self: Traced, *args: Any, **options: Any) -> None:
    _write(np.put, returning(np.put), (self, *args), options)


def _fill(self: Traced, value: Any) -> None:
    self[...] = value


def _attach() -> None:
    for name, ufunc in _BINARY.items():
        _binary(name, ufunc)
    for name, ufunc in _OF_MASKS.items():
        _binary(name, ufunc)
    for name in _COMPARISONS:
        _comparison(name)
    for name in dir(np.ndarray):
        function = getattr(np, name, None)
        is_method = callable(getattr(np.ndarray, name)) and callable(function)
        if is_method and not name.startswith("_") and name not in _OTHERS:
            setattr(Traced, name, _delegate(function))  # type: ignore[arg-type]
    # NumPy's loops over object arrays look for methods: np.sin of [x, y] calls x.sin().
    for function in (*RULES, np.rint, np.floor, np.ceil, np.trunc, np.sign):
        if not hasattr(Traced, function.__name__):
            setattr(Traced, function.__name__, _delegate(function))
    others = {
        "__array_ufunc__": lambda self, ufunc, method, *inputs, **options: _noted(
            self, _ufunc, ufunc, method, inputs, options
        ),
        "__array_function__": lambda self, function, types, args, options: _noted(
            self, _function, self, function, types, args, options
        ),
        "__getitem__": get,
        "__setitem__": put,
        "__invert__": lambda self: np.invert(self),
        "__neg__": lambda self: np.negative(self),
        "__pos__": lambda self: np.positive(self),
        "__abs__": lambda self: np.absolute(self),
        "__divmod__": lambda self, other: np.divmod(self, other),
        "__rdivmod__": lambda self, other: np.divmod(other, self),
        "reshape": _reshape,
        "transpose": _transpose,
        "compress": lambda self, condition, axis=None: np.compress(condition, self, axis),
        "flatten": lambda self, order="C": np.copy(np.ravel(self, order)),
        "astype": _astype,
        "copy": _copy,
        "conj": _conj,
        "conjugate": _conj,
        "item": _item,
        "tolist": _tolist,
        "view": _view,
        "sort": _sort,
        "partition": _partition,
        "put": _put,
        "flat": property(_Flat, _set_flat),
        "fill": _fill,
    }
    for name, method in others.items():
        setattr(Traced, name, method)


_attach()
