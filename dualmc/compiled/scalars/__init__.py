"""Duals as numbers of Numba's: the type, its machine code, and what can be done with one.

Reading order: `dual_type` (primal and partials in registers), `partials` and `intrinsics` (their
machine code), `operators`, `elementary`, `powers`, `whole_numbers`, `gamma` (by the rule table).
Uses no other room of `compiled/`.
"""
