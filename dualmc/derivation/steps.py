"""What `Explanation.steps` lists: the intermediate variables, each with its partials."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class By:
    """The partial of one operation by one operand.

    Attributes
    ----------
    operand : str
    formula : str
    value : ndarray, shape ``u.shape + operand.shape``
        Of a large element-wise operation the diagonal alone, ``u.shape``.
    structure : str
        "number", "identity", "diagonal", "ones row", "selection", "matrix", ...
    """

    operand: str
    formula: str
    value: Any
    structure: str


@dataclass(frozen=True)
class Step:
    """One intermediate variable.

    Attributes
    ----------
    name : str
    equation : str
    value : ndarray
    partials : tuple of By
        One per operand; empty if they are too large.
    """

    name: str
    equation: str
    value: Any
    partials: tuple[By, ...]
