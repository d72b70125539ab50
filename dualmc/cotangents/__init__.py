"""The reverse sweep: cotangents carried from an output back along the tape.

In come the steps of a tape, latest first, and a cotangent; out go those of the inputs.  It may use
`kernels` and the rooms below, and knows of a step its parents, its pullback and what it kept.
In reading order: `sweep`, the pullbacks `elementwise`, `moves` and `sums`, and the short way of one
float64 cotangent, `single`, `quick_partials`, `quick_steps` and `quick_sweep`.
"""
