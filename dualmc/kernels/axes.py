"""Arrays of any axes as kernels go through them: vectors of elements, and tables of coefficients.

What has these axes already may lie in memory as it likes; else it is C-contiguous.
"""

from numba.extending import overload


def as_line(a):
    """An array of shape S as a vector, (size,)."""
    return a.reshape(a.size)


def as_rows(a):
    """An array of shape (w, *S) as (w, size)."""
    return a.reshape((a.shape[0], a.size // a.shape[0] if a.shape[0] else 0))


@overload(as_line)
def _line(a):
    if a.ndim == 1:
        return lambda a: a
    return lambda a: a.reshape(a.size)


@overload(as_rows)
def _rows(a):
    if a.ndim == 2:
        return lambda a: a
    return lambda a: a.reshape((a.shape[0], a.size // a.shape[0] if a.shape[0] else 0))
