"""Users' own derivative rules: `rule` for ufuncs, `custom_jvp` for any function."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, has_dual, level_of, primal_at, tangent_at
from dualmc.duals.subclasses import more_than_array
from dualmc.functions.results import with_primal
from dualmc.graph.record import record
from dualmc.graph.traced import Traced
from dualmc.rules.registry import UFUNCS, name_of
from dualmc.rules.table import RULES, Rule
from dualmc.tangents import tape
from dualmc.tangents.dense_tangent import DenseTangent

_BUILT_IN = frozenset(RULES) | frozenset(UFUNCS)


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
        if not callable(partial) and not isinstance(partial, (int, float, np.number)):
            raise TypeError(
                f"rule({name}, ...): partial {i} must be a number or a function of the inputs and "
                f"the output, got {type(partial).__name__}."
            )
    kept = tuple(p if callable(p) else float(p) for p in partials)
    # Compiling is not worth it for a rule that may be redefined, and may call what Numba cannot.
    RULES[ufunc] = Rule(kept, kernel=False)


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
        if any(isinstance(a, Traced) for a in args):
            return record(self, args, kwargs)
        args = tuple(a if more_than_array(a) is not None else as_operand(a) for a in args)
        for key, value in kwargs.items():
            if has_dual(value):
                raise TypeError(
                    f"{getattr(self.function, '__name__', 'f')} got a Dual as its keyword argument "
                    f"{key!r}; custom_jvp differentiates positional arguments only. Pass it by "
                    f"position."
                )
        if not any(type(a) is Dual for a in args):
            return self.function(*args, **kwargs)
        name = getattr(self.function, "__name__", "f")
        if self.jvp is None and self.vjp is None:
            raise TypeError(
                f"{name} is decorated with custom_jvp but has no derivative. Define it with "
                f"@{name}.def_jvp or @{name}.def_vjp."
            )
        level = level_of(args)
        primals = tuple(primal_at(a, level) for a in args)
        tangents = [tangent_at(a, level) for a in args]
        active = [t for t in tangents if t is not None]
        if not active:
            return self(*primals, **kwargs)
        if self.vjp is not None and (level.records or self.jvp is None):
            return self._transposed(name, args, primals, tangents, kwargs, level)
        if level.records:
            return self._recorded(name, primals, tangents, kwargs, level)
        blocks = [None if t is None else _directions(t) for t in tangents]
        k = next(b.shape[0] for b in blocks if b is not None)
        columns = []
        y = None
        for j in range(k):
            direction = tuple(
                np.zeros(np.shape(p)) if b is None else b[j]
                for p, b in zip(primals, blocks, strict=True)
            )
            y, y_dot = self._pair(name, primals, direction, kwargs)
            columns.append(_kept(y_dot))
        if k == 0:
            return self(*primals, **kwargs)
        if isinstance(y, tuple):
            return tuple(_joined(part, [c[i] for c in columns], level) for i, part in enumerate(y))
        return _joined(y, columns, level)

    def _recorded(self, name: str, primals: tuple, tangents: list, kwargs: dict, level: Any) -> Any:
        """On a tape: the function's own Jacobian, a call of the rule per element of its input."""
        rows: list = []
        active: list = []
        y = None
        for i, t in enumerate(tangents):
            if t is None:
                continue
            # A rule may be linear in the real numbers alone: both parts of a complex argument are
            # asked for.
            parts = [(1, t)]
            if t.dtype.kind == "c":
                parts = [(1, t.part(np.real)), (1j, t.part(np.imag))]
            for unit, part in parts:
                active.append(part)
                for j in range(math.prod(t.shape)):
                    direction = [_zeros(p) for p in primals]
                    direction[i].reshape(-1)[j] = unit
                    y, y_dot = self._pair(name, primals, tuple(direction), kwargs)
                    rows.append(_kept(y_dot))
        if not rows:
            return self(*primals, **kwargs)
        y = _kept(y)
        if isinstance(y, tuple):
            return tuple(
                _recorded(part, [r[i] for r in rows], active, level) for i, part in enumerate(y)
            )
        return _recorded(y, rows, active, level)

    def _transposed(
        self, name: str, args: tuple, primals: tuple, tangents: list, kwargs: dict, level: Any
    ) -> Any:
        """By the VJP: on a tape one call per sweep; forward one per element of the output."""
        result = self(*primals, **kwargs)
        is_tuple = isinstance(result, tuple)
        outputs = [_floating(part) for part in (result if is_tuple else (result,))]
        dtype = np.result_type(*(part.dtype for part in outputs))
        numbers = [i for i, t in enumerate(tangents) if t is not None]
        kept = tuple(
            tape.keep(a, level) if level.records else p for a, p in zip(args, primals, strict=True)
        )
        ends = np.cumsum([0, *(part.size for part in outputs)]).tolist()

        def pull(bars: Any) -> list:
            """Cotangents of the active arguments, (k, size), from those of all outputs, (k, m)."""
            rows = [self._row(name, kept, outputs, bar, ends, is_tuple, kwargs) for bar in bars]
            return [
                np.stack([_flat_bar(row[i], primals[i]) for row in rows])
                if rows
                else np.zeros((0, math.prod(np.shape(primals[i]))))
                for i in numbers
            ]

        active = [tangents[i] for i in numbers]
        if level.records:
            joined = tape.Var(pull_user, tuple(active), pull, (ends[-1],), dtype)
        else:
            joined = _pushed(pull(np.eye(ends[-1], dtype=dtype)), active, level).astype(dtype)
        flat = np.concatenate([np.ravel(part) for part in outputs])
        whole = make(flat, joined, level)
        found = []
        for i, j, part in zip(ends, ends[1:], outputs, strict=False):
            found.append(with_primal(part, np.reshape(whole[i:j], part.shape)))
        return tuple(found) if is_tuple else found[0]

    def _row(
        self, name: str, primals: tuple, outputs: list, bar: Any, ends: list, is_tuple: bool,
        kwargs: dict,
    ) -> tuple:  # fmt: skip
        """One call of the VJP with the flat cotangent `bar`, its result checked."""
        assert self.vjp is not None
        parts = tuple(
            np.reshape(bar[i:j], part.shape)[()]
            for i, j, part in zip(ends, ends[1:], outputs, strict=False)
        )
        found = self.vjp(primals, parts if is_tuple else parts[0], **kwargs)
        if not isinstance(found, tuple) or len(found) != len(primals):
            given = f"{len(found)}" if isinstance(found, tuple) else f"a {type(found).__name__}"
            raise TypeError(
                f"The VJP of {name} must return a tuple of {len(primals)} cotangents, one per "
                f"argument; it returned {given}."
            )
        for i, (x_bar, p) in enumerate(zip(found, primals, strict=True)):
            if x_bar is None:
                continue
            if not has_dual(x_bar) and np.asarray(x_bar).dtype.kind not in "biufc":
                raise TypeError(
                    f"The VJP of {name} must return numbers or arrays of numbers; its cotangent "
                    f"{i} is a {type(x_bar).__name__}."
                )
            if np.shape(x_bar) != np.shape(p):
                raise ValueError(
                    f"The VJP of {name} returned cotangent {i} of shape {np.shape(x_bar)} for an "
                    f"argument of shape {np.shape(p)}; they must be equal."
                )
        return found

    def _pair(self, name: str, primals: tuple, tangents: tuple, kwargs: dict) -> tuple:
        """One call of the rule, its result checked."""
        assert self.jvp is not None
        out = self.jvp(primals, tangents, **kwargs)
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(
                f"The JVP of {name} must return a pair (y, y_dot); it returned "
                f"{type(out).__name__}."
            )
        y, y_dot = out
        is_tuple = isinstance(y, tuple)
        if is_tuple and not (isinstance(y_dot, tuple) and len(y) == len(y_dot)):
            raise ValueError(
                f"The JVP of {name} returned {len(y)} outputs; y_dot must be a tuple of as many."
            )
        for part, part_dot in zip(y, y_dot, strict=True) if is_tuple else [(y, y_dot)]:
            for given in (part, part_dot):
                kind = given.dtype.kind if hasattr(given, "dtype") else np.asarray(given).dtype.kind
                if kind not in "biufc" and not has_dual(given):
                    raise TypeError(
                        f"The JVP of {name} must return numbers or arrays of numbers; it returned "
                        f"a {type(given).__name__}."
                    )
            if np.shape(part) != np.shape(part_dot):
                raise ValueError(
                    f"The JVP of {name} returned y of shape {np.shape(part)} and y_dot of shape "
                    f"{np.shape(part_dot)}; they must be equal."
                )
        return y, y_dot


def pull_user(node: Any, bar: Any, owned: bool, sweep: Any) -> None:
    """A function of several arguments given by its VJP."""
    sweep.judge(bar)
    lead = bar.shape[: bar.ndim - len(node.shape)]
    rows = np.reshape(bar, (math.prod(lead), *node.shape))
    for parent, part in zip(node.parents, node.data(rows), strict=True):
        sweep.add(parent, sweep.shaped(part, parent.shape), True)


def _flat_bar(x_bar: Any, p: Any) -> Any:
    """A cotangent of the argument `p` as a vector."""
    if x_bar is None:
        x_bar = _zeros(p)
    return np.ravel(_floating(x_bar))


def _pushed(jacobians: list, tangents: list, level: Any) -> DenseTangent:
    """The tangent of a vector by its Jacobians, (m, n) each, with respect to flat arguments."""
    total: Any = 0.0
    for J, t in zip(jacobians, tangents, strict=True):
        block = t.to_dense().dense()
        total = total + np.matmul(np.reshape(block, (block.shape[0], J.shape[1])), J.T)
    return DenseTangent(level, total)


def _directions(t: Any) -> Any:
    """The block of a tangent, every direction contiguous as compiled code may need it."""
    block = t.to_dense().dense()
    return np.ascontiguousarray(block) if isinstance(block, np.ndarray) else block


def _kept(y_dot: Any) -> Any:
    """A column of the rule's result, safe from a rule that uses its arrays again."""
    if isinstance(y_dot, tuple):
        return tuple(_kept(part) for part in y_dot)
    return y_dot.copy() if isinstance(y_dot, (np.ndarray, Dual)) else y_dot


def _zeros(p: Any) -> Any:
    """A zero direction for the primal `p`."""
    dtype = getattr(p, "dtype", None)
    is_floating = dtype is not None and dtype.kind in "fc"
    return np.zeros(np.shape(p), dtype if is_floating else np.float64)


def _floating(y: Any) -> Any:
    y = as_operand(y)
    y = y if type(y) is Dual else np.asarray(y)
    return y.astype(np.float64) if y.dtype.kind in "iu" else y


def _recorded(y: Any, rows: list, tangents: list, level: Any) -> Dual:
    """The Dual for `y` whose derivative by the elements of its inputs are `rows`."""
    y = _floating(y)
    jacobian = np.stack([np.ravel(as_operand(row)) for row in rows])
    ends = np.cumsum([0, *(math.prod(t.shape) for t in tangents)]).tolist()
    blocks = [jacobian[i:j] for i, j in zip(ends, ends[1:], strict=False)]
    return make(y, tape.local(tangents, blocks, y), level)


def _joined(y: Any, columns: list, level: Any) -> Dual:
    y = _floating(y)
    block = np.stack([as_operand(c) for c in columns])
    block = np.reshape(block, (len(columns), *y.shape))
    return make(y, DenseTangent(level, block).astype(y.dtype), level)
