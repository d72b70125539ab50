"""Derivatives of functions under ``cache=True``: kept on disk, and never stale."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import dualmc as dm
from dualmc.compiled import stamps

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

HELPER = "import numba\n\n@numba.njit(cache=True)\ndef h(a):\n    return a * SCALE\n"
MODULE = """
import numba, numpy as np
from helper import h
from constants import K

@numba.njit(cache=True)
def f(x):
    out = np.empty(2)
    out[0] = h(x[0]) * x[1]
    out[1] = K * x[0]
    return out
"""
RUN = """
import numpy as np, dualmc as dm, module
jac = dm.jit_jacobian(module.f, chunk_size=2)
J = jac(np.array([1.0, 2.0]))
print(J.ravel().tolist(), sum(jac.stats.cache_hits.values()))
"""


@pytest.fixture
def run(tmp_path):
    def run():
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", RUN], capture_output=True, text=True, cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"} | cache,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        numbers, hits = done.stdout.rsplit(" ", 1)
        return eval(numbers), int(hits)

    return run


def test_kept_on_disk_and_never_stale(run, tmp_path):
    def write(scale, k):
        (tmp_path / "helper.py").write_text(HELPER.replace("SCALE", scale))
        (tmp_path / "constants.py").write_text(f"K = {k}\n")

    (tmp_path / "module.py").write_text(MODULE)
    write("3.0", "7.0")
    assert run() == ([6.0, 3.0, 7.0, 0.0], 0)
    assert run() == ([6.0, 3.0, 7.0, 0.0], 1)
    write("5.0", "7.0")  # a function in another file: Numba's own entry of f does not see it
    assert run() == ([10.0, 5.0, 7.0, 0.0], 0)
    write("5.0", "-1.0")  # a constant
    assert run() == ([10.0, 5.0, -1.0, 0.0], 0)
    write("3.0", "7.0")
    assert run() == ([6.0, 3.0, 7.0, 0.0], 1)


def test_names_tell_functions_apart():
    """Also of the same name, file and line."""

    def made(k):
        @numba.njit
        def f(x):
            return x[0] * k

        return f.py_func

    names = {stamps.name_of(made(k), "", True) for k in (1.0, 2.0, (1.0, 2.0), None)}
    assert len(names) == 4
    assert stamps.name_of(made(1.0), "", True) == stamps.name_of(made(1.0), "", True)
    assert stamps.name_of(made(1.0), "a", False) != stamps.name_of(made(1.0), "b", False)


def test_functions_without_a_file_are_compiled_anew():
    scope = {"numba": numba}
    exec("@numba.njit\ndef f(x):\n    return x[0] ** 2\n", scope)
    assert dm.jacobian_fwd(scope["f"], [3.0]).tolist() == [6.0]
