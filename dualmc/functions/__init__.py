"""One file per family of NumPy functions: each handler is written once for every kind of tangent.

In comes a call on Duals, by the tables of `rules/registry.py`, which the handlers fill; out goes the
Dual with NumPy's own value.  May use `steps/` and below, never `graph/` or a verb; the order of the
families is a contract in `setup.cfg`.  In reading order: `results.py` and `axes.py` (what handlers
share), `moving/`, `summing/`, `products/`, `matrices/`; `creation.py`, `composite.py`,
`complex_numbers.py`, `polynomials.py`, `fourier.py`; `families.py` (all of these); `kinds.py` (which
functions return numbers), `methods.py` (of arrays), `special/` (of SciPy).
"""
