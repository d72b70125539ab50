"""A Jacobian in chunks of columns, wherever they are computed and wherever they go: comes in a
checked request with the options executor=, out=, resume= and progress= of the verbs, goes out the
value and the Jacobian, or the array that was given for it.

In reading order: `spread.py` (one call: its options, and what becomes of its chunks), `task.py`
(one chunk, as a worker runs it), `sending.py` (f and x as bytes), `sizes.py` (how many columns a
chunk has, and what fits in memory), `workers.py` (chunks handed to an executor, and those that it
loses), `targets.py` (where the columns go), `given.py` (whether `out` can take them), `journal.py`
(which are done, beside a file), `bar.py` (progress).  The room may use `passes` and all below.
"""
