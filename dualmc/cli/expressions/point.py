"""The point at which a function is differentiated: the values of its variables, as expressions."""

import keyword
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dualmc.cli.expressions.arithmetic import operand
from dualmc.cli.expressions.reader import listed, parse
from dualmc.cli.expressions.source import ExpressionError


def given_names(settings: Sequence[str]) -> tuple[str, ...]:
    """The names in settings such as ``["x=1.2", "w=[1, 2]"]``, in their order.

    >>> given_names(["x=1.2", "w=[1, 2]"])
    ('x', 'w')
    """
    return tuple(_texts(settings))


def values(settings: Sequence[str]) -> dict[str, Any]:
    """The values in settings such as ``["x=1.2", "w=[1, 2]"]``, by their names.

    >>> values(["x=1.2", "w=[1, 2]"])
    {'x': 1.2, 'w': array([1., 2.])}
    """
    return {name: _value(name, text) for name, text in _texts(settings).items()}


def _texts(settings: Sequence[str]) -> dict[str, str]:
    """The text of each value by its name."""
    texts: dict[str, str] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        # Python writes identifiers in this form, so that names in an expression have it.
        name = unicodedata.normalize("NFKC", name.strip())
        if not sign or not name.isidentifier() or keyword.iskeyword(name):
            raise ExpressionError(f"--at: '{setting}' is not name=value, such as x=1.2.")
        if name in texts:
            raise ExpressionError(f"--at: {name} is given twice.")
        texts[name] = text
    return texts


def read_point(
    settings: Sequence[str], names: Sequence[str], defaults: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    """The values of the variables `names`, in their order.

    Parameters
    ----------
    settings : sequence of str
        ``name=value`` for each name; a value is an expression without variables.
    names : sequence of str
    defaults : mapping, optional
        Values of the names that may be left out.  The last names that are left out have no value
        in the result; those before another that is given have their default.

    Returns
    -------
    point : tuple of float and float64 ndarray

    Raises
    ------
    ExpressionError
        If a name is missing, unknown or given twice, or a value is not one of real numbers.

    Examples
    --------
    >>> from dualmc.cli.expressions.point import read_point
    >>> read_point(["w=[1, 2]", "x=pi/4"], ["x", "w"])
    (0.7853981633974483, array([1., 2.]))
    """
    defaults = {} if defaults is None else defaults
    texts = _texts(settings)
    needed = f"Needed: {listed(names)}."
    for name in texts:
        if name not in names:
            raise ExpressionError(f"--at: {name} is not one of the variables. {needed}")
    missing = [name for name in names if name not in texts and name not in defaults]
    if missing:
        raise ExpressionError(f"--at: no value for {listed(missing)}. {needed}")
    last = max((i for i, name in enumerate(names) if name in texts), default=-1)
    return tuple([_value(n, texts[n]) if n in texts else defaults[n] for n in names[: last + 1]])


def _value(name: str, text: str) -> Any:
    what = f"--at {name}"
    expression = parse(text, what=what)
    if expression.names:
        raise ExpressionError(
            f"{what}: '{expression.names[0]}' is no number: a value holds no variables."
        )
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(operand(expression()))
    except ExpressionError:
        raise
    except Exception as error:
        raise ExpressionError(f"{what}: {expression.text} cannot be computed: {error}") from None
    if value.dtype.kind not in "iuf":
        kind = {"c": "complex", "b": "true or false"}.get(value.dtype.kind, "not a number")
        raise ExpressionError(f"{what}: {expression.text} is {kind}; it must be real numbers.")
    value = value.astype(np.float64)
    return value if value.ndim else value.item()
