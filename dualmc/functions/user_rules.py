"""Functions with a derivative of the user's: called as its rule asks, in either mode.

The function is a `custom_jvp`, `f` here: its `jvp` maps directions forward, its `vjp` cotangents
back, and each serves the mode that the other does not.
"""

import math
from typing import Any

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, has_dual
from dualmc.functions.results import with_primal
from dualmc.tangents import tape
from dualmc.tangents.dense_tangent import DenseTangent


def name_of(f: Any) -> str:
    """What errors call the function."""
    return getattr(f.function, "__name__", "f")


def pushed(f: Any, primals: tuple, tangents: list, kwargs: dict, level: Any) -> Any:
    """Forward by the JVP, a call of it per column."""
    blocks = [None if t is None else _directions(t) for t in tangents]
    k = next(b.shape[0] for b in blocks if b is not None)
    columns = []
    y = None
    for j in range(k):
        direction = tuple(
            np.zeros(np.shape(p)) if b is None else b[j]
            for p, b in zip(primals, blocks, strict=True)
        )
        y, y_dot = _checked_jvp(f, primals, direction, kwargs)
        columns.append(_kept(y_dot))
    if k == 0:
        return f(*primals, **kwargs)
    if issubclass(type(y), tuple):
        return tuple(_joined(part, [c[i] for c in columns], level) for i, part in enumerate(y))
    return _joined(y, columns, level)


def recorded(f: Any, primals: tuple, tangents: list, kwargs: dict, level: Any) -> Any:
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
                y, y_dot = _checked_jvp(f, primals, tuple(direction), kwargs)
                rows.append(_kept(y_dot))
    if not rows:
        return f(*primals, **kwargs)
    y = _kept(y)
    if issubclass(type(y), tuple):
        return tuple(
            _recorded(part, [r[i] for r in rows], active, level) for i, part in enumerate(y)
        )
    return _recorded(y, rows, active, level)


def transposed(
    f: Any, args: tuple, primals: tuple, tangents: list, kwargs: dict, level: Any
) -> Any:
    """By the VJP: on a tape one call per sweep; forward one per element of the output."""
    result = f(*primals, **kwargs)
    is_tuple = issubclass(type(result), tuple)
    outputs = [_floating(part) for part in (result if is_tuple else (result,))]
    dtype = np.result_type(*(part.dtype for part in outputs))
    numbers = [i for i, t in enumerate(tangents) if t is not None]
    kept = tuple(
        tape.keep(a, level) if level.records else p for a, p in zip(args, primals, strict=True)
    )
    ends = np.cumsum([0, *(part.size for part in outputs)]).tolist()

    def pull(bars: Any) -> list:
        """Cotangents of the active arguments, (k, size), from those of all outputs, (k, m)."""
        rows = [_checked_vjp(f, kept, outputs, bar, ends, is_tuple, kwargs) for bar in bars]
        return [
            np.stack([_flat_bar(row[i], primals[i]) for row in rows])
            if rows
            else np.zeros((0, math.prod(np.shape(primals[i]))))
            for i in numbers
        ]

    active = [tangents[i] for i in numbers]
    if level.records:
        joined = tape.step(pull_user, tuple(active), pull, (ends[-1],), dtype)
    else:
        joined = _pushed(pull(np.eye(ends[-1], dtype=dtype)), active, level).astype(dtype)
    flat = np.concatenate([np.ravel(part) for part in outputs])
    whole = make(flat, joined, level)
    found = []
    for i, j, part in zip(ends, ends[1:], outputs, strict=False):
        found.append(with_primal(part, np.reshape(whole[i:j], part.shape)))
    return tuple(found) if is_tuple else found[0]


def _checked_vjp(
    f: Any, primals: tuple, outputs: list, bar: Any, ends: list, is_tuple: bool,
    kwargs: dict,
) -> tuple:  # fmt: skip
    """One call of the VJP with the flat cotangent `bar`, its result checked."""
    assert f.vjp is not None
    parts = tuple(
        np.reshape(bar[i:j], part.shape)[()]
        for i, j, part in zip(ends, ends[1:], outputs, strict=False)
    )
    found = f.vjp(primals, parts if is_tuple else parts[0], **kwargs)
    if not issubclass(type(found), tuple) or len(found) != len(primals):
        given = f"{len(found)}" if issubclass(type(found), tuple) else f"a {type(found).__name__}"
        raise TypeError(
            f"The VJP of {name_of(f)} must return a tuple of {len(primals)} cotangents, one per "
            f"argument; it returned {given}."
        )
    for i, (x_bar, p) in enumerate(zip(found, primals, strict=True)):
        if x_bar is None:
            continue
        if not has_dual(x_bar) and np.asarray(x_bar).dtype.kind not in "biufc":
            raise TypeError(
                f"The VJP of {name_of(f)} must return numbers or arrays of numbers; its cotangent "
                f"{i} is a {type(x_bar).__name__}."
            )
        if np.shape(x_bar) != np.shape(p):
            raise ValueError(
                f"The VJP of {name_of(f)} returned cotangent {i} of shape {np.shape(x_bar)} for an "
                f"argument of shape {np.shape(p)}; they must be equal."
            )
    return found


def _checked_jvp(f: Any, primals: tuple, tangents: tuple, kwargs: dict) -> tuple:
    """One call of the rule, its result checked."""
    assert f.jvp is not None
    out = f.jvp(primals, tangents, **kwargs)
    if not issubclass(type(out), tuple) or len(out) != 2:
        raise TypeError(
            f"The JVP of {name_of(f)} must return a pair (y, y_dot); it returned "
            f"{type(out).__name__}."
        )
    y, y_dot = out
    is_tuple = issubclass(type(y), tuple)
    if is_tuple and not (issubclass(type(y_dot), tuple) and len(y) == len(y_dot)):
        raise ValueError(
            f"The JVP of {name_of(f)} returned {len(y)} outputs; y_dot must be a tuple of as many."
        )
    for part, part_dot in zip(y, y_dot, strict=True) if is_tuple else [(y, y_dot)]:
        for given in (part, part_dot):
            kind = given.dtype.kind if hasattr(given, "dtype") else np.asarray(given).dtype.kind
            if kind not in "biufc" and not has_dual(given):
                raise TypeError(
                    f"The JVP of {name_of(f)} must return numbers or arrays of numbers; it "
                    f"returned a {type(given).__name__}."
                )
        if np.shape(part) != np.shape(part_dot):
            raise ValueError(
                f"The JVP of {name_of(f)} returned y of shape {np.shape(part)} and y_dot of shape "
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
    return np.ascontiguousarray(block) if issubclass(type(block), np.ndarray) else block


def _kept(y_dot: Any) -> Any:
    """A column of the rule's result, safe from a rule that uses its arrays again."""
    if issubclass(type(y_dot), tuple):
        return tuple(_kept(part) for part in y_dot)
    return y_dot.copy() if issubclass(type(y_dot), (np.ndarray, Dual)) else y_dot


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
