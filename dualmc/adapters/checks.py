"""The options of `scipy_jac`: what each may be for which solver, and a sentence where it is not."""

from typing import Any

import numpy as np

from dualmc.adapters.conventions import Convention
from dualmc.calls import banded, options


def check_function(f: Any) -> None:
    if not callable(f):
        raise TypeError(
            f"scipy_jac needs a function as its first argument, got {type(f).__name__}. Call it as "
            f"scipy_jac(f), or scipy_jac(f, solver)."
        )


def number_of(argnums: Any, solver: str | None, convention: Convention) -> int:
    if argnums is None:
        return convention.number or 0
    if convention.number is not None:
        raise TypeError(
            f"scipy_jac: {solver} fixes which arguments of f it varies; got argnums={argnums!r}. "
            f"Leave argnums out."
        )
    if isinstance(argnums, (bool, tuple, list)) or not isinstance(argnums, (int, np.integer)):
        raise TypeError(
            f"scipy_jac: argnums must be an int, since solvers vary one argument; got "
            f'argnums={argnums!r}. solver="curve_fit" varies all but the first.'
        )
    if argnums < 0:
        raise ValueError(f"scipy_jac: argnums must not be negative, got argnums={argnums}.")
    return int(argnums)


def check(
    sparse: Any, layout: Any, prepare: Any, solver: str | None, convention: Convention
) -> None:
    format = options.format_of(sparse, "scipy_jac")
    options.check_layout(layout, "scipy_jac")
    if prepare is not None:
        options.check_flag("prepare", prepare, "scipy_jac")
    if format is not None:
        options.import_sparse("scipy_jac")
        if not convention.has_sparse:
            raise ValueError(f"scipy_jac: {solver} takes dense Jacobians; got sparse={sparse!r}.")
    is_packed = banded.is_asked(sparse)
    if layout == "denominator" and (is_packed or not convention.has_layout):
        what = f"sparse={sparse!r}" if is_packed else str(solver)
        raise ValueError(f"scipy_jac: layout has no meaning for {what}; got layout={layout!r}.")
