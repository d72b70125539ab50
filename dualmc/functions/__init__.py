"""One file per family of NumPy functions: each handler is written once for every kind of tangent.

In comes a call on Duals, by the tables that the handlers fill (`rules/registry.py`); out goes the
Dual with NumPy's own value.  May use `steps/` and below; the families stand in an order, a contract
in `setup.cfg`: `results.py` and `axes.py` (shared), `moving/`, `summing/`, `products/`,
`matrices/`, `creation.py`, `composite.py`, `complex_numbers.py`, `polynomials.py`, `fourier.py`,
`kinds.py` (numbers or arrays), `methods.py`, `user_rules.py`, `special/`; `tables.py` (all these).
"""
