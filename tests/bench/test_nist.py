"""Fits of NIST's reference data: the derivatives of the models, the data, the fits.

The models and the reader are those of bench/problems/regression.py.
"""

import types
from functools import partial

import benches
import mpmath
import numpy as np
import pytest

import dualmc as dm

with benches.importable():
    from problems import regression

SETS = {name: regression.DataSet(name) for name in regression.MODELS}
# Parameters and observations as NIST's web pages list them, not as the reader finds them.
SIZES = {
    "Misra1a": (2, 14), "Chwirut2": (3, 54), "Chwirut1": (3, 214), "Lanczos3": (6, 24),
    "Gauss1": (8, 250), "Gauss2": (8, 250), "DanWood": (2, 6), "Misra1b": (2, 14),
    "Kirby2": (5, 151), "Hahn1": (7, 236), "Nelson": (3, 128), "MGH17": (5, 33),
    "Lanczos1": (6, 24), "Lanczos2": (6, 24), "Gauss3": (8, 250), "Misra1c": (2, 14),
    "Misra1d": (2, 14), "Roszman1": (4, 25), "ENSO": (9, 168), "MGH09": (4, 11),
    "Thurber": (7, 37), "BoxBOD": (2, 6), "Rat42": (3, 9), "MGH10": (3, 16),
    "Eckerle4": (3, 35), "Rat43": (4, 15), "Bennett5": (3, 154),
}  # fmt: skip


def exact_jacobian(data):
    """The model's own code run by mpmath with 80 digits, on a complex step of 1e-30."""
    names = types.SimpleNamespace(
        exp=mpmath.exp, cos=mpmath.cos, sin=mpmath.sin, arctan=mpmath.atan, pi=mpmath.mpf(np.pi)
    )
    model = types.FunctionType(data.model.__code__, {"np": names})
    step = mpmath.mpf("1e-30")
    b = [mpmath.mpc(v) for v in data.certified.tolist()]
    J = np.empty((data.y.size, len(b)))
    with mpmath.workdps(80):
        for j in range(len(b)):
            moved = [v + mpmath.mpc(0, step) if i == j else v for i, v in enumerate(b)]
            for i, x in enumerate(data.x.T.tolist()):
                x = [mpmath.mpf(v) for v in x] if isinstance(x, list) else mpmath.mpf(x)
                J[i, j] = float(model(moved, x).imag / step)
    return J


@pytest.mark.parametrize("name", SETS)
def test_jacobian_agrees_with_mpmath(name):
    data = SETS[name]
    expected = exact_jacobian(data)
    # Cancellation between the terms of an entry is bounded by the column's largest.
    bound = 1e-13 * np.max(np.abs(expected), axis=0)
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        J = mode(data.residual, data.certified)
        assert J.shape == expected.shape
        assert np.all(np.abs(J - expected) <= bound)


@pytest.mark.parametrize("name", SETS)
def test_file_parses(name):
    data = SETS[name]
    parameters, observations = SIZES[name]
    assert data.count == observations
    assert data.y.shape == (observations,) and data.x.shape[-1] == observations
    for values in (*data.starts, data.certified, data.deviations):
        assert values.shape == (parameters,)
    rss = np.sum(data.residual(data.certified) ** 2)
    if name == "Lanczos1":  # NIST computed it with 128 bits: the rounded parameters miss it
        assert data.rss == 1.4307867721e-25 and rss < 1e-20
    else:
        assert rss == pytest.approx(data.rss, rel=1e-9)


def test_every_file_has_a_model():
    assert sorted(path.stem for path in regression.DATA.glob("*.dat")) == sorted(regression.MODELS)


def test_digits_are_of_the_worst_parameter():
    data = SETS["Misra1a"]
    assert data.digits(data.certified) == 11
    assert data.digits(data.certified * [1, 1 + 1e-4]) == pytest.approx(4, abs=1e-6)
    assert data.digits(data.certified * [3, 1]) == 0
    assert data.digits(np.full(2, np.nan)) == 0


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("name", ["Misra1a", "Kirby2", "Gauss1", "Hahn1", "Thurber", "Rat42"])
def test_fit_finds_certified_parameters(name, mode):
    optimize = pytest.importorskip("scipy.optimize")
    data = SETS[name]
    tolerances = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    for start in data.starts:
        with np.errstate(all="ignore"):  # a step too far overflows, and is taken back
            found = optimize.least_squares(
                data.residual, start, jac=partial(mode, data.residual), method="lm", x_scale="jac",
                **tolerances,
            )  # fmt: skip
        assert data.digits(found.x) >= 6
