"""The document that the library implements: its worked examples and its neuron, as data and code.

The document is Parr and Howard, "The Matrix Calculus You Need For Deep Learning" (2018).  Nothing
comes in; out go `EXAMPLES` and the training of the neuron, on data from `data/` or the user's.  It
uses the verbs of forward mode only.  In reading order: `example`, `neuron`, `examples`.
"""
