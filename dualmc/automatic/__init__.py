"""A plain call answered by machine code, where that is provably the same.

In: a verb's call of an f that was called before.  Out: what a fresh call gives, by a replay of
`prepare` if f is *closed*: if its code reads nothing that is not checked.

In reading order: `allowed` (what closed code may do), `closed` (whether f's does, and what it
reads), `guard` (whether that is what it was), `exceptions` (of the processor's arithmetic), `cost`
(what calls and machine code cost, by a model), `way` (one recorded way through f, and its replays),
`repeated` (who is recorded when, and `answer`, which
the verbs ask through `calls/repeats.py`).  It may use `replay` and all below.
"""
