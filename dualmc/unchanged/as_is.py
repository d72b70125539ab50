"""What adapted code finds as it is: libraries, what the user marks, plain data."""

import sys
from typing import TypeVar

import numpy as np

# Packages whose own functions are left as they are, unless f itself is one of them.
FOREIGN = frozenset(
    """
    dualmc numpy numba llvmlite scipy pandas matplotlib sympy mpmath jax torch tensorflow autograd
    casadi sklearn statsmodels pytest _pytest hypothesis IPython pint unyt
    """.split()
)
# Of these the ones whose own Python code runs on Duals as the user's does, once it is seen to run.
LIBRARIES = frozenset({"scipy", "sklearn", "statsmodels"})
# The attribute by which the user leaves a function or a class as it is.
MARK = "__dualmc_as_is__"
LEFT: dict = {}  # the code of such functions, by its id
# The class of NumPy's functions that have a C implementation of its protocol.
DISPATCHER = type(np.concatenate)
# Classes of values that nothing is found in.
DATA = frozenset(
    {
        int, float, complex, bool, str, bytes, type(None), list, tuple, dict, set, frozenset, range,
        slice, np.ndarray, np.float64, np.float32, np.int64, np.dtype, type(Ellipsis),
    }
)  # fmt: skip
T = TypeVar("T")


def as_is(function: T) -> T:
    """Decorator: leave this function (or class) as it is when a function that calls it is adapted.

    For functions that must run on their own module's names; a Dual that such a function cannot
    handle raises `TangentLostError`, as ever.

    Parameters
    ----------
    function : callable

    Returns
    -------
    function : the same object, marked

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> @dm.as_is
    ... def buffer(n):
    ...     return np.zeros(n)
    >>> def f(x):
    ...     return x + buffer(2)
    >>> dm.jacobian_fwd(f, [1.0, 2.0])
    array([[1., 0.],
           [0., 1.]])
    """
    try:
        setattr(function, MARK, True)
    except AttributeError:
        raise TypeError(
            f"as_is needs a Python function or class, which it can mark; got "
            f"{type(function).__name__}."
        ) from None
    code = getattr(function, "__code__", None)
    if code is not None:
        LEFT[id(code)] = code
    return function


def is_foreign(module, root):
    """Whether code of the `module` (a name) runs as it is where `root` is the package of f."""
    if type(module) is not str:  # where a class has something else by that name
        return False
    top = module.partition(".")[0]
    if top == root and top:
        return False
    if top == "astropy" and module.startswith("astropy.units"):  # units are told apart by `is`
        return True
    return top in FOREIGN or top in sys.stdlib_module_names and top != "__main__"


def is_closed(module, root):
    """Whether code of the `module` runs as it is even where it is seen to meet Duals."""
    return is_foreign(module, root) and module.partition(".")[0] not in LIBRARIES
