"""Compiled functions that plain Python f calls: each call with Duals is one step.

In comes a call that `dualmc/unchanged/standins/compiled_functions.py` hands up; out go the value,
which the user's own function gives, and its tangent, by a sweep of this room.  Reading order:
`policy` (which functions run as Python, and how often), `arguments` (what a call is given),
`seeding` and `pushing` (the sweep that pushes tangents through a function), `known` (what is known
of a function: its sweeps, whether it writes), `tangents` (rows into tangents of every kind), and
`step` (the call itself).
"""
