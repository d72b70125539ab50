"""From arrays to machine code.

In: arrays, and the memory to which their elements go.  Out: a `Code` that runs on plain vectors.
It uses `arithmetic/` below it, and LLVM through Numba.

In reading order: `schedule` (which loops, what goes through memory), `operations` (the arithmetic),
`function` (positions and memory of one function), `loops` (what is written into it), `native` (all
of a plan's functions and calls), `engine` (compiled code that is freed with what holds it), `alone`
(code for callers without Python).
"""
