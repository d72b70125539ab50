"""Stand-ins for scipy.ndimage: filters, and images at other places.

In reading order: `windows` (which elements a filter sees), `filters` (linear ones, by image and
weights), `ranks` (smallest, largest, median, ...), `interpolation`; `handlers` gathers them.
"""
