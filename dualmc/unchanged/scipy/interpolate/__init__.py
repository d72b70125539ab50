"""Stand-ins for scipy.interpolate: by the argument, by the data and, where it is smooth, by knots.

In reading order: `piecewise` and `cubic` (`PPoly` and its kin), `bsplines` and `spline_fits`,
`fitpack` (the older interface of these), `linear`, `polynomials`, `grids`, `radial`, `scattered`;
`handlers` gathers them.  An object made of Duals is one of SciPy's class that holds Duals.
"""
