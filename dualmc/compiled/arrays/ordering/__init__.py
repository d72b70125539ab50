"""What looks at the order of the elements of arrays of Duals: the values decide it alone."""
