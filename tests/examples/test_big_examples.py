"""The examples of big or stiff systems run, at a small size; what they find is published, or known.

Jacobians are compared with complex steps of formulas written another way, and with matrices put
together by hand.
"""

import cmath
import sys

import numpy as np
import pytest

import dualmc as dm

sparse = pytest.importorskip("scipy.sparse")


# --- Bundle adjustment ---------------------------------------------------------------------------


def seen(unknowns):
    """Where a camera (9 numbers) sees a point (3), one number after the other, also complex."""
    r, t, (focal, k1, k2), p = (unknowns[i : i + 3].tolist() for i in range(0, 12, 3))
    angle = cmath.sqrt(sum(a * a for a in r))
    k = [a / angle for a in r]
    turned = [[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]]
    K = np.array(turned)
    R = np.eye(3) + cmath.sin(angle) * K + (1 - cmath.cos(angle)) * (K @ K)
    x, y, z = (sum(R[i, j] * p[j] for j in range(3)) + t[i] for i in range(3))
    x, y = -x / z, -y / z
    n = x * x + y * y
    return focal * (1 + k1 * n + k2 * n * n) * np.array([x, y])


def test_bundle_adjustment(example):
    """Every entry is that of the one camera and point, by complex steps; the fit is SciPy's."""
    figures = example("bundle_adjustment", count=300)
    J = figures.jacobian.tocsr()
    load = sys.modules["bundle_adjustment"].load
    x, views = load(300)
    assert J.shape == (600, x.size) and J.nnz == 12 * 600
    points = x[views.cameras * 9 :].reshape(-1, 3)
    for i in range(0, 300, 5):
        at = views.camera[i], views.point[i]
        unknowns = np.concatenate([x[9 * at[0] : 9 * at[0] + 9], points[at[1]]])
        steps = [seen(unknowns + 1e-30j * e).imag / 1e-30 for e in np.eye(12)]
        columns = np.r_[9 * at[0] : 9 * at[0] + 9, 144 + 3 * at[1] : 147 + 3 * at[1]]
        found = J[2 * i : 2 * i + 2].toarray()
        np.testing.assert_allclose(found[:, columns], np.stack(steps, 1), rtol=1e-10, atol=1e-12)
        assert np.count_nonzero(found) == 24
    assert figures.calls > 10
    ours, theirs = figures.fits.values()
    assert ours[0] < theirs[0] / 5  # calls of f
    assert abs(ours[2] - theirs[2]) < 1e-3 and ours[2] < 1  # pixels


# --- The Brusselator -----------------------------------------------------------------------------


def test_brusselator(example):
    """BRUSS-2D past t = 1.1, where more is fed in."""
    figures = example("brusselator_2d", cells=10, end=1.3)
    ours, theirs = figures.solutions.values()
    np.testing.assert_allclose(ours, theirs, rtol=5e-3)
    ours, theirs = figures.calls.values()
    assert ours < theirs and figures.dense > 2 * ours
    module = sys.modules["brusselator_2d"]
    y, disk = module.start(10)
    line = np.roll(np.eye(10), 1, 0) - 2 * np.eye(10) + np.roll(np.eye(10), -1, 0)
    spread = 10 * (np.kron(line, np.eye(10)) + np.kron(np.eye(10), line))  # 0.1 / h^2
    u, v = y[:100], y[100:]
    uv, uu = np.diag(2 * u * v), np.diag(u**2)
    expected = np.block(
        [[spread + uv - 4.4 * np.eye(100), uu], [3.4 * np.eye(100) - uv, spread - uu]]
    )
    for t in (0.0, 2.0):
        J = dm.jacobian_fwd(module.brusselator, t, y, disk, argnums=1, sparse="csc")
        assert J.format == "csc" and J.nnz == 6 * y.size
        np.testing.assert_allclose(J.toarray(), expected, rtol=1e-13, atol=1e-12)


# --- Stiff kinetics ------------------------------------------------------------------------------


def test_stiff_kinetics(example):
    """The solutions of Bari's test set, to the digits that the tolerance asks for."""
    found = example("stiff_kinetics", problems=("HIRES", "POLLU"), rtol=1e-6)
    for (name, method), (before, after) in found.items():
        assert after.digits > (6.5 if method == "Radau" else 4), (name, method)
        assert after.calls + after.jacobians < before.calls, (name, method)
    assert found["POLLU", "LSODA"][1].calls < found["POLLU", "LSODA"][0].calls / 2
