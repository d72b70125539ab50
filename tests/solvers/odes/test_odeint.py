"""`odeint` inside a differentiated f, and what of scipy.integrate is refused."""

import math

import numpy as np
import pytest
from scipy import integrate

import dualmc as dm
from tests.oracles.expecting import raises

STRICT = {"rtol": 1e-10, "atol": 1e-12}
both_modes = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])


@both_modes
@pytest.mark.parametrize("options", [{}, {"tfirst": True}, {"full_output": True}, {"h0": 1e-3}])
def test_start_parameter_and_times(options, mode):
    def f(p):
        def func(y, t, k):
            return -k * y

        given = (lambda t, y, k: func(y, t, k)) if options.get("tfirst") else func
        out = integrate.odeint(given, p[1], p[2:], args=(p[0],), **options, **STRICT)
        return (out[0] if options.get("full_output") else out)[:, 0]

    k, a, s, t = p = np.array([2.0, 0.5, 0.1, 1.0])
    e = math.exp(-k * (t - s))
    expected = [[0, 1, 0, 0], [-(t - s) * a * e, e, k * a * e, -k * a * e]]
    np.testing.assert_allclose(mode(f, p), expected, atol=1e-9)


@both_modes
def test_a_parameter_of_the_closure_and_a_jacobian(mode):
    def f(k):
        return integrate.odeint(
            lambda y, t: -k * y, [1.0], [0.0, 1.0, 1.0, 2.0], Dfun=lambda y, t: [[-k]], **STRICT
        )[:, 0]

    expected = [0, -math.exp(-2), -math.exp(-2), -2 * math.exp(-4)]
    np.testing.assert_allclose(mode(f, 2.0), expected, atol=1e-9)


def test_second_derivatives():
    def f(k):
        return integrate.odeint(lambda y, t: -k[0] * y, [1.0], [0.0, 2.0], **STRICT)[-1, 0]

    np.testing.assert_allclose(dm.hessian(f, [1.0]), [[4 * math.exp(-2)]], atol=1e-8)


def test_what_steps_through_compiled_code_is_refused():
    for start, rate in ((1.0, 0), (0, 1.0)):

        def f(p, start=start, rate=rate):
            solver = integrate.ode(lambda t, y: -(2 + rate * (p[0] - 1)) * y)
            return solver.set_initial_value([start * p[0] + 1 - start], 0).integrate(1.0)

        with raises(dm.MissingRuleError, "scipy.integrate.ode. Use solve_ivp or odeint"):
            dm.jacobian_fwd(f, [1.0])


@pytest.mark.filterwarnings("ignore")  # of steps that were refused midway
@pytest.mark.parametrize("method", ["RK45", "BDF", "Radau", "LSODA"])
def test_step_by_step_solvers_lose_nothing_silently(method):
    """Differentiated or refused, whatever of SciPy's own code runs on Duals."""
    for start, rate in ((0.0, 1.0), (1.0, 0.0)):

        def f(p, start=start, rate=rate):
            solver = getattr(integrate, method)(
                lambda t, y: -(1 + rate * (p[0] - 1)) * y, 0, [1 + start * (p[0] - 1)], 1.0,
                first_step=0.1, rtol=1e-8, atol=1e-10,
            )  # fmt: skip
            while solver.status == "running":
                solver.step()
            return solver.y[0]

        try:
            J = dm.jacobian_fwd(f, [1.0])
        except (dm.TangentLostError, dm.MissingRuleError):
            continue
        np.testing.assert_allclose(J, [(start - rate) * math.exp(-1)], rtol=1e-4)


def test_boundary_value_problems_are_refused_where_they_depend_on_the_inputs():
    def f(p, scale):
        out = integrate.solve_bvp(
            lambda x, y: np.vstack([y[1], -scale * y[0]]),
            lambda a, b: np.array([a[0], b[0] - 1]),
            np.linspace(0, 1, 5),
            np.zeros((2, 5)),
        )
        return p[0] * out.y[0, -1]

    np.testing.assert_allclose(dm.jacobian_fwd(lambda p: f(p, 1.0), [2.0]), [1.0], rtol=1e-6)
    with raises(dm.MissingRuleError, "solve_bvp. Call it in the solver of dualmc.custom_root"):
        dm.jacobian_fwd(lambda p: f(p, p[0]), [2.0])
