"""The rows of scipy.special: partial derivatives by name, written in `np.*` and `scipy.special`.

Data like `rules/table.py`: nothing here knows of Duals.  Read when a Dual meets such a function.
In reading order: `partials.py` (what the rows share), `series.py` (where closed forms cancel),
`moments.py` and `beta_moments.py` (derivatives by shapes); the families `gamma.py`, `cumulative.py`
and `noncentral.py` (distributions), `distributions.py`, `elementary.py`, `bessel.py`, `zeta.py`,
`integrals.py`; `table.py`.
"""
