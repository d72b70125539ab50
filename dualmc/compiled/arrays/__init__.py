"""What arrays of Duals can do in compiled code: overloads of NumPy's functions, a file per family.

Loops over elements, written with the operations of scalar Duals.  Overloads are registered for
Numba's CPU target, so that they are asked before its own, and answer for Duals alone: code on plain
floats is compiled as before.
"""
