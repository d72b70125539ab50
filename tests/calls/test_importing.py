"""What `import dualmc` brings along, and what is imported when it is met, in many threads too."""

import gc
import importlib.machinery
import json
import subprocess
import sys
import types

import numpy as np
import numpy.ma
import pytest

import dualmc as dm
from dualmc.calls import inputs
from dualmc.duals import subclasses

X = np.array([0.5, 2.0])
# Rooms that no derivative of plain code at one point needs.
LATER = """
    adapters automatic batches chunks cli compiled counting derivation document judging pictures
    replay solvers check implicit testing
""".split()
FOREIGN = """
    scipy matplotlib difflib fractions decimal concurrent.futures tracemalloc numpy.ma numpy.typing
""".split()


def run(code):
    """What the program `code` prints, of a fresh interpreter, as JSON."""
    code = "import json, sys\n" + code
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def test_few_modules_are_imported():
    base, found = run(
        "import numpy, numba\nbase = set(sys.modules)\nimport dualmc\n"
        "print(json.dumps([sorted(base), sorted(set(sys.modules) - base)]))"
    )
    own = [name for name in found if name.startswith("dualmc.")]
    assert not [name for name in own if name.split(".")[1] in LATER]
    assert len(own) <= 208  # with room for a few more in the rooms that every call uses
    assert not [n for n in found if n in FOREIGN and n not in base]


def test_a_first_jacobian_needs_no_more():
    code = (
        "import numpy as np, dualmc as dm\n"
        "before = set(sys.modules)\n"
        "dm.jacobian_fwd(lambda x: np.sin(x) * x, np.ones(3))\n"
        "dm.gradient(lambda x: np.sum(np.sin(x) * x), np.ones(3))\n"
        "print(json.dumps([n for n in set(sys.modules) - before if n.startswith('dualmc')]))"
    )
    run(code)  # what compiles kernels for the first time imports more: all that Numba knows of
    found = run(code)
    # Stand-ins for numpy.ma, which Numba imports, are registered in the first call.
    assert not [name for name in found if not name.startswith("dualmc.unchanged.masked")]


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_left_as_it_was(is_on):
    switch = "enable" if is_on else "disable"
    assert is_on == run(
        f"import gc\ngc.{switch}()\nimport dualmc\nprint(json.dumps(gc.isenabled()))"
    )
    assert gc.isenabled()


def test_nothing_is_collected():
    """Nor is what the import makes looked through as soon as the collector is on again."""
    found = run(
        "import gc, numpy, numba\n"
        "gc.collect()\n"
        "begun, kept = [], gc.get_freeze_count()\n"
        "gc.callbacks.append(lambda phase, info: begun.append(phase))\n"
        "import dualmc\n"
        "print(json.dumps([begun, gc.get_freeze_count() - kept]))"
    )
    assert found == [[], 0]


def test_what_a_program_has_frozen_stays_so():
    assert run(
        "import gc, numpy, numba\n"
        "gc.freeze()\n"
        "count = gc.get_freeze_count()\n"
        "import dualmc\n"
        "print(json.dumps(gc.get_freeze_count() >= count > 0))"
    )


THREADS = """
import threading
import numpy as np
import dualmc as dm
sys.setswitchinterval(1e-5)
x = np.array([0.5, 2.0])
f = lambda x: np.sin(x) * x
tasks = [
    lambda: dm.prepare(f, x)(x).shape,
    lambda: dm.explain(f, x).value.shape,
    lambda: dm.compare(f, x, seconds=0.01).n,
    lambda: dm.check_jacobian(f, x),
    lambda: dm.Prepared.__name__,
    lambda: (dm.Crossover.__name__, dm.crossover.__name__),
    lambda: dm.scipy_jac(f)(x).shape,
    lambda: dm.jacobian_fwd(f, np.ones((3, 2)), batch=True).shape,
    lambda: dm.custom_root.__name__,
    lambda: np.ma.masked_array(x, [True, False]).count(),
    lambda: dm.jacobian_fwd(lambda x: np.ones(2), x).shape,
    lambda: dm.jacobian_fwd(lambda x: [x[0], 1.0], x).shape,
]
gate = threading.Barrier(len(tasks))
failed = []

def run(task):
    gate.wait(60)
    try:
        for k in range(3):
            task()
        assert all(callable(getattr(dm, n)) for n in dm.__all__ if n != "Banded")
    except BaseException as error:
        failed.append(repr(error))

threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(failed))
"""


def test_first_calls_in_many_threads():
    assert [] == run(THREADS)


def being_imported(name):
    """A module as another thread sees it that has just begun to be imported."""
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__spec__._initializing = True
    return module


@pytest.mark.parametrize("name", ["numpy.ma", "scipy.sparse", "scipy.special"])
def test_a_module_that_another_thread_imports(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, being_imported(name))
    assert not subclasses.is_masked(X)
    assert not inputs.is_sparse_matrix(X)
    for f in (lambda x: np.ones(2), lambda x: [x[0], 1.0], lambda x: x[0] * 2):
        assert np.shape(dm.jacobian_fwd(f, X))[-1] == 2
        assert np.shape(dm.jacobian_fwd(f, [1, 2]))[-1] == 2


def test_the_names_that_come_later():
    for name in dm.__all__:
        assert getattr(dm, name) is getattr(dm, name)
        assert not isinstance(getattr(dm, name), types.ModuleType)

    for name in ("compare", "explain", "prepare", "scipy_jac", "load", "auto_prepare"):
        module = importlib.import_module(f"dualmc.{name}")
        assert getattr(dm, name) is getattr(module, name)
    with pytest.raises(AttributeError, match="Did you mean prepare"):
        dm.prepared  # noqa: B018
