"""Every example runs, at a small size, and finds the values that its source publishes."""

import pathlib

import numpy as np
import pytest

pytest.importorskip("scipy")
FOLDER = pathlib.Path(__file__).parents[2] / "examples"


def test_the_table_names_every_example():
    text = (FOLDER / "README.md").read_text()
    missing = [path.name for path in FOLDER.glob("*.py") if f"]({path.name})" not in text]
    assert not missing


def test_uncertainty_gum(example):
    """JCGM 100:2008, Table H.3 and H.4; there u(X) is 0.295, by rounded intermediate values."""
    figures = example("uncertainty_gum")
    np.testing.assert_allclose(figures.estimates, [127.732, 219.847, 254.260], atol=5e-4)
    np.testing.assert_allclose(figures.uncertainties, [0.071, 0.295, 0.236], atol=1e-3)
    np.testing.assert_allclose(figures.correlations, [-0.588, -0.485, 0.993], atol=1e-3)
    assert 5 < figures.digits < 9


def test_nist_fits(example):
    """NIST's certified values; differences do not solve MGH10 from the far start."""
    figures = example("nist_fits", sets=("Misra1a", "MGH10", "Rat43"))
    solved = {key: exact for key, (_, exact) in figures.digits.items()}
    assert min(solved.values()) > 4
    assert solved["MGH10", "far"] > figures.digits["MGH10", "far"][0] + 3
    assert figures.calls[1] < figures.calls[0]


def test_ode_parameters(example):
    """Carpenter (2018): posterior means 0.55, 0.028, 0.80, 0.024, 33.9, 5.9, within our errors."""
    figures = example("ode_parameters")
    published = np.array([0.55, 0.028, 0.80, 0.024, 33.9, 5.9])
    assert np.all(np.abs(figures.parameters / published - 1) < figures.errors / 2)
    before, after = (1e-3, "differences"), (1e-3, "dualmc")
    assert sum(figures.calls[after]) < sum(figures.calls[before]) / 3
    assert figures.off[after] < figures.off[before]


def test_kalman(example):
    """The errors of the course's own filters, 0.0973, 0.0855, 0.4513, 0.4399."""
    figures = example("kalman")
    np.testing.assert_allclose(figures.errors, [0.0973, 0.0855, 0.4513, 0.4399], atol=5e-4)
    assert figures.off["dualmc, prepared"] < 1e-12 < figures.off["differences"]
    assert figures.reason is None


def test_option_greeks(example):
    """Hull (9th ed.), chapters 15 and 19, to the digits that he prints."""
    figures = example("option_greeks")
    printed = {"delta": (0.522, 3), "gamma": (0.066, 3), "theta": (-4.31, 2), "vega": (12.1, 1)}
    for name, (value, digits) in (printed | {"rho": (8.91, 2)}).items():
        assert round(float(figures.greeks[name]), digits) == value, name
    assert figures.error < 1e-13 < figures.error_differences
    assert abs(figures.implied - 0.235) < 6e-4
    assert abs(figures.implied_vega - 1) < 1e-12
    assert figures.quotes == 104 and figures.error_vegas < 1e-12


def test_neuron(example):
    """The coefficients of the linear regression, as R's page on `stackloss` prints them."""
    figures = example("neuron")
    np.testing.assert_allclose(figures.coefficients, [-39.9197, 0.7156, 1.2953, -0.1521], atol=1e-4)
    assert figures.calls["BFGS, dualmc"] < figures.calls["BFGS, differences"] / 3


def test_mlp(example):
    """Differences agree with the gradient; the network learns."""
    figures = example("mlp", iterations=48, samples=200)
    assert figures.gradient_error < 1e-4
    assert min(figures.right.values()) > 0.6
    assert max(figures.losses.values()) < np.log(10) / 2  # half of what guessing has


def test_njit_code(example):
    """Vallado's examples 2-4 and 7-5, and the flow keeps areas (J^T S J = S)."""
    figures = example("njit_code", steps=1000)
    kepler = [-4219.7527, 4363.0292, -3958.7666, 3.689866, -1.916735, -6.112511]
    np.testing.assert_allclose(figures.kepler, kepler, rtol=3e-7)
    np.testing.assert_allclose(figures.velocity, [2.058913, 2.915965, 0], atol=2e-6)
    assert figures.iterations < 6
    assert 0 < np.max(np.abs(figures.oblate - figures.velocity)) < 1e-2
    assert figures.symplectic < 1e-9
    assert figures.miss < 1e-4
