"""Stand-ins for the integrals of scipy.integrate: Leibniz' rule, under the same error control.

The value is SciPy's own; the integrand is called as it is, on plain points, and what it depends on
may come from anywhere.  In reading order: `parts.py`, the numbers in a Dual; `leibniz.py`, limits
and breakpoints; `meshes.py`, points and weights for what is recorded; `quadpack.py`, quad;
`multiple.py`, dblquad, tplquad and nquad; `vector.py`, quad_vec; `sampled.py`, trapezoid and
simpson; `handlers.py`.
"""
