"""The stand-ins for scipy.signal, gathered from the files of this room."""

from dualmc.unchanged.scipy.signal import convolving, filtering, resampling, smoothing, spectra

HANDLERS: dict = {}
for _file in (filtering, convolving, resampling, smoothing, spectra):
    HANDLERS |= _file.HANDLERS
