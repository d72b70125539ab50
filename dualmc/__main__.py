"""``python -m dualmc``: see `cli/program.py`."""

import sys

from dualmc.cli.program import main, run

if __name__ == "__main__":
    sys.exit(run(main))
