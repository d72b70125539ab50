"""Lists of Duals handed to NumPy: they are what ``np.array`` makes of them, in every function.

NumPy converts lists (nested, tuples, object arrays) before a Dual in them could speak up.  Where
code calls a function of NumPy by its name (`uses.py`), it finds one that looks for Duals in lists
first; the function itself is called with arrays.
"""

import functools
import inspect
import types

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual
from dualmc.graph.record import as_operand as as_traced
from dualmc.graph.record import has_traced
from dualmc.rules import registry
from dualmc.steps.elementwise import apply
from dualmc.steps.operators import planned

# What is no list, and defers to no other library.
_PLAIN = frozenset(
    {
        float, int, bool, str, complex, type(None), slice, type(...), type, np.dtype, np.float64,
        np.float32, np.int64, np.bool_, type(np._NoValue),
    }
)  # fmt: skip
_OBJECT = np.dtype(object)
# Parameters that are no arrays of numbers with derivatives: shapes, axes, counts, places.
_NOT_ARRAYS = frozenset(
    """
    shape newshape axis axes axis1 axis2 source destination reps repeats shift out dtype order
    indices_or_sections pad_width indices ind kth obj offset window_shape subscripts bins
    range funclist func func1d index
    """.split()
)
# Functions of a sequence of arrays, by that parameter: each of its items may be a list.
_SEQUENCES = {
    np.concatenate: "arrays", np.concat: "arrays", np.stack: "arrays", np.hstack: "tup",
    np.vstack: "tup", np.dstack: "tup", np.column_stack: "tup", np.linalg.multi_dot: "arrays",
    np.choose: "choices", np.lexsort: "keys", np.piecewise: "condlist",
    np.ravel_multi_index: "multi_index",
}  # fmt: skip
_BOTH_SEQUENCES = frozenset({np.select})
# These look into nested lists themselves.
_NESTED = frozenset({np.block})


def holds_carrier(a):
    """Whether a list, tuple or object array holds a Dual or a Traced."""
    return has_dual(a) or has_traced(a)


def operand(a):
    """A list or object array of carriers as one of them; everything else as it is."""
    if not issubclass(type(a), (list, tuple, np.ndarray)):
        return a
    return as_traced(a) if has_traced(a) else as_operand(a) if has_dual(a) else a


def _items(a):
    return type(a)(map(operand, a)) if type(a) in (list, tuple) else operand(a)


def call(function, args, kwargs):
    """``function(*args, **kwargs)``, lists of carriers as arrays."""
    first, rest, named = _conversions(function)
    args = [
        a if type(a) in _PLAIN else (first[i] if i < len(first) else rest)(a)
        for i, a in enumerate(args)
    ]
    kwargs = {key: named.get(key, operand)(a) for key, a in kwargs.items()}
    return function(*args, **kwargs)


def _same(a):
    return a


@functools.cache
def _conversions(function):
    """What to do with the positional arguments, those beyond, and keyword arguments."""
    if isinstance(function, np.ufunc):
        return (operand,) * function.nin + (_same,) * function.nout, _same, {"out": _same}
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # NumPy before 2.4 does not tell those of its functions in C
        name = _SEQUENCES.get(function)
        return ((), operand, {}) if name is None else ((_items,), operand, {name: _items})
    first, rest, named = [], operand, {}
    for name, parameter in parameters.items():
        how = operand
        if name in _NOT_ARRAYS or function in _NESTED or _is_compound(parameter):
            how = _same
        elif name == _SEQUENCES.get(function) or function in _BOTH_SEQUENCES:
            how = _items
        named[name] = how
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = how
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            first.append(how)
    return tuple(first), rest, named


def _is_compound(parameter):
    """Whether a parameter is a tuple of several things: ``lu_and_piv``, ``c_or_cr``."""
    is_one = parameter.kind is not parameter.VAR_POSITIONAL
    return is_one and ("_and_" in parameter.name or "_or_" in parameter.name)


def has_substitute(value):
    """Whether `value` is replaced where it is called."""
    if isinstance(value, np.ufunc):
        return True
    return _is_hashable(value) and value in registry.FUNCTIONS


def _is_hashable(value):
    return type(value).__hash__ is not None


@functools.lru_cache(4096)
def substitute(function):
    """The function of NumPy, or the ufunc, that looks for carriers in lists first."""
    return _of_ufunc(function) if isinstance(function, np.ufunc) else _of_function(function)


def _of_function(function):
    of_items = function in _SEQUENCES
    of_any = of_items or function is np.where  # whose condition is seldom a Dual

    def standin(*args, **kwargs):
        if function in registry.PLANNERS and args and type(args[0]) is Dual:
            y = registry.PLANNERS[function](args, kwargs)
            if y is not None:
                return y
        first = None
        for a in args:
            kind = type(a)
            if kind in _PLAIN or kind is np.ndarray and a.dtype is not _OBJECT:
                continue
            if kind is Dual:
                first = a if first is None else first
            elif kind is list or kind is tuple:
                for b in a:
                    kind = type(b)
                    if kind in _PLAIN:
                        continue
                    if (
                        not of_items
                        or kind is not Dual
                        and (kind is not np.ndarray or b.dtype is _OBJECT)
                    ):
                        return call(function, args, kwargs)
                    first = b if first is None and kind is Dual else first
            else:
                return call(function, args, kwargs)
        if kwargs:
            for a in kwargs.values():
                if type(a) not in _PLAIN:
                    return call(function, args, kwargs)
        if first is not None and (of_any or first is args[0]):
            # Whom NumPy would ask, after a detour.
            return first.__array_function__(function, (), args, kwargs)
        return function(*args, **kwargs)

    return functools.update_wrapper(standin, function)


def _of_ufunc(ufunc):
    is_unary = ufunc.nin == 1

    def standin(*inputs, **kwargs):
        if is_unary and len(inputs) == 1 and not kwargs:
            (x,) = inputs
            kind = type(x)
            if kind is Dual:  # whom NumPy would ask, after a detour
                signature = x._signature
                if signature is not None:
                    plan = signature.plans.get(ufunc)
                    if plan is not None:
                        y = plan(x)
                        if y is not None:
                            return y
                y = planned(ufunc, x)
                return apply(ufunc, x) if y is None else y
            if kind is np.ndarray and x.dtype is not _OBJECT:
                return ufunc(x)
        first = None
        for a in inputs:
            kind = type(a)
            if kind is Dual:
                first = a if first is None else first
            elif kind not in _PLAIN and (kind is not np.ndarray or a.dtype is _OBJECT):
                return call(ufunc, inputs, kwargs)
        if first is None or kwargs or len(inputs) != ufunc.nin:
            return ufunc(*inputs, **kwargs)
        return first.__array_ufunc__(ufunc, "__call__", *inputs)

    standin.__name__, standin.__doc__ = ufunc.__name__, ufunc.__doc__
    for name in dir(ufunc):
        if not name.startswith("_"):
            setattr(standin, name, getattr(ufunc, name))
    for name in ("reduce", "accumulate", "reduceat", "outer", "at"):
        setattr(standin, name, _method(ufunc, name))
    return standin


def _method(ufunc, name):
    bound = getattr(ufunc, name)
    reads = {"at": (2,), "outer": (0, 1)}.get(name, (0,))  # where `bound` takes its numbers

    def method(*args, **kwargs):
        args = [operand(a) if i in reads else a for i, a in enumerate(args)]
        if "array" in kwargs:
            kwargs["array"] = operand(kwargs["array"])
        return bound(*args, **kwargs)

    return functools.update_wrapper(method, bound, ("__name__", "__doc__"), ())


def looking(handler, original):
    """`handler`, which stands for `original`, that looks for carriers in lists first."""

    # Now: while f is followed, `original` may have the code of what stands for it.
    first, rest, named = _conversions(original)

    @functools.wraps(handler)
    def standin(*args, **kwargs):
        args = [(first[i] if i < len(first) else rest)(a) for i, a in enumerate(args)]
        return handler(*args, **{key: named.get(key, operand)(a) for key, a in kwargs.items()})

    return standin


def modules():
    """NumPy's modules of functions, by their names in NumPy."""
    return {"linalg": np.linalg, "fft": np.fft, "emath": np.emath}


def is_module_of_numpy(value):
    return isinstance(value, types.ModuleType) and (value is np or value in modules().values())
