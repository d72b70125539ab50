"""Tangents: what stands for the derivatives of an array, in five kinds with one interface.

In come the seeds of a call and the linear steps of its rules; out go tangents, and at the end their
blocks, matrices in rows, or what a sweep starts from.  It may use `cotangents` and the rooms below.
In reading order: `tangent` (the interface, a page), the kinds `slots` (by `structure`, what is
remembered of columns), `dense_tangent` (by `dense`, its blocks), `packed`, `number_tangent` and
`tape`, then several into one, `unions` and `combining`, and `csr`, the way out to SciPy.
"""
