"""Compiled functions that plain Python f calls: each call with Duals is one step.

In comes a call that `dualmc/unchanged/standins/compiled_functions.py` hands up; out go the value,
which the user's own function gives, and its tangent, by a sweep of this room.  Reading order:
`policy` (which functions run as Python, and how often), `arguments` (what a call is given),
`seeding` and `pushing` (the sweep that pushes tangents through a function), `known` (what is known
of a function: its sweeps, whether it writes), `rows` and `tangents` (what a sweep gave, as tangents
of every kind), `results` and `writes` (what f gets), `patterns` (large sparse Jacobians), `nested`
(Duals of Duals), `traced` (graphs and programs), `quick` (numbers), `step` (the call itself), and
`ufuncs` (those of `numba.vectorize`).
"""
