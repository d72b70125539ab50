"""The derivatives of users' `@njit` functions, at native speed: Duals as a type of Numba's.

In comes a compiled function and a request; out go Jacobians, by a sweep: a compiled function that
calls a copy of the user's function, compiled for Duals.

Reading order: `scalars/` (Duals as numbers), `arrays/` (what arrays of them can do), `copying/`
(the user's function once more), `language/` (what of Numba's language needs more), `arena`,
`blocks` and `sweeps` (room, seeds in, rows out), `source` and `stamps` (what is kept, and by which
name), `verbs` and `calling` (requests), `sparse/` (the nonzeros alone), `helpers/` (compiled
functions that plain code calls).  Importing it tells Numba of Duals, so that it waits until the
first compiled function comes.  Uses rooms up to `calls`.
"""
