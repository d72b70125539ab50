"""What a Dual and a Traced can do is written in one file each: in the class, or listed below it."""

import json
import subprocess
import sys

# In a process of its own the class is imported before the rest of dualmc; what another module
# changes of it while it is imported is noted under the file of that.
_PROGRAM = """
import importlib, importlib.util, json, sys, types
from importlib.machinery import SourceFileLoader
name, module = {name!r}, {module!r}
path = importlib.util.find_spec("dualmc").submodule_search_locations
sys.modules["dualmc"] = types.ModuleType("dualmc")
sys.modules["dualmc"].__path__ = path
kind = getattr(importlib.import_module(module), name)
del sys.modules["dualmc"]

known, found, running = dict(vars(kind)), {{}}, ["nobody"]
execute = SourceFileLoader.exec_module

def note(file):
    for attribute, value in vars(kind).items():
        if known.get(attribute) is not value:
            found.setdefault(file, []).append(attribute)
            known[attribute] = value

def watched(loader, new):
    note(running[-1])
    running.append(new.__name__.removeprefix("dualmc.").replace(".", "/") + ".py")
    execute(loader, new)
    note(running.pop())

SourceFileLoader.exec_module = watched
import dualmc, dualmc.explain, dualmc.numpy, numpy.ma, scipy.linalg, scipy.optimize, scipy.special
import dualmc.derivation.trace, dualmc.replay.recording
assert kind is getattr(sys.modules[module], name)
note("nobody")
print(json.dumps({{file: sorted(names) for file, names in found.items()}}))
"""


def _attached(name, module):
    """By file of dualmc: the attributes that it sets on a class from outside."""
    program = _PROGRAM.format(name=name, module=module)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def _listed(table):
    return {file: sorted(names.split()) for file, names in table.items()}


def test_what_is_attached_to_a_dual_is_listed():
    from dualmc.duals.dual import ATTACHED

    assert _attached("Dual", "dualmc.duals.dual") == _listed(ATTACHED)


def test_what_is_attached_to_a_traced_is_listed():
    from dualmc.graph.traced import ATTACHED
    from dualmc.rules.table import RULES

    found, listed = _attached("Traced", "dualmc.graph.traced"), _listed(ATTACHED)
    of_rules = {function.__name__ for function in RULES}
    methods = set(found.pop("graph/methods.py"))
    named = set(listed.pop("graph/methods.py"))
    assert found == listed
    assert named <= methods <= named | of_rules
