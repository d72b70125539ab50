"""SciPy's compiled code must survive what stands for numbers, wherever it is reached from."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import squareform

import dualmc as dm

FUZZ = pathlib.Path(__file__).parents[2] / "oracles" / "fuzz_compiled.py"
TABLE = {"square": squareform}
X = np.array([1.0, 2.0, 3.0])


def symmetric(x):
    return [[0 * x[0], x[0], x[1]], [x[0], 0 * x[0], x[2]], [x[1], x[2], 0 * x[0]]]


FORMS = {
    "array": lambda x: squareform(x),
    "list": lambda x: squareform([x[0], x[1], x[2]]),
    "of-a-table": lambda x: TABLE["square"](x),
    "mapped": lambda x: next(map(squareform, [x])),
    "matrix": lambda x: squareform(np.array(symmetric(x))),
    "matrix-of-a-table": lambda x: TABLE["square"](np.array(symmetric(x))),
    "unchecked-list": lambda x: TABLE["square"](symmetric(x), checks=False),
}
MODES = {
    "forward": dm.jacobian_fwd,
    "reverse": dm.jacobian_rev,
    "prepare": lambda f, x: dm.prepare(f, x + 1)(x),
}


def expected(name):
    if "matrix" in name or "unchecked" in name:
        return np.eye(3)
    J = np.zeros((3, 3, 3))
    for k, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        J[i, j, k] = J[j, i, k] = 1.0
    return J


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FORMS)
def test_squareform(name, mode):
    np.testing.assert_array_equal(MODES[mode](FORMS[name], X), expected(name))


@pytest.mark.parametrize("name", FORMS)
def test_squareform_explained(name):
    assert "3" in str(dm.explain(FORMS[name], X))


def test_what_squareform_checks_is_a_guard():
    """A matrix that is symmetric where it is recorded need not be elsewhere."""

    def f(x):
        return squareform(np.array([[0 * x[0], x[0]], [x[1], 0 * x[0]]]))

    prepared = dm.prepare(f, [2.0, 2.0])
    np.testing.assert_array_equal(prepared([2.0, 2.0]), [[1.0, 0.0]])
    with pytest.raises(ValueError, match="symmetric"):
        prepared([2.0, 3.0])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_vector_of_another_size(mode):
    with pytest.raises(ValueError, match="Incompatible vector size"):
        MODES[mode](FORMS["array"], np.ones(4))


def test_squareform_of_objects():
    a = np.array([1, 2.5, "x"], object)
    np.testing.assert_array_equal(
        squareform(a), np.array([[0, 1, 2.5], [1, 0, "x"], [2.5, "x", 0]], object)
    )


def test_a_sample_of_all_functions_survives():
    """The long form is `python tests/oracles/fuzz_compiled.py --rounds 21`."""
    command = [sys.executable, str(FUZZ), "--every", "80", "--rounds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == "0 calls ended the process"
