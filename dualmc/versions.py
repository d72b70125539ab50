"""What programs and times depend on besides f: the versions that are installed, and the machine."""

import functools
import hashlib
import os
import pathlib
import platform
import sys

import llvmlite
import numba
import numpy as np
from numba.core.codegen import JITCPUCodegen


@functools.cache
def of_dualmc():
    """A digest of dualmc's own code."""
    digest = hashlib.sha1()
    for folder, inner, names in os.walk(pathlib.Path(__file__).parent):
        inner.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    digest.update(name.encode() + file.read())
    return digest.hexdigest()[:16]


def of_recording():
    """By name: versions with which f may take other steps, or these may have another meaning."""
    return {
        "Python": ".".join(map(str, sys.version_info[:2])),
        "NumPy": np.__version__,
        "dualmc": f"{sys.modules['dualmc'].__version__}+{of_dualmc()}",
    }


@functools.cache
def of_machine():
    """What machine code is good for."""
    codegen = JITCPUCodegen("dualmc")
    return {
        "llvmlite": llvmlite.__version__,
        "Numba": numba.__version__,
        "library": " ".join(platform.libc_ver()),
        "machine": [str(part) for part in codegen.magic_tuple()],
    }
