"""The oldest NumPy and Numba that dualmc runs with: checked before anything else is imported."""

import importlib
import re

LOWEST = {"numpy": "2.2", "numba": "0.61.2"}


def check():
    """Raise where one that is installed is too old.

    Raises
    ------
    ImportError
        It names what was found, where, and what to install.
    """
    for name, lowest in LOWEST.items():  # NumPy first: Numba refuses those that are too old for it
        module = importlib.import_module(name)
        if _numbers(module.__version__) < _numbers(lowest):
            raise ImportError(
                f"dualmc needs {name} {lowest} or later, and found {module.__version__} "
                f"({module.__file__}). Upgrade it with: pip install '{name}>={lowest}'",
                name=name,
            )


def _numbers(version):
    """The numbers of a release, by which versions are compared: (2, 2, 0) of 2.2.0rc1."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
