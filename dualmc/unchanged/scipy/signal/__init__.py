"""Stand-ins for scipy.signal: linear filters, by signals and by their coefficients.

In reading order: `filtering` (`lfilter` and what is made of it), `convolving`, `resampling`,
`spectra`, `smoothing`; `handlers` gathers them.  Filter design is Python, run as it is.
"""
