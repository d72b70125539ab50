"""Functions as users of Numba write them, with Jacobians written by hand and the same for JAX.

`PROBLEMS` has a `Jitted` for each name: f under `@njit`, where it is differentiated, its Jacobian
as an expert would write it (the reference of the measurements, so it is written well), and f for
arrays that cannot be assigned to.  The files: `problem.py` says what a problem is, `differences.py`
has the quotients that stand in for a Jacobian where nobody wrote one; `odes.py`, `pollu.py`,
`arm.py`, `brusselator.py` and `rosenbrock.py` have one family each.  ADBench's `lstm.py` and
`hand.py` are of another kind: long loops, and no Jacobian by hand.
"""

from problems.jitted import arm, brusselator, odes, pollu, rosenbrock  # noqa: F401
from problems.jitted.problem import PROBLEMS, Jitted

__all__ = ["PROBLEMS", "Jitted"]
