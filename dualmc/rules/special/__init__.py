"""The rows of scipy.special: partial derivatives by name, written in `np.*` and `scipy.special`.

Data like `rules/table.py`: nothing here knows of Duals.  Read when a Dual meets such a function.
In reading order: `partials.py` (what the rows share), `series.py` (where closed forms cancel); the
families `gamma.py`, `distributions.py`, `elementary.py`, `bessel.py`, `integrals.py`; `table.py`.
"""
