"""The tables of functions and methods, full: all files that write rows of them are imported."""

# ruff: noqa: F401
from dualmc.duals import indexing, writing
from dualmc.functions import (
    complex_numbers,
    composite,
    creation,
    fourier,
    kinds,
    methods,
    polynomials,
)
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
    joining,
    order,
    padding,
    quantiles,
    reshaping,
    selection,
    sets,
)
from dualmc.functions.moving import planned as moving_planned
from dualmc.functions.products import bilinear, einsum
from dualmc.functions.summing import (
    calculus,
    histograms,
    planned,
    reductions,
    statistics,
    sums,
)
from dualmc.steps import flat, operators, protocols
