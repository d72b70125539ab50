"""Pictures of what other rooms found, by matplotlib, which is imported when one is asked for.

In: a Jacobian, or the numbers and the layout that a result hands over; out: matplotlib's Axes.
Nothing here measures or differentiates.  In reading order: `figures` (which Axes, which colours),
`blocks`, `bins` and `labels` (the matrix that `spy` draws, and what stands beside it), `spy`; then
`bars` (of `Comparison.plot`), `crossover_map` (of `Crossover.plot` and of the benchmark) and
`data_flow` (of `Explanation.plot`).
"""
