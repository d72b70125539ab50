"""Stand-ins for what fits in scipy.optimize: sums of squares are minimized, within bounds."""

import numpy as np
import scipy.optimize

from dualmc.duals.operands import as_operand, from_sequence
from dualmc.errors import MissingRuleError
from dualmc.forward import jacobian_fwd
from dualmc.kernels.payload import values
from dualmc.reverse import gradient
from dualmc.solvers.optimize.minimizers import stand_in, tuple_of
from dualmc.solvers.optimize.optima import Optimum, Problem
from dualmc.solvers.optimize.results import NoDerivative, in_result, in_tuple


def array_of(a):
    """Lists of Duals and numbers as arrays; SciPy's sparse matrices as dense ones."""
    if hasattr(a, "toarray"):
        return a.toarray()
    return from_sequence(a) if issubclass(type(a), (list, tuple)) else as_operand(a)


def _residuals(function, args, options):
    def residuals(y):
        r = array_of(function(y, *args, **options))
        return r if np.ndim(r) else np.reshape(r, (1,))

    return residuals


def _half_square(residuals):
    return lambda y: 0.5 * np.sum(residuals(y) ** 2)


def _covariance(J):
    """``inv(J.T @ J)``."""
    return np.linalg.inv(J.T @ J)


# --- least_squares --------------------------------------------------------------------------------


def _huber(z):
    return np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1.0, z)) - 1)


LOSSES = {
    "huber": _huber,
    "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def _cost(residuals, loss, scale):
    if isinstance(loss, str) and loss == "linear":
        return _half_square(residuals)

    def rho(z):
        return loss(z)[0] if callable(loss) else LOSSES[loss](z)

    return lambda y: 0.5 * scale**2 * np.sum(rho((residuals(y) / scale) ** 2))


def _least_squares(name, given, out):
    residuals = _residuals(given["fun"], tuple(given["args"]), given["kwargs"] or {})
    cost = _cost(residuals, given["loss"], given["f_scale"])
    best = Optimum(Problem(name, cost, *_limits(given["bounds"])), out.x)
    found = {
        "x": best.y,
        "fun": best.value(residuals, out.fun),
        "cost": best.value(cost, out.cost),
        "grad": best.value(lambda y: gradient(cost, y), out.grad),
        "active_mask": out.active_mask,
    }
    if isinstance(given["loss"], str) and given["loss"] == "linear":
        if issubclass(type(out.jac), np.ndarray):
            found["jac"] = best.value(lambda y: jacobian_fwd(residuals, y), out.jac)
    return in_result(out, **found)


def _limits(bounds):
    if issubclass(type(bounds), scipy.optimize.Bounds):
        return bounds.lb, bounds.ub
    lower, upper = bounds
    return array_of(lower), array_of(upper)


# --- leastsq, curve_fit ---------------------------------------------------------------------------


def _leastsq(name, given, out):
    residuals = _residuals(given["func"], tuple_of(given["args"]), {})
    best = Optimum(Problem(name, _half_square(residuals)), out[0])
    if not given["full_output"]:
        return best.y, out[1]
    found = {0: best.y}
    if out[1] is not None:
        found[1] = best.value(lambda y: _covariance(jacobian_fwd(residuals, y)), out[1])
    fvec = best.value(residuals, out[2]["fvec"])
    out = in_tuple(out, found)
    out[2]["fvec"] = fvec
    return out


def _curve_fit(name, given, out):
    residuals = _weighted(name, given)
    best = Optimum(Problem(name, _half_square(residuals), *_limits(given["bounds"])), out[0])

    def covariance(y):
        J = jacobian_fwd(residuals, y)
        if given["absolute_sigma"]:
            return _covariance(J)
        return _covariance(J) * (np.sum(residuals(y) ** 2) / (len(J) - np.size(y)))

    pcov = out[1]
    found = {0: best.y, 1: best.value(covariance, pcov) if np.isfinite(pcov).all() else pcov}
    fvec = best.value(residuals, out[2]["fvec"]) if given["full_output"] else None
    out = in_tuple(out, found)
    if fvec is not None:
        out[2]["fvec"] = fvec
    return out


def _weighted(name, given):
    """The residuals that `curve_fit` takes the squares of."""
    f, xdata, ydata = given["f"], given["xdata"], array_of(given["ydata"])
    xdata = array_of(xdata) if issubclass(type(xdata), (list, tuple)) else xdata
    if np.isnan(values(ydata)).any():
        raise MissingRuleError(
            f"dualmc differentiates {name}, but not with nan_policy. Leave out the data that are "
            f"NaN before the call."
        )
    sigma = None if given["sigma"] is None else array_of(given["sigma"])
    # A covariance matrix weights by the inverse of its Cholesky factor.
    is_matrix = sigma is not None and np.ndim(sigma) == 2 and np.size(sigma) > 1
    root = np.linalg.cholesky(sigma) if is_matrix else None

    def residuals(y):
        r = array_of(f(xdata, *y)) - ydata
        if sigma is None:
            return r
        return np.linalg.solve(root, r) if is_matrix else r / sigma

    return residuals


# --- Linear ---------------------------------------------------------------------------------------


def _linear(given):
    A, b = array_of(given["A"]), array_of(given["b"])
    return lambda y: A @ y - b


def _nnls(name, given, out):
    residuals = _linear(given)
    best = Optimum(Problem(name, _half_square(residuals), 0.0), out[0])
    # The norm has a kink at 0, where its rounding errors would decide.
    if out[1] <= 1e-10 * np.linalg.norm(values(array_of(given["b"]))):
        return best.y, NoDerivative("the norm of the residuals, which is 0,")
    return best.y, best.value(lambda y: np.linalg.norm(residuals(y)), out[1])


def _lsq_linear(name, given, out):
    residuals = _linear(given)
    cost = _half_square(residuals)
    best = Optimum(Problem(name, cost, *_limits(given["bounds"])), out.x)
    return in_result(
        out, x=best.y, fun=best.value(residuals, out.fun), cost=best.value(cost, out.cost),
        active_mask=out.active_mask,
    )  # fmt: skip


stand_in("least_squares", _least_squares)
stand_in("leastsq", _leastsq)
stand_in("curve_fit", _curve_fit)
stand_in("nnls", _nnls)
stand_in("lsq_linear", _lsq_linear)
