"""f as a program: every step from its inputs to its output, recorded once.

In: f and its arguments.  Out: a `Program`, or `NotReplayable` with the reason.  It uses `graph/`,
which records, and the derivatives that f may take itself, but no other room of `replay/`.

In reading order: `program`, `budget` (how many steps and seconds), `derivatives` (those that f
takes become one step each).
"""
