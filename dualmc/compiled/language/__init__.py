"""What Numba's language says of numbers, and says of Duals as well.

`conversions` (numbers as another type), `rewriting` (a pass over Numba's IR that calls them),
`halving` (refuses roots that loops find by bisection), `declared` (signatures given to `njit`,
types of local variables, options), `repeating` (arguments that f writes to, in several passes).
"""
