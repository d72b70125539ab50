"""Formulas with others in the place of their symbols, tidied; and what a formula is made of."""

from collections.abc import Callable

from dualmc.derivation.notation.symbols import (
    Expr,
    add,
    broadcast,
    call,
    divide,
    multiply,
    negative,
    power,
    subtract,
    transposed,
)


def substitute(e: Expr, values: dict[str, Expr]) -> Expr:
    """`e` with symbols replaced, tidied."""
    if e.op == "symbol":
        return values.get(e.args[0], e)
    args = [substitute(a, values) if isinstance(a, Expr) else a for a in e.args]
    rebuild = _REBUILD.get(e.op)
    if rebuild is None or (e.op == "call" and e.shape != broadcast(parts_of(e))):
        return Expr(e.op, *args, shape=e.shape)  # a sum has another shape than its operand
    return rebuild(*args)


def parts_of(e: Expr) -> list[Expr]:
    """The formulas that `e` is made of."""
    return [a for a in e.args if isinstance(a, Expr)]


def ops_of(e: Expr) -> set[str]:
    """The operations in `e`."""
    return {e.op}.union(*(ops_of(a) for a in parts_of(e)))


_REBUILD: dict[str, Callable[..., Expr]] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": divide,
    "power": power,
    "negative": negative,
    "call": call,
    "where": lambda c, a, b: a if a.key == b.key else Expr("where", c, a, b),
    "transpose": transposed,
}
