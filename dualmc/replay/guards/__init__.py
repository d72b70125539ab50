"""Whether a call is given, and f would read, what was there when f was recorded.

In: f and its arguments, once.  Out: ``check(args)``, and a key that tells inputs from the fixed.
It uses `recording/` for its refusals, and `unchanged/` to know whose code is the user's.

In reading order: `arguments`; `values`, `objects` and `snapshot` (is a value, to the last bit, what
another was?); `places` (where f looks names up), `check` (all of them in one expression),
`outside`, which puts these together.
"""
