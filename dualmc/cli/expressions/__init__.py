"""Functions and points written on the command line, read without `eval`.

In comes text: ``sin(x**2)``, ``package.module:function``, ``w=[1, 2]``.  Out go functions that
dualmc differentiates, and values; what is not allowed is an `ExpressionError` that names the piece.
Of dualmc only the table of rules is used.  In reading order: `source`, `allowed`, `arithmetic`,
`sizes`, `reader`; then `point` and `target`, for what the commands are given.
"""
