"""The parts of bench/ as tests import them: the folder is on the path only meanwhile."""

import contextlib
import pathlib
import sys

BENCH = pathlib.Path(__file__).parents[2] / "bench"


@contextlib.contextmanager
def importable():
    sys.path.insert(0, str(BENCH))
    try:
        yield
    finally:
        sys.path.remove(str(BENCH))
