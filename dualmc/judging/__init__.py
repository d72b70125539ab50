"""What is said of derivatives that are judged: the inside of `check` and `testing`.

In come a Jacobian and another of the same function; out go their entries that differ, and
sentences.  It may use `derivation`'s names of arguments and the rooms below.  In reading order:
`entries` (two Jacobians, entry by entry), `disagreement` (what `testing` raises), `jacobian_check`
(what `check_jacobian` returns).
"""
