"""Users' own derivative rules: `rule` for ufuncs, `custom_jvp` for any function, `register_standin`
for functions of other packages, where the code that calls them cannot be edited.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls.structures import trees
from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual, level_of, primal_at, tangent_at
from dualmc.duals.subclasses import more_than_array
from dualmc.functions import user_rules
from dualmc.graph.record import record
from dualmc.graph.traced import Traced
from dualmc.rules.registry import UFUNCS, name_of
from dualmc.rules.table import RULES, Rule
from dualmc.unchanged import registered

# All of them: `functions/tables.py` is imported before this file.
_BUILT_IN = frozenset(RULES) | frozenset(UFUNCS)
REGISTERED_RULES: dict = {}  # the user's partials, by ufunc


def rule(ufunc: np.ufunc, *partials: float | Callable) -> None:
    """Register the derivative of an element-wise function.

    Parameters
    ----------
    ufunc : numpy.ufunc
        With one output: from SciPy, Numba's ``@vectorize``, ``np.frompyfunc``, ...
    *partials : number or callable
        One per argument: the partial derivative, a number or a function of (inputs..., output)
        written in NumPy functions, so that it also serves nested derivatives.

    Raises
    ------
    TypeError
        If `ufunc` is not a ufunc, or a partial is neither a number nor callable.
    ValueError
        If the number of partials does not match, or dualmc has its own rule for `ufunc`.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    >>> dm.rule(cube, lambda x, y: 3 * x**2)
    >>> dm.jacobian_fwd(cube, [1.0, 2.0])
    array([[ 3.,  0.],
           [ 0., 12.]])
    """
    inner = getattr(ufunc, "ufunc", ufunc)  # Numba's @vectorize wraps one
    if not isinstance(inner, np.ufunc):
        raise TypeError(
            f"rule needs a ufunc, got {type(ufunc).__name__}. For any other function use "
            f"@dualmc.custom_jvp."
        )
    name = name_of(ufunc)
    if ufunc in _BUILT_IN:
        raise ValueError(f"rule: dualmc has its own rule for {name}; it cannot be replaced.")
    if inner.nout != 1 or inner.signature is not None:
        raise ValueError(
            f"rule needs an element-wise ufunc with one output; {name} has {inner.nout} outputs "
            f"and signature {inner.signature}. Use @dualmc.custom_jvp."
        )
    if len(partials) != inner.nin:
        raise ValueError(
            f"rule({name}, ...) needs {inner.nin} partials, one per argument; got {len(partials)}."
        )
    for i, partial in enumerate(partials):
        if not callable(partial) and not issubclass(type(partial), (int, float, np.number)):
            raise TypeError(
                f"rule({name}, ...): partial {i} must be a number or a function of the inputs and "
                f"the output, got {type(partial).__name__}."
            )
    kept = tuple(p if callable(p) else float(p) for p in partials)
    # Compiling is not worth it for a rule that may be redefined, and may call what Numba cannot.
    RULES[ufunc] = Rule(kept, kernel=False)
    REGISTERED_RULES[ufunc] = kept


class custom_jvp:
    """Decorator: a function of arrays whose derivative the user gives.

    The function itself runs on plain arrays; it may call C extensions, solvers, anything.  One rule
    serves both modes; where the function has many inputs, `def_vjp` makes reverse mode cost one
    call instead of one per input.

    Parameters
    ----------
    function : callable
        Of positional arrays; returns a number, an array, or a tuple of them.  Keyword arguments
        are passed on and not differentiated.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> @dm.custom_jvp
    ... def norm(x):
    ...     return np.linalg.norm(x)
    >>> @norm.def_jvp
    ... def norm_jvp(primals, tangents):
    ...     (x,), (x_dot,) = primals, tangents
    ...     y = norm(x)
    ...     return y, x @ x_dot / y
    >>> dm.jacobian_fwd(norm, [3.0, 4.0])
    array([0.6, 0.8])
    """

    def __init__(self, function: Callable) -> None:
        if not callable(function):
            raise TypeError(f"custom_jvp decorates a function, got {type(function).__name__}.")
        functools.update_wrapper(self, function)
        self.function = function
        self.jvp: Callable | None = None
        self.vjp: Callable | None = None

    def __repr__(self) -> str:
        rules = [name for name in ("jvp", "vjp") if getattr(self, name) is not None]
        return f"<custom_jvp {name_of(self.function)}: {' and '.join(rules) or 'no rule yet'}>"

    def def_jvp(self, jvp: Callable) -> Callable:
        """Set the rule: ``jvp(primals, tangents, **kwargs) -> (y, y_dot)``, both tuples of arrays.

        Called once per column of the Jacobian, in reverse mode once per element of the active
        arguments; constants have zero tangents.
        """
        if not callable(jvp):
            raise TypeError(f"def_jvp needs a function, got {type(jvp).__name__}.")
        self.jvp = jvp
        return jvp

    def def_vjp(self, vjp: Callable) -> Callable:
        """Set the transposed rule: ``vjp(primals, y_bar, **kwargs) -> (x_bar, ...)``.

        It returns one cotangent per positional argument, of its shape, or None for zero.  Where the
        function returns a tuple, so is `y_bar`.  Called once per cotangent in reverse mode; in
        forward mode, where no JVP is defined, once per element of the output.

        Examples
        --------
        >>> import numpy as np, dualmc as dm
        >>> @dm.custom_jvp
        ... def norm(x):
        ...     return np.linalg.norm(x)
        >>> @norm.def_vjp
        ... def norm_vjp(primals, y_bar):
        ...     (x,) = primals
        ...     return (y_bar * x / norm(x),)
        >>> dm.gradient(norm, [3.0, 4.0])
        array([0.6, 0.8])
        """
        if not callable(vjp):
            raise TypeError(f"def_vjp needs a function, got {type(vjp).__name__}.")
        self.vjp = vjp
        return vjp

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(type(a) is Traced for a in args):
            return record(self, args, kwargs)
        args = tuple(a if more_than_array(a) is not None else as_operand(a) for a in args)
        for key, value in kwargs.items():
            if has_dual(value) or trees.carries(value):
                raise TypeError(
                    f"{user_rules.name_of(self)} got a Dual as its keyword argument {key!r}; "
                    f"custom_jvp differentiates positional arguments only. Pass it by position."
                )
        if any(trees.carries(a) for a in args):
            raise TypeError(
                f"{user_rules.name_of(self)} got a structure (a dict, a dataclass, ...) that holds "
                f"a Dual; custom_jvp differentiates numbers and arrays. Pass them one by one."
            )
        if not any(type(a) is Dual for a in args):
            return self.function(*args, **kwargs)
        if self.jvp is None and self.vjp is None:
            name = user_rules.name_of(self)
            raise TypeError(
                f"{name} is decorated with custom_jvp but has no derivative. Define it with "
                f"@{name}.def_jvp or @{name}.def_vjp."
            )
        level = level_of(args)
        primals = tuple(primal_at(a, level) for a in args)
        tangents = [tangent_at(a, level) for a in args]
        if all(t is None for t in tangents):
            return self(*primals, **kwargs)
        if self.vjp is not None and (level.records or self.jvp is None):
            return user_rules.transposed(self, args, primals, tangents, kwargs, level)
        if level.records:
            return user_rules.recorded(self, primals, tangents, kwargs, level)
        return user_rules.pushed(self, primals, tangents, kwargs, level)


def register_standin(function: Callable, standin: Callable | None = None) -> Callable:
    """Have a function of another package replaced, while it is differentiated, by one of yours.

    Code that dualmc adapts (`f`, the functions that it calls, Python code of packages) finds
    `standin` where it calls `function` with an argument that carries a derivative.  Everywhere
    else, and in what the stand-in itself calls, `function` is what it was; the package is not
    touched.

    Parameters
    ----------
    function : callable
        Of a library, compiled or not; no class, method or ufunc (a ufunc takes a `rule`).
    standin : callable
        Called with the same arguments; a `custom_jvp` or `custom_root`, or plain NumPy code, which
        is differentiated.  Without it, the decorator that registers the function below it.

    Returns
    -------
    standin : callable
        The same, so that it can be used by its own name.

    Raises
    ------
    TypeError
        If `function` is none that code calls by its name, or `standin` is not callable.
    ValueError
        If dualmc has the derivative of `function`, one of NumPy or of Python.

    Examples
    --------
    >>> import numpy as np, scipy.signal, dualmc as dm
    >>> def detrended(x):
    ...     return scipy.signal.detrend(x, type="constant")
    >>> @dm.register_standin(scipy.signal.detrend)
    ... def detrend(x, type="constant"):
    ...     return x - np.mean(x)
    >>> dm.jacobian_fwd(detrended, [1.0, 3.0])
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    >>> dm.unregister_standin(scipy.signal.detrend)
    """
    _check_is_function(function, "register_standin")
    if standin is None:
        return functools.partial(register_standin, function)
    if not callable(standin):
        raise TypeError(
            f"register_standin({_name(function)}, ...) needs a function to take its place, got "
            f"{type(standin).__name__}."
        )
    if standin is function:
        raise ValueError(f"register_standin: {_name(function)} cannot stand for itself.")
    if registered.has_rule(function):
        raise ValueError(
            f"register_standin: dualmc has its own derivative of {_name(function)}; it cannot be "
            f"replaced."
        )
    registered.enter(function, standin)
    return standin


def unregister_standin(function: Callable) -> None:
    """Undo `register_standin` of `function`.

    Raises
    ------
    ValueError
        If no stand-in of yours is registered for it.

    Examples
    --------
    >>> import scipy.signal, dualmc as dm
    >>> _ = dm.register_standin(scipy.signal.detrend, lambda x: x - x.mean())
    >>> dm.unregister_standin(scipy.signal.detrend)
    """
    _check_is_function(function, "unregister_standin")
    if not registered.leave(function):
        raise ValueError(f"unregister_standin: no stand-in is registered for {_name(function)}.")


def _check_is_function(function: Any, caller: str) -> None:
    """Refuse what code does not find by the identity of a function."""
    said = f"{caller} needs a function of a package, "
    if not callable(function) or type(function).__hash__ is None:
        raise TypeError(f"{said}got {type(function).__name__}.")
    if isinstance(getattr(function, "ufunc", function), np.ufunc):
        raise TypeError(
            f"{said}but {name_of(function)} is a ufunc. Give its partial derivatives with "
            f"dualmc.rule, or wrap the call in @dualmc.custom_jvp."
        )
    name = getattr(function, "__qualname__", "").rpartition("<locals>.")[2]
    if inspect.isclass(function) or "." in name or inspect.ismethod(function):
        kind = "a class" if inspect.isclass(function) else "a method"
        raise TypeError(
            f"{said}but {_name(function)} is {kind}, which code does not call by a name of its "
            f"own. Register the function that uses it, or wrap the call in @dualmc.custom_jvp."
        )


def _name(function: Any) -> str:
    module = getattr(function, "__module__", None) or type(function).__module__
    public = module.partition("._")[0]
    return f"{public}.{getattr(function, '__qualname__', type(function).__name__)}"
