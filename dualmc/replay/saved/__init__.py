"""Prepared functions in a file, and back: their ways with the machine code, for other processes.

In: a prepared function.  Out: bytes, of which another process makes the same prepared function, or
says what is not as it was.  It uses all of `replay/` but `export/`.

In reading order: `sentences` (what errors say), `origin` (where f is found again), `leaves` (arrays
without recursion), `steps` (recorded calls, pickled), `ways` (one path), `contents` (all of it),
`files` (on disk), `methods` (what a `Prepared` has of these).
"""
