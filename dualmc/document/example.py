"""What a worked example is: a function, a point, and the closed form of its Jacobian there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualmc.forward import jacobian_fwd


@dataclass(frozen=True)
class Example:
    """One worked example: a function, a point, and its Jacobian there by a closed form.

    Attributes
    ----------
    section : str
    function : str
        As the document writes it.
    wrt : str
        The variable differentiated with respect to.
    formula : str
        The Jacobian as the document writes it.
    f : callable
        The function in plain NumPy.
    point : tuple
        Arguments of `f`.
    closed_form : callable
        The formula in plain NumPy, of the same arguments.
    argnum : int
        The position of `wrt` among the arguments.
    layout : {"numerator", "denominator"}
    """

    section: str
    function: str
    wrt: str
    formula: str
    f: Callable[..., Any]
    point: tuple[Any, ...]
    closed_form: Callable[..., Any]
    argnum: int = 0
    layout: str = "numerator"

    def jacobian(self, differentiate: Callable[..., Any] = jacobian_fwd) -> Any:
        """The Jacobian by `differentiate`, which takes the arguments of `jacobian_fwd`."""
        return differentiate(self.f, *self.point, argnums=self.argnum, layout=self.layout)

    def expected(self) -> Any:
        """The Jacobian by the closed form."""
        return np.asarray(self.closed_form(*self.point), dtype=np.float64)

    def difference(self, differentiate: Callable[..., Any] = jacobian_fwd) -> float:
        """Largest relative difference of an entry; inf if the shapes differ or a 0 is not 0."""
        computed, expected = np.asarray(self.jacobian(differentiate)), self.expected()
        if computed.shape != expected.shape:
            return np.inf
        error = np.abs(computed - expected)
        size = np.abs(expected)
        relative = np.where(error == 0, 0.0, np.inf)
        np.divide(error, size, out=relative, where=(size > 0) & ~np.isnan(error))
        return float(np.max(relative, initial=0.0))


@dataclass(frozen=True)
class Product(Example):
    """An example whose Jacobian is multiplied together from those of its intermediates (4.5).

    Attributes
    ----------
    steps : tuple of callable
        The intermediates, innermost first: `f` is their composition.
    """

    steps: tuple[Callable[..., Any], ...] = ()

    def jacobian(self, differentiate: Callable[..., Any] = jacobian_fwd) -> Any:
        """The product of the steps' Jacobians, each at its own argument."""
        x = u = np.asarray(self.point[0], dtype=np.float64)
        total = np.eye(x.size)
        for step in self.steps:
            y = np.asarray(step(u), dtype=np.float64)
            total = differentiate(step, u).reshape(y.size, u.size) @ total
            u = y
        return total.reshape(u.shape + x.shape)


def product(
    section: str,
    function: str,
    formula: str,
    x: Any,
    closed_form: Callable[..., Any],
    *steps: Callable[..., Any],
    wrt: str = "x",
) -> Product:
    """The `Product` of `steps`, innermost first."""

    def composed(x: Any) -> Any:
        for step in steps:
            x = step(np.stack(x) if isinstance(x, list) else x)
        return x

    return Product(section, function, wrt, formula, composed, (x,), closed_form, steps=steps)
