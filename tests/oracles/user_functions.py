"""Functions with derivatives of the user's, and what to compare their Jacobians with."""

import mpmath
import numpy as np

import dualmc as dm


def exact(function, xs):
    """`function` of mpmath at every x, rounded once."""
    with mpmath.workdps(40):
        return np.array([float(function(mpmath.mpf(float(x)))) for x in xs])


def jacobians(f, x, **options):
    """The Jacobian by every way the driver has."""
    yield dm.jacobian_fwd(f, x, **options)
    yield dm.jacobian_fwd(f, x, chunk_size=2, **options)
    yield dm.jacobian_fwd(f, x, sparse=True, **options).toarray()
    yield dm.jacobian_fwd(f, x, sparse=True, chunk_size=5, **options).toarray()
    yield dm.jacobian_rev(f, x, **options)
    yield dm.jacobian_rev(f, x, chunk_size=1, **options)


class Counted:
    """``a**2 * b + c`` of arrays as C code would take them, with the calls of function and rule."""

    def __init__(self):
        self.function_calls = self.rule_calls = 0

        @dm.custom_jvp
        def f(a, b=1.0, c=0.0):
            self.function_calls += 1
            assert not any(isinstance(x, dm.Dual) for x in (a, b, c))
            return np.asarray(a) ** 2 * b + c

        @f.def_jvp
        def f_jvp(primals, tangents):
            self.rule_calls += 1
            assert len(primals) == len(tangents)
            for p, t in zip(primals, tangents, strict=True):
                assert np.shape(p) == np.shape(t)
            a, b, c = (*primals, 1.0, 0.0) if len(primals) == 1 else primals
            a_dot, b_dot, c_dot = (*tangents, 0.0, 0.0)[:3]
            return np.asarray(a) ** 2 * b + c, 2 * a * b * a_dot + a**2 * b_dot + c_dot

        self.f = f


@dm.custom_jvp
def power(x, exponent=2.0, scale=1.0):
    return scale * np.asarray(x) ** exponent


@power.def_jvp
def power_jvp(primals, tangents, exponent=2.0, scale=1.0):
    (x,), (x_dot,) = primals, tangents
    return power(x, exponent=exponent, scale=scale), scale * exponent * x ** (exponent - 1) * x_dot


@dm.custom_jvp
def polar(r, angle):
    return r * np.cos(angle), r * np.sin(angle), np.hypot(r, 0.0).sum()


@polar.def_jvp
def polar_jvp(primals, tangents):
    (r, angle), (r_dot, angle_dot) = primals, tangents
    c, s = np.cos(angle), np.sin(angle)
    return polar(r, angle), (
        c * r_dot - r * s * angle_dot,
        s * r_dot + r * c * angle_dot,
        np.sum(r_dot),
    )


class Lens:
    """A method and its rule."""

    def __init__(self, strength):
        self.strength = strength

    @dm.custom_jvp
    def bend(self, x, offset=0.0):
        return self.strength * np.asarray(x) ** 2 + offset

    @bend.def_jvp
    def _bend_jvp(primals, tangents, offset=0.0):
        (self, x), (_, x_dot) = primals, tangents
        return self.bend(x, offset=offset), 2 * self.strength * x * x_dot


@dm.custom_jvp
def logistic(x):
    """Written with what NumPy has for plain arrays only, and a rule in terms of itself."""
    assert not isinstance(x, dm.Dual)
    return 1 / (1 + np.exp(-np.asarray(x, float)))


@logistic.def_jvp
def logistic_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    y = logistic(x)
    return y, y * (1 - y) * x_dot


def logistic_derivative(order, xs):
    def f(t):
        return 1 / (1 + mpmath.exp(-t))

    return exact(lambda t: mpmath.diff(f, t, order), xs)
