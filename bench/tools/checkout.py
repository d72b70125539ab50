"""Where this checkout is.  Its dualmc is imported where none is installed."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Last, so that an installed version, or one that PYTHONPATH names, can be measured instead.
sys.path.append(str(ROOT))
