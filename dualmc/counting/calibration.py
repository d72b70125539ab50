"""What the units of `predict` cost on this machine, with the versions that are installed.

Measured once, in a few seconds, when `compare` or `crossover` first asks: both modes are timed on
some functions (`probes`), and the costs fitted to the times.  The result is kept in a file of the
user's cache folder, under a key of machine, threads, dualmc's settings, versions and the code of
dualmc itself: what changes any of these measures anew.  ``DUALMC_COSTS`` in the environment names
another folder, or ``off``: then the costs are `predict.SECONDS`.  So they are while Python is
traced or profiled.
"""

import hashlib
import json
import math
import os
import pathlib
import sys
import time
import tracemalloc
from functools import cache, partial

import numpy as np

from dualmc import files, versions
from dualmc.calls.request import Request
from dualmc.counting import predict
from dualmc.counting.probes import probes
from dualmc.passes import forward_pass, reverse_pass

VARIABLE = "DUALMC_COSTS"
OFF = "off"
FILE = "costs.json"
KEPT = 20  # keys in the file, the latest ones
# Of the measurements, beside what the first calls compile; and what they take if that is too short.
SECONDS = 3.0
ROUNDS = 3
BURST = 5
# How strongly a unit is held to its share of the costs known before, in errors of one time.
HOLD = 0.3
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
OWN = "DUALMC_"  # how the names of dualmc's own variables begin


# --- Once per machine and version ----------------------------------------------------------------


def costs():
    """Seconds per unit, of the names of `predict.SECONDS`: read, or else measured and written."""
    folder = os.environ.get(VARIABLE) or default_folder()
    if folder == OFF or sys.gettrace() or sys.getprofile() or tracemalloc.is_tracing():
        return predict.SECONDS
    return _of(pathlib.Path(folder, FILE), key())


def default_folder():
    """Where programs of this system keep what they can make again; nowhere, if there is no home."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or ""
        base = base if os.path.isabs(base) else "~/.cache"  # as its specification says
    base = os.path.expanduser(base)
    return os.path.join(base if os.path.isabs(base) else os.devnull, "dualmc")


def key():
    """A digest of all that the times depend on."""
    settings = sorted(
        (name, value)
        for name, value in os.environ.items()
        if name in THREADS or name.startswith(OWN) and name != VARIABLE
    )
    parts = [versions.of_recording(), versions.of_machine(), os.cpu_count(), settings]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _of(path, own):
    """The costs under a key: once per process, wherever the file cannot be written."""
    found = read(path).get(own)
    if found is None:
        found = fitted(*times(probes(), SECONDS))
        known = {**read(path), own: found}  # with what other processes have written meanwhile
        write(path, dict(list(known.items())[-KEPT:]))
    return found


def read(path):
    """The costs in a file, by their keys; what is damaged is left out."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in found.items() if _is_whole(v)} if type(found) is dict else {}


def _is_whole(found):
    is_named = type(found) is dict and found.keys() == predict.SECONDS.keys()
    return is_named and all(type(s) is float and 0 < s < math.inf for s in found.values())


def write(path, known):
    """Write the file if that is possible: what is not kept is measured again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, json.dumps(known))
    except OSError:
        pass


# --- Measured ------------------------------------------------------------------------------------


def times(functions, seconds):
    """The units of both modes on each of `functions`, (f, x), and what these took.

    The least of interleaved rounds, so that all meet the same machine; in each, both modes are
    called some times in turn, since columns and plans are remembered for a few sizes alone.
    """
    units, calls = [], []
    for f, x in functions:
        request = Request("compare", f, (x,), 0, None, False, "numerator", False)
        tape = reverse_pass.Tape(request)
        m = tape.value.size
        rows = min(m, tape.rows_per_sweep())
        units += [
            predict.structured_units(tape.order, tape.inputs),
            predict.reverse_units(tape.order, m, rows),
        ]
        calls += [partial(forward_pass.passes, request), partial(reverse_pass.swept, request)]
    for call in calls:  # compiles
        call()
    least = [math.inf] * len(calls)
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < ROUNDS or time.perf_counter() < end:
        for i in range(0, len(calls), 2):
            for j in BURST * (i, i + 1):
                start = time.perf_counter()
                calls[j]()
                least[j] = min(least[j], time.perf_counter() - start)
        rounds += 1
    return units, least


def fitted(units, seconds):
    """Costs with which the `units` take these `seconds`, as nearly as may be.

    Each is the one of `predict.SECONDS` times a factor of the machine times one of its own, which
    is held to 1.  Gauss-Newton steps for the least squares of the errors of the logarithms; an
    error e of more than 1 is counted as |e|, not as its square (soft L1).
    """
    names = list(predict.SECONDS)
    counts = np.array([[one.get(name, 0) for name in names] for one in units], float)
    measured, before = np.log(seconds), np.log(list(predict.SECONDS.values()))
    held = np.eye(len(names), len(names) + 1) * HOLD
    factors = np.zeros(len(names) + 1)  # logarithms; the last one is the machine's
    for _ in range(50):
        costs = np.exp(before + factors[:-1] + factors[-1])
        predicted = counts @ costs
        error = np.log(predicted) - measured
        weights = (1 + error**2) ** -0.25
        jacobian = np.column_stack([counts * costs / predicted[:, None], np.ones(len(error))])
        A = np.concatenate([weights[:, None] * jacobian, held])
        b = np.concatenate([weights * error, held @ factors])
        step = np.clip(np.linalg.lstsq(A, -b)[0], -1.0, 1.0)
        factors += step
        if np.abs(step).max() < 1e-6:
            break
    return dict(zip(names, costs.tolist(), strict=True))
