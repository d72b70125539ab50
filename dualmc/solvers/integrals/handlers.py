"""The stand-ins for the integrals of scipy.integrate, by dotted name."""

import functools

import scipy.integrate

from dualmc.duals.operands import has_tangent
from dualmc.errors import missing_rule
from dualmc.solvers.integrals import multiple, quadpack, sampled, vector
from dualmc.solvers.integrals.quadpack import is_off

HANDLERS = {
    f"scipy.integrate.{function.__name__}": function
    for function in (
        quadpack.quad,
        multiple.nquad,
        multiple.dblquad,
        multiple.tplquad,
        vector.quad_vec,
        sampled.trapezoid,
        sampled.simpson,
    )
}


def _refuse(name):
    """Where the integrand or the arguments give Duals, an error by name."""
    original = getattr(scipy.integrate, name, None)
    if original is None:
        return

    def checked(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            y = function(*args, **kwargs)
            if has_tangent(y):
                raise missing_rule(f"scipy.integrate.{name}")
            return y

        return wrapped

    @functools.wraps(original)
    def standin(*args, **kwargs):
        if is_off():
            return original(*args, **kwargs)
        if has_tangent((*args, *kwargs.values())):
            raise missing_rule(f"scipy.integrate.{name}")
        args = [checked(a) if callable(a) else a for a in args]
        return original(*args, **{k: checked(a) if callable(a) else a for k, a in kwargs.items()})

    HANDLERS[f"scipy.integrate.{name}"] = standin


for _name in ("tanhsinh", "nsum", "cubature", "qmc_quad"):
    _refuse(_name)
