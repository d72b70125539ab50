"""Stand-ins for the functions of the module cmath, which convert what they are given to complex."""

import cmath

import numpy as np

from dualmc.unchanged.standins.builtins import to_complex, to_float
from dualmc.unchanged.standins.table import exact, is_carrier, looked_at

HANDLERS: dict = {}  # by name, for `foreign.py`
_SAME_NAME = "sqrt exp sin cos tan sinh cosh tanh log10".split()
_FORMULAS = {name: getattr(np, name) for name in _SAME_NAME} | {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
}  # fmt: skip


def _of_complex(original, formula):
    def standin(z):
        if not is_carrier(z):
            return original(z)
        return exact(_on_numbers(original, standin), formula, to_complex(z))

    standin.__name__, standin.__doc__ = original.__name__, original.__doc__
    return standin


def _on_numbers(original, standin):
    """`original` of a plain number, or of one with derivatives of an outer call."""
    return lambda z: standin(z) if is_carrier(z) else original(np.asarray(z)[()])


for _name, _formula in _FORMULAS.items():
    HANDLERS[f"cmath.{_name}"] = _of_complex(getattr(cmath, _name), _formula)

_log = _of_complex(cmath.log, np.log)


def log(z, base=None):
    return _log(z) if base is None else _log(z) / _log(base)


def phase(z):
    """The angle of z, a float."""
    if not is_carrier(z):
        return cmath.phase(z)
    z = to_complex(z)
    return to_float(exact(_on_numbers(cmath.phase, phase), np.angle, z))


def polar(z):
    return (to_float(abs(to_complex(z))), phase(z)) if is_carrier(z) else cmath.polar(z)


def rect(r, phi):
    if not is_carrier(r) and not is_carrier(phi):
        return cmath.rect(r, phi)
    return exact(
        lambda *numbers: rect(*(a if is_carrier(a) else np.asarray(a)[()] for a in numbers)),
        lambda r, phi: to_complex(r * np.cos(phi), r * np.sin(phi)),
        to_float(r), to_float(phi),
    )  # fmt: skip


def _of_values(original):
    def standin(*args, **kwargs):
        return original(*map(looked_at, args), **kwargs)

    return standin


for _standin in (log, phase, polar, rect):
    HANDLERS[f"cmath.{_standin.__name__}"] = _standin
for _name in ("isclose", "isfinite", "isinf", "isnan"):
    HANDLERS[f"cmath.{_name}"] = _of_values(getattr(cmath, _name))
