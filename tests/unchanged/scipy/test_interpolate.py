"""Rules of scipy.interpolate: by argument, data and knots, in every mode, against differences."""

import numpy as np
import pytest
import scipy.interpolate as si
from kernel_judge import judge

import dualmc as dm

X = np.array([0.0, 1, 2.4, 3, 4.2, 5, 6.3])
Y = np.sin(X) + 0.1 * X
T = np.array([0.3, 1.8, 2.6, 4.9, 5.3])
N = X.size
ALL = np.concatenate([X, Y, T])
KNOTS = np.array([-0.3, -0.2, -0.1, -0.05, 2.1, 3.5, 6.5, 6.6, 6.7, 6.8])


def split(q):
    return q[:N], q[N : 2 * N], q[2 * N :]


def of_all(make):
    """A function of knots, data and points at once."""
    return lambda q: make(q[:N], q[N : 2 * N])(q[2 * N :])


CASES = {
    "cubic": (of_all(si.CubicSpline), ALL),
    "cubic natural": (of_all(lambda x, y: si.CubicSpline(x, y, bc_type="natural")), ALL),
    "cubic clamped": (of_all(lambda x, y: si.CubicSpline(x, y, bc_type="clamped")), ALL),
    "cubic at argument": (lambda t: si.CubicSpline(X, np.stack([Y, Y**2], 1))(t, 1), T),
    "cubic second axis": (lambda y: si.CubicSpline(X, y.reshape(2, N), axis=1)(T), ALL[: 2 * N]),
    "cubic ends given": (
        lambda q: si.CubicSpline(X, Y, bc_type=((1, q[0]), (2, q[1])))(T), [0.3, 0.4],
    ),
    "cubic of 2 points": (lambda q: si.CubicSpline(q[:2], q[2:])(T), [0.0, 1.1, 2.0, 1.0]),
    "cubic of 3 points": (lambda q: si.CubicSpline(q[:3], q[3:])(T), [0.0, 1.1, 2.0, 1.0, 2, 1]),
    "cubic periodic": (
        lambda q: si.CubicSpline(q[:N], np.append(q[N:], q[N]), bc_type="periodic")(T + 5),
        ALL[: 2 * N - 1],
    ),
    "derivative": (lambda y: si.CubicSpline(X, y).derivative(2)(T), Y),
    "antiderivative": (lambda y: si.CubicSpline(X, y).antiderivative(2)(T), Y),
    "integral": (lambda q: si.CubicSpline(X, q[2:]).integrate(q[0], q[1]), [0.4, 3.3, *Y]),
    "roots": (lambda y: si.CubicSpline(X, y).roots(extrapolate=False), Y - 0.5),
    "pchip": (of_all(si.PchipInterpolator), ALL),
    "akima": (of_all(si.Akima1DInterpolator), ALL),
    "makima": (of_all(lambda x, y: si.Akima1DInterpolator(x, y, method="makima")), ALL),
    "hermite": (lambda q: si.CubicHermiteSpline(*q.reshape(3, N))(T), [*X, *Y, *np.cos(X)]),
    "ppoly": (lambda q: si.PPoly(q[:8].reshape(4, 2), [0, 3, 6.0])(q[8:]), [*ALL[:8], *T]),
    "bspline": (lambda q: si.BSpline(q[:10], q[10:16], 3)(q[16:], 1), [*KNOTS, *Y[:6], *T]),
    "bspline beyond": (lambda q: si.BSpline(q[:10], q[10:], 3)(T - 2), [*KNOTS, *Y[:6]]),
    "bspline integral": (
        lambda q: si.BSpline(KNOTS, q[2:], 3).integrate(q[0], q[1]), [0.4, 3.3, *Y[:6]],
    ),
    "through points, degree 2": (of_all(lambda x, y: si.make_interp_spline(x, y, 2)), ALL),
    "through points, degree 5": (of_all(lambda x, y: si.make_interp_spline(x, y, 5)), ALL),
    "through points, clamped": (
        of_all(lambda x, y: si.make_interp_spline(x, y, bc_type="clamped")), ALL,
    ),
    "through points, periodic": (
        lambda y: si.make_interp_spline(X, np.append(y, y[0]), bc_type="periodic")(T), Y[:-1],
    ),
    "least squares": (
        lambda q: si.make_lsq_spline(X, q[:N], q[N : N + 10], w=q[N + 10 :])(T),
        [*Y, *KNOTS, *np.linspace(1, 2, N)],
    ),
    "splev": (lambda q: si.splev(q[2 * N :], si.splrep(q[:N], q[N : 2 * N])), ALL),
    "splev beyond": (lambda q: si.splev(T + 3, si.splrep(X, q), ext=3), Y),
    "splint": (lambda q: si.splint(q[0], q[1], si.splrep(X, q[2:])), [-0.4, 3.3, *Y]),
    "univariate": (of_all(lambda x, y: si.UnivariateSpline(x, y, s=0)), ALL),
    "univariate at argument": (lambda t: si.UnivariateSpline(X, Y)(t), T),
    "interpolated": (of_all(si.InterpolatedUnivariateSpline), ALL),
    "fitted": (lambda q: si.LSQUnivariateSpline(q[:N], q[N:-1], q[-1:])(T), [*X, *Y, 3.3]),
    "interp1d": (of_all(si.interp1d), ALL),
    "interp1d cubic": (of_all(lambda x, y: si.interp1d(x, y, "cubic")), ALL),
    "interp1d nearest": (lambda y: si.interp1d(X, y, "nearest")(T), Y),
    "interp1d beyond": (
        lambda q: si.interp1d(X, q[2:], bounds_error=False, fill_value=(q[0], q[1]))(T * 3 - 2),
        [0.4, 0.3, *Y],
    ),
    "interp1d extrapolating": (
        of_all(lambda x, y: si.interp1d(x, y, fill_value="extrapolate")), [*ALL, -1.0, 9.0],
    ),
    "krogh": (lambda q: si.KroghInterpolator(q[:4], q[4:8])(q[8:]), [*X[:4], *Y[:4], *T]),
    "krogh with slopes": (lambda q: si.KroghInterpolator([0, 0, 1, 1, 2], q)(T), Y[:5]),
    "barycentric": (
        lambda q: si.BarycentricInterpolator(q[:4], q[4:8])(q[8:]), [*X[:4], *Y[:4], *T, X[1]],
    ),
}  # fmt: skip


SECOND = frozenset(
    """
    cubic pchip akima ppoly bspline roots splev interp1d krogh
    """.split()
) | {"through points, degree 2", "least squares"}


@pytest.mark.parametrize("name", CASES)
def test_interpolant(name):
    f, x = CASES[name]
    judge(f, x, rtol=1e-6, second=name in SECOND)


GRID = np.linspace(0, 3, 6), np.array([0.0, 0.5, 1.5, 2, 3, 4])
Z = np.sin(GRID[0])[:, None] * np.cos(GRID[1])
AT = np.array([0.3, 1.7, 2.6, 3.9])
PLACES = np.random.default_rng(3).random((9, 2))
INSIDE = PLACES[:5].mean(0) + 0.1 * (PLACES[:2] - 0.5)
GRIDS = {
    "linear": (
        lambda q: si.RegularGridInterpolator(GRID, q[:36].reshape(6, 6))(q[36:].reshape(2, 2)),
        [*Z.ravel(), *AT],
    ),
    "linear by the grid": (
        lambda q: si.RegularGridInterpolator((q[:6], q[6:]), Z)(AT.reshape(2, 2)),
        [*GRID[0], *GRID[1]],
    ),
    "cubic": (
        lambda q: si.RegularGridInterpolator(GRID, Z, "cubic")(q.reshape(2, 2)), AT,
    ),
    "filled": (
        lambda z: si.RegularGridInterpolator(GRID, z.reshape(6, 6), bounds_error=False)(
            [[1.0, 1.2], [2.0, 3.1]]
        ),
        Z.ravel(),
    ),
    "one point": (lambda q: si.RegularGridInterpolator(GRID, Z)((q[0], q[1])), AT[:2]),
    "interpn": (lambda q: si.interpn(GRID, Z, q.reshape(2, 2)), AT),
    "surface": (
        lambda q: si.RectBivariateSpline(*GRID, q[:36].reshape(6, 6))(q[36:38], q[38:], grid=False),
        [*Z.ravel(), 0.3, 2.6, 1.7, 3.9],
    ),
    "triangles": (
        lambda q: si.LinearNDInterpolator(PLACES, q[:9])(q[9:].reshape(2, 2)),
        [*np.arange(9.0), *INSIDE.ravel()],
    ),
    "griddata": (lambda q: si.griddata(PLACES, q, INSIDE, "nearest"), np.arange(9.0)),
    **{
        f"radial {kernel}": (
            lambda q, kernel=kernel: si.RBFInterpolator(
                q[:18].reshape(9, 2), q[18:27], kernel=kernel, epsilon=1.3, smoothing=0.01
            )(q[27:].reshape(2, 2)),
            [*PLACES.ravel(), *np.cos(np.arange(9.0)), *INSIDE.ravel()],
        )
        for kernel in ("thin_plate_spline", "gaussian", "linear")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GRIDS)
def test_interpolant_of_several_variables(name):
    f, x = GRIDS[name]
    judge(f, x, rtol=1e-6, second=len(x) < 5)


def test_object_made_is_of_the_class():
    def f(y):
        spline = si.CubicSpline(X, y)
        assert isinstance(spline, si.CubicSpline)
        assert isinstance(spline, si.PPoly)
        return spline.c[0]

    np.testing.assert_allclose(dm.jacobian_fwd(f, Y).shape, (N - 1, N))


def test_cubic_spline_reproduces_cubics():
    """Through data of a cubic, the derivative by x is that of the cubic, exactly."""
    J = dm.jacobian_fwd(lambda t: si.CubicSpline(X, X**3 - X)(t), T)
    np.testing.assert_allclose(J, np.diag(3 * T**2 - 1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda y: si.UnivariateSpline(X, y, s=1e-3)(T),
        lambda y: si.splev(T, si.splrep(X, y, s=0.1)),
        lambda y: si.RBFInterpolator(X[:, None], y, neighbors=4)(T[:, None]),
        lambda y: si.LinearNDInterpolator(PLACES + y[0] * 0.1, np.arange(9.0))(INSIDE),
    ],
)
def test_refused(f):
    with pytest.raises(dm.MissingRuleError, match="differentiates scipy.interpolate"):
        dm.jacobian_fwd(f, Y)


def test_bounds_are_checked_again():
    """A prepared function raises as SciPy does where a later point is out of bounds."""
    prepared = dm.prepare(lambda t: si.interp1d(X, Y)(t), T)
    with pytest.raises(ValueError, match="interpolation range"):
        prepared(T + 9)


def test_grid_shares_its_values_with_the_caller():
    """A write to the values after the interpolator is made is seen, as SciPy sees it."""

    def f(v):
        z = v * 1.0
        line = si.RegularGridInterpolator((np.arange(3.0),), z)
        z[1] = v[0] * 5
        return line([[0.5], [1.5]])

    value, J = dm.value_and_jacobian_fwd(f, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(value, f(np.array([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(J, [[3.0, 0, 0], [2.5, 0, 0.5]])


BERNSTEIN = {
    "by coefficients": lambda x: si.BPoly(COEFFICIENTS * x[0], BREAKS)(1.3),
    "by breakpoints": lambda x: si.BPoly(COEFFICIENTS, BREAKS * x[0])(1.3),
    "by the argument": lambda x: si.BPoly(COEFFICIENTS, BREAKS)(x[0]),
    "made without checks": lambda x: si.BPoly.construct_fast(COEFFICIENTS * x[0], BREAKS)(1.3),
    "its slope": lambda x: si.BPoly(COEFFICIENTS, BREAKS).derivative()(x[0]),
    "its integral": lambda x: si.BPoly(COEFFICIENTS, BREAKS).integrate(0.0, x[0]),
    "by derivatives": lambda x: si.BPoly.from_derivatives(BREAKS, np.outer(BREAKS, x))(1.3),
}
COEFFICIENTS, BREAKS = np.arange(15.0).reshape(3, 5) ** 2, np.linspace(0.0, 3.0, 6)


@pytest.mark.parametrize("how", BERNSTEIN)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_bernstein_polynomials_are_refused(how, mode):
    """They share methods with PPoly, and were read as if their coefficients were of powers."""
    with pytest.raises((dm.MissingRuleError, dm.TangentLostError), match="BPoly|array"):
        mode(BERNSTEIN[how], np.array([1.1, 2.0]))
