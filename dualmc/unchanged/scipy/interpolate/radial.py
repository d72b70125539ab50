"""`RBFInterpolator`: weights of radial functions and polynomials from a dense linear system."""

import numpy as np
from scipy.interpolate import RBFInterpolator

from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import floats, functional, has_carrier, look, method, plain
from dualmc.unchanged.scipy.interpolate.piecewise import given
from dualmc.unchanged.scipy.linear_maps import agreed, size

NAME = "scipy.interpolate.RBFInterpolator"


def _positive(function):
    """`function` of a square where it is positive, 0 where it is 0, as is its derivative."""

    def of_square(s):
        is_zero = values(s) == 0
        return np.where(is_zero, 0.0, function(np.where(is_zero, 1.0, s)))

    return of_square


# By the square of the distance, of which they are smooth functions or nearly so.
KERNELS = {
    "linear": _positive(lambda s: -np.sqrt(s)),
    "thin_plate_spline": _positive(lambda s: 0.5 * s * np.log(s)),
    "cubic": _positive(lambda s: s**1.5),
    "quintic": _positive(lambda s: -(s**2.5)),
    "multiquadric": lambda s: -np.sqrt(s + 1),
    "inverse_multiquadric": lambda s: 1 / np.sqrt(s + 1),
    "inverse_quadratic": lambda s: 1 / (s + 1),
    "gaussian": lambda s: np.exp(-s),
}


def _formula(y, d, smoothing, kernel, epsilon, powers, x, degree):
    y, d, x = floats(y), floats(d), floats(x)
    smoothing, epsilon = floats(smoothing), floats(epsilon)
    own = radial_value(*map(values, (y, d, smoothing)), kernel, float(values(epsilon)), powers,
                       values(x), degree)  # fmt: skip
    low, high = np.min(y, axis=0), np.max(y, axis=0)
    shift, scale = (low + high) / 2, (high - low) / 2
    scale = np.where(values(scale) == 0, 1.0, scale)
    n, r = y.shape[0], powers.shape[0]
    among = _monomials((y - shift) / scale, powers)
    left = _radial(y, y, kernel, epsilon) + np.eye(n) * smoothing
    left = np.block([[left, among], [np.swapaxes(among, 0, 1), np.zeros((r, r))]])
    flat = np.reshape(d, (n, -1))
    right = np.concatenate([flat, np.zeros((r, flat.shape[1]))])
    rows = np.concatenate([_radial(x, y, kernel, epsilon),
                           _monomials((x - shift) / scale, powers)], axis=1)  # fmt: skip
    found = np.matmul(rows, np.linalg.solve(left, right))
    return agreed(own, np.reshape(found, own.shape), NAME, 10 * size(d))


@quiet
def _radial(x, y, kernel, epsilon):
    offset = (x[:, None] - y[None]) * epsilon
    return KERNELS[kernel](np.sum(offset * offset, axis=-1))


def _monomials(x, powers):
    columns = [np.prod(x**p, axis=-1) if p.any() else np.ones(x.shape[0]) for p in powers]
    return np.stack(columns, axis=-1) if columns else np.zeros((x.shape[0], 0))


@functional(_formula)
def radial_value(y, d, smoothing, kernel, epsilon, powers, x, degree):
    """The value at x, (m, ndim), of the interpolant of d, (n, ...), at y, (n, ndim)."""
    return RBFInterpolator(y, d, None, smoothing, kernel, epsilon, degree)(x)


@method(RBFInterpolator, "__init__")
def _init(original, self, y, d, neighbors=None, smoothing=0.0, kernel="thin_plate_spline",
          epsilon=None, degree=None):  # fmt: skip
    if neighbors is not None:
        raise missing_case(NAME, "by its data with neighbors")
    original(self, plain(given(y)), plain(given(d)), None, plain(smoothing), kernel,
             plain(epsilon), degree)  # fmt: skip
    self.y, self.d = given(y) * 1.0, given(d) * 1.0
    if has_carrier(smoothing):
        self.smoothing = given(smoothing) * np.ones(self.y.shape[0])
    if has_carrier(epsilon):
        self.epsilon = given(epsilon)
    look(self)


@method(RBFInterpolator, "__call__")
def _call(original, self, x):
    if self.neighbors is not None:
        raise missing_case(NAME, "with neighbors")
    n = self.y.shape[0]
    d = self.d
    if not has_carrier(d):
        d = np.reshape(d.view(self.d_dtype), (n, *self.d_shape))
    degree = int(self.powers.sum(axis=1).max()) if self.powers.size else -1
    return radial_value(self.y, d, self.smoothing, self.kernel, self.epsilon, self.powers,
                        given(x) * 1.0, degree)  # fmt: skip
