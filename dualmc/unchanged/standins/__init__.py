"""Functions and classes that code finds in place of those which a Dual cannot reach.

Each takes and returns what the original does, and keeps derivatives.  `table.py` first, which all
others fill: `arrays.py`, what makes arrays; `methods.py`, methods that do;
`memory.py`, what reads their memory; `kinds.py`, what
asks for the kind of a value; `by_element.py`, what runs over single elements; `math_module.py`;
`assertions.py` of numpy.testing.  `listed.py`: any function of NumPy's, given lists of Duals.
"""
