"""What a prepared function calls where it has no machine code: by the name of the derivative.

These run f, whatever answers the verbs' calls otherwise (`calls/repeats.py`).
"""

from collections.abc import Callable
from typing import Any

from dualmc.forward import jacobian_of
from dualmc.products import jvp, vjp
from dualmc.reverse import gradient_of
from dualmc.second import hessian_of, hvp
from dualmc.unchanged import adapt


def _jacobian(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    return jacobian_of("value_and_jacobian_fwd", f, args, **options)


def _gradient(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    return gradient_of("value_and_gradient", f, args, options["argnums"], False)[:2]


def _hessian(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    argnums = options["argnums"]
    value = gradient_of("gradient", f, args, argnums, False)[1] if with_value else None
    return value, hessian_of("hessian", f, args, argnums, None, options["sparse"])[1]


def _of_one(f: Callable, args: Any, argnums: int) -> Callable:
    """`f` as a function of the argument differentiated."""
    if len(args) == 1:
        return f
    return lambda x: adapt.adapted(f)(*args[:argnums], x, *args[argnums + 1 :])


def _number(argnums: Any) -> int:
    return argnums[0] if issubclass(type(argnums), (tuple, list)) else argnums


def _jvp(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    *inner, v = args
    i = _number(options["argnums"])
    return jvp(_of_one(f, inner, i), inner[i], v)


def _vjp(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    *inner, v = args
    i = _number(options["argnums"])
    y, pullback = vjp(_of_one(f, inner, i), inner[i])
    return y, pullback(v)


def _hvp(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    *inner, v = args
    i = _number(options["argnums"])
    value = gradient_of("gradient", f, tuple(inner), i, False)[1] if with_value else None
    return value, hvp(_of_one(f, inner, i), inner[i], v)


FRESH = {
    "jacobian": _jacobian, "gradient": _gradient, "hessian": _hessian,
    "jvp": _jvp, "vjp": _vjp, "hvp": _hvp,
}  # fmt: skip


def check(of: Any, args: tuple, argnums: Any, sparse: Any, layout: Any) -> None:
    """Refuse options that the derivative does not have."""
    if of not in FRESH:
        names = ", ".join(map(repr, FRESH))
        raise ValueError(f"prepare: of must be one of {names}, got of={of!r}.")
    if of not in ("jacobian", "hessian") and sparse:
        raise ValueError(f'prepare: of="{of}" is a dense array; sparse has no meaning for it.')
    if of != "jacobian" and layout != "numerator":
        raise ValueError(f'prepare: layout has no meaning for of="{of}"; got layout={layout!r}.')
    if of not in ("jvp", "vjp", "hvp"):
        return
    if len(args) < 2:
        raise TypeError(f'prepare: of="{of}" needs a vector after the arguments of f.')
    if issubclass(type(argnums), (tuple, list)) or argnums == len(args) - 1:
        raise ValueError(
            f'prepare: of="{of}" is by one argument of f, not by its vector; got '
            f"argnums={argnums!r}."
        )
