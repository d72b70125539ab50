"""What is dropped is freed: machine code, classes, closures; counted in a process of its own."""

import gc
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

import dualmc as dm
from dualmc.replay.machine import engine

COUNT = """
import ctypes, gc, math, sys
import numpy as np, dualmc as dm

def memory():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

x = np.array([0.5, 1.0, 2.0])

def prepared(k):
    # Another program every time: its constants, its length and its branches.
    def f(u):
        for _ in range(k % 3):
            u = u * (1.0 + k)
        return np.sin(u) * u[0] + k
    J = dm.prepare(f, x)
    assert J.reason is None, J.reason
    J.value_and_jacobian(x)
    assert J.replays == 1

def new_class(k):
    class Made:
        scale = float(k)
        def value(self, u):
            return self.scale * math.sin(u)
        def other(self, u):
            return self.value(u) + k
    dm.derivative(Made().other, 1.5)

def new_closure(k):
    def inner(u):
        return math.sin(u) * k
    def f(u):
        return inner(u) + np.zeros(3)[0]
    dm.derivative(f, 1.5)
    dm.gradient(lambda u: np.sum(f(u) * u), 1.5)

task, warm, count = {"prepared": (prepared, 15, 20), "new_class": (new_class, 600, 1000),
                     "new_closure": (new_closure, 300, 2000)}[sys.argv[1]]
for k in range(warm):
    task(k)
# What is kept for some time comes and goes; what is never freed grows in every stretch.
grown = []
for stretch in range(3):
    before = memory()
    for k in range(count):
        task(warm + stretch * count + k)
    grown.append((memory() - before) / count)
print(min(grown))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("task", "bytes_each"), [("prepared", 150_000), ("new_class", 1_500), ("new_closure", 300)]
)
def test_memory_of_what_was_dropped(task, bytes_each):
    done = subprocess.run(
        [sys.executable, "-c", COUNT, task], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < bytes_each


def test_machine_code_goes_with_the_prepared_function(monkeypatch):
    made = []
    start = engine.Machine.__init__

    def noted(self, *args):
        start(self, *args)
        made.append(weakref.ref(self))

    monkeypatch.setattr(engine.Machine, "__init__", noted)
    x = np.array([0.5, 2.0])
    J = dm.prepare(lambda u: np.exp(u) * u[0], x)
    J.value_and_jacobian(x)
    run = J.value_and_jacobian
    assert made and all(ref() is not None for ref in made)
    del J
    gc.collect()
    y, found = run(x)  # what still may be called keeps its machine code
    np.testing.assert_allclose(y, np.exp(x) * x[0], rtol=1e-15)
    right = np.diag(np.exp(x) * x[0])
    right[:, 0] += np.exp(x)
    np.testing.assert_allclose(found, right, rtol=1e-14)
    del run
    gc.collect()
    assert all(ref() is None for ref in made)
