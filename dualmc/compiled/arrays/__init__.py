"""What arrays of Duals can do in compiled code: overloads of NumPy's functions, a file per family.

Loops over elements, written with the operations of scalar Duals: as machine code by `looping` where
operands are broadcast (`elementwise`, `choosing`, `writing`, `applying`), else as plain code.  What
jumps (``np.floor(x)``) is an array of Duals with partials 0, for others may be stored there; a Dual
never goes into an array of numbers.  Overloads are registered for
Numba's CPU target, so that they are asked before its own, and answer for Duals alone: code on plain
floats is compiled as before.
"""
