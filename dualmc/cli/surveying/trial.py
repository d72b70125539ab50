"""One function tried: called at sample arguments, differentiated in both modes, and compared."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dualmc.calls.frames import Way, module_of
from dualmc.check import check_jacobian
from dualmc.cli.surveying.samples import NoNumbers, samples
from dualmc.cli.surveying.targets import Subject
from dualmc.errors import MissingRuleError, TangentLostError
from dualmc.forward import value_and_jacobian_fwd
from dualmc.reverse import jacobian_rev

# The modes add the same numbers in another order.
AGREEMENT = 1e-8
# What became of a function: the first is right, and the last is no verdict.
WORKS, REFUSED, FAILS, DIFFERS, SLOW, CRASHES, NOT_CALLED = VERDICTS = (
    "works", "refused", "fails", "differs", "slow", "crashes", "not called",
)  # fmt: skip
REASON = 200  # characters of an error's first line


@dataclass(frozen=True)
class Finding:
    """What a survey says of one function.

    Attributes
    ----------
    name : str
        ``package.module.function``.
    verdict : str
        One of `VERDICTS`.
    point : str
        The arguments that it was called with.
    method : str
        The independent derivative that the Jacobian was compared with.
    error : float or None
        The worst difference, relative to the largest entry of its row.
    reason : str
        Why it does not work: the first line of the error.
    where : str
        ``file:line`` where that was.
    advice : str
        What to do.
    """

    name: str
    verdict: str
    point: str = ""
    method: str = ""
    error: float | None = None
    reason: str = ""
    where: str = ""
    advice: str = ""


def tried(subject: Subject, given: Mapping[str, Any], tell: Callable[[Finding], None]) -> Finding:
    """What is found of `subject`, called with `given` by name; `tell` hears how far it is."""
    tell(Finding(subject.name, SLOW, reason="it was not loaded within the limit"))
    function = subject.load()
    tell(Finding(subject.name, SLOW, reason="plain calls did not end within the limit"))
    try:
        args = point_of(function, given)
    except NoNumbers as reason:
        return Finding(subject.name, NOT_CALLED, reason=str(reason))
    found = Finding(subject.name, WORKS, ", ".join(map(_written, args)))
    tell(replace(found, verdict=SLOW, reason="its derivative was not there within the limit"))
    try:
        return _differentiated(function, args, found)
    except Exception as error:
        return _refused(found, error, subject)


def point_of(function: Callable[..., Any], given: Mapping[str, Any]) -> tuple[Any, ...]:
    """Arguments at which `function` returns real numbers, the same ones twice.

    Raises
    ------
    NoNumbers
        If there are none among the samples.
    """
    first: BaseException | None = None
    returned = ""
    for args in samples(function, given):
        if not any(map(_is_active, args)):
            continue
        try:
            with np.errstate(all="ignore"):
                y, again = (function(*map(_copy, args)) for _ in range(2))
            what = _no_numbers(y, again)
        except (Exception, SystemExit) as error:
            first = first or error
            continue
        if not what:
            return args
        returned = returned or what
    if returned or first is None:
        raise NoNumbers(returned or "it takes no floating-point numbers")
    said = f"{type(first).__name__}: {str(first).strip().partition(chr(10))[0][:REASON]}"
    raise NoNumbers(f"no sample arguments suit it ({said})")


def _is_active(a: Any) -> bool:
    """Whether an argument is differentiated by."""
    return isinstance(a, float) or isinstance(a, np.ndarray) and a.dtype.kind == "f"


def _copy(a: Any) -> Any:
    return a.copy() if isinstance(a, np.ndarray) else a


def _no_numbers(y: Any, again: Any) -> str:
    """Why the outputs of two calls cannot be differentiated; empty if they can."""
    try:
        parts, others = leaves(y), leaves(again)
    except TypeError as error:
        return str(error)
    if not any(p.dtype.kind in "fc" and p.size for p in parts):
        return "it returns no floating-point numbers"
    if not all(np.isfinite(p).all() for p in parts):
        return "it returns NaN or infinity at the samples"
    is_same = len(parts) == len(others) and all(map(np.array_equal, parts, others))
    return "" if is_same else "two calls return different values"


def leaves(y: Any) -> list[np.ndarray]:
    """The arrays in a nest of lists, tuples and dictionaries."""
    if isinstance(y, dict):
        y = list(y.values())
    if isinstance(y, (list, tuple)):
        return [leaf for part in y for leaf in leaves(part)]
    found = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    if found.dtype.kind not in "biufc":
        raise TypeError(f"it returns {type(y).__name__}, which is no number")
    return [found]


def _differentiated(function: Callable[..., Any], args: tuple, found: Finding) -> Finding:
    active = tuple(i for i, a in enumerate(args) if _is_active(a))
    argnums: Any = active if len(active) != 1 else active[0]
    with np.errstate(all="ignore"):
        _, forward = value_and_jacobian_fwd(function, *map(_copy, args), argnums=argnums)
        reverse = jacobian_rev(function, *map(_copy, args), argnums=argnums)
        try:
            check = check_jacobian(function, *map(_copy, args), argnums=argnums)
        except Exception:  # outside of what f is defined for
            check = None
    gap = _gap(forward, reverse)
    if not gap <= AGREEMENT:
        return replace(
            found,
            verdict=DIFFERS,
            error=gap,
            reason=f"forward and reverse mode differ by {gap:.1e}",
            advice="please report it",
        )
    if check is None or np.isnan(check.expected):
        return replace(found, reason="f is not defined next to the point: nothing to compare with")
    found = replace(found, method=check.method, error=float(check.error))
    if not check:
        says = f"dualmc has {check.computed:.6g}, {check.method} {check.expected:.6g}"
        cause = check.cause.partition("\n")[0]
        advice = 'see dualmc.check_jacobian, dualmc.kinks("warn")'
        return replace(
            found, verdict=DIFFERS, reason=says + (f": {cause}" if cause else ""), advice=advice
        )
    return found


def _gap(a: Any, b: Any) -> float:
    """The largest difference of two Jacobians, relative to the largest entry."""
    a, b = (np.concatenate([np.ravel(leaf) for leaf in leaves(J)]) for J in (a, b))
    largest = float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a))) or 1.0
    return float(np.max(np.where(a == b, 0.0, np.abs(a - b)), initial=0.0)) / largest


def _refused(found: Finding, error: Exception, subject: Subject) -> Finding:
    """What the error of a derivative says: what, where, and what to do."""
    text = str(error).strip()
    first = text.partition("\n")[0]
    is_own = isinstance(error, (TangentLostError, MissingRuleError))
    verdict = REFUSED if is_own else FAILS
    reason = first if is_own else f"{type(error).__name__}: {first}"
    if len(reason) > REASON:
        reason = reason[: REASON - 3] + "..."
    return replace(
        found, verdict=verdict, reason=reason, where=_where(error, subject), advice=_advice(error)
    )


def _where(error: Exception, subject: Subject) -> str:
    """The last line of the package's on the way of `error`, or of the user's."""
    way = Way(error)
    top = subject.module.partition(".")[0]
    own = [tb for tb in way.entries if module_of(tb.tb_frame).partition(".")[0] == top]
    last = own[-1] if own else way.line
    return "" if last is None else f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}"


def _advice(error: Exception) -> str:
    text = str(error)
    if found := re.search(r"dualmc\.register_standin\(([\w.]+),", text):
        return f"dualmc.register_standin({found[1]}, its derivative)"
    if isinstance(error, MissingRuleError):
        name = re.search(r"dualmc\.rule\(([\w.]+),", text)
        return (f"dualmc.rule({name[1]}, ...), or " if name else "") + "@dualmc.custom_jvp"
    if ".to_numpy()" in text:
        return "compute with series.to_numpy()"
    return "@dualmc.custom_jvp around that step" if isinstance(error, TangentLostError) else ""


def _written(a: Any) -> str:
    if isinstance(a, np.ndarray):
        if a.ndim == 1 and a.size <= 4:
            return "[" + ", ".join(f"{v:.3g}" for v in a) + "]"
        return "x".join(map(str, a.shape)) + " array"
    return f"{a:.3g}" if isinstance(a, float) else repr(a)
