"""How much memory there is: a large dense array is refused before it is made, not by the system.

Systems promise more memory than they have, and end a process that uses it.
"""

import math
import os

import numpy as np

# Arrays from so many bytes on are compared with what is available.
LARGE = 2**28


def need(shape, dtype, what="a Jacobian"):
    """Raise `MemoryError` if an array of `shape` is larger than the memory that is available."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size >= LARGE:
        there = available()
        if size > there:
            raise MemoryError(
                f"{what} of {' x '.join(map(str, shape))} numbers in {np.dtype(dtype)} takes "
                f"{told(size)}, and {told(there)} are available"
            )


def available():
    """Bytes of memory that this process may still take, as far as the system tells."""
    limits = [_of_system(), _of_group()]
    return min((limit for limit in limits if limit is not None), default=math.inf)


def _of_system():
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def _of_group(root="/sys/fs/cgroup/"):
    """What the group of processes that this one belongs to, a container mostly, may still take."""
    try:
        with open(root + "memory.max", encoding="ascii") as most:
            limit = most.read().strip()
        with open(root + "memory.current", encoding="ascii") as now:
            return None if limit == "max" else int(limit) - int(now.read()) + _cached(root)
    except (OSError, ValueError):
        return None


def _cached(root):
    """Bytes of files in memory, which are given back when they are needed."""
    with open(root + "memory.stat", encoding="ascii") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def told(size):
    """`size` bytes as a text."""
    for unit, most in (("KB", 1e6), ("MB", 1e9), ("GB", 1e12), ("TB", math.inf)):
        if size < most:
            return f"{size / most * 1e3 if most < math.inf else size / 1e12:.3g} {unit}"
