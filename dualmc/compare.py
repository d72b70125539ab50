"""Forward against reverse, for a given function: what each mode costs, measured and counted.

Five ways to one Jacobian: forward mode one column at a time (one dual number per call, as the
document introduces it), forward mode in chunks of dense columns, forward mode as `jacobian_fwd`
does it (structured), reverse mode, and finite differences as the everyday baseline.  Beside them
the document's two-column table: the chain rule's factors, read from x to y and from y to x.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dualmc.calls import names
from dualmc.calls.options import Argnums
from dualmc.calls.request import opened
from dualmc.calls.structures import structured

if TYPE_CHECKING:
    from dualmc.counting.comparison import Comparison


def compare(
    f: Callable, *args: Any, argnums: Argnums = 0, seconds: float = 2.0, **unknown: Any
) -> Comparison:
    """Forward mode against reverse mode for `f` at `args`: cost, memory, agreement, advice.

    Parameters
    ----------
    f, args, argnums
        As for `jacobian_fwd`.
    seconds : float, optional
        About how long the measurements may take in all.  What would take longer is timed on some
        of its passes or sweeps and extrapolated, with a mark.

    Returns
    -------
    Comparison
        Prints as a table, and shows as one in a notebook.  ``modes`` holds for each mode the calls
        of f, the multiplications and additions of the chain rule, peak bytes, seconds, and the
        difference from the structured Jacobian; ``factors`` the chain rule's factors with their
        shapes and the cost of multiplying them in either order; ``advice`` says which mode to use.

    Raises
    ------
    As `jacobian_fwd`; TypeError also if the point is a Dual (compare outside of other calls).

    Notes
    -----
    The prediction needs to know what steps and numbers cost here.  That is measured on functions of
    its own when `compare` is first called, in some seconds, and kept in a file of the user's cache
    folder until dualmc, NumPy, Numba or the machine are others.  The environment variable
    ``DUALMC_COSTS`` names another folder; ``off`` takes the costs of another machine.

    References
    ----------
    Parr and Howard (2018), arXiv:1802.01528, section 4.5.1.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> found = dm.compare(lambda x: np.sum(np.sin(x) ** 2), np.ones(50))
    >>> [mode.multiplications for mode in found.modes if mode.multiplications is not None]
    [5000, 5000, 100, 100]
    """
    from dualmc.counting.compared import compared

    if unknown:
        names.refuse_keywords("compare", unknown)
    if not issubclass(type(seconds), (int, float)) or not seconds > 0:
        raise ValueError(f"compare: seconds must be a positive number, got seconds={seconds!r}.")
    f = opened(f)
    return structured.with_request(
        lambda request: compared(request, f, seconds), "compare", f, args, argnums
    )
