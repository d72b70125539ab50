"""`ScipyJac`: value and derivatives of f, remembered for the point that a solver asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.adapters import checks, conventions
from dualmc.adapters.conventions import Asked
from dualmc.adapters.derivative import Derivative, fresh
from dualmc.adapters.memo import Memo, copied
from dualmc.adapters.pairs import Pairs
from dualmc.calls import banded, watch
from dualmc.calls.inputs import as_input
from dualmc.calls.options import Layout, Sparse
from dualmc.duals import levels
from dualmc.unchanged import adapt


class ScipyJac:
    """What `scipy_jac` returns: call it as the solver calls its Jacobian.

    Attributes
    ----------
    reason : str or None
        Why nothing is remembered from call to call, where that is so.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> J = dm.scipy_jac(lambda x: x[0] ** 2 * x)
    >>> J([1.0, 2.0])
    array([[3., 0.],
           [4., 1.]])
    """

    def __init__(
        self,
        f: Callable,
        solver: str | None,
        argnums: int | None,
        sparse: Sparse,
        layout: Layout,
        prepare: bool | None,
    ) -> None:
        checks.check_function(f)
        self._convention = conventions.of(solver)
        self._f, self._solver = f, solver
        self._given = (f, solver, argnums, sparse, layout, prepare)
        self._number = checks.number_of(argnums, solver, self._convention)
        checks.check(sparse, layout, prepare, solver, self._convention)
        self._sparse, self._layout, self._prepare = sparse, layout, prepare
        self._memo = Memo(f)
        self._pairs = Pairs()
        self._derivatives: dict = {}
        self._scalars: dict = {}  # by shape of x: whether f returns a number there

    @property
    def reason(self) -> str | None:
        return self._memo.reason

    def __repr__(self) -> str:
        name = getattr(self._f, "__name__", type(self._f).__name__)
        parts = [name if self._solver is None else f"{name} for {self._solver}"]
        if self._memo.reason is not None:
            parts.append(f"nothing is remembered, since {self._memo.reason}")
        parts += [f"{key[0]} prepared" for key, d in self._derivatives.items() if d.is_replayed]
        return f"<ScipyJac {'; '.join(parts)}>"

    def __reduce__(self) -> tuple:
        return ScipyJac, self._given

    # --- What solvers call -----------------------------------------------------------------------

    def fun(self, *args: Any, **kwargs: Any) -> Any:
        """``f(*args)``, to the bit."""
        if _is_inside():
            return adapt.adapted(self._f)(*args, **kwargs)
        entry = self._memo.at(self._key(args), kwargs)
        if entry is not None and entry.y is not None:
            entry.is_value_asked = True
            return copied(entry.y)
        y = None
        if self._pairs.pays() and self._is_fresh(args, kwargs):
            try:
                entry, y, _ = self._pair(args, kwargs)
            except Exception:  # what keeps f from being differentiated keeps no value back
                pass
        if y is None:
            entry, y = self._value(args, kwargs)
        if entry is not None:
            self._pairs.points += 1
            entry.is_value_asked = True
        return y

    def jac(self, *args: Any, **kwargs: Any) -> Any:
        """The Jacobian, or the gradient of a function that returns one number, at `args`."""
        return self._both(args, kwargs)[1]

    __call__ = jac

    def value_and_jac(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Both, as ``minimize(..., jac=True)`` and ``root(..., jac=True)`` take them."""
        y, J = self._both(args, kwargs)
        return (self.fun(*args, **kwargs) if y is None else y), J

    def hess(self, *args: Any, **kwargs: Any) -> Any:
        """The Hessian of f; for `NonlinearConstraint`, ``hess(x, v)``, that of ``v @ f(x)``."""
        conventions.check_hessian(self._solver, "hess")
        asked = self._asked(args, kwargs)
        if self._solver == "NonlinearConstraint":
            asked = conventions.weighted(asked)
        return self._second("hessian", asked, asked.args)

    def hessp(self, x: Any, p: Any, *args: Any, **kwargs: Any) -> Any:
        """The Hessian of f times `p`, as ``minimize(..., hessp=)`` asks for it."""
        conventions.check_hessian(self._solver, "hessp")
        asked = self._asked((x, *args), kwargs)
        return self._second("hvp", asked, (*asked.args, p))

    # --- How it is computed ----------------------------------------------------------------------

    def _key(self, args: tuple) -> tuple:
        return self._convention.key(args) if args else args

    def _asked(self, args: tuple, kwargs: dict) -> Asked:
        number = self._number
        if len(args) <= number:
            raise TypeError(
                f"scipy_jac needs the point of evaluation, argument {number} of f; got {len(args)} "
                f"argument{'s' * (len(args) != 1)}."
            )
        return self._convention.asked(self._f, args, kwargs, number)

    def _derivative(self, of: str, asked: Asked) -> Derivative:
        """That of a function with these options, the same one at every call."""
        key = of, asked.make, asked.parts, asked.argnums
        found = self._derivatives.get(key) if asked.is_lasting else None
        if found is None:
            is_prepared = self._prepare if asked.is_lasting else False
            f = conventions.function_of(self._f, asked)
            found = Derivative(f, of, self._settings(of, asked), is_prepared)
            if asked.is_lasting:
                self._derivatives[key] = found
        return found

    def _settings(self, of: str, asked: Asked) -> dict:
        return {
            "argnums": asked.argnums,
            "sparse": self._sparse if of in ("jacobian", "hessian") else False,
            "layout": self._layout if of == "jacobian" else "numerator",
        }

    def _of(self, asked: Asked) -> str | None:
        """Which derivative is the Jacobian: a gradient where f returns a number; None: not known"""
        is_scalar = self._convention.is_scalar
        if is_scalar is None:
            is_scalar = self._scalars.get(_shape_of(asked))
        return None if is_scalar is None else "gradient" if is_scalar else "jacobian"

    def _is_fresh(self, args: tuple, kwargs: dict) -> bool:
        """Whether a Jacobian here would run f, and give its value too."""
        asked = self._asked(args, kwargs)
        of = self._of(asked)
        return of is not None and not self._derivative(of, asked).is_replayed

    def _value(self, args: tuple, kwargs: dict) -> tuple:
        """(entry, value) by f as it is."""
        point = self._memo.point(self._key(args), kwargs)
        start = time.perf_counter()
        y = self._f(*args, **kwargs)
        seconds = time.perf_counter() - start
        self._memo.spent += seconds
        self._pairs.value_took(seconds)
        if self._convention.is_scalar is None and len(args) > self._number:
            self._scalars[_shape_of(self._asked(args, kwargs))] = np.ndim(y) == 0
        self._memo.look()
        return self._memo.keep(point, self._key(args), kwargs, y, None), y

    def _both(self, args: tuple, kwargs: dict) -> tuple[Any, Any]:
        """(value, Jacobian); the value is None where f need not run for the Jacobian."""
        if _is_inside() or watch.watched and watch.is_due():
            return self._directly(args, kwargs)
        entry = self._memo.at(self._key(args), kwargs)
        if entry is not None and entry.is_value_asked and not entry.is_pair_asked:
            entry.is_pair_asked = True
            self._pairs.asked += 1
        if entry is not None and entry.J is not None:
            return copied(entry.y), copied(entry.J)
        return self._pair(args, kwargs)[1:]

    def _pair(self, args: tuple, kwargs: dict) -> tuple:
        """(entry, value, Jacobian), from one call of f."""
        asked = self._asked(args, kwargs)
        if self._of(asked) is None:
            i = self._number
            as_input(args[i], "scipy_jac", "x" if len(args) == 1 else f"argument {i}")
            x = np.asarray(args[i]) if isinstance(args[i], (list, tuple)) else args[i]
            self._value((*args[:i], x, *args[i + 1 :]), kwargs)
        derivative = self._derivative(self._of(asked) or "jacobian", asked)
        if derivative.is_replayed:
            return None, None, self._shaped(derivative(asked.args)[1], asked)
        point = self._memo.point(self._key(args), kwargs)
        start = time.perf_counter()
        y, J = derivative(asked.args)
        seconds = time.perf_counter() - start
        self._memo.look()
        J = self._shaped(J, asked)
        if y is None:  # prepared just now
            return None, None, J
        self._memo.spent += seconds
        self._pairs.pair_took(seconds)
        return self._memo.keep(point, self._key(args), kwargs, y, J), y, J

    def _directly(self, args: tuple, kwargs: dict) -> tuple[Any, Any]:
        """What f gives within another derivative call, or where its kinks are looked at."""
        asked = self._asked(args, kwargs)
        of = "gradient" if self._convention.is_scalar else "jacobian"
        f = conventions.function_of(self._f, asked)
        y, J = fresh(of, f, asked.args, self._settings(of, asked))
        return y, self._shaped(J, asked)

    def _second(self, of: str, asked: Asked, args: tuple) -> Any:
        if _is_inside() or watch.watched and watch.is_due():
            f = conventions.function_of(self._f, asked)
            found = fresh(of, f, args, self._settings(of, asked))[1]
        else:
            derivative = self._derivative(of, asked)
            self._memo.look()
            found = derivative(args)[1]
            self._memo.look()
        return found.ab if type(found) is banded.Banded else found

    def _shaped(self, J: Any, asked: Asked) -> Any:
        if self._convention.shaped is not None:
            J = self._convention.shaped(J, asked.args, self._layout)
        return J.ab if type(J) is banded.Banded else J


def _is_inside() -> bool:
    """Whether a derivative call is under way, whose Duals f may read from anywhere."""
    return levels.current() is not None


def _shape_of(asked: Asked) -> tuple:
    return np.shape(asked.args[asked.argnums]) if isinstance(asked.argnums, int) else ()
