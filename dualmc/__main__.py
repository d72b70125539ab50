"""``python -m dualmc``, and the command ``dualmc``: see `cli/program.py`."""

import sys

from dualmc.cli.program import main, run


def command() -> int:
    """The exit status of the command line."""
    return run(main)


if __name__ == "__main__":
    sys.exit(command())
