"""quad: the value by QUADPACK, the derivatives by QUADPACK too, each under the same error control.

The integrand is called once at each point, and what it returns is remembered: its value serves
the value, and its other numbers their own integrals, which use mostly the same points.
"""

import functools
import inspect

import numpy as np
import scipy.integrate

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand
from dualmc.errors import MissingRuleError, missing_case
from dualmc.functions.results import with_primal
from dualmc.graph.traced import Traced
from dualmc.kernels.payload import values
from dualmc.solvers.integrals import leibniz, meshes
from dualmc.solvers.integrals.parts import count, joined, levels_of, parts

_signature = inspect.signature(scipy.integrate.quad)


class Remembered:
    """An integrand, and what it returned at every point."""

    def __init__(self, function, args=()):
        self.function, self.args, self.found = function, args, {}

    def __call__(self, x):
        """What the integrand returns at x, an array for a list."""
        key = x if type(x) is float else None
        y = None if key is None else self.found.get(key)
        if y is None:
            y = as_operand(self.function(x, *self.args))
            if type(y) is Traced:
                raise _cannot_record()
            if key is not None:
                self.found[key] = y
        return y

    def value(self, x):
        return plain(self(x))

    def levels(self):
        return levels_of(*self.found.values())


def _cannot_record():
    return MissingRuleError(
        "dualmc cannot record an integral of scipy.integrate. Call jacobian_fwd or jacobian_rev "
        "instead of prepare or explain."
    )


def plain(a):
    if type(a) is Traced:
        raise _cannot_record()
    if type(a) is not Dual:
        return a
    a = values(a)
    return a[()] if a.ndim == 0 else a


def is_off():
    """Whether no derivative is taken in this thread."""
    return levels.current() is None


@functools.wraps(scipy.integrate.quad)
def quad(*args, **kwargs):
    if is_off():
        return scipy.integrate.quad(*args, **kwargs)
    given = dict(_signature.bind(*args, **kwargs).arguments)
    func, a, b = given.pop("func"), as_operand(given.pop("a")), as_operand(given.pop("b"))
    extra = given.pop("args", ())
    extra = extra if issubclass(type(extra), tuple) else (extra,)
    points = [as_operand(p) for p in _listed(given.get("points"))]
    given = {key: _plain_option(key, value) for key, value in given.items()}
    if not callable(func):  # a LowLevelCallable
        limits = (plain(a), plain(b), extra)
        if leibniz.depth_of(a, b):
            raise missing_case("scipy.integrate.quad", "of a compiled integrand by its limits")
        return scipy.integrate.quad(func, *limits, **given)
    f = Remembered(func, extra)
    value = levels.resumed(f.value)
    with levels.outside():
        first, *rest = scipy.integrate.quad(value, plain(a), plain(b), **given)
    return (_differentiated(f, first, a, b, points, given), *rest)


def _listed(points):
    return [] if points is None else list(points)


def _plain_option(key, value):
    """Options have no derivative, but for the breakpoints."""
    if key == "points":
        return None if value is None else [plain(as_operand(p)) for p in value]
    if leibniz.depth_of(*(value if issubclass(type(value), (list, tuple)) else [value])):
        raise missing_case("scipy.integrate.quad", f"with respect to {key}")
    return value


def _differentiated(f, own, a, b, points, given):
    """The integral whose value is `own`, with its derivatives."""
    seen = f.levels()
    edge = leibniz.boundary(_scalar(f), a, b, points)
    if edge is not None and given.get("weight") is not None:
        raise missing_case("scipy.integrate.quad", "by its limits where it has a weight")
    inside = None
    if seen:
        by_mesh = any(level.records for level in seen)
        inside = (_recorded if by_mesh else _by_parts)(f, seen, plain(a), plain(b), given)
    found = edge if inside is None else inside if edge is None else inside + edge
    return own if found is None else of_value(own, found)


def _scalar(f):
    return lambda x: np.reshape(f(x), ())


def _by_parts(f, seen, a, b, given):
    """Every number of the integrand by an integral of its own."""
    total = count(seen)
    known = {}

    def numbers(x):
        found = known.get(x)
        if found is None:
            found = known[x] = parts(_scalar(f)(x), seen)
        return found

    samples = np.abs(np.stack([numbers(x) for x in list(f.found)]))
    sizes = samples.max(axis=0)
    options = {key: value for key, value in given.items() if key != "full_output"}
    absolute = options.pop("epsabs", 1.49e-8)
    out = np.zeros(total, np.result_type(*(known[x] for x in list(known)[:1])))
    for j in range(1, total):
        if sizes[j] == 0:
            continue
        with np.errstate(all="ignore"):
            scale = min(1.0, sizes[j] / sizes[0]) if sizes[0] > 0 else 1.0
        scale = scale if np.isfinite(scale) else 1.0
        part = levels.resumed(lambda x, j=j: numbers(x)[j])
        with levels.outside():
            out[j] = scipy.integrate.quad(part, a, b, epsabs=absolute * scale, **options)[0]
    return joined(out, seen)


def _recorded(f, seen, a, b, given):
    """A weighted sum of what the integrand returned."""
    if given.get("weight") is not None:
        raise missing_case(
            "scipy.integrate.quad", "with weight= in reverse mode: call dualmc.jacobian_fwd"
        )
    points = given.get("points") or ()
    return meshes.integral(_scalar(f), lambda x: np.reshape(f.value(x), ()), a, b, points)


def of_value(own, found):
    """`found` with SciPy's own value at the bottom of its levels."""
    if type(found) is not Dual:
        return np.asarray(own)
    return with_primal(of_value(own, found.primal), found)
