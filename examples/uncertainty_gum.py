"""Uncertainty propagation: resistance and reactance of a circuit element, example H.2 of the GUM.

Five readings of voltage, current and phase give R, X and Z; their covariance follows from that of
the readings by the law of propagation, J C J^T.  The GUM derives J by hand; here it is one call.

Source: JCGM 100:2008, Evaluation of measurement data: Guide to the expression of uncertainty in
measurement, H.2, Tables H.2 to H.4.
"""

from typing import NamedTuple

import numpy as np
from measured import Counted, table
from scipy.optimize import approx_fprime

import dualmc as dm

READINGS = np.array([  # V in volts, I in milliamperes, phi in radians: Table H.2
    [5.007, 19.663, 1.0456],
    [4.994, 19.639, 1.0438],
    [5.005, 19.640, 1.0468],
    [4.990, 19.685, 1.0428],
    [4.999, 19.678, 1.0433],
])  # fmt: skip


def impedance(readings):
    """Resistance, reactance and impedance, in ohms."""
    V, mA, phi = readings
    Z = V / (mA * 1e-3)
    return Z * np.cos(phi), Z * np.sin(phi), Z


class Figures(NamedTuple):
    estimates: np.ndarray  # R, X, Z
    uncertainties: np.ndarray
    correlations: np.ndarray  # of R and X, R and Z, X and Z
    digits: float  # that differences keep


def main():
    means = READINGS.mean(axis=0)
    C = np.cov(READINGS.T) / len(READINGS)

    estimates, J = dm.value_and_jacobian_fwd(impedance, means)
    covariance = J @ C @ J.T

    uncertainties = np.sqrt(np.diag(covariance))
    correlations = (covariance / np.outer(uncertainties, uncertainties))[[0, 0, 1], [1, 2, 2]]
    print("     ohms      u    (GUM: 127.732 0.071, 219.847 0.295, 254.260 0.236)")
    for name, value, u in zip("RXZ", estimates, uncertainties, strict=True):
        print(f"{name} {value:9.3f} {u:6.3f}")
    print("r(R,X) {:.3f}  r(R,Z) {:.3f}  r(X,Z) {:.3f}".format(*correlations), end="")
    print("   (GUM: -0.588, -0.485, 0.993)\n")

    f = Counted(lambda readings: np.array(impedance(readings)))
    differences = approx_fprime(means, f)
    exact = Counted(impedance)
    J = dm.jacobian_fwd(exact, means)
    digits = -np.log10(np.max(np.abs(differences - J) / np.max(np.abs(J), axis=0)))
    table(
        ("the Jacobian of 3 by 3", "calls of f", "digits"),
        ("differences", f.calls, digits),
        ("dualmc", exact.calls, "all"),
    )
    return Figures(estimates, uncertainties, correlations, digits)


if __name__ == "__main__":
    main()
