"""The stand-ins for scipy.interpolate, gathered from the files of this room."""

import scipy.interpolate

from dualmc.unchanged.scipy.entering import looking
from dualmc.unchanged.scipy.interpolate import bsplines, cubic  # noqa: F401

HANDLERS: dict = {}
for _name in """
    PPoly BSpline CubicHermiteSpline CubicSpline PchipInterpolator Akima1DInterpolator
""".split():
    HANDLERS[f"scipy.interpolate.{_name}"] = looking(getattr(scipy.interpolate, _name))
