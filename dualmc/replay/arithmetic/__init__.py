"""From a program to arrays and tangents: movements are resolved, what is left is arithmetic.

In: a `Program` and which derivative is wanted.  Out: a `Pair` of an array and its tangent, made of
leaves that loops can compute.  It uses `recording/`, and `forward` for what has no form of its own.

In reading order: `scalars`, `arrays`, `slots` (tangents of arrays), `pairs` (both); steps by kind:
`elementwise`, `sums`, `products`, `linear`, `writes`, `calls` (by NumPy); `steps` has them all;
`least` says how fast a replay can be; `second` differentiates once more, `derivatives` chooses;
`rounding` records as the code rounds.
"""
