"""Every solver with `scipy_jac` and with a Jacobian by hand: to the bit, and in fewer calls of f.

The functions are such that the formula by hand, evaluated in floats, is the exact derivative
rounded once, as dual numbers compute it: both sides then evaluate the same.
"""

import functools
import pathlib
import threading
import time

import numpy as np
import pytest

import dualmc as dm

optimize = pytest.importorskip("scipy.optimize")
integrate = pytest.importorskip("scipy.integrate")

T = np.linspace(0.0, 2.0, 9)
DATA = 1.5 * T - 0.25 * T**2 + 0.01 * np.cos(9 * T)


def counted(f):
    """f as one that takes its time, and a function that tells its runs: no state that f shows."""
    count = threading.local()
    count.n = 0

    def run(*args):
        count.n += 1
        time.sleep(1e-3)
        return f(*args)

    return run, lambda: count.n


# --- Functions, and their derivatives by hand -----------------------------------------------------


def valley(x):  # Rosenbrock's, as residuals
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def valley_jac(x):
    return np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])


def quartic(x):
    return (x[0] ** 2) ** 2 + (x[0] - x[1]) ** 2


def quartic_grad(x):
    return np.array([4 * (x[0] * x[0]) * x[0] + 2 * (x[0] - x[1]), -2 * (x[0] - x[1])])


def quartic_hess(x):
    return np.array([[12 * (x[0] * x[0]) + 2, -2.0], [-2.0, 2.0]])


def parabola(t, a, b):
    return a * t + b * t**2


def parabola_jac(t, a, b):
    return np.stack([t, t**2], axis=1)


def robertson(t, y, k):
    return [
        1e4 * y[1] * y[2] - k * y[0],
        k * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2,
        3e7 * y[1] ** 2,
    ]


def robertson_jac(t, y, k):
    fast = 6e7 * y[1]
    return np.array(
        [
            [-k, 1e4 * y[2], 1e4 * y[1]],
            [k, -1e4 * y[2] - fast, -1e4 * y[1]],
            [0.0, fast, 0.0],
        ]
    )


def bratu(x, y):
    return np.vstack([y[1], -np.exp(y[0])])


def bratu_jac(x, y):
    J = np.zeros((2, 2, x.size))
    J[0, 1], J[1, 0] = 1.0, -np.exp(y[0])
    return J


def ends(ya, yb):
    return np.array([ya[0], yb[0]])


def ends_jac(ya, yb):
    return np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])


def disc(x):
    return [x[0] ** 2 + x[1] ** 2]


def disc_jac(x):
    return np.array([[2 * x[0], 2 * x[1]]])


def disc_hess(x, v):
    return v[0] * np.array([[2.0, 0.0], [0.0, 2.0]])


# --- Runs: f, its Jacobian, and for some its Hessian in, all that the solver found out ------------


def numbers(found):
    return [np.asarray(found[key]) for key in ("x", "fun", "nfev") if key in found]


def least_squares(f, jac, method):
    return numbers(optimize.least_squares(f, [-1.2, 1.0], jac=jac, method=method))


def fsolve(f, jac, transposed):
    x, info, *_ = optimize.fsolve(f, [-1.2, 1.0], fprime=jac, full_output=True,
                                  col_deriv=transposed)  # fmt: skip
    return [x, info["fvec"]]


def root(f, jac, method):
    return numbers(optimize.root(f, [-1.2, 1.0], jac=jac, method=method))


def leastsq(f, jac, transposed):
    return [optimize.leastsq(f, [-1.2, 1.0], Dfun=jac, col_deriv=transposed)[0]]


def curve_fit(f, jac, method):
    return list(optimize.curve_fit(f, T, DATA, (1.0, 1.0), jac=jac, method=method))


def solve_ivp(f, jac, method):
    found = integrate.solve_ivp(f, (0.0, 1e3), [1.0, 0.0, 0.0], method=method, jac=jac,
                                args=(0.04,))  # fmt: skip
    return [found.t, found.y, np.array([found.nfev, found.njev])]


def odeint(f, jac, transposed):
    return [integrate.odeint(f, [1.0, 0.0, 0.0], [0.0, 1.0, 1e3], args=(0.04,), Dfun=jac,
                             tfirst=True, col_deriv=transposed)]  # fmt: skip


def solve_bvp(f, jac, _):
    x = np.linspace(0.0, 1.0, 5)
    found = integrate.solve_bvp(f[0], f[1], x, np.zeros((2, 5)), fun_jac=jac[0], bc_jac=jac[1])
    return [found.x, found.y]


def by_hand(f, jac, transposed=False):
    return f, (lambda *args: jac(*args).T) if transposed else jac


RUNS = {
    "least_squares trf": (least_squares, "trf", valley, valley_jac, {}),
    "least_squares dogbox": (least_squares, "dogbox", valley, valley_jac, {}),
    "least_squares lm": (least_squares, "lm", valley, valley_jac, {"solver": "least_squares"}),
    "root hybr": (root, "hybr", valley, valley_jac, {}),
    "root lm": (root, "lm", valley, valley_jac, {"solver": "root"}),
    "fsolve": (fsolve, False, valley, valley_jac, {}),
    "fsolve col_deriv": (fsolve, True, valley, valley_jac, {"layout": "denominator"}),
    "leastsq": (leastsq, False, valley, valley_jac, {}),
    "leastsq col_deriv": (leastsq, True, valley, valley_jac, {"layout": "denominator"}),
    "curve_fit lm": (curve_fit, "lm", parabola, parabola_jac, {"solver": "curve_fit"}),
    "curve_fit trf": (curve_fit, "trf", parabola, parabola_jac, {"solver": "curve_fit"}),
    "solve_ivp Radau": (solve_ivp, "Radau", robertson, robertson_jac, {"solver": "solve_ivp"}),
    "solve_ivp BDF": (solve_ivp, "BDF", robertson, robertson_jac, {"solver": "solve_ivp"}),
    "solve_ivp LSODA": (solve_ivp, "LSODA", robertson, robertson_jac, {"solver": "solve_ivp"}),
    "odeint": (odeint, False, robertson, robertson_jac, {"solver": "solve_ivp"}),
    "odeint col_deriv": (odeint, True, robertson, robertson_jac,
                         {"solver": "solve_ivp", "layout": "denominator"}),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_as_by_hand_to_the_bit(name):
    run, how, f, jac, options = RUNS[name]
    expected = run(*by_hand(f, jac, how is True), how)
    J = dm.scipy_jac(f, **options)
    for mine in (run(J.fun, J.jac, how), run(f, J, how)):
        for a, b in zip(expected, mine, strict=True):
            np.testing.assert_array_equal(a, b)


def separately(f, options):
    """f and its Jacobian as two callables that know nothing of each other."""
    if options.get("solver") == "curve_fit":
        return lambda t, *p: dm.jacobian_fwd(lambda q: f(t, *q), np.array(p))
    return functools.partial(dm.jacobian_fwd, f, layout=options.get("layout", "numerator"))


# Stiff solvers evaluate f at points of their own, and the Jacobian between them.
@pytest.mark.parametrize(
    "name", [name for name in RUNS if "solve_ivp" not in RUNS[name][4].values()]
)
def test_f_runs_fewer_times(name):
    run, how, f, _, options = RUNS[name]
    (apart, runs_apart), (paired, runs_paired) = counted(f), counted(f)
    expected = run(apart, separately(apart, options), how)
    J = dm.scipy_jac(paired, **options)
    for a, b in zip(expected, run(J.fun, J.jac, how), strict=True):
        np.testing.assert_array_equal(a, b)
    assert runs_paired() < runs_apart()


def test_solve_bvp_to_the_bit():
    expected = solve_bvp((bratu, ends), (bratu_jac, ends_jac), None)
    J, J_ends = (dm.scipy_jac(f, "solve_bvp") for f in (bratu, ends))
    mine = solve_bvp((J.fun, J_ends.fun), (J.jac, J_ends.jac), None)
    for a, b in zip(expected, mine, strict=True):
        np.testing.assert_array_equal(a, b)


def test_solve_bvp_with_a_parameter():
    """Sturm-Liouville: y'' + k^2 y = 0 between zeros has k = 2 pi."""
    f = lambda x, y, p: np.vstack([y[1], -(p[0] ** 2) * y[0]])  # noqa: E731
    bc = lambda ya, yb, p: [ya[0], yb[0], ya[1] - p[0]]  # noqa: E731
    x = np.linspace(0.0, 1.0, 6)
    y = np.stack([np.sin(6 * x), 6 * np.cos(6 * x)])
    J, J_ends = (dm.scipy_jac(g, "solve_bvp") for g in (f, bc))
    found = integrate.solve_bvp(
        J.fun, J_ends.fun, x, y, p=[6.0], tol=1e-6, fun_jac=J.jac, bc_jac=J_ends.jac
    )
    assert found.success
    np.testing.assert_allclose(found.p, [2 * np.pi], rtol=1e-6)
    by_y, by_p = J.jac(x, y, np.array([6.0]))
    assert by_y.shape == (2, 2, 6) and by_p.shape == (2, 1, 6)
    np.testing.assert_array_equal(by_p[1, 0], -12.0 * y[0])
    assert [part.shape for part in J_ends.jac(y[:, 0], y[:, -1], np.array([6.0]))] == [
        (3, 2), (3, 2), (3, 1),
    ]  # fmt: skip


def test_solve_bvp_refuses_a_function_that_couples_nodes():
    J = dm.scipy_jac(lambda x, y: y - 1e-6 * y.mean(axis=1, keepdims=True), "solve_bvp")
    with pytest.raises(ValueError, match=r"output \[0, 0\] depends on other columns of y"):
        J.jac(T, np.ones((2, T.size)))


MINIMIZERS = ["BFGS", "CG", "L-BFGS-B", "TNC", "SLSQP", "Newton-CG", "trust-ncg", "trust-exact",
              "trust-krylov", "trust-constr", "dogleg"]  # fmt: skip
SECOND = MINIMIZERS[5:]


@pytest.mark.parametrize("method", MINIMIZERS)
def test_minimize_to_the_bit(method):
    def run(f, jac, hess, **more):
        more |= {"hess": hess} if method in SECOND else {}
        if method == "trust-constr":
            more |= {"options": {"maxiter": 20}}
        found = optimize.minimize(f, [1.0, 0.5], jac=jac, method=method, **more)
        return [found.x, found.fun, found.nfev]

    J = dm.scipy_jac(quartic)
    expected = run(quartic, quartic_grad, quartic_hess)
    for mine in (run(J.fun, J.jac, J.hess), run(J.value_and_jac, True, J.hess)):
        for a, b in zip(expected, mine, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-krylov"])
def test_hessp(method):
    J = dm.scipy_jac(lambda x, a: a * quartic(x), "minimize")
    found = optimize.minimize(
        J.value_and_jac, [1.0, 0.5], args=(2.0,), jac=True, hessp=J.hessp, method=method
    )
    assert found.success
    np.testing.assert_array_equal(J.hessp([1.0, 0.5], [1.0, 2.0], 2.0), [20.0, 4.0])


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "SLSQP", "trust-constr"])
def test_minimize_in_fewer_calls(method):
    def run(f, jac):
        options = {"maxiter": 10}
        return optimize.minimize(f, [1.0, 0.5], jac=jac, method=method, options=options).x

    (apart, runs_apart), (paired, runs_paired) = counted(quartic), counted(quartic)
    expected = run(apart, functools.partial(dm.gradient, apart))
    J = dm.scipy_jac(paired)
    np.testing.assert_array_equal(run(J.fun, J.jac), expected)
    assert runs_paired() < runs_apart()


def test_nonlinear_constraints_to_the_bit():
    def run(f, jac, hess):
        inside = optimize.NonlinearConstraint(f, -np.inf, 1.0, jac=jac, hess=hess)
        found = optimize.minimize(
            lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2, [0.0, 0.0], method="trust-constr",
            jac=lambda x: np.array([2 * (x[0] - 2), 2 * (x[1] - 1)]), hess=lambda x: 2 * np.eye(2),
            constraints=inside,
        )  # fmt: skip
        return found.x

    J = dm.scipy_jac(disc, "NonlinearConstraint")
    found = run(J.fun, J.jac, J.hess)
    np.testing.assert_array_equal(found, run(disc, disc_jac, disc_hess))
    np.testing.assert_allclose(found, np.array([2.0, 1.0]) / np.sqrt(5.0), atol=1e-3)


def test_one_equation_that_returns_a_number():
    """`root` wants a matrix even so; `minimize` a vector."""
    f = lambda x: x[0] ** 2 - 2.0  # noqa: E731
    J = dm.scipy_jac(f, "root")
    assert J.jac(np.ones(1)).shape == (1, 1)
    assert optimize.root(J.fun, [1.0], jac=J.jac).x[0] == pytest.approx(np.sqrt(2.0))
    x, *_ = optimize.fsolve(J.fun, [1.0], fprime=dm.scipy_jac(f, "fsolve", layout="denominator"),
                            col_deriv=True)  # fmt: skip
    assert x == pytest.approx(np.sqrt(2.0))
    assert dm.scipy_jac(f, "minimize").jac(np.ones(1)).shape == (1,)


def test_lmfit_to_the_bit():
    lmfit = pytest.importorskip("lmfit")

    def residual(params, t, data):
        v = params.valuesdict()
        return v["a"] * t + params["b"] * t**2 + params["c"].value - data

    def jac(params, t, data):
        return np.stack([t + 0.5, t**2], axis=1)  # c follows a

    params = lmfit.Parameters()
    params.add("a", 1.0)
    params.add("fixed", 3.0, vary=False)
    params.add("c", 1.0)
    params.add("half", expr="0.25*a")
    params["c"].expr = "half + 0.25*a"  # which comes before what it is tied to
    params.add("b", 1.0, max=4.0)
    J = dm.scipy_jac(residual, "lmfit")
    found = []
    for f, derivative in ((residual, jac), (J.fun, J.jac), (residual, J)):
        run = lmfit.minimize(f, params, args=(T, DATA), Dfun=derivative)
        found.append([run.params.valuesdict()[name] for name in params])
    assert found[0] == found[1] == found[2]
    transposed = dm.scipy_jac(residual, "lmfit", layout="denominator")
    run = lmfit.minimize(residual, params, args=(T, DATA), Dfun=transposed, col_deriv=True)
    assert [run.params.valuesdict()[name] for name in params] == found[0]
    assert [type(p.value) for p in params.values()] == [float] * 5


def test_lmfit_parameters_are_put_back():
    lmfit = pytest.importorskip("lmfit")
    params = lmfit.create_params(a=1.0, b={"value": 2.0, "min": 0.0})
    params.add("c", expr="2*b")

    def broken(params):
        raise KeyError("mine")

    for f in (lambda p: [p["a"] * p["c"]], broken):
        J = dm.scipy_jac(f, "lmfit")
        try:
            np.testing.assert_array_equal(J(params), [[4.0, 2.0]])
        except KeyError as error:
            assert error.args == ("mine",)
        assert params.valuesdict() == {"a": 1.0, "b": 2.0, "c": 4.0}


@pytest.mark.parametrize("as_array", [False, True])
def test_iminuit_to_the_bit(as_array):
    iminuit = pytest.importorskip("iminuit")
    f = quartic if as_array else lambda a, b: quartic(np.array([a, b]))
    grad = quartic_grad if as_array else lambda a, b: quartic_grad(np.array([a, b]))
    start = (np.array([1.0, 0.5]),) if as_array else (1.0, 0.5)
    names = {} if as_array else {"name": ("a", "b")}
    J = dm.scipy_jac(f, "iminuit")
    found = []
    for fun, derivative in ((f, grad), (J.fun, J.jac)):
        minuit = iminuit.Minuit(fun, *start, grad=derivative, **names)
        minuit.migrad()
        found.append((list(minuit.values), minuit.fval, minuit.nfcn, minuit.ngrad))
    assert found[0] == found[1]
    assert found[0][3] > 0


# --- Sparse and packed ----------------------------------------------------------------------------


def heat(t, u):
    left = np.concatenate([np.zeros(1), u[:-1]])
    right = np.concatenate([u[1:], np.zeros(1)])
    return 100.0 * (left - 2.0 * u + right) - u**2


def heat_jac(u):
    n = u.size
    return np.diag(-200.0 - 2.0 * u) + 100.0 * (np.eye(n, k=1) + np.eye(n, k=-1))


def packed_by_hand(u, lower, upper):
    dense, ab = heat_jac(u), np.zeros((lower + upper + 1, u.size))
    for i in range(u.size):
        for j in range(max(0, i - lower), min(u.size, i + upper + 1)):
            ab[upper + i - j, j] = dense[i, j]
    return ab


U = np.sin(np.linspace(0.0, np.pi, 20))


@pytest.mark.parametrize("bands", [(1, 1), (2, 1), (1, 3)])
def test_lsoda_with_packed_bands(bands):
    lower, upper = bands
    J = dm.scipy_jac(heat, "solve_ivp", sparse=("banded", lower, upper))
    run = functools.partial(
        integrate.solve_ivp, heat, (0.0, 0.1), U, method="LSODA", lband=lower, uband=upper
    )
    mine, hand = run(jac=J), run(jac=lambda t, u: packed_by_hand(u, lower, upper))
    np.testing.assert_array_equal(mine.y, hand.y)
    dense = integrate.solve_ivp(heat, (0.0, 0.1), U, method="LSODA", jac=lambda t, u: heat_jac(u))
    np.testing.assert_allclose(mine.y[:, -1], dense.y[:, -1], rtol=1e-2)


def test_odeint_with_packed_bands():
    J = dm.scipy_jac(heat, "solve_ivp", sparse=("banded", 1, 1))
    run = functools.partial(integrate.odeint, heat, U, [0.0, 0.1], tfirst=True, ml=1, mu=1)
    hand = run(Dfun=lambda t, u: packed_by_hand(u, 1, 1))
    np.testing.assert_array_equal(run(Dfun=J), hand)


@pytest.mark.parametrize("format", [True, "csc", "coo"])
@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_sparse_stiff_solvers(method, format):
    sparse = pytest.importorskip("scipy.sparse")
    J = dm.scipy_jac(heat, "solve_ivp", sparse=format)
    run = functools.partial(integrate.solve_ivp, heat, (0.0, 0.1), U, method=method)
    hand = run(jac=lambda t, u: sparse.csc_array(heat_jac(u)))
    np.testing.assert_array_equal(run(jac=J).y, hand.y)


def test_sparse_least_squares_and_hessians():
    f = lambda x: x**2 - np.arange(1.0, 31.0)  # noqa: E731
    J = dm.scipy_jac(f, sparse=True)
    found = optimize.least_squares(J.fun, np.ones(30), jac=J.jac, tr_solver="lsmr")
    np.testing.assert_allclose(found.x, np.sqrt(np.arange(1.0, 31.0)), rtol=1e-6)
    energy = dm.scipy_jac(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2), sparse=True)
    assert energy.hess(np.ones(30)).nnz == 88
    assert type(energy.jac(np.ones(30))) is np.ndarray


# --- The pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["lmfit", "iminuit"])
def test_the_page_of_the_library(library):
    """docs/with_scipy.md shows them in blocks of their own, which run here."""
    pytest.importorskip(library)
    page = pathlib.Path(__file__).parents[2] / "docs" / "with_scipy.md"
    blocks = page.read_text(encoding="utf-8").split("```python\n")
    (block,) = (b.split("```")[0] for b in blocks if b.startswith(f"import {library}\n"))
    t = np.linspace(0.0, 3.0, 20)
    names = {"np": np, "dm": dm, "t": t, "y": 5 * np.exp(-t / 2) + 0.05}
    exec(block, names)
    if library == "lmfit":
        assert names["fit"].params["a"].value == pytest.approx(5.0, rel=1e-3)
        assert names["fit"].params["c"].value == pytest.approx(0.05, rel=1e-3)
    else:
        assert names["minuit"].valid
        assert names["minuit"].ngrad > 0
