"""What a derivative call does, in counts: calls of f, kernel launches, Python calls, memory.

The problems and the counting are those of bench/counts.py.  Times are never asserted; a call that
gets slower mostly does more of these.
"""

import importlib.util
import pathlib

import numpy as np
import pytest

import dualmc as dm
from dualmc import buffers, kernels, structure

pytest.importorskip("scipy.sparse")

PATH = pathlib.Path(__file__).parent.parent / "bench" / "counts.py"
_spec = importlib.util.spec_from_file_location("bench_counts", PATH)
bench = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bench)

N = 1000
# Kernel launches, Python calls per operation of f, peak bytes per nonzero: sparse Jacobian, dense
# Jacobian, gradient of the sum of squares.  `python bench/counts.py` prints them; bounds of the
# last two are a fifth to a quarter above what it prints; the bytes of small problems, which are
# mostly what Python keeps, twice that.
LIMITS = {
    "element_wise": ((2, 46, 65), (3, 43, 10045), (0, 54, 77)),
    "rosenbrock_residual": ((4, 29, 53), (4, 28, 6696), (0, 21, 121)),
    "rosenbrock_gradient": ((9, 27, 63), (9, 27, 3358), (0, 21, 135)),
    "lorenz96": ((7, 30, 35), (7, 29, 2519), (3, 48, 122)),
    "burgers": ((12, 25, 68), (12, 24, 3356), (3, 30, 164)),
    "bratu": ((8, 39, 40), (8, 39, 2072), (0, 35, 120)),
    "local_sums": ((5, 35, 87), (5, 33, 2538), (0, 31, 84)),
    "reactions": ((1, 18, 1776), (1, 17, 1713), (0, 21, 6448)),
    "rosenbrock_loop": ((4, 10, 1262), (3, 10, 1209), (0, 9, 5542)),
    "perceptron": ((10, 39, 963), (7, 30, 969), (3, 23, 1526)),
}


@pytest.mark.parametrize("mode", bench.MODES)
@pytest.mark.parametrize("f", [*bench.PROBLEMS, *bench.SMALL], ids=lambda f: f.__name__)
def test_work(f, mode):
    launches, python, peak = LIMITS[f.__name__][bench.MODES.index(mode)]
    found = bench.counts(f, mode, N)
    assert 1 == found[0]
    assert found[1] <= launches
    assert found[2] <= python
    assert found[3] <= peak


@pytest.mark.parametrize("mode", ["sparse", "dense"])
@pytest.mark.parametrize("f", bench.PROBLEMS, ids=lambda f: f.__name__)
def test_python_calls_do_not_grow_with_n(f, mode):
    run = bench.operator_of(mode, f)
    found = []
    structure.forget()  # what other tests have left there, and in the pool
    buffers.trim(0)
    for n in (100, 400):
        x = np.linspace(0.5, 1.5, n)
        run(x), run(x)
        found.append(bench.python_calls(run, x))
    assert found[0] == found[1]


def test_launches_are_counted_by_name():
    x = np.linspace(0.5, 1.5, 50)
    f = lambda x: np.sin(x[1:]) + np.cos(x[:-1])  # noqa: E731
    dm.jacobian_fwd(f, x, sparse=True)
    with kernels.counted(bench.vectors._unary_kernels) as launches:
        dm.jacobian_fwd(f, x, sparse=True)
    names = sorted(name.rpartition("_")[0] or name for name in launches)
    assert ["_one_cos", "_one_sin", "take", "unite"] == names
    assert 4 == launches.total()
    # Afterwards nothing counts any more.
    dm.jacobian_fwd(f, x, sparse=True)
    assert 4 == launches.total()
