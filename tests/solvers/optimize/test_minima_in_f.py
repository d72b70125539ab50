"""Minimizers of scipy.optimize called by f: closed forms, mpmath, and the conditions of an optimum.

The minimum of ``(x0 - a)^2 + (x1 - b)^2 + (x0 - a)^2 x1^2`` is (a, b); in the half-plane
``x0 <= c`` with c < a, x0 = c and x1 = b / (1 + (c - a)^2).
"""

import mpmath
import numpy as np
import pytest

import dualmc as dm

optimize = pytest.importorskip("scipy.optimize")
elementwise = pytest.importorskip("scipy.optimize.elementwise")

P = np.array([0.7, 1.3])
C = 0.2


def bowl(x, p):
    return (x[0] - p[0]) ** 2 + (x[1] - p[1]) ** 2 + (x[0] - p[0]) ** 2 * x[1] ** 2


def slope_of_bowl(x, p):
    u, v = x[0] - p[0], x[1] - p[1]
    return np.array([2 * u + 2 * u * x[1] ** 2, 2 * v + 2 * u * u * x[1]])


def value_and_slope(x, p):
    return bowl(x, p), slope_of_bowl(x, p)


def by(method, **options):
    return lambda p: optimize.minimize(bowl, [0.5, 0.5], (p,), method, **options).x


QUIET = {"disp": 0}
FREE = {
    "no method": lambda p: optimize.minimize(lambda x: bowl(x, p), np.zeros(2)).x,
    "an array of one number": lambda p: (
        optimize.minimize(lambda x: np.array([bowl(x, p)]), np.zeros(2)).x
    ),
    **{m: by(m) for m in "Nelder-Mead Powell CG BFGS L-BFGS-B TNC COBYLA COBYQA SLSQP".split()},
    "trust-constr": by("trust-constr"),
    "slope": by("BFGS", jac=slope_of_bowl),
    "value and slope": lambda p: optimize.minimize(value_and_slope, [0, 0], (p,), jac=True).x,
    "Newton-CG": by("Newton-CG", jac=slope_of_bowl),
    "trust-exact with a Hessian": by(
        "trust-exact", jac=slope_of_bowl, hess=lambda x, p: dm.hessian(lambda x: bowl(x, p), x)
    ),
    "bounds that do not hold": by("L-BFGS-B", bounds=[(None, 3), (0, None)]),
    "a constraint that does not hold": by(
        "SLSQP", constraints={"type": "ineq", "fun": lambda x: 9 - x[0] - x[1]}
    ),
    "fmin": lambda p: optimize.fmin(bowl, [0.5, 0.5], (p,), disp=0),
    "fmin_powell": lambda p: optimize.fmin_powell(bowl, [0.5, 0.5], (p,), disp=0, full_output=1)[0],
    "fmin_cg": lambda p: optimize.fmin_cg(bowl, [0.5, 0.5], None, (p,), disp=0),
    "fmin_bfgs": lambda p: optimize.fmin_bfgs(bowl, [0.5, 0.5], slope_of_bowl, (p,), disp=0),
    "fmin_ncg": lambda p: optimize.fmin_ncg(bowl, [0.5, 0.5], slope_of_bowl, args=(p,), disp=0),
    "fmin_l_bfgs_b": lambda p: optimize.fmin_l_bfgs_b(value_and_slope, [0, 0], args=(p,))[0],
    "fmin_tnc": lambda p: optimize.fmin_tnc(value_and_slope, [0, 0], args=(p,), disp=0)[0],
    "basinhopping": lambda p: (
        optimize.basinhopping(bowl, [0.5, 0.5], 2, rng=0, minimizer_kwargs={"args": (p,)}).x
    ),
    "differential_evolution": lambda p: (
        optimize.differential_evolution(bowl, [(-2, 2), (-2, 3)], (p,), rng=0, popsize=4).x
    ),
    "dual_annealing": lambda p: (
        optimize.dual_annealing(bowl, [(-2, 2), (-2, 3)], (p,), maxiter=9, rng=0).x
    ),
    "shgo": lambda p: optimize.shgo(bowl, [(-2, 2), (-2, 3)], (p,), n=8).x,
    "direct": lambda p: optimize.direct(bowl, [(-2, 2.2), (-2, 3)], args=(p,), vol_tol=1e-11).x,
    "brute": lambda p: optimize.brute(bowl, [(-2, 2), (-2, 3)], (p,), Ns=7),
}


@pytest.mark.parametrize("name", FREE)
def test_a_minimum_without_bounds(name):
    f = FREE[name]
    x, J = dm.value_and_jacobian_fwd(f, P)
    np.testing.assert_array_equal(x, f(P))
    np.testing.assert_allclose(J, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(dm.jacobian_rev(f, P), np.eye(2), atol=1e-12)


def half_plane(method="SLSQP", **options):
    return lambda p: optimize.minimize(bowl, [0.1, 0.5], (p,), method, tol=1e-12, **options).x


def line(low, high):
    return optimize.NonlinearConstraint(lambda x: x[:1] + 0.0, low, high)


HELD = {
    "pairs": half_plane("L-BFGS-B", bounds=[(None, C), (None, None)]),
    "Bounds": half_plane("TNC", bounds=optimize.Bounds([-1, -9], [C, 9])),
    "trust-constr bounds": half_plane("trust-constr", bounds=[(-1, C), (-9, 9)]),
    "Nelder-Mead bounds": half_plane("Nelder-Mead", bounds=[(-1, C), (-9, 9)]),
    "equal bounds": half_plane("L-BFGS-B", bounds=[(C, C), (None, None)]),
    "an inequality": half_plane(constraints={"type": "ineq", "fun": lambda x: C - x[0]}),
    "a curved inequality": half_plane(
        constraints=[{"type": "ineq", "fun": lambda x: np.exp(C) - np.exp(x[0])}]
    ),
    "an equality": half_plane(
        constraints={"type": "eq", "fun": lambda x, c: x[0] - c, "args": (C,)}
    ),
    "COBYLA": half_plane("COBYLA", constraints={"type": "ineq", "fun": lambda x: C - x[0]}),
    "COBYQA": half_plane("COBYQA", constraints=[line(-1, C)]),
    "LinearConstraint": half_plane(constraints=optimize.LinearConstraint([[2, 0]], -9, 2 * C)),
    "NonlinearConstraint": half_plane("trust-constr", constraints=line(-1, C)),
    "fmin_slsqp": lambda p: optimize.fmin_slsqp(
        bowl, [0.1, 0.5], ieqcons=[lambda x, p: C - x[0]], args=(p,), iprint=0, acc=1e-12
    ),
    "fmin_cobyla": lambda p: optimize.fmin_cobyla(
        bowl, [0.1, 0.5], [lambda x: C - x[0]], (p,), consargs=(), rhoend=1e-8
    ),
    "fmin_l_bfgs_b": lambda p: optimize.fmin_l_bfgs_b(
        bowl, [0.1, 0.5], None, (p,), True, [(None, C), (None, None)]
    )[0],
    "differential_evolution": lambda p: (
        optimize.differential_evolution(
            lambda x: bowl(x, p), [(-2, C), (-2, 3)], rng=0, popsize=4
        ).x
    ),
}


@pytest.mark.table(2)
@pytest.mark.filterwarnings("ignore:delta_grad")
@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_a_minimum_at_a_bound(mode, name):
    a, b = P
    w = 1 + (C - a) ** 2
    expected = [[0, 0], [2 * b * (C - a) / w**2, 1 / w]]
    np.testing.assert_allclose(mode(HELD[name], P), expected, rtol=1e-11, atol=1e-12)


MOVING = {
    "a bound": lambda q: optimize.minimize(
        bowl, [0.1, 0.5], (P,), bounds=[(None, q), (None, None)], tol=1e-12
    ).x,
    "Bounds": lambda q: optimize.minimize(
        bowl, [0.1, 0.5], (P,), bounds=optimize.Bounds(-np.ones(2), np.stack([q, 9.0 + 0 * q]))
    ).x,
    "an inequality": lambda q: optimize.minimize(
        bowl, [0.1, 0.5], (P,), constraints={"type": "ineq", "fun": lambda x: q - x[0]}, tol=1e-12
    ).x,
    "args of an equality": lambda q: optimize.minimize(
        bowl, [0.1, 0.5], (P,), tol=1e-12,
        constraints={"type": "eq", "fun": lambda x, c: x[0] ** 3 - c**3, "args": (q,)},
    ).x,
    "limits": lambda q: optimize.minimize(
        bowl, [0.1, 0.5], (P,), constraints=line(-1.0, q), method="trust-constr"
    ).x,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:delta_grad")
@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_a_bound_that_depends_on_the_inputs(mode, name):
    a, b = P
    w = 1 + (C - a) ** 2
    expected = [1, -2 * b * (C - a) / w**2]
    np.testing.assert_allclose(mode(MOVING[name], C), expected, rtol=1e-10)


def quartic(x, p):
    return (x - p[0]) ** 2 + p[1] * x**4


ONE = {
    "minimize": lambda p: optimize.minimize(lambda x: quartic(x[0], p), 0.2).x[0],
    "minimize_scalar": lambda p: optimize.minimize_scalar(quartic, args=(p,)).x,
    "bracket": lambda p: optimize.minimize_scalar(quartic, (0, 1), args=(p,), method="golden").x,
    "bounded": lambda p: optimize.minimize_scalar(lambda x: quartic(x, p), bounds=(-3, 3)).x,
    "golden": lambda p: optimize.golden(quartic, (p,)),
    "brent": lambda p: optimize.brent(quartic, (p,), full_output=True)[0],
    "fminbound": lambda p: optimize.fminbound(quartic, -3, 3, (p,)),
    "find_minimum": lambda p: elementwise.find_minimum(lambda x: quartic(x, p), (-1.0, 0.3, 2.0)).x,
}


@pytest.fixture(scope="module")
def derivatives():
    """Slopes and Hessian of the root of ``2 (x - a) + 4 b x^3``, by mpmath."""
    mpmath.mp.dps = 40

    def root(a, b):
        return mpmath.findroot(lambda x: 2 * (x - a) + 4 * b * x**3, mpmath.mpf("0.5"))

    def partial(i, j):
        return float(mpmath.diff(root, (P[0], P[1]), (i, j)))

    slopes = [partial(1, 0), partial(0, 1)]
    return slopes, [[partial(2, 0), partial(1, 1)], [partial(1, 1), partial(0, 2)]]


@pytest.mark.parametrize("name", ONE)
def test_second_derivatives_of_a_minimum(name, derivatives):
    f = ONE[name]
    slopes, H = derivatives
    y, J = dm.value_and_jacobian_fwd(f, P)
    assert y == f(P)
    np.testing.assert_allclose(J, slopes, rtol=1e-12)
    np.testing.assert_allclose(dm.gradient(f, P), slopes, rtol=1e-12)
    np.testing.assert_allclose(dm.jacobian_fwd(f, P, chunk_size=1), slopes, rtol=1e-12)
    np.testing.assert_allclose(dm.jacobian_fwd(f, P, sparse=True).toarray(), [slopes], rtol=1e-12)
    np.testing.assert_allclose(dm.hessian(f, P), H, rtol=1e-11)
    np.testing.assert_allclose(dm.hvp(f, P, [1.0, 2.0]), np.dot(H, [1, 2]), rtol=1e-11)
    np.testing.assert_allclose(dm.jacobian_rev(lambda p: dm.jacobian_fwd(f, p), P), H, rtol=1e-11)


def test_the_least_value_by_the_envelope_theorem():
    def f(p):
        return optimize.minimize(lambda x: bowl(x, p) + p[0] * p[1], np.zeros(2)).fun

    np.testing.assert_allclose(dm.gradient(f, P), P[::-1], rtol=1e-12)
    assert dm.value_and_gradient(f, P)[0] == f(P)
    np.testing.assert_allclose(dm.hessian(f, P), [[0, 1], [1, 0]], atol=1e-11)


def test_a_minimum_at_the_end_of_an_interval():
    def f(q):
        return optimize.minimize_scalar(lambda x: (x - 9) ** 2, bounds=(0, q)).x

    np.testing.assert_allclose(dm.derivative(f, 2.0), 1, rtol=1e-14)
    assert dm.derivative(lambda p: optimize.fminbound(lambda x: (x - p) ** 2, 0, 2), 9.0) == 0


def test_what_a_result_holds_beside_the_minimum():
    found = []

    def f(p):
        out = optimize.minimize(lambda x: bowl(x, p), np.zeros(2))
        found.append(out)
        assert out.success and isinstance(out.nit, int) and "fun" in str(out)
        return out.x + 0 * out.jac

    np.testing.assert_allclose(dm.jacobian_fwd(f, P), np.eye(2), atol=1e-11)
    with pytest.raises(dm.TangentLostError, match="'hess_inv'"):
        dm.jacobian_fwd(
            lambda p: optimize.minimize(lambda x: bowl(x, p), np.zeros(2)).hess_inv @ p, P
        )
    with pytest.raises(dm.TangentLostError, match="item 2"):
        dm.jacobian_fwd(
            lambda p: p + optimize.fmin_bfgs(bowl, [0, 0], args=(p,), full_output=1, disp=0)[2], P
        )


def test_minimizers_of_constants_run():
    def f(x):
        out = optimize.minimize(lambda t: np.sum((t - 1) ** 2), np.zeros(2))
        return x * out.x + np.trace(out.hess_inv)

    np.testing.assert_allclose(dm.jacobian_fwd(f, np.ones(2)), np.eye(2), rtol=1e-6)


def test_a_prepared_minimum_is_not_replayed():
    with pytest.warns(UserWarning, match="scipy.optimize.minimize_scalar is not recorded"):
        prepared = dm.prepare(ONE["minimize_scalar"], P)
    np.testing.assert_allclose(prepared(P + 0.1), dm.gradient(ONE["minimize"], P + 0.1), rtol=1e-11)


def test_an_error_of_the_users_function_passes():
    def f(p):
        def cost(x):
            raise ValueError("mine")

        return optimize.minimize(cost, p).x

    with pytest.raises(ValueError, match="mine"):
        dm.jacobian_fwd(f, P)
    np.testing.assert_allclose(dm.jacobian_fwd(FREE["no method"], P), np.eye(2), atol=1e-12)


def zero_multiplier(p):
    return optimize.minimize(lambda x: (x[0] - p[0]) ** 2, [0.9], bounds=[(P[0], None)]).x


REFUSED = {
    "a valley": lambda p: optimize.minimize(lambda x: (x[0] + x[1] - p[0]) ** 2, [0, 0]).x,
    "a fourth power": lambda p: optimize.minimize(lambda x: (x[0] - p[0]) ** 4, [0.0]).x,
    "a fourth power by Brent": lambda p: optimize.minimize_scalar(lambda x: (x - p[0]) ** 4).x,
    "a fourth power by simplices": lambda p: optimize.fmin(
        lambda x: (x[0] - p[0]) ** 4, [0.0], disp=0
    ),
    "a fourth power by elements": lambda p: (
        elementwise.find_minimum(lambda x: (x - p[0]) ** 4, (-1.0, 0.6, 2.0)).x
    ),
    "a kink": lambda p: optimize.minimize_scalar(lambda x: abs(x - p[0])).x,
    "a kink beside a square": lambda p: optimize.minimize(
        lambda x: abs(x[0] - p[0]) + 0.1 * (x[0] - 1) ** 2, [0.0], method="Nelder-Mead"
    ).x,
    "a bound without force": zero_multiplier,
    "a constraint without force": lambda p: optimize.minimize(
        lambda x: (x[0] - p[0]) ** 2 + x[1] ** 2, [0.9, 0.5],
        constraints={"type": "ineq", "fun": lambda x: x[0] - P[0]},
    ).x,
    "the same constraint twice": lambda p: optimize.minimize(
        bowl, [0.5, 0], (p,), method="trust-constr",
        constraints=[{"type": "eq", "fun": lambda x, k=k: k * x[0] - 0.1 * k} for k in (1, 2)],
    ).x,
    "stopped early": lambda p: optimize.minimize(
        lambda x: (x[0] - p[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, [-2, 2],
        options={"maxiter": 3},
    ).x,
    "a grid": lambda p: optimize.brute(bowl, [(-2, 2), (-2, 3)], (1.01 * p,), finish=None),
    "a saddle": lambda p: optimize.minimize(
        lambda x: (x[0] - p[0]) ** 2 - x[1] ** 2, np.array([P[0], 0.0]), jac=lambda x: 0 * x
    ).x,
    "integers": lambda p: optimize.differential_evolution(
        bowl, [(-2, 2), (-2, 3)], (p,), rng=0, integrality=[True, False]
    ).x,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:delta_grad", "ignore:Singular Jacobian")
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_what_is_no_differentiable_optimum_is_refused(mode, name):
    REFUSED[name](P)
    with pytest.raises(dm.MissingRuleError, match="scipy.optimize") as caught:
        mode(REFUSED[name], P)
    assert f"\n  at {__file__}" in str(caught.value)
