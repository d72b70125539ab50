"""Stand-ins for scipy.sparse.linalg, of which the rules are in `sparse/`."""

from dualmc.unchanged.scipy.sparse import iterative, least_squares, solving, spectra


def handlers():
    """Stand-ins by dotted name."""
    found = solving.found() | iterative.found() | least_squares.found() | spectra.found()
    return {f"scipy.sparse.linalg.{name}": handler for name, handler in found.items()}
