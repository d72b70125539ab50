"""Exact Jacobians of plain NumPy code, in forward and reverse mode.

>>> import numpy as np, dualmc as dm
>>> dm.jacobian_fwd(lambda x: np.sin(x) * x[0], [0.0, 1.0])
array([[0.        , 0.        ],
       [0.84147098, 0.        ]])
"""

import gc
import importlib
from typing import TYPE_CHECKING, Any

# What is imported stays: the collector, which would look through all of Numba's objects, waits.
_was_collecting = gc.isenabled()
gc.disable()
try:
    # isort: off
    from dualmc import lowest

    lowest.check()
    from dualmc.functions import tables  # noqa: F401  (first: the tables fill as it is imported)
    from dualmc.duals.dual import Dual
    from dualmc.unchanged import attributes  # noqa: F401  (likewise)
    from dualmc.unchanged.as_is import as_is
    from dualmc.calls import names, ownership
    from dualmc.calls.banded import Banded
    from dualmc.forward import derivative, jacobian_fwd, value_and_jacobian_fwd
    from dualmc.reverse import gradient, jacobian_rev, value_and_gradient, value_and_jacobian_rev
    from dualmc.products import jvp, vjp
    from dualmc.linearize import linearize
    from dualmc.second import hessian, hvp
    from dualmc.custom import custom_jvp, register_standin, rule, unregister_standin
    from dualmc.jit import jit_jacobian
    from dualmc.prepare import prepare
    from dualmc.auto_prepare import auto_prepare, last_call
    from dualmc.scipy_jac import scipy_jac
    from dualmc.load import load
    from dualmc.compare import compare
    from dualmc.explain import explain
    from dualmc.kinks import kinks
    from dualmc.refusals import refusals
    from dualmc.errors import (
        CompiledFallbackWarning,
        KinkError,
        KinkWarning,
        MissingRuleError,
        RefusalSwallowedWarning,
        TangentLostError,
    )
    # isort: on
finally:
    if _was_collecting:
        if not gc.get_freeze_count():
            # To the oldest generation, unseen: the next collection need not look through it.
            gc.freeze()
            gc.unfreeze()
        gc.enable()

if TYPE_CHECKING:
    from dualmc.adapters.jac import ScipyJac
    from dualmc.check import check_jacobian
    from dualmc.counting.comparison import Comparison
    from dualmc.counting.crossover import Crossover, crossover
    from dualmc.derivation.explanation import Explanation
    from dualmc.implicit import custom_root
    from dualmc.judging.jacobian_check import JacobianCheck
    from dualmc.pictures.spy import spy
    from dualmc.replay.prepared import Prepared

if ownership.IS_ON:
    ownership.install()

__all__ = [
    "jacobian_fwd",
    "value_and_jacobian_fwd",
    "jvp",
    "derivative",
    "jacobian_rev",
    "value_and_jacobian_rev",
    "vjp",
    "linearize",
    "gradient",
    "value_and_gradient",
    "prepare",
    "Prepared",
    "auto_prepare",
    "last_call",
    "load",
    "Banded",
    "scipy_jac",
    "ScipyJac",
    "jit_jacobian",
    "hessian",
    "hvp",
    "compare",
    "Comparison",
    "crossover",
    "Crossover",
    "explain",
    "Explanation",
    "spy",
    "as_is",
    "rule",
    "custom_jvp",
    "custom_root",
    "register_standin",
    "unregister_standin",
    "kinks",
    "KinkWarning",
    "KinkError",
    "CompiledFallbackWarning",
    "refusals",
    "RefusalSwallowedWarning",
    "check_jacobian",
    "JacobianCheck",
    "Dual",
    "MissingRuleError",
    "TangentLostError",
]
__version__ = "0.2.0"
# Modules of names of their own, imported when they are asked for.
_MODULES = ("numpy", "testing")
# Where the names are that few programs need, imported likewise; none is called as a module beside
# this file, which its import would put in its place.
_LATER = {
    "check_jacobian": "check",
    "Comparison": "counting.comparison",
    "crossover": "counting.crossover",
    "Crossover": "counting.crossover",
    "custom_root": "implicit",
    "Explanation": "derivation.explanation",
    "JacobianCheck": "judging.jacobian_check",
    "Prepared": "replay.prepared",
    "ScipyJac": "adapters.jac",
    "spy": "pictures.spy",
}


def __dir__() -> list[str]:
    own = ["__all__", "__doc__", "__file__", "__name__", "__version__"]
    return sorted([*__all__, *_MODULES, *own])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"dualmc.{name}")
    if name in _LATER:
        value = getattr(importlib.import_module(f"dualmc.{_LATER[name]}"), name)
        globals()[name] = value
        return value
    names.missing(name, __all__)
