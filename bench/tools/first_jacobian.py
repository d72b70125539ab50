"""Seconds to the first Jacobian of HIRES, in processes that have compiled nothing yet.

Seconds of the processor, since compiling takes long enough to be interrupted by other work.
"""

import inspect
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from problems.jitted import PROBLEMS, odes

from tools.checkout import ROOT

HEAD = "import numpy as np\nfrom numba import njit\n\n\n"
RUN = """
import json, sys, time
sys.path[:0] = {path}
import numpy as np
from {module} import hires_f as f
x = np.array({x})
times = dict()
for name, call in {calls}.items():
    start = time.process_time()
    call()
    times[name] = time.process_time() - start
print(json.dumps(times))
"""
F = '"f": lambda: f(x)'
J = '"J": lambda: dualmc.jacobian_fwd(f, x)'
JIT = '"J": lambda: dualmc.jit_jacobian(f, chunk_size=8)(x)'
OF_JAX = '"J": lambda: compiled(x).block_until_ready()'
IMPORT_JAX = """
import jax
from problems.jitted.problem import listed
jax.config.update("jax_enable_x64", True)
compiled = jax.jit(jax.jacfwd(listed(f)(jax.numpy)))
"""


def run(folder, module, *calls, imports="import dualmc"):
    """Seconds of the first call of each of `calls`, one after the other in a new process."""
    code = RUN.format(
        path=[str(folder), str(ROOT / "bench"), str(ROOT)],
        module=module,
        x=PROBLEMS["hires"]().x.tolist(),
        calls="{" + ", ".join(calls) + "}",
    )
    # What is imported comes after f, for what needs it.
    code = code.replace("times = dict()", f"{imports}\ntimes = dict()")
    env = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)
    if out.returncode:
        raise RuntimeError(out.stderr)
    return json.loads(out.stdout)


def measured(repeat, has_jax):
    """The least and the median over `repeat` processes, by what was measured."""
    source = inspect.getsource(odes.hires_f.py_func)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "plain.py").write_text(HEAD + source)
        (folder / "kept.py").write_text(HEAD + source.replace("@njit", "@njit(cache=True)"))
        run(folder, "kept", F, J)  # leaves both on disk
        samples = [_round(folder, has_jax) for _ in range(repeat)]
    ways = {way: [sample[way] for sample in samples] for way in samples[0]}
    return {way: (min(taken), statistics.median(taken)) for way, taken in ways.items()}


def _round(folder, has_jax):
    both = run(folder, "plain", F, J)
    alone = run(folder, "plain", J)
    jit = run(folder, "plain", F, JIT)
    kept, kept_alone = run(folder, "kept", F, J), run(folder, "kept", J)
    found = {
        "f itself": both["f"],
        "jacobian_fwd after f": both["J"],
        "jacobian_fwd without f, less f itself": alone["J"] - both["f"],
        "jit_jacobian after f": jit["J"],
        "f from disk": kept["f"],
        "jacobian_fwd from disk after f": kept["J"],
        "jacobian_fwd from disk, less f from disk": kept_alone["J"] - kept["f"],
    }
    if has_jax:
        found["jax.jit(jacfwd), its import not counted"] = run(
            folder, "plain", OF_JAX, imports=IMPORT_JAX
        )["J"]
    return found
