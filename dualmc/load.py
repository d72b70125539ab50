"""`load`: prepared functions from files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dualmc.replay.prepared import Prepared


def load(path: str | os.PathLike, f: Callable | None = None) -> Prepared:
    """The prepared function that `Prepared.save` has put into a file.

    It does to the bit what the saved one did: its ways through f and their machine code are there,
    nothing is recorded or compiled, and further ways are recorded as they come.  Where the file is
    of another kind of machine, or of another Numba, machine code is compiled anew of the programs
    in it.  It counts its own calls.

    Like pickle, a file can make Python run anything: load only what you trust.

    Parameters
    ----------
    path : str or path-like
    f : callable, optional
        The function, where it is not found by its module and its name.

    Returns
    -------
    prepared : Prepared

    Raises
    ------
    ValueError
        If f, or what it reads, is not what it was when it was saved (the message names what), if
        the file was written with another dualmc, NumPy or Python, or if it is damaged: prepare f
        again.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import os, tempfile, numpy as np, dualmc as dm
    >>> def f(x):
    ...     return x**2
    >>> path = os.path.join(tempfile.mkdtemp(), "f.prepared")
    >>> def prepared():
    ...     try:
    ...         return dm.load(path, f)
    ...     except (FileNotFoundError, ValueError):  # for the first time, or after an edit
    ...         J = dm.prepare(f, np.ones(2))
    ...         J.save(path)
    ...         return J
    >>> prepared()(np.array([1.0, 2.0])), prepared().replays
    (array([[2., 0.],
           [0., 4.]]), 0)
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"load needs the path of a file, got {type(path).__name__}. Call it as load(path)."
        )
    if f is not None and not callable(f):
        raise TypeError(f"load: f must be the function that was prepared, got {type(f).__name__}.")
    from dualmc.replay.prepared import Prepared
    from dualmc.replay.saved import contents, files, methods
    from dualmc.replay.saved.sentences import Unusable

    try:
        return contents.opened(files.read(path), methods.maker(Prepared), f)
    except Unusable as problem:
        raise Unusable(f"load: {os.fsdecode(path)} cannot be used: {problem}") from None
