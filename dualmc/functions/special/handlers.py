"""Functions of scipy.special that are no rows: two outputs, or Python functions on arrays."""

import numpy as np
import scipy.special as sc

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual, level_of
from dualmc.errors import missing_case, missing_rule
from dualmc.functions.axes import kept_shape, negative_axes
from dualmc.functions.matrices.differentials import held, quiet
from dualmc.functions.results import with_primal
from dualmc.functions.special import spherical
from dualmc.kernels.payload import values
from dualmc.rules.registry import UFUNCS, Entry
from dualmc.rules.special import table
from dualmc.rules.special.partials import refused, rule_of
from dualmc.rules.special.series import sinhc_derivative
from dualmc.rules.special.zeta import riemann_by_exponent, zeta_by_exponent
from dualmc.rules.table import Rule
from dualmc.steps.elementwise import push

# --- Ufuncs with two outputs ---------------------------------------------------------------------


def _pair(name, first, second):
    ufunc = getattr(sc, name)

    def part(i):
        return lambda x: ufunc(x)[i]

    def handler(x):
        return (
            push(Rule((first,), kernel=False), part(0), (x,)),
            push(Rule((second,), kernel=False), part(1), (x,)),
        )

    UFUNCS[ufunc] = Entry("element-wise", handler)


_pair("sici", lambda x, y: np.sinc(x / np.pi), lambda x, y: np.cos(x) / x)
_pair("shichi", sinhc_derivative(0), lambda x, y: np.cosh(x) / x)
_pair(
    "fresnel",
    lambda x, y: np.sin(0.5 * np.pi * x * x),
    lambda x, y: np.cos(0.5 * np.pi * x * x),
)


def _several(name, *partials):
    """A ufunc of several outputs: the partials of each, functions of (inputs..., outputs...)."""
    ufunc = getattr(sc, name)

    def part(i):
        return lambda *inputs: ufunc(*inputs)[i]

    def rule(i):
        def of(partial):
            return lambda *args: partial(*args[:-1], *ufunc(*args[:-1]))

        return Rule(tuple(map(of, partials[i])), kernel=False)

    def handler(*inputs):
        return tuple(push(rule(i), part(i), inputs) for i in range(len(partials)))

    UFUNCS[ufunc] = Entry("element-wise", handler)


_several(
    "airy",
    (lambda x, a, da, b, db: da,),
    (lambda x, a, da, b, db: x * a,),
    (lambda x, a, da, b, db: db,),
    (lambda x, a, da, b, db: x * b,),
)
_several(
    "airye",  # scaled by exp(2/3 x^(3/2)) and by its inverse, for x >= 0
    (lambda x, a, da, b, db: da + np.sqrt(x) * a,),
    (lambda x, a, da, b, db: x * a + np.sqrt(x) * da,),
    (lambda x, a, da, b, db: db - np.sqrt(x) * b,),
    (lambda x, a, da, b, db: x * b - np.sqrt(x) * db,),
)


def _ellipj_turn(u, m, sn, cn, dn, phi):
    """``d phi / dm`` over dn (DLMF 22.13(iii) and 22.16(iii))."""
    whole = sc.ellipeinc(phi, m) - (1.0 - m) * u
    return (sn * cn / dn * m - whole) / (2.0 * m * (1.0 - m))


_several(
    "ellipj",
    (
        lambda u, m, sn, cn, dn, phi: cn * dn,
        lambda u, m, sn, cn, dn, phi: cn * dn * _ellipj_turn(u, m, sn, cn, dn, phi),
    ),
    (
        lambda u, m, sn, cn, dn, phi: -sn * dn,
        lambda u, m, sn, cn, dn, phi: -sn * dn * _ellipj_turn(u, m, sn, cn, dn, phi),
    ),
    (
        lambda u, m, sn, cn, dn, phi: -m * sn * cn,
        lambda u, m, sn, cn, dn, phi: (
            -m * sn * cn * _ellipj_turn(u, m, sn, cn, dn, phi) - 0.5 * sn * sn / dn
        ),
    ),
    (
        lambda u, m, sn, cn, dn, phi: dn,
        lambda u, m, sn, cn, dn, phi: dn * _ellipj_turn(u, m, sn, cn, dn, phi),
    ),
)


# --- Python functions ----------------------------------------------------------------------------

HANDLERS: dict = {}


def handles(name):
    """Decorator: the function below stands for this function of scipy.special on Duals."""
    original = getattr(sc, name)

    def register(formula):
        def standin(*args, **kwargs):
            if not has_dual(args) and not has_dual(tuple(kwargs.values())):
                return original(*args, **kwargs)
            return formula(*args, **kwargs)

        standin.__name__ = name
        HANDLERS[f"scipy.special.{name}"] = standin
        return standin

    return register


@handles("multigammaln")
def multigammaln(a, d):
    d = int(d)
    total = d * (d - 1) * 0.25 * np.log(np.pi)
    for j in range(d):
        total = total + sc.gammaln(a - 0.5 * j)
    return total


@handles("comb")
def comb(N, k, *, exact=False, repetition=False):
    if exact:
        raise TypeError("scipy.special.comb(exact=True) needs whole numbers; N or k is a Dual.")
    if repetition:
        return comb(N + k - 1, k)
    is_inside = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(is_inside, sc.binom(N, k), 0.0)


@handles("perm")
def perm(N, k, exact=False):
    if exact:
        raise TypeError("scipy.special.perm(exact=True) needs whole numbers; N or k is a Dual.")
    is_inside = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(is_inside, sc.poch(N - k + 1, k), 0.0)


@handles("polygamma")
def polygamma(n, x):
    rule = rule_of((refused("polygamma", "n"), lambda n, x, y: polygamma(n + 1, x)))
    return push(rule, polygamma, (n, x))


# The one row that needs such a function; the module of rows has the others.
ROWS = table.ROWS | {sc.psi: rule_of((lambda x, y: polygamma(1, x),))}


@handles("zeta")
def zeta(x, q=None, out=None):
    if q is None:
        rule = rule_of((lambda x, y: riemann_by_exponent(x),))
        return push(rule, zeta, (x,))
    rule = rule_of((lambda x, q, y: zeta_by_exponent(x, q), lambda x, q, y: -x * zeta(x + 1.0, q)))
    return push(rule, zeta, (x, q))


@handles("lambertw")
def lambertw(z, k=0, tol=1e-8):
    """``w' = exp(-w) / (1 + w)``; complex, as SciPy's result is, with a zero imaginary part."""
    rule = Rule(
        (lambda z, y: np.exp(-y) / (1.0 + y),),
        complex_partials=(lambda z, y: np.exp(-y) / (1.0 + y),),
        kernel=False,
    )
    return push(rule, lambda z: lambertw(z, k, tol), (as_operand(z).astype(complex),))


def _handle_spherical(name):
    function = spherical.FUNCTIONS[name]

    @handles(name)
    def standin(n, z, derivative=False):
        """By DLMF 10.51, the derivative and its derivatives too."""
        if has_dual((n,)):
            raise missing_case(f"scipy.special.{name}", "with respect to n")
        y = (function.slope if derivative else function)(n, z)
        own = function.original(n, values(z), bool(derivative))  # what SciPy itself returns
        return with_primal(own, y) if type(y.primal) is not Dual else y


for _name in spherical.FUNCTIONS:
    _handle_spherical(_name)


# --- Sums of exponentials ------------------------------------------------------------------------


@handles("logsumexp")
def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    """``dy = sum(w da + exp(a - y) db)`` with w = b exp(a - y), 0 at masked entries (-inf)."""
    a = as_operand(a)
    b = None if b is None else as_operand(b)
    level = level_of(a, b)
    p, q = held(a, level), None if b is None else held(b, level)
    found = logsumexp(p, axis, q, True, return_sign)
    y, sign = found if return_sign else (found, None)
    total = _shares(a, b, p, q, y, sign, level, axis)
    if sign is not None and np.iscomplexobj(values(total)):
        # Of a complex sum, its absolute value and its direction.
        sign = with_primal(sign, held(sign, level) * 1j * np.imag(total))
        total = np.real(total)
    shape = kept_shape(np.broadcast_shapes(np.shape(p), np.shape(q)) if b is not None else p.shape,
                       negative_axes(axis, np.ndim(y)), keepdims)  # fmt: skip
    y_dual = np.reshape(with_primal(y, total), shape)
    return (y_dual, np.reshape(sign, shape)[()]) if return_sign else y_dual


@quiet
def _shares(a, b, p, q, y, sign, level, axis):
    share = np.exp(p - y)
    share = share if sign is None else share * np.conj(sign)
    total = None
    if type(a) is Dual and a.level is level:
        total = np.sum((share if q is None else share * q) * a, axis=axis, keepdims=True)
    if type(b) is Dual and b.level is level:
        part = np.sum(share * b, axis=axis, keepdims=True)
        total = part if total is None else total + part
    return total


@handles("softmax")
def softmax(x, axis=None):
    """``ds = s (dx - sum(s dx))``."""
    x = as_operand(x)
    s = held(softmax(held(x, x.level), axis), x.level)
    return with_primal(s, _centred(x, s, axis) * s)


@handles("log_softmax")
def log_softmax(x, axis=None):
    x = as_operand(x)
    y = log_softmax(held(x, x.level), axis)
    return with_primal(y, _centred(x, np.exp(held(y, x.level)), axis))


@quiet
def _centred(x, s, axis):
    return x - np.sum(s * x, axis=axis, keepdims=True)


def _refuse_the_rest():
    """Public Python functions that have no rule refuse Duals by name."""
    for name in sc.__all__:
        original = getattr(sc, name, None)
        if f"scipy.special.{name}" in HANDLERS or isinstance(original, (np.ufunc, type)):
            continue
        if not callable(original) or original is np.sinc:
            continue

        def formula(*args, name=name, **kwargs):
            raise missing_rule(f"scipy.special.{name}")

        handles(name)(formula)


_refuse_the_rest()
