"""What starting costs: `import dualmc` beside `import numpy, numba`, and the first Jacobian.

Every figure is from a fresh interpreter, the two imports interleaved.  The first Jacobian is timed
in a process that finds the kernels on disk, as every process after the first does.

    python bench/startup.py [--repeat 9]
"""

import argparse
import os
import statistics
import subprocess
import sys

from tools.checkout import ROOT

IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
FIRST = """
import time
import numpy as np
import dualmc as dm
def f(x):
    return np.sin(x) * x + np.exp(-x) / x
x = np.linspace(0.5, 1.5, {n})
t = time.perf_counter()
J = dm.jacobian_fwd(f, x)
t = time.perf_counter() - t
expected = np.sin(x) + x * np.cos(x) - np.exp(-x) * (x + 1) / x**2
assert np.allclose(J, np.diag(expected), rtol=1e-13, atol=0)
print(t)
"""


def seconds(code):
    """What the program `code` prints, run in a fresh interpreter."""
    # An installed package has its bytecode on disk.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=env, cwd=ROOT)
    return float(out.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    options = parser.parse_args()
    pairs = [
        (seconds(IMPORT.format("numpy, numba")), seconds(IMPORT.format("dualmc")))
        for _ in range(options.repeat)
    ]
    base, own = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"import numpy, numba   {base:6.3f} s")
    print(f"import dualmc         {own:6.3f} s   ratio {ratio:.2f}")
    for n in (10, 1000):
        code = FIRST.format(n=n)
        seconds(code)  # leaves the kernels on disk
        times = [seconds(code) for _ in range(options.repeat)]
        print(f"first Jacobian, n={n:<5d}{statistics.median(times):6.3f} s after the import")
    return 0


if __name__ == "__main__":
    sys.exit(main())
