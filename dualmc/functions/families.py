"""Every family of functions: what is imported here puts its handlers into the tables."""

# ruff: noqa: F401
from dualmc.functions import complex_numbers, composite, creation, fourier, polynomials
from dualmc.functions.matrices import (
    determinants,
    factors,
    least_squares,
    norms,
    singular_values,
    solving,
    spectral,
)
from dualmc.functions.moving import (
    inplace,
    joining,
    order,
    padding,
    quantiles,
    reshaping,
    selection,
    sets,
)
from dualmc.functions.products import bilinear, einsum
from dualmc.functions.summing import calculus, histograms, reductions, statistics, sums
