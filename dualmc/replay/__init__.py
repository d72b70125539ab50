"""The inside of `dualmc.prepare`: a function recorded once and replayed as machine code.

In: f, a point, and which derivative.  Out: its entries at other points, by machine code where f
would do just the same there; else nothing, and the caller differentiates f afresh.

In reading order: `recording/` runs f once, to a program; `guards/` says whether arguments and what
f reads elsewhere are what they were; `arithmetic/` turns the program into arrays and tangents;
`machine/` makes loops and code of these; `result` lays out the Jacobian; `decisions` sees whether f
would decide as it did; `verify` compares with fresh calls; `path` is one way through f, `paths` all
of them; `structures` is around these where x is a dict, say; `export/` hands machine code to those
who call without Python, `saved/` keeps it in files; `fresh_calls` and `copying` are for calls
without machine code, and copies; `prepared` is what the user gets.

It may use `forward`, `reverse` and `second`, and all below these.
"""
