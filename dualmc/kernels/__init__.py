"""Numba loops over plain arrays, one file per layout of the data, and the memory they work in.

In come arrays and partials of `rules`; out go arrays, in memory that is reused between calls. It
may use `rules`. In reading order: `axes` (of what comes), `compiling` (at the first call, kept on
disk by `cached_code`), `quiet` (no floating-point warnings), `stamped` (loops made of the rules'
partials), `slot_kernels`, `block_kernels`, `short_kernels` (short arrays whole), `halving` (what a
bisection's comparisons look like), `payload` (the same formulas where arrays are Duals) and
`buffers`.
"""
