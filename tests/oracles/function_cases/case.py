"""One idiom of plain NumPy user code: a name, a function, a point away from kinks, its oracle."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from oracles import complex_step, differences

STEP = "complex step"
DIFF = "differences"


class Case(NamedTuple):
    """One idiom: ``f(x)`` is plain NumPy code; `f` may write into its argument."""

    name: str
    f: Callable
    x: np.ndarray
    oracle: str = STEP


def expected_jacobian(case):
    return complex_step(case.f, case.x) if case.oracle == STEP else differences(case.f, case.x)
