"""Parameters of an ODE from data: hares and lynxes of the Hudson Bay, 1900 to 1920.

The Lotka-Volterra equations are integrated by `solve_ivp` inside the residuals; dualmc integrates
their sensitivities along with them, so that `least_squares` has an exact Jacobian.  Differences of
a solver's output see its error tolerance and not the parameter, and have to be told a larger step.

Data: data/hares_lynxes.csv.  To compare with: Carpenter (2018), who finds the posterior means
0.55, 0.028, 0.80, 0.024 for the same model with priors.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measured import Counted, seconds, table
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

import dualmc as dm

YEARS, *PELTS = np.loadtxt(
    Path(__file__).parent / "data/hares_lynxes.csv", delimiter=",", skiprows=5
).T
START = np.log([0.8, 0.03, 0.8, 0.03, 30.0, 4.0])


def lotka_volterra(t, z, birth, eaten, death, food):
    hares, lynxes = z
    return [(birth - eaten * lynxes) * hares, (food * hares - death) * lynxes]


def residuals(log_p, rtol):
    """Logarithms of the populations less those of the pelts."""
    p = np.exp(log_p)
    z = solve_ivp(
        lotka_volterra, (1900, 1920), p[4:], t_eval=YEARS, args=tuple(p[:4]), rtol=rtol, atol=1e-6
    ).y
    return np.ravel(np.log(z) - np.log(PELTS))


class Figures(NamedTuple):
    parameters: np.ndarray  # birth, eaten, death, food, hares and lynxes in 1900
    errors: np.ndarray  # their relative standard errors
    calls: dict  # of the residuals and of their Jacobian, by rtol and method
    off: dict  # largest relative distance from the parameters of a fit at rtol 1e-10


def fit(rtol, jac=None):
    """The fit, and how often it called the residuals and their Jacobian."""
    f = Counted(partial(residuals, rtol=rtol))
    J = Counted(partial(dm.jacobian_fwd, f.f))
    found = least_squares(f, START, jac=jac or J, x_scale="jac", xtol=1e-10, ftol=1e-10)
    return found, (f.calls, J.calls)


def main():
    best, _ = fit(1e-10)
    covariance = np.linalg.inv(best.jac.T @ best.jac) * 2 * best.cost / (best.fun.size - 6)
    parameters, errors = np.exp(best.x), np.sqrt(np.diag(covariance))
    names = "birth", "eaten", "death", "food", "hares in 1900", "lynxes in 1900"
    for name, value, error in zip(names, parameters, errors, strict=True):
        print(f"{name:<15}{value:8.4f} +- {100 * error:.0f} %")

    rows, calls, off = [], {}, {}
    for rtol in (1e-3, 1e-6):  # SciPy's default, and a finer one
        for method, jac in ("differences", "2-point"), ("dualmc", None):
            time, (found, calls[rtol, method]) = seconds(lambda r=rtol, j=jac: fit(r, j), repeat=2)
            off[rtol, method] = np.max(np.abs(np.exp(found.x - best.x) - 1))
            rows.append((f"{method}, rtol={rtol:g}", *calls[rtol, method], time, off[rtol, method]))
    print()
    table(("least_squares with", "calls of f", "of J", "seconds", "off by"), *rows)
    return Figures(parameters, errors, calls, off)


if __name__ == "__main__":
    main()
