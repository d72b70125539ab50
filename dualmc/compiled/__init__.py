"""The derivatives of users' `@njit` functions, at native speed: Duals as a type of Numba's.

In comes a compiled function and a request; out go Jacobians, by a sweep: a compiled function that
calls a copy of the user's function, compiled for Duals.  Reading order: `dual_type` (primal and
partials in registers), `partials` and `intrinsics` (their machine code), `operators`, `elementary`,
`powers`, `whole_numbers` (what scalars can do, by the one rule table), `arrays/` (what arrays of
Duals can do), `fusion` (whole expressions in one loop), `creators`, `list_pass`, `promoting` and
`retargeting` (the user's function once more), `arena`, `blocks` and `sweeps` (room, seeds in, rows
out), `sparse/` (the nonzeros alone).  Importing it tells Numba of Duals, so that it waits until the
first compiled function comes.  Uses rooms up to `calls`.
"""
