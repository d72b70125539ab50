"""The stand-ins for scipy.optimize, by dotted name."""

from dualmc.solvers.optimize import fitting, linear, minimizers, roots

# `fitting` and `linear` add theirs to those of `minimizers`.
HANDLERS = {**roots.HANDLERS, **minimizers.HANDLERS}
__all__ = ["HANDLERS", "fitting", "linear"]
