"""Functions that reduce along axes, or add up: sums, products, statistics, integrals.

In comes a Dual and NumPy's axis, keepdims, where, initial; out goes one with fewer elements.  May
use `moving/` and what is below.  In reading order: `sums.py`, `reductions.py` (products, and the
methods of any ufunc), `statistics.py`, `histograms.py`, `calculus.py`; `planned.py`, the plans of
reductions along one axis.
"""
