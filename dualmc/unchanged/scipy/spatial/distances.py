"""The stand-ins for scipy.spatial.distance, gathered from two files of this room."""

from dualmc.unchanged.scipy.spatial import metrics, squareform

HANDLERS = {**metrics.HANDLERS, **squareform.HANDLERS}
