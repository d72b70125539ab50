"""The rows of scipy.special by ufunc, for `rules/table.py`, loaded when a Dual meets one.

A partial keeps its digits in the tails: scaled functions (erfcx, ive) stand for quotients that
over- or underflow, and differences of nearly equal outputs are avoided.  Formulas are those of the
Digital Library of Mathematical Functions (DLMF), https://dlmf.nist.gov, where no other is named.
"""

import numpy as np
import scipy.special as sc

from dualmc.rules.special.bessel import BESSEL
from dualmc.rules.special.counts import COUNTS
from dualmc.rules.special.cumulative import BETAS, GAMMAS
from dualmc.rules.special.distributions import DISTRIBUTIONS, ERROR
from dualmc.rules.special.elementary import ELEMENTARY, LOGISTIC
from dualmc.rules.special.gamma import GAMMA
from dualmc.rules.special.integrals import INTEGRALS
from dualmc.rules.special.noncentral import NONCENTRAL
from dualmc.rules.special.partials import rule_of
from dualmc.rules.special.zeta import ZETAS

TABLE = GAMMA | ERROR | DISTRIBUTIONS | LOGISTIC | ELEMENTARY | BESSEL | INTEGRALS
TABLE = TABLE | GAMMAS | BETAS | NONCENTRAL | ZETAS | COUNTS


def _ufunc(name):
    """A ufunc of scipy.special, also of those that only scipy.stats calls."""
    return getattr(sc, name, None) or getattr(sc._ufuncs, name, None)


ROWS = {
    _ufunc(name): rule_of(partials)
    for name, partials in TABLE.items()
    if isinstance(_ufunc(name), np.ufunc)
}
