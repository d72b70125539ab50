"""What a prepared function has for other processes: `save`, and its pickle."""

import os
from typing import Any

from dualmc.replay import copying
from dualmc.replay.saved import contents, files, origin
from dualmc.replay.saved.sentences import Unsaved


class Saved:
    """The part of `Prepared` that is kept in files."""

    def save(self, path: str | os.PathLike) -> None:
        """Keep the programs and the machine code in a file, for `load` in another process.

        In it are all ways through f that were recorded and hold now, the machine code that has been
        made of them (call `value_and_jacobian` once for that of the value), and digests of the code
        of f and of all that it reads.  f itself is looked up by its module and name when the file
        is loaded; a lambda, a function in a function, or one of a script is put in with cloudpickle
        or dill, if they are installed, or given to `load`.

        Parameters
        ----------
        path : str or path-like
            A file there is replaced when the new one is complete, and stays whole where that fails.

        Raises
        ------
        NotImplementedError
            If f is not replayed, is compiled by Numba, which keeps its code itself, or reads what
            another process cannot compare (an object of a C extension, say).
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import os, tempfile, numpy as np, dualmc as dm
        >>> def f(x):
        ...     return x[1:] * np.sin(x[:-1])
        >>> path = os.path.join(tempfile.mkdtemp(), "f.prepared")
        >>> dm.prepare(f, np.ones(3)).save(path)
        >>> dm.load(path, f)(np.array([0.0, 3.0, 5.0]))
        array([[ 3.        ,  0.        ,  0.        ],
               [ 0.        , -4.94996248,  0.14112001]])
        """
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                f"Prepared.save needs the path of a file, got {type(path).__name__}. Call it as "
                f"J.save(path)."
            )
        try:
            content = contents.packed(self)
        except Unsaved as problem:
            label = origin.label_of(self._f)  # type: ignore[attr-defined]
            raise Unsaved(f"Prepared.save: {label} cannot be saved: {problem}.") from None
        files.write(path, content)

    def __reduce__(self) -> tuple:
        f, *options = self._state(self._f)  # type: ignore[attr-defined]
        state = f, type(self), options, contents.pickled(self)
        return copying.reduced(revived, state)


def revived(f: Any, kind: type, options: list, content: bytes | None) -> Any:
    """The prepared function that was pickled: by its programs, or prepared anew where these are not
    those of f here."""
    return contents.revived(maker(kind), f, options, content)


def maker(kind: type) -> Any:
    """``make(f, options, fill)`` of `contents`."""
    return lambda f, options, fill: kind(f, *options, fill=fill)
