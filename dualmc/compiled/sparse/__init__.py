"""Sparse Jacobians of compiled functions: which entries there are, and few passes for all of them.

In comes a compiled function; out come the nonzeros of its Jacobian, rows compressed.  `marks`: a
Dual that knows which inputs it depends on, by one bit each, read from what f returns; `decisions`:
whether f looked at values on its way, so that another point may have other entries.  `colouring`
puts columns that share no row together; `codes` gives each column the bits by which a pass sees an
entry that the pattern lacks; `plan` lays all this out for `compression`, the sweep that writes the
nonzeros; `patterns` keeps the plans of a function and finds them anew where one fails; `verbs`
answers requests, `operator` makes the function that compiled code calls.
"""
