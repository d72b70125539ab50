"""The examples of big or stiff systems run, at a small size; what they find is published, or known.

Jacobians are compared with complex steps of formulas written another way, and with matrices put
together by hand.
"""

import cmath
import importlib
import pathlib
import sys

import numpy as np
import pytest

import dualmc as dm
from dualmc.tangents import structure

sparse = pytest.importorskip("scipy.sparse")
FOLDER = pathlib.Path(__file__).parents[2] / "examples"


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
    figures = example("bundle_adjustment", count=300, fitted=300)
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


@pytest.fixture
def bundle(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("bundle_adjustment")
    for name in ("bundle_adjustment", "measured"):
        sys.modules.pop(name, None)


def test_remembered_structure_changes_no_bit(bundle, monkeypatch):
    """As found, as remembered in part, and in full."""
    x, views = bundle.load(60)
    structure.forget()
    monkeypatch.setattr(structure, "BUDGET", 20_000)
    found = []
    for _ in range(structure.AGAIN + 2):
        found.append(dm.jacobian_fwd(bundle.residuals, x, views, sparse=True))
    assert structure._recent[x.size].budget == structure.LARGE
    for J in found[1:]:
        for part in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(J, part), getattr(found[0], part))
    structure.forget()


def test_views_that_change_in_place_are_noticed(bundle):
    x, views = bundle.load(60)
    prepared = dm.prepare(bundle.residuals, x, views, sparse=True)
    assert prepared.reason is None
    for change in (lambda: None, lambda: np.copyto(views.point, views.point[::-1].copy())):
        change()
        J, expected = prepared(x, views), dm.jacobian_fwd(bundle.residuals, x, views, sparse=True)
        np.testing.assert_array_equal(J.indices, expected.indices)
        np.testing.assert_allclose(J.data, expected.data, rtol=1e-10, atol=1e-9)


def test_a_camera_that_is_not_turned_is_said_to_be_at_a_kink(bundle):
    x, views = bundle.load(20)
    x[9 * views.camera[0] :][:3] = 0.0
    with pytest.warns(dm.KinkWarning) as seen, dm.kinks("warn"):
        dm.jacobian_fwd(bundle.residuals, x, views, sparse=True)
    text = " ".join(str(warning.message) for warning in seen)
    assert "numpy.linalg.norm" in text and "numpy.nan_to_num" in text


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
    found = example("stiff_kinetics", problems=("HIRES", "POLLU"), rtol=1e-4)
    for (name, method), (before, after) in found.items():
        assert after.digits > (4.5 if method == "Radau" else 2), (name, method)
        assert after.calls + after.jacobians < before.calls, (name, method)
    assert found["POLLU", "LSODA"][1].calls < found["POLLU", "LSODA"][0].calls / 2
