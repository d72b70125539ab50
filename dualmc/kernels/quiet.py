"""Floating-point warnings off for a block, at less cost than `numpy.errstate` has."""

import contextvars
import functools

import numpy as np


def _state():
    """NumPy's context variable of floating-point errors, and its value with all of them ignored."""
    with np.errstate(all="ignore"):
        for variable, value in contextvars.copy_context().items():
            if variable.name == "numpy.ufunc.extobj":
                return variable, value
    return None, None


_errors, _IGNORED = _state()


class quiet:
    """``np.errstate(all="ignore")``."""

    __slots__ = ("before",)

    def __enter__(self):
        self.before = _errors.set(_IGNORED)

    def __exit__(self, kind, error, traceback):
        _errors.reset(self.before)


if _errors is None:  # a NumPy that keeps them elsewhere
    quiet = functools.partial(np.errstate, all="ignore")  # type: ignore[assignment,misc]
