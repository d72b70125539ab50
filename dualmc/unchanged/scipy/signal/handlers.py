"""The stand-ins for scipy.signal, gathered from the files of this room."""

from dualmc.unchanged.scipy.signal import convolving, filtering, resampling

HANDLERS = {**filtering.HANDLERS, **convolving.HANDLERS, **resampling.HANDLERS}
