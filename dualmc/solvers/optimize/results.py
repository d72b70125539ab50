"""What a solver hands out: numbers with derivatives, counts, and floats that have none to give."""

import numpy as np

from dualmc.errors import TangentLostError

# Floats that tell how a solver fared: they say nothing about the problem's own numbers.
DIAGNOSES = frozenset(
    """
    optimality constr_violation maxcv execution_time tr_radius barrier_parameter barrier_tolerance
    constr_penalty mip_gap crossover_nit cg_niter
    """.split()
)


class NoDerivative:
    """In place of numbers of a solver's, which were computed without their derivatives."""

    def __init__(self, name):
        object.__setattr__(self, "_name", name)

    def __repr__(self):
        return f"<{self._name}: no derivative>"

    def _refuse(self, *args, **kwargs):
        raise TangentLostError(
            f"{self._name} comes from inside of a solver that f called, without its derivative. "
            f"Compute it from the solution, which has one, e.g. with dualmc.gradient or "
            f"dualmc.jacobian_fwd."
        )

    __array_priority__ = 2000.0

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__") and name != "__array_interface__":
            raise AttributeError(name)
        return self._refuse()


for _name in """
    array array_ufunc array_function getitem setitem iter len float int index complex bool contains
    add radd sub rsub mul rmul truediv rtruediv matmul rmatmul pow rpow neg pos abs lt le gt ge eq
    ne floordiv rfloordiv mod rmod round
""".split():
    setattr(NoDerivative, f"__{_name}__", NoDerivative._refuse)
NoDerivative.__hash__ = object.__hash__


def in_result(out, **found):
    """SciPy's result `out` with what was `found`; other numbers refuse to be read."""
    for key, value in list(out.items()):
        if key in found:
            out[key] = found[key]
        elif key not in DIAGNOSES:
            out[key] = _without(value, f"the field {key!r}")
    return out


def in_tuple(out, found):
    """The tuple `out` with what was `found`, by position."""
    parts = [
        found[i] if i in found else _without(part, f"item {i} of the result")
        for i, part in enumerate(out)
    ]
    return type(out)(*parts) if hasattr(out, "_fields") else tuple(parts)


def _without(value, name):
    if issubclass(type(value), dict):
        for key, item in list(value.items()):
            value[key] = _without(item, f"the field {key!r}")
        return value
    if issubclass(type(value), (bool, int, str, bytes, type(None))):
        return value
    if issubclass(type(value), (np.ndarray, np.generic)) and value.dtype.kind in "biuSU":
        return value
    if issubclass(type(value), (list, tuple)) and not value:
        return value
    return NoDerivative(name)
