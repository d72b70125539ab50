"""What was prepared, for callers without Python: nopython code of Numba, and C.

In: the paths of a prepared function.  Out: functions that need no interpreter, of which each tells
where f would go another way; or a refusal that says why f cannot be served so.

In reading order: `served` (which ways, of which inputs, frozen at what), `nopython` (functions for
Numba), `prototypes` (the C signatures), `cfunction` (addresses), `methods` (what a `Prepared` has
of these).
"""
