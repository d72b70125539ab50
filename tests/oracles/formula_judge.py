"""The value of a formula, by plain NumPy."""

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
}


def evaluate(e, values):
    """The value of a formula made of element-wise functions, where symbols have these values."""
    if e.op == "number":
        return float(e.args[0])
    if e.op == "symbol":
        constants = {"pi": math.pi, "inf": math.inf, "nan": math.nan}
        return values[e.args[0]] if e.args[0] in values else constants[e.args[0]]
    args = [evaluate(a, values) for a in e.args if isinstance(a, Expr)]
    function = getattr(np, e.args[0]) if e.op == "call" else _EVALUATED[e.op]
    return function(*args)
