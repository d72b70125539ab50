"""`explain`: the derivation of a Jacobian in the four steps that the document teaches (4.5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dualmc.calls import names as wording
from dualmc.calls import watch
from dualmc.calls.options import Layout, check_layout
from dualmc.calls.request import Request, opened
from dualmc.calls.structures.trees import Structure

if TYPE_CHECKING:
    from dualmc.derivation.explanation import Explanation


def explain(
    f: Callable,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    layout: Layout = "numerator",
    **unknown: Any,
) -> Explanation:
    """Derive the Jacobian of `f` step by step, as the document teaches it (4.5.1).

    1. An intermediate variable is introduced for every operation of `f`.
    2. Each is differentiated by its operands.
    3. The partials are multiplied along each path and the paths added: read from x to y (forward
       mode) and from y to x (reverse mode).
    4. The intermediates are substituted back.

    Parameters
    ----------
    f : callable
        Plain NumPy code, as `jacobian_fwd` takes it.  It is called on arrays that record.
    *args : float, list or array
        Arguments of `f`: the point of evaluation.
    argnums : int or sequence of int, optional
        The arguments to differentiate by; by default all that are numbers or arrays of numbers.
    names : sequence of str, optional
        What to call the arguments; by default by the names of f's parameters.
    layout : {"numerator", "denominator"}, optional
        In denominator layout all Jacobians are transposed, and the chain rule's products reversed.

    Returns
    -------
    explanation : Explanation
        Its `str` is the derivation; ``.latex()``, ``.html()`` and ``.save(path)`` typeset it.

    Raises
    ------
    MissingRuleError
        If `f` calls a NumPy function that has no derivative rule.
    TangentLostError
        If `f` converts an array to a float or stores one in a plain array.
    TypeError, ValueError
        If an argument or what `f` returns is of the wrong kind or shape.

    References
    ----------
    Parr and Howard (2018), arXiv:1802.01528, section 4.5.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> explanation = dm.explain(lambda x: np.sin(x**2), 1.2)
    >>> for step in explanation.steps:
    ...     print(step.equation, "   ", step.partials[0].formula)
    u1 = x^2     2*x
    y = sin(u1)     cos(u1)
    >>> print(explanation.text().splitlines()[-1].strip())
    dy/dx = 2*x*cos(x^2) = 0.313017
    """
    from dualmc.derivation.explanation import Explanation
    from dualmc.derivation.trace import differentiated, leaves_of, trace
    from dualmc.replay.recording import derivatives  # noqa: F401  (of which there are stand-ins)

    if unknown:
        wording.refuse_keywords("explain", unknown)
    check_layout(layout, "explain")
    f = opened(f)
    try:
        graph = trace(f, *args, argnums=argnums, names=names)
        numbers = differentiated(args, argnums)
    except Structure as met:
        f, args, numbers, names = leaves_of(met, f, args, argnums, names)
        graph = trace(f, *args, argnums=numbers, names=names)
    if watch.watched and watch.is_due():
        watch.look(Request("explain", f, args, numbers, None, False, "numerator", False))
    kept = tuple(a.copy() if issubclass(type(a), np.ndarray) else a for a in args)
    return Explanation(f, kept, numbers, graph, layout)
