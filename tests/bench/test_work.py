"""What a derivative call does, in counts: calls of f, kernel launches, Python calls, memory.

The problems and the counting are those of bench/counts.py.  Times are never asserted; a call that
gets slower mostly does more of these.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import dualmc as dm
from dualmc.kernels import compiling

pytest.importorskip("scipy.sparse")

PATH = pathlib.Path(__file__).parents[2] / "bench" / "counts.py"
MODES = ("sparse", "dense", "gradient")
N = 1000
# Kernel launches, Python calls per operation of f, peak bytes per nonzero: sparse Jacobian, dense
# Jacobian, gradient of the sum of squares.  `python bench/counts.py` prints them; the bounds of the
# last two are a fifth to a quarter above what it prints, those of the bytes of small problems twice
# that: these are mostly Python's own and differ with its version.
LIMITS = {
    "element_wise": ((2, 46, 65), (3, 43, 10045), (0, 54, 77)),
    "rosenbrock_residual": ((5, 29, 53), (5, 28, 6696), (0, 21, 121)),
    "rosenbrock_gradient": ((10, 27, 63), (10, 27, 3358), (0, 21, 135)),
    "lorenz96": ((7, 34, 35), (7, 34, 2519), (3, 48, 122)),
    "burgers": ((12, 28, 68), (12, 28, 3356), (3, 30, 164)),
    "bratu": ((9, 39, 40), (9, 39, 2072), (0, 35, 120)),
    "local_sums": ((5, 35, 87), (5, 33, 2538), (0, 31, 84)),
    "reactions": ((1, 18, 1776), (1, 17, 1713), (0, 21, 6448)),
    "rosenbrock_loop": ((6, 10, 1262), (5, 10, 1209), (0, 9, 5542)),
    "perceptron": ((10, 39, 963), (8, 30, 969), (3, 23, 1526)),
}


@pytest.fixture(scope="module")
def found():
    """By problem, mode and size: calls of f, launches, Python calls per operation, peak bytes."""
    sizes = ["--sizes", "100", "400", str(N)]
    out = subprocess.run(
        [sys.executable, str(PATH), "--json", *sizes], check=True, capture_output=True, text=True
    )
    return {tuple(row[:3]): tuple(row[3:]) for row in json.loads(out.stdout)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LIMITS)
def test_work(name, mode, found):
    launches, python, peak = LIMITS[name][MODES.index(mode)]
    counts = found[name, mode, N]
    assert 1 == counts[0]
    assert counts[1] <= launches
    assert counts[2] <= python
    assert counts[3] <= peak


def test_every_problem_has_limits(found):
    assert set(LIMITS) == {name for name, _, _ in found}


@pytest.mark.parametrize("mode", ["sparse", "dense"])
@pytest.mark.parametrize("name", LIMITS)
def test_python_calls_do_not_grow_with_n(name, mode, found):
    assert found[name, mode, 100][:3] == found[name, mode, 400][:3]


def test_launches_are_counted_by_name():
    x = np.linspace(0.5, 1.5, 50)
    f = lambda x: np.sin(x[1:]) + np.cos(x[:-1])  # noqa: E731
    dm.jacobian_fwd(f, x, sparse=True)
    with compiling.counted() as launches:
        dm.jacobian_fwd(f, x, sparse=True)
    names = sorted(name.rpartition("_")[0] or name for name in launches)
    assert ["_one_cos", "_one_sin", "fill", "unite"] == names
    assert 4 == launches.total()
    # Afterwards nothing counts any more.
    dm.jacobian_fwd(f, x, sparse=True)
    assert 4 == launches.total()
