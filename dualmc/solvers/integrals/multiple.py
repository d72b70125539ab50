"""dblquad, tplquad and nquad: quad of quad, as SciPy makes them, with the stand-in for quad."""

import functools

import scipy.integrate

from dualmc.duals.operands import as_operand
from dualmc.solvers.integrals.quadpack import is_off, plain, quad


class _Nested:
    """SciPy's recursion from the outermost variable, the last, to the first."""

    def __init__(self, func, ranges, opts, full_output):
        self.func, self.ranges, self.opts = func, ranges, opts
        self.full_output = full_output
        self.error, self.calls = 0, 0

    def integrate(self, *args, depth=0):
        low, high = self.ranges[-depth - 1](*args)
        options = dict(self.opts[-depth - 1](*args))
        if "points" in options:
            ends = plain(as_operand(low)), plain(as_operand(high))
            options["points"] = [
                x for x in options["points"] if ends[0] <= plain(as_operand(x)) <= ends[1]
            ]
        is_innermost = depth + 1 == len(self.ranges)
        f = self.func if is_innermost else functools.partial(self.integrate, depth=depth + 1)
        found = quad(f, low, high, args=args, full_output=self.full_output, **options)
        if self.full_output and is_innermost:
            self.calls += found[2]["neval"]
        self.error = max(self.error, found[1])
        return found[0]


def _callable(a):
    return a if callable(a) else lambda *args: a


@functools.wraps(scipy.integrate.nquad)
def nquad(func, ranges, args=None, opts=None, full_output=False):
    if is_off():
        return scipy.integrate.nquad(func, ranges, args, opts, full_output)
    opts = [{}] * len(ranges) if opts is None else opts
    opts = [opts] * len(ranges) if issubclass(type(opts), dict) else opts
    nested = _Nested(func, list(map(_callable, ranges)), list(map(_callable, opts)), full_output)
    value = nested.integrate(*(() if args is None else args))
    if full_output:
        return value, nested.error, {"neval": nested.calls}
    return value, nested.error


@functools.wraps(scipy.integrate.dblquad)
def dblquad(func, a, b, gfun, hfun, args=(), epsabs=1.49e-8, epsrel=1.49e-8):
    low, high = _callable(gfun), _callable(hfun)
    ranges = [lambda *xs: (low(xs[0]), high(xs[0])), (a, b)]
    return nquad(func, ranges, args, {"epsabs": epsabs, "epsrel": epsrel})


@functools.wraps(scipy.integrate.tplquad)
def tplquad(func, a, b, gfun, hfun, qfun, rfun, args=(), epsabs=1.49e-8, epsrel=1.49e-8):
    inner, outer = (_callable(qfun), _callable(rfun)), (_callable(gfun), _callable(hfun))
    ranges = [
        lambda *xs: tuple(end(xs[1], xs[0]) for end in inner),
        lambda *xs: tuple(end(xs[0]) for end in outer),
        (a, b),
    ]
    return nquad(func, ranges, args, {"epsabs": epsabs, "epsrel": epsrel})
