"""What every derivative is: the table of partials, that of kinks, and who handles which function.

In come NumPy's functions alone; out go rows that every mode reads, and which know nothing of
tangents.  It uses no other room.  In reading order: `table`, with `derived` and `higher` for the
derivatives of its partials; `special/` (SciPy's rows); `kink_table`; `registry`; `coverage` (the
page of all functions).
"""
