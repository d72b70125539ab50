"""All stand-ins of the room; every other public function of scipy.linalg refuses by name."""

import inspect

import scipy.linalg

from dualmc.errors import missing_rule
from dualmc.unchanged.scipy.linalg import (  # noqa: F401 (they register themselves)
    banded,
    equations,
    factorizations,
    matrix_functions,
    spectra,
    structured,
    subspaces,
    systems,
)
from dualmc.unchanged.scipy.linalg.table import HANDLERS, handles


def _refuse(name):
    """A handler for a function that has no rule."""

    def handler(*args, **kwargs):
        raise missing_rule(f"scipy.linalg.{name}")

    return handler


for _name, _function in inspect.getmembers(scipy.linalg, inspect.isfunction):
    if not _name.startswith("_") and f"scipy.linalg.{_name}" not in HANDLERS:
        handles(_name)(_refuse(_name))
