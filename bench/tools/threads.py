"""The same number of threads for every library: one, unless the environment says otherwise.

Import this module before NumPy: libraries read the variables when they are loaded.
"""

import os

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
for _name in THREAD_VARIABLES:
    os.environ.setdefault(_name, "1")
_single = all(os.environ[name] == "1" for name in THREAD_VARIABLES)
if _single:  # XLA has no variable of its own for the count: NPROC is what its pools read
    os.environ.setdefault("NPROC", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import platform  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402


def pin():
    """Keeps a single-threaded run, with the threads that libraries start, on the idlest core."""
    if _single and hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores, key=_share_of)})


def _share_of(core):
    """The share of a core's time that this process gets while it is busy there."""
    os.sched_setaffinity(0, {core})
    start, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < 0.1:
        pass
    return (time.process_time() - used) / (time.perf_counter() - start)


def conditions():
    """One line on the machine and the threads."""
    threads = "/".join(sorted({os.environ[name] for name in THREAD_VARIABLES}))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}; "
        f"threads per library: {threads}; cores this process may use: {cores}"
    )
