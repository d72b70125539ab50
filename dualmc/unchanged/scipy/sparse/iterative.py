"""Iterative solvers: cg, gmres and the others, and what they hand back.

The solution is SciPy's own.  Its derivative is that of the root of ``A x = b``: the equations for
it are solved by the same method, from the solution refined to `TIGHT`, since the stopping rule
that serves x bounds no derivative.
"""

import functools
import inspect
import sys

import numpy as np

from dualmc.duals import levels
from dualmc.duals.operands import as_operand
from dualmc.errors import missing_case
from dualmc.unchanged.scipy import entering
from dualmc.unchanged.scipy.sparse.places import is_sparse, level_among
from dualmc.unchanged.scipy.sparse.systems import (
    Operator,
    of_value,
    plain_operator,
    recorded,
    solution,
    system_of,
)
from dualmc.unchanged.standins.table import operand, value_of

# The relative residual that the equations of derivatives are solved to, if it can be reached.
TIGHT = 1e-13
# What is taken where it cannot; a method that breaks down on them is followed by gmres.
GOOD = 1e-11
NAMES = "cg cgs bicg bicgstab gmres lgmres gcrotmk minres qmr tfqmr".split()
# Those of symmetric matrices, which are their own transposed.
SYMMETRIC = frozenset({"cg", "minres"})
# What is said of one run alone.
_OF_ONE_RUN = frozenset("x0 rtol atol callback callback_type show outer_v CU".split())


def _plain_matrix(m):
    if m is None or is_sparse(m):
        return m
    return plain_operator(m) if hasattr(m, "_matvec") else value_of(m)


class Method:
    """The solver `name` with the plain matrix of a system and the user's options."""

    def __init__(self, name, a, options):
        self.name, self.a = name, a
        self.original = getattr(sys.modules["scipy.sparse.linalg"], name)
        self.wanted = options.get("rtol", 1e-5)
        self.options = {k: v for k, v in options.items() if k not in _OF_ONE_RUN}

    def __call__(self, rows, trans):
        return np.stack([self._solved(row, trans) for row in rows])

    def _solved(self, b, trans):
        if not b.any():
            return np.zeros_like(b)
        if b.dtype.kind == "c" and self.a.dtype.kind != "c":
            return self._solved(b.real, trans) + 1j * self._solved(b.imag, trans)
        flips = trans == "T" and self.name not in SYMMETRIC
        a = self.a.T if flips else self.a
        options = dict(self.options)
        for key in ("M", "M1", "M2"):
            if flips and options.get(key) is not None:
                options[key] = options[key].T
        if flips and self.name == "qmr" and options.get("M1") is not None:
            options["M1"], options["M2"] = options.get("M2"), options["M1"]
        with levels.outside():
            x, info = self.original(a, b, rtol=min(TIGHT, self.wanted), **options)
        if info == 0 or _residual(a, x, b) <= GOOD:
            return x
        full = {"restart": min(len(b), 200), "maxiter": 20, "M": options.get("M")}
        with levels.outside():
            x, _ = sys.modules["scipy.sparse.linalg"].gmres(a, b, rtol=TIGHT, **full)
        if _residual(a, x, b) <= max(GOOD, self.wanted):
            return x
        raise np.linalg.LinAlgError(
            f"scipy.sparse.linalg.{self.name} did not converge on the equations of a derivative "
            f"(info={info}). Give it a larger maxiter or a preconditioner M, or use spsolve."
        )


def _residual(a, x, b):
    return np.linalg.norm(b - a @ x) / np.linalg.norm(b)


def _solver(name):
    original = getattr(sys.modules["scipy.sparse.linalg"], name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def standin(*args, **kwargs):
        given = dict(signature.bind(*args, **kwargs).arguments)
        A, b = given.pop("A"), operand(given.pop("b"))
        y = recorded(functools.partial(standin, **given), A, b) if is_sparse(A) else NotImplemented
        if y is not NotImplemented:
            return y
        a = system_of(A)
        if level_among(a.numbers() if _may_vary(a) else None, b) is None:
            given |= {"A": A, "b": b}
            return original(**{key: entering.plain(value) for key, value in given.items()})
        if level_among(given.get("shift")) is not None:
            raise missing_case(f"scipy.sparse.linalg.{name}", "with respect to shift")
        given = {k: _plain_matrix(v) if k in ("M", "M1", "M2") else v for k, v in given.items()}
        if given.get("x0") is not None:
            given["x0"] = np.array(value_of(operand(given["x0"])))
        b = as_operand(b)
        own = given | {k: levels.resumed(v) for k, v in given.items() if k == "callback" and v}
        with levels.outside():
            x, info = original(a.plain, np.asarray(value_of(b)), **own)
        flat = np.reshape(b, (b.size,))
        if info != 0:  # what f is told; of no root there is a derivative
            method = Method(name, a.plain, given | {"rtol": 1.0})
        else:
            method = Method(name, a.plain, given)
        found = np.reshape(solution(a, flat, method), np.shape(x))
        return of_value(x, found), info

    return standin


def _may_vary(a):
    return isinstance(a, Operator) or a.numbers() is not None


def found():
    """Stand-ins by name."""
    return {name: _solver(name) for name in NAMES}
