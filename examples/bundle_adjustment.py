"""Bundle adjustment: where 16 cameras stood and what 8,039 points they saw, from 30,503 pixels.

24,261 unknowns and 61,006 residuals, of which each depends on 12 unknowns: 9 of a camera (rotation,
translation, focal length, two of distortion) and 3 of a point.  `project` is written as SciPy's
cookbook has it.  The cookbook also has a function that lists by hand which residual depends on
what, for differences to be bearable; here nobody does (differences are given dualmc's).

Data: "Bundle Adjustment in the Large" (Agarwal, Snavely, Seitz, Szeliski 2010), Dubrovnik, problem
16-22106, as Ceres Solver 2.1 distributes it (examples/data/LICENSE.ceres.txt); four of every
eleven of its points, in examples/data/dubrovnik.npz.
"""

import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measured import Counted, seconds, table
from scipy.optimize import least_squares

import dualmc as dm


class Views(NamedTuple):
    """Pixel i, (x, y), is point number `point[i]` as camera number `camera[i]` sees it."""

    camera: np.ndarray
    point: np.ndarray
    pixels: np.ndarray
    cameras: int


def load(count=None):
    """The first `count` views (all) and the unknowns to start from: cameras, then points."""
    data = np.load(Path(__file__).parent / "data/dubrovnik.npz")
    camera, point = data["camera"][:count].astype(int), data["point"][:count].astype(int)
    seen, point = np.unique(point, return_inverse=True)
    cameras, points = data["cameras"], data["points"][seen].astype(float)
    views = Views(camera, point, data["pixels"][:count].astype(float), len(cameras))
    return np.hstack([cameras.ravel(), points.ravel()]), views


def rotate(points, vectors):
    """Points turned by vectors, about whose direction by their length: Rodrigues' formula.

    A camera that is not turned at all is at a kink of this code, not of the turn: there its three
    derivatives are 0, and ``with dm.kinks("warn")`` names the lines.  No camera starts so here.
    """
    theta = np.linalg.norm(vectors, axis=1)[:, np.newaxis]
    with np.errstate(invalid="ignore"):
        v = np.nan_to_num(vectors / theta)
    dot = np.sum(points * v, axis=1)[:, np.newaxis]
    cos, sin = np.cos(theta), np.sin(theta)
    return cos * points + sin * np.cross(v, points) + dot * (1 - cos) * v


def project(points, cameras):
    """Where the cameras see the points."""
    p = rotate(points, cameras[:, :3])
    p += cameras[:, 3:6]
    p = -p[:, :2] / p[:, 2, np.newaxis]
    f, k1, k2 = cameras[:, 6], cameras[:, 7], cameras[:, 8]
    n = np.sum(p**2, axis=1)
    p *= ((1 + k1 * n + k2 * n**2) * f)[:, np.newaxis]
    return p


def residuals(x, views):
    cameras = x[: views.cameras * 9].reshape(views.cameras, 9)
    points = x[views.cameras * 9 :].reshape(-1, 3)
    return (project(points[views.point], cameras[views.camera]) - views.pixels).ravel()


class Figures(NamedTuple):
    jacobian: object
    differences: object
    fresh: float  # seconds in units of f
    prepared: float
    calls: int  # that differences make for a Jacobian
    fits: dict  # by way: (calls of f, seconds, pixels off)


def jacobians(x, views):
    """What a Jacobian costs, and how exact differences are."""
    t, _ = seconds(lambda: residuals(x, views), 5)
    fresh, J = seconds(lambda: dm.jacobian_fwd(residuals, x, views, sparse=True), 5)
    prepared = dm.prepare(residuals, x, views, sparse=True)
    replayed, _ = seconds(lambda: prepared(x, views), 5)
    # SciPy's differences, told where the nonzeros are: the first Jacobian of a fit.
    f = Counted(residuals)
    start = least_squares(f, x, jac_sparsity=pattern_of(J), max_nfev=1, args=(views,))
    size = abs(J).max(axis=0).toarray()
    off = (abs(start.jac - J).max(axis=0).toarray() / np.where(size > 0, size, 1)).max()
    calls = f.calls - 1
    table(
        ("a Jacobian", "calls of f", "seconds / f", "digits"),
        ("dualmc, at once", "1", fresh / t, ""),
        ("dualmc, prepared", "0", replayed / t, ""),
        ("differences, pattern given", f"{calls}", f"> {calls}", f"{-np.log10(off):.1f}"),
        ("differences", f"{x.size}", f"> {x.size}", f"{8e-9 * J.shape[0] * J.shape[1]:.0f} GB"),
    )
    return Figures(J, start.jac, fresh / t, replayed / t, calls, {})


def pattern_of(J):
    """Where J has entries, also those that happen to be 0."""
    pattern = J.copy()
    pattern.data[:] = 1
    return pattern


def fit(x, views, options):
    """(calls of f, seconds, pixels that the fit is off)."""
    f, start = Counted(residuals), time.perf_counter()
    found = least_squares(
        f, x, **options, args=(views,), tr_solver="lsmr", x_scale="jac", ftol=1e-4
    )
    return f.calls, time.perf_counter() - start, np.sqrt(np.mean(found.fun**2))


def main(count=None, fitted=3000):
    x, views = load(count)
    print(f"{len(views.camera)} views, {x.size} unknowns, {2 * len(views.camera)} residuals")
    figures = jacobians(x, views)
    x, views = load(fitted)
    before = np.sqrt(np.mean(residuals(x, views) ** 2))
    print(f"\nThe first {len(views.camera)} views fitted: {x.size} unknowns")
    # For a dozen Jacobians; where a fit asks for hundreds, dm.prepare is faster still.
    J = partial(dm.jacobian_fwd, residuals, sparse=True)
    ways = {
        "dualmc, at once": {"jac": J},
        "differences, pattern given": {"jac_sparsity": pattern_of(J(x, views))},
    }
    figures.fits.update({name: fit(x, views, options) for name, options in ways.items()})
    table(
        ("a fit", "calls of f", "seconds", "pixels off"),
        *(
            (name, f"{calls}", t, f"{before:.2f} to {off:.3f}")
            for name, (calls, t, off) in figures.fits.items()
        ),
    )
    return figures


if __name__ == "__main__":
    main()
