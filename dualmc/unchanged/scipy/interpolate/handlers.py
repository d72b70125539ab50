"""The stand-ins for scipy.interpolate, gathered from the files of this room."""

import scipy.interpolate

from dualmc.unchanged.scipy.entering import looking
from dualmc.unchanged.scipy.interpolate import (  # noqa: F401 (their methods enter the table)
    bsplines,
    cubic,
    fitpack,
    grids,
    linear,
    polynomials,
    radial,
    scattered,
    spline_fits,
    tensors,
)

HANDLERS: dict = {
    **spline_fits.HANDLERS, **fitpack.HANDLERS, **polynomials.HANDLERS, **grids.HANDLERS,
    **scattered.HANDLERS,
}  # fmt: skip
for _name in """
    PPoly BSpline CubicHermiteSpline CubicSpline PchipInterpolator Akima1DInterpolator
    interp1d KroghInterpolator BarycentricInterpolator RegularGridInterpolator RBFInterpolator
    UnivariateSpline InterpolatedUnivariateSpline LSQUnivariateSpline RectBivariateSpline
    NdBSpline LinearNDInterpolator NearestNDInterpolator
""".split():
    HANDLERS[f"scipy.interpolate.{_name}"] = looking(getattr(scipy.interpolate, _name))
