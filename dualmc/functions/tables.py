"""The tables of functions and methods, full: all files that write rows of them are imported."""

from dualmc.duals import indexing, writing  # noqa: F401
from dualmc.functions import (  # noqa: F401
    composite,
    creation,
    extended,
    fitting,
    fourier,
    kinds,
    methods,
    parts,
)
from dualmc.functions.matrices import decompositions, norms, solving, spectral  # noqa: F401
from dualmc.functions.moving import joining, order, padding, selection, sets  # noqa: F401
from dualmc.functions.products import bilinear, einsum  # noqa: F401
from dualmc.functions.summing import (  # noqa: F401
    calculus,
    histograms,
    linear,
    reductions,
    statistics,
)
from dualmc.steps import flat, operators, protocols  # noqa: F401
