"""What adds or multiplies the elements of arrays of Duals up, in the order of Numba's own loops."""
