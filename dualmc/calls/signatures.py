"""Decorators of the public functions: which options they show, and what type checkers read.

All but `with_options` hand their function back as it is; what it gives for which options is a
protocol of `protocols.py`, which no program imports.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from dualmc.calls.protocols import (
        Gradient,
        Hessian,
        Jacobian,
        ValueAndGradient,
        ValueAndJacobian,
        Vjp,
    )

F: TypeAlias = Callable[..., Any]


def with_options(optioned: F) -> Callable[[F], F]:
    """Decorator: a verb hands its options on to `optioned`, and shows those that it takes."""
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    options = [p for p in inspect.signature(optioned).parameters.values() if p.kind in kinds]

    def showing(verb: F) -> F:
        own = inspect.signature(verb)
        given = [p for p in own.parameters.values() if p.kind not in kinds]
        setattr(verb, "__signature__", own.replace(parameters=[*given, *options]))  # noqa: B010
        return verb

    return showing


def jacobian(verb: F) -> Jacobian:
    return verb


def value_and_jacobian(verb: F) -> ValueAndJacobian:
    return verb


def gradient(verb: F) -> Gradient:
    return verb


def value_and_gradient(verb: F) -> ValueAndGradient:
    return verb


def hessian(verb: F) -> Hessian:
    return verb


def pullback(verb: F) -> Vjp:
    return verb
