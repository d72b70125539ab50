"""The stand-ins for scipy.interpolate, gathered from the files of this room."""

import scipy.interpolate

from dualmc.unchanged.scipy.entering import looking
from dualmc.unchanged.scipy.interpolate import (  # noqa: F401
    bsplines,
    cubic,
    fitpack,
    spline_fits,
)

HANDLERS: dict = {**spline_fits.HANDLERS, **fitpack.HANDLERS}
for _name in """
    PPoly BSpline CubicHermiteSpline CubicSpline PchipInterpolator Akima1DInterpolator
    UnivariateSpline InterpolatedUnivariateSpline LSQUnivariateSpline
""".split():
    HANDLERS[f"scipy.interpolate.{_name}"] = looking(getattr(scipy.interpolate, _name))
