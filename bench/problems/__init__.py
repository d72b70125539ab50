"""The problems that the benchmarks time: plain NumPy code, as its users write it.

A problem is a function of its size n that returns a `Case`: f, the point where it is
differentiated, and, where f assigns into arrays or returns a list, a twin of f that does not, for
libraries whose arrays cannot be assigned to.  Kinds say what the Jacobian looks like:

- local: every output reads a few inputs, or the output is a sum of such terms;
- dense: every output reads all inputs, or most;
- small: systems of fixed size, too small for structure to matter.

`PROBLEMS` has them by name; beside them lie the problems of single scripts: `scalar.py` and
`mixture.py` (gradients), `sized.py` (n inputs, m outputs), `regression.py` (NIST's fits), `jitted/`
(code of users of Numba), and `handwritten.py`, the Jacobians that an expert would write.
"""

from problems import dense, local, small  # noqa: F401
from problems.problem import PROBLEMS, Case, Problem

__all__ = ["PROBLEMS", "Case", "Problem"]
