"""The value of a formula, by plain NumPy."""

import ast
import math

import numpy as np

from dualmc.derivation.notation.symbols import Expr

_EVALUATED = {
    "add": lambda *a: sum(a[1:], a[0]),
    "subtract": lambda a, b: a - b,
    "multiply": lambda *a: np.prod(np.stack(np.broadcast_arrays(*a)), axis=0),
    "divide": np.divide,
    "power": np.power,
    "negative": np.negative,
    "where": np.where,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    # Of arrays:
    "product": lambda *a: np.linalg.multi_dot(a) if len(a) > 2 else a[0] @ a[1],
    "dot": np.dot,
    "transpose": np.transpose,
    "vec": np.ravel,
    "list": lambda *a: np.array(a),
}


def evaluate(e, values):
    """The value of a formula, where symbols have these values."""
    if e.op == "number":
        return float(e.args[0])
    if e.op == "symbol":
        constants = {"pi": math.pi, "inf": math.inf, "nan": math.nan}
        return values[e.args[0]] if e.args[0] in values else constants[e.args[0]]
    if e.op in ("identity", "ones"):
        return (np.eye if e.op == "identity" else np.ones)(int(e.args[0]))
    if e.op == "index":
        return evaluate(e.args[0], values)[ast.literal_eval(e.args[1])]
    parts = [a for a in e.args if isinstance(a, Expr)]
    options = {a.args[0]: evaluate(a.args[1], values) for a in parts if a.op == "option"}
    options = {key: int(value) if key == "axis" else value for key, value in options.items()}
    args = [evaluate(a, values) for a in parts if a.op != "option"]
    if e.op == "call" and e.args[0] == "reshape":
        args[1:] = [int(n) for n in np.ravel(args[1:])]
        return args[0].reshape(args[1:])
    if e.op == "call":
        owner = np if hasattr(np, e.args[0]) else np.linalg
        return getattr(owner, e.args[0])(*args, **options)
    return _EVALUATED[e.op](*args)


class Multiple:
    """A matrix whose size the formula leaves open: c times I, a row of ones, a column of ones, or
    that times a row, which is the factor."""

    def __init__(self, kind, factor=1.0):
        self.kind, self.factor = kind, factor

    def of(self, m, n):
        made = {"I": np.eye(m, n), "row": np.ones((1, n)), "column": np.ones((m, 1))}
        made = self.factor * made.get(self.kind, np.ones((m, 1)))
        assert made.shape == (m, n)
        return made


def jacobian(e, values, m, n):
    """The value of a Jacobian's formula, as an (m, n) array."""
    found = _matrix(e, values, n)
    if isinstance(found, Multiple):
        return found.of(m, n)
    if np.ndim(found) == 0:  # 0, or a number
        return np.full((m, n), float(found)) if m == n == 1 or not found else np.nan
    assert found.shape == (m, n), (found.shape, (m, n), e)
    return found


def _matrix(e, values, n):
    """The matrix that `e` writes; n: the columns of all."""
    if e.op == "negative":
        return _times(-1.0, _matrix(e.args[0], values, n))
    if e.op == "scaled":
        return _times(evaluate(e.args[0], values), _matrix(e.args[1], values, n))
    if e.op == "identity":
        return np.eye(int(e.args[0])) if e.args else Multiple("I")
    if e.op == "ones":
        return np.ones((int(e.args[0]), 1))
    if e.op == "commutation":  # the permutation, written down by its definition
        rows, columns = map(int, e.args)
        return np.eye(rows * columns)[np.arange(rows * columns).reshape(rows, columns).T.ravel()]
    if e.op in ("row", "column"):
        return _line(e.op, e.args[0], values)
    if e.op == "diagonal":
        content = evaluate(e.args[0], values)
        assert np.ndim(content) == 1, "diag of what is no vector"
        return np.diag(content)
    if e.op == "kron":
        return np.kron(*(_matrix(a, values, n) for a in e.args))
    if e.op == "total":
        return _sum([_matrix(a, values, n) for a in e.args])
    if e.op == "product":
        return _product(e.args, values, n)
    if e.op == "entries":
        return np.array([[evaluate(a, values) for a in e.args]])
    if e.op == "rows":
        return np.concatenate([_matrix(a, values, n) for a in e.args])
    if e.op == "transpose" and e.args[0].op == "basis":
        return np.eye(n)[[int(e.args[0].args[0])]]
    if e.op == "list":
        return np.array([[evaluate(a, values)] for a in e.args])
    if e.op == "transpose" and e.args[0].op in ("entries", "list", "rows", "kron", "ones"):
        return _matrix(e.args[0], values, n).T
    return evaluate(e, values)


def _line(op, content, values):
    if content.op in ("ones", "identity"):
        line = np.ones(int(content.args[0]))
    elif content.op == "vec" and content.args[0].op == "identity":
        line = np.eye(int(content.args[0].args[0])).ravel()
    else:
        line = evaluate(content, values)
    if np.ndim(line) == 0:
        assert line == 1
        return Multiple(op)
    assert np.ndim(line) == 1, "a row or column of what is no vector"
    return line.reshape((1, -1) if op == "row" else (-1, 1))


def _times(c, a):
    return Multiple(a.kind, c * a.factor) if isinstance(a, Multiple) else c * a


def _sum(parts):
    shape = next((p.shape for p in parts if not isinstance(p, Multiple)), None)
    if shape is None:
        return Multiple(parts[0].kind, sum(p.factor for p in parts))
    return sum(p.of(*shape) if isinstance(p, Multiple) else p for p in parts)


def _product(factors, values, n):
    """The product; what has no size of its own takes that of its neighbours."""
    parts = []
    for factor in reversed(factors):  # each is told how many columns it has, if that is known
        parts.insert(0, _matrix(factor, values, parts[0].shape[0] if parts else n))
        if isinstance(parts[0], Multiple) and parts[0].kind != "column":
            rows = 1 if parts[0].kind == "row" else len(parts[1]) if parts[1:] else n
            parts[0] = parts[0].of(rows, len(parts[1]) if parts[1:] else n)
        elif isinstance(parts[0], Multiple):
            parts[0] = np.ones((0, 1))
    if parts[0].shape == (0, 1) and parts[1:]:  # a column of ones at the beginning
        return Multiple("rows", _multiplied(parts[1:]))
    return _multiplied(parts)


def _multiplied(parts):
    total = parts[0]
    for part in parts[1:]:
        if part.shape == (0, 1):  # a column of ones
            total = total.sum(axis=1, keepdims=True)
        else:
            total = total @ part
    return total
