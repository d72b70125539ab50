"""The stand-ins for scipy.ndimage, gathered from the files of this room."""

from dualmc.unchanged.scipy.ndimage import filters, interpolation, ranks

HANDLERS = {**filters.HANDLERS, **ranks.HANDLERS, **interpolation.HANDLERS}
