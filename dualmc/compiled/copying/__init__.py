"""A user's compiled function once more, for Duals: a copy whose names lead to what serves them.

Reading order: `retargeting` (the copy), `creators` (functions that make arrays), `promoting`,
`list_pass`, `fusion` (rewrites of Numba's IR).
"""
