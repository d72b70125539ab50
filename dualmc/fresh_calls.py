"""What a prepared function calls where it has no machine code: by the name of the derivative."""

from collections.abc import Callable
from typing import Any

from dualmc.forward import value_and_jacobian_fwd
from dualmc.reverse import gradient, value_and_gradient
from dualmc.second import hessian


def _jacobian(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    return value_and_jacobian_fwd(f, *args, **options)


def _gradient(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    return value_and_gradient(f, *args, argnums=options["argnums"])


def _hessian(f: Callable, args: Any, with_value: bool, **options: Any) -> tuple[Any, Any]:
    argnums = options["argnums"]
    value = gradient(f, *args, argnums=argnums) if with_value else None
    return value, hessian(f, *args, argnums=argnums, sparse=options["sparse"])


FRESH = {"jacobian": _jacobian, "gradient": _gradient, "hessian": _hessian}


def check(of: Any, sparse: Any, layout: Any) -> None:
    """Refuse options that the derivative does not have."""
    if of not in FRESH:
        names = ", ".join(map(repr, FRESH))
        raise ValueError(f"prepare: of must be one of {names}, got of={of!r}.")
    if of == "gradient" and sparse:
        raise ValueError('prepare: of="gradient" is an array like x; sparse has no meaning for it.')
    if of != "jacobian" and layout != "numerator":
        raise ValueError(f'prepare: layout has no meaning for of="{of}"; got layout={layout!r}.')
