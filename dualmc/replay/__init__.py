"""A function recorded once and replayed as machine code; the public door is `dualmc.prepare`.

In reading order: `program` records f; `arrays` are what its steps compute, with every movement of
elements resolved beforehand; `slots` are their tangents; `steps` turns the program into arrays and
tangents; `schedule` groups the arithmetic into loops; `native` makes machine code of them.
"""
