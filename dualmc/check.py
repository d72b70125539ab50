"""Is a Jacobian right?  `check_jacobian` compares it with derivatives that know no rules.

The judge calls f as it is, on copies of plain numbers: an f that takes another way on Duals (it
looks at types, or catches refusals) has another value there, which is compared first.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls import names, watch
from dualmc.calls.options import Argnums
from dualmc.calls.outputs import as_output
from dualmc.calls.request import Request
from dualmc.calls.structures import structured
from dualmc.judging.jacobian_check import VALUE, JacobianCheck
from dualmc.passes.forward_pass import joined, passes

# Central differences of order 8: weights of f(x + k h) - f(x - k h), k = 1, ..., 4.
WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
# The step that balances the rounding of f against the ninth derivative, relative to x.
STEP = 5e-3
# Steps are good enough where halving them changes the differences by no more than this.
STEADY = 1e-8
# The steps that tell kinks and jumps, in units of that of the differences, which is at most STEP.
KINK, JUMP = 2e-4, 2e-7
# A step so small that x + ih changes the value by less than rounding.
COMPLEX_STEP = 1e-30
# Values of the two runs of f may differ by this many units in the last place: another order of
# operations, or a function of NumPy's for one of the module math.
ULPS = 1e3


def check_jacobian(
    f: Callable, *args: Any, argnums: Argnums = 0, rtol: float = 1e-7, **unknown: Any
) -> JacobianCheck:
    """Compare the Jacobian of `f` at `args` with derivatives that know no rules.

    `f` is called as it is, on copies of plain numbers, and its value is compared first.  Where `f`
    is analytic and takes complex arguments, the complex step gives all digits; elsewhere central
    differences of order 8, with their own error estimated by a second step.

    Parameters
    ----------
    f, args, argnums
        As for `jacobian_fwd`.
    rtol : float, optional
        Difference allowed beside the error of the differences, relative to the largest entry of
        the same output.

    Returns
    -------
    JacobianCheck
        True if all entries agree.  Otherwise it names the worst entry and a likely cause: a kink, a
        jump, a rule that was added and is wrong, values that are rounded or not functions of `x`,
        another way that `f` takes on Duals.

    Raises
    ------
    As `jacobian_fwd`.

    References
    ----------
    Fornberg (1988), Math. Comp. 51, 699; Squire and Trapp (1998), SIAM Review 40, 110.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> print(dm.check_jacobian(np.abs, [1.0, 0.0]))
    check_jacobian  the Jacobian is wrong, or f has none here
    worst entry     d y[1] / d x[1]
    dualmc          0
    differences     0
    difference      0.0e+00 (allowed: 1.0e-07)
    likely cause    a kink: the derivative is -1 from the left and 1 from the right
                    numpy.absolute is at a kink in 1 element (derivative 0 at 0)
    """
    if unknown:
        names.refuse_keywords("check_jacobian", unknown)
    if issubclass(type(rtol), bool) or not issubclass(type(rtol), (int, float, np.number)):
        raise TypeError(f"check_jacobian: rtol must be a number, got rtol={rtol!r}.")
    if not rtol >= 0:
        raise ValueError(f"check_jacobian: rtol must not be negative, got rtol={rtol}.")
    found, request = structured.with_request(
        lambda request: (_checked(request, rtol), request), "check_jacobian", f, args, argnums
    )
    return structured.placed(found, request.f)


def _checked(request: Request, rtol: float) -> JacobianCheck:
    if not all(type(x) is np.ndarray for x in request.xs):
        raise TypeError("check_jacobian needs plain numbers; call it outside of other calls.")
    watch.look(request)
    y, pieces, _ = passes(request)
    if not issubclass(type(y), (np.ndarray, np.generic)):
        raise TypeError("check_jacobian needs plain numbers; call it outside of other calls.")
    y, n = np.asarray(y), sum(request.sizes)
    if n == 0 or y.size == 0:
        raise ValueError(
            f"check_jacobian needs an entry to check; f maps {n} inputs to an output of shape "
            f"{y.shape}."
        )
    J = joined(pieces, False).reshape(-1, n)
    plain = _Plain(request)
    other = _other_value(plain, y, rtol)
    return other if other is not None else _judged(plain, J, y.shape, rtol)


def _other_value(plain: _Plain, y: Any, rtol: float) -> JacobianCheck | None:
    """What to report where f on plain numbers gives another value than y; None if it does not."""
    with np.errstate(all="ignore"):
        found = plain.value()
        again = plain.value()
        cause = ""
        if not _is_same(found, again):
            cause = "f is not repeatable: two plain calls at the same x give different values"
        elif found.shape != y.shape:
            cause = f"on plain numbers f returns shape {found.shape}, on Duals {y.shape}"
        if cause:
            return _of_value(y, found if found.shape == y.shape else y, 0.0, 0.0, cause)
        scale = np.max(np.abs(np.where(np.isfinite(found), found, 0)))
        error = np.where(_entries_same(y, found), 0.0, np.abs(y - found) / (scale or 1.0))
    precision = np.finfo(y.dtype).eps if y.dtype.kind in "fc" else 0.0
    tolerance = max(rtol, float(ULPS * precision))
    if (error <= tolerance).all():
        return None
    cause = (
        "f takes another way on Duals than on plain numbers: a test of a type, hasattr, "
        "isinstance, the text of a number, or a refusal that f catches"
    )
    return _of_value(y, found, error, tolerance, cause)


def _entries_same(a: Any, b: Any) -> Any:
    return (a == b) | ((a != a) & (b != b))


def _is_same(a: Any, b: Any) -> bool:
    return a.shape == b.shape and bool(_entries_same(a, b).all())


def _of_value(y: Any, found: Any, error: Any, tolerance: float, cause: str) -> JacobianCheck:
    error = np.broadcast_to(np.nan_to_num(error, nan=np.inf), y.shape)
    where = np.unravel_index(int(np.argmax(error)), y.shape)
    return JacobianCheck(
        ok=False,
        method=VALUE,
        error=float(error[where]),
        tolerance=tolerance,
        output=tuple(map(int, where)),
        argnum=0,
        input=(),
        computed=y[where].item(),
        expected=found[where].item(),
        cause=cause,
    )


class _Plain:
    """f, untouched, as a function of one flat vector: each call gets plain numbers of its own."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.x = np.concatenate([x.astype(np.float64).reshape(-1) for x in request.xs])
        self.ends = np.cumsum([0, *request.sizes]).tolist()
        self.steps = STEP * np.maximum(1.0, np.abs(self.x))
        self.names = [
            (number, np.unravel_index(i, x.shape) if x.ndim else ())
            for number, x in zip(request.numbers, request.xs, strict=True)
            for i in range(x.size)
        ]

    def __call__(self, flat: Any) -> Any:
        parts = [
            flat[start:end].reshape(x.shape).copy()
            for start, end, x in zip(self.ends, self.ends[1:], self.request.xs, strict=False)
        ]
        return self.called(parts).reshape(-1)

    def value(self) -> Any:
        """f at the point itself, in the precision that was given."""
        return self.called([np.array(x) for x in self.request.xs])

    def called(self, parts: list) -> Any:
        call = list(self.request.args)
        for number, part in zip(self.request.numbers, parts, strict=True):
            given = self.request.args[number]
            if part.ndim == 0 and not issubclass(type(given), np.ndarray):
                # A number of Python's stays one, since f may look at its type.
                part = part.item() if type(given) in (int, float) else part[()]
            call[number] = part
        out = self.request.f(*call)
        if issubclass(type(out), np.ndarray) and out.dtype == object:  # of np.frompyfunc
            kind = complex if any(issubclass(type(v), complex) for v in out.flat) else float
            out = out.astype(kind)
        return np.array(as_output(out, "check_jacobian"))

    def along(self, j: int, h: complex) -> Any:
        """f with entry j moved by h; NaN where it is not defined, as functions of `math` say it."""
        x = self.x.astype(complex) if issubclass(type(h), complex) else self.x.copy()
        x[j] += h
        try:
            return self(x)
        except (ArithmeticError, ValueError):
            if issubclass(type(h), complex):
                raise
            return np.full(self(self.x).shape, np.nan)

    def differences(self, j: int, h: float) -> Any:
        total = 0.0
        for k, weight in enumerate(WEIGHTS, 1):
            total = total + weight * (self.along(j, k * h) - self.along(j, -k * h))
        return total / h

    def steady(self, j: int) -> tuple[Any, Any]:
        """Differences with a step and its half: the first step that is good enough, or the best.

        A step of the size of 1 leads far outside where f is smooth, or defined, if all that x[j]
        means happens at 1e-6: then its own size, and less, are tried.
        """
        first, own = self.steps[j], STEP * abs(self.x[j])
        found = []
        for h in (first, own, first / 100):
            if h == 0 or found and h == first:
                continue
            coarse, fine = self.differences(j, h), self.differences(j, h / 2)
            gap = np.max(np.abs(coarse - fine) / np.maximum(1.0, np.abs(fine)))
            found.append((np.inf if np.isnan(gap) else gap, h, coarse, fine))
            if gap <= STEADY:
                break
        _, self.steps[j], coarse, fine = min(found, key=lambda trial: trial[0])
        return coarse, fine

    def one_sided(self, j: int, side: int) -> Any:
        """Second-order differences that look to one side only."""
        h = side * KINK * min(self.steps[j], STEP)
        return (4 * self.along(j, h) - 3 * self(self.x) - self.along(j, 2 * h)) / (2 * h)

    def complex_columns(self) -> Any:
        """The Jacobian by complex steps, or None where f does not take them."""
        columns = []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of imaginary parts that f drops
                for j in range(self.x.size):
                    columns.append(self.along(j, COMPLEX_STEP * 1j))
        except Exception:  # whatever f raises at a complex argument
            return None
        values = np.stack(columns, axis=-1)
        return values.imag / COMPLEX_STEP if values.dtype.kind == "c" else None


def _judged(plain: _Plain, J: Any, shape: tuple, rtol: float) -> JacobianCheck:
    with np.errstate(all="ignore"):
        columns = zip(*(plain.steady(j) for j in range(plain.x.size)), strict=True)
        coarse, fine = (np.stack(column, -1) for column in columns)
        exact = plain.complex_columns()
    uncertain = np.abs(coarse - fine)
    expected, method = fine, "differences"
    scale = np.maximum(1.0, np.max(np.abs(np.where(np.isfinite(J), J, 0)), axis=1, keepdims=True))
    if exact is not None:
        # Not every function that takes complex numbers is analytic: the differences decide.
        near = np.abs(exact - fine) <= 10 * uncertain + 1e-6 * scale
        if near.all():
            expected, method, uncertain = exact, "complex step", np.zeros_like(uncertain)
    tolerance = rtol + 10 * uncertain / scale
    error = np.abs(J - expected) / scale
    agree = (error <= tolerance) | (J == expected) | (np.isnan(J) & np.isnan(expected))
    kinks = _kinks(plain, scale)
    bad = ~agree | kinks
    excess = np.where(bad, np.inf, 0) + np.nan_to_num(error - tolerance, nan=np.inf, posinf=1e300)
    i, j = np.unravel_index(int(np.argmax(excess)), J.shape)
    number, index = plain.names[j]
    cause = _cause(plain, J, fine, i, j) + _conventions(plain) if bad[i, j] else ""
    return JacobianCheck(
        ok=not bad.any(),
        method=method,
        error=float(error[i, j]),
        tolerance=float(tolerance[i, j]),
        output=tuple(int(k) for k in np.unravel_index(i, shape)) if shape else (),
        argnum=number,
        input=tuple(int(k) for k in index),
        computed=J[i, j].item(),
        expected=expected[i, j].item(),
        cause=cause,
    )


def _conventions(plain: _Plain) -> str:
    """Where conventions decided derivatives of f, as a further cause."""
    met, _ = watch.found(plain.request)
    return "".join(f"\n{'':16}{text}" for kink in met for text in str(kink).splitlines())


def _kinks(plain: _Plain, scale: Any) -> Any:
    """Entries whose derivatives from either side differ."""
    with np.errstate(all="ignore"):
        left = np.stack([plain.one_sided(j, -1) for j in range(plain.x.size)], -1)
        right = np.stack([plain.one_sided(j, 1) for j in range(plain.x.size)], -1)
    return np.abs(left - right) > 1e-2 * scale


def _cause(plain: _Plain, J: Any, fine: Any, i: int, j: int) -> str:
    """A guess at what is wrong with entry (i, j), from values of f around the point."""
    with np.errstate(all="ignore"):
        y = plain(plain.x)[i]
        if not np.isfinite(y):
            return f"f itself is {y} here"
        if np.isnan(J[i, j]):
            return "an intermediate is inf or NaN, or the derivative does not exist"
        h = JUMP * min(plain.steps[j], STEP)
        left, right = plain.along(j, -h)[i], plain.along(j, h)[i]
        slope = max(1.0, abs(fine[i, j]) if np.isfinite(fine[i, j]) else 1.0)
        if abs(right - left) > 1e-6 * slope:
            return f"a jump: f goes from {left:.6g} to {right:.6g}"
        before, after = plain.one_sided(j, -1)[i], plain.one_sided(j, 1)[i]
        if abs(before - after) > 1e-2 * slope:
            return (
                f"a kink: the derivative is {before:.6g} from the left and {after:.6g} from the "
                f"right"
            )
        if J[i, j] == 0:
            return (
                "the derivative is lost: a value converted to int or rounded, or a rule that says 0"
            )
    return "a rule that was added (rule, custom_jvp) and is wrong, or f is not smooth nearby"
